"""How well a model tells rewards that it had not seen, beside the simplest that could."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.valuation import Valuation
from training.evaluate import NothingToRank, auc, auc_within, brier, log_loss
from training.learn.learn import Learnt
from training.learn.losses import loss_of_rewards
from training.log.decisions import DecisionLog
from training.log.errors import LogInvalid

Vector = NDArray[np.float64]
Groups = NDArray[np.int64]

MODEL = "model"
CONSTANT = "constant"
JOURNEY = "journey"
BASELINES = (CONSTANT, JOURNEY)
RATE = "rate:"
"""Before the name of a feature, or of an attribute of journeys: the mean reward of each of its values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Of expected rewards; NaN where a figure needs rewards of 0 and another alone, or some of both."""

    loss: float
    auc: float
    auc_within: float
    log_loss: float
    brier: float

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


def measure(
    learnt: Learnt, training: DecisionLog, test: DecisionLog | None, baselines: Sequence[str]
) -> Mapping[str, Measured]:
    """The model and the baselines, on the rows held out; the model out of fold where there are none.

    Raises: LogInvalid for a baseline that is none.
    """
    judged = training.where(learnt.rows) if test is None else test
    told = learnt.told if test is None else _told(learnt, test)
    group = judged.shown if judged.group is None else judged.group
    by_name = {MODEL: told, **{name: _baseline(name, training, judged) for name in (*BASELINES, *baselines)}}
    return {name: measured(judged.reward, expected, group) for name, expected in by_name.items()}


def measured(reward: Vector, expected: Vector, group: Groups) -> Measured:
    """Figures of (n,) expected rewards; `group` (n,) codes within which ranking is measured."""
    levels = np.unique(reward[reward != 0.0])
    is_binary = levels.size == 1
    p = np.clip(expected / levels[0], 0.0, 1.0) if is_binary else expected
    label = (reward != 0.0).astype(np.float64)
    return Measured(
        loss=loss_of_rewards(reward, expected),
        auc=_or_nan(lambda: auc(label, p)) if is_binary else np.nan,
        auc_within=_or_nan(lambda: auc_within(label, p, group)) if is_binary else np.nan,
        log_loss=log_loss(label, p) if is_binary else np.nan,
        brier=brier(label, p) if is_binary else np.nan,
    )


def _told(learnt: Learnt, test: DecisionLog) -> Vector:
    rewards = Valuation(learnt.bundle).rewards(test.choices.features)
    return np.asarray(rewards[np.arange(test.size), test.shown])


def _baseline(name: str, training: DecisionLog, judged: DecisionLog) -> Vector:
    overall = float(training.reward.mean())
    if name == CONSTANT:
        return np.full(judged.size, overall)
    if name == JOURNEY:
        return _rates(training.shown, training.reward, judged.shown, overall)
    feature, texts = name.removeprefix(RATE), training.choices.features.texts
    attributes = sorted({attribute for of_one in training.attributes for attribute in of_one})
    if not name.startswith(RATE) or feature not in {*texts, *attributes}:
        known = ", ".join((*BASELINES, *(f"{RATE}{text}" for text in (*texts, *attributes))))
        raise LogInvalid(training.path, f"there is no baseline {name!r}; there are: {known}", column="--baseline")
    if feature in texts:
        asked = judged.choices.features.texts[feature].codes
        return _rates(texts[feature].codes, training.reward, asked, overall)
    of_journeys = _codes_of_attribute(training, feature)
    return _rates(of_journeys[training.shown], training.reward, of_journeys[judged.shown], overall)


def _codes_of_attribute(log: DecisionLog, attribute: str) -> Groups:
    """(J,) a code for each value that an attribute of the journeys has; -1 of those without it."""
    values = [of_one.get(attribute) for of_one in log.attributes]
    levels = sorted({value for value in values if value is not None})
    return np.array([-1 if value is None else levels.index(value) for value in values], dtype=np.int64)


def _rates(codes: NDArray[np.integer[Any]], reward: Vector, asked: NDArray[np.integer[Any]], overall: float) -> Vector:
    """(n,) the mean reward of each code; of all where it was not seen."""
    size = int(max(codes.max(initial=0), asked.max(initial=0))) + 2
    counts = np.bincount(codes + 1, minlength=size)
    sums = np.bincount(codes + 1, weights=reward, minlength=size)
    rates = np.where(counts > 0, sums / np.maximum(counts, 1), overall)
    return np.asarray(rates[asked + 1])


def _or_nan(figure: Callable[[], float]) -> float:
    try:
        return figure()
    except NothingToRank:
        return float("nan")
