"""How well a model tells rewards that it had not seen, beside the simplest that could."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.valuation import Valuation
from training.learn.learn import Learnt
from training.learn.losses import log_loss, loss_of_rewards
from training.learn.ranking import NothingToRank, auc, auc_within, brier, ndcg_within
from training.log.decisions import DecisionLog
from training.log.errors import LogInvalid

Vector = NDArray[np.float64]
Groups = NDArray[np.int64]
Codes = NDArray[np.integer[Any]]

NAN = float("nan")
MODEL = "model"
CONSTANT = "constant"
JOURNEY = "journey"
BASELINES = (CONSTANT, JOURNEY)
RATE = "rate:"
"""Before the name of a feature, or of an attribute of journeys: the mean reward of each of its values."""
BINS = 10
"""Of a number's values: so many groups of about equally many rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Of expected rewards; NaN where a figure needs probabilities, and none were told, or some of both outcomes."""

    loss: float
    auc: float
    auc_within: float
    ndcg_within: float
    log_loss: float
    brier: float

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What came of the rows that were measured on, (n,), and what the model had expected of them, (n,).

    `log`: those rows. `by_name`: the figures of the model and of what it is measured beside. `p_met` (n,): the model's
    P(met), where it was learnt by probability: by that it is judged, and by rewards in their loss alone.
    """

    log: DecisionLog
    reward: Vector
    expected: Vector
    by_name: Mapping[str, Measured]
    p_met: Vector | None = None

    @property
    def predicted(self) -> Vector:
        """(n,) what `observed` is held against: P(met), else the reward that was expected."""
        return self.expected if self.p_met is None else self.p_met

    @property
    def observed(self) -> Vector:
        """(n,) 1 where the objective was met and 0 where not, if P(met) was learnt; else the reward."""
        return self.reward if self.p_met is None else (self.reward != 0.0).astype(np.float64)

    def p_of(self, rows: Codes) -> Vector | None:
        """P(met) of some rows: `p_met`, else what was expected over the one value that rewards have; None without."""
        return probability_of(
            self.expected[rows], unit_of(self.reward), None if self.p_met is None else self.p_met[rows]
        )


def measure(learnt: Learnt, training: DecisionLog, test: DecisionLog | None, baselines: Sequence[str]) -> Judged:
    """The model and the baselines, on the rows held out; each out of fold where there are none.

    Where a log has one fold alone, all of it tells itself. Raises: LogInvalid for a baseline that is none.
    """
    if test is None:
        judged, told, number, p_met = training.where(learnt.rows), learnt.told, learnt.folds.number, learnt.p_met
        parts = _Parts(of_training=number, of_judged=number[learnt.rows])
    else:
        judged, told, p_met = test, _told(learnt, test), None if learnt.p_met is None else _p_met(learnt, test)
        parts = _Parts(of_training=np.zeros(training.size, np.int64), of_judged=np.ones(test.size, np.int64))
    if p_met is not None and training.surrogate is not None:
        p_met = _of_reward(p_met, training.reward, training.surrogate)
    group = judged.shown if judged.group is None else judged.group
    names, is_met = (*BASELINES, *baselines), (training.reward != 0.0).astype(np.float64)
    expected = {MODEL: told, **{name: _baseline(name, training, training.reward, judged, parts) for name in names}}
    p_of: dict[str, Vector] = {}
    if p_met is not None:
        p_of = {MODEL: p_met, **{name: _baseline(name, training, is_met, judged, parts) for name in names}}
    return Judged(
        log=judged,
        reward=judged.reward,
        expected=told,
        by_name={name: measured(judged.reward, rewards, group, p_of.get(name)) for name, rewards in expected.items()},
        p_met=p_met,
    )


def demand_baselines(log: DecisionLog, names: Sequence[str]) -> None:
    """Before anything is learnt. Raises: LogInvalid for one that is none."""
    for name in names:
        _codes_of_baseline(name, log, log)


def unit_of(rewards: Vector) -> float | None:
    """The one value that they have beside 0; None if they have several, or none."""
    levels = np.unique(rewards[rewards != 0.0])
    return float(levels[0]) if levels.size == 1 else None


def measured(reward: Vector, expected: Vector, group: Groups, p_met: Vector | None = None) -> Measured:
    """Figures of (n,) expected rewards; `group` (n,) codes within which ranking is measured.

    `p_met` (n,): the P(met) that were told beside them; else they follow from rewards, if those have one value.
    """
    p, label = probability_of(expected, unit_of(reward), p_met), (reward != 0.0).astype(np.float64)
    loss = loss_of_rewards(reward, expected)
    if p is None:
        return Measured(loss=loss, auc=NAN, auc_within=NAN, ndcg_within=NAN, log_loss=NAN, brier=NAN)
    return Measured(
        loss=loss,
        auc=_or_nan(lambda: auc(label, p)),
        auc_within=_or_nan(lambda: auc_within(label, p, group)),
        ndcg_within=_or_nan(lambda: ndcg_within(label, p, group)),
        log_loss=log_loss(label, p),
        brier=brier(label, p),
    )


def probability_of(expected: Vector, unit: float | None, p_met: Vector | None) -> Vector | None:
    """(n,) P(met): what was told, else what is expected over the one value that rewards have; None without.

    One value alone may have come where journeys have several: what is expected over that is no probability.
    """
    if p_met is not None or unit is None:
        return p_met
    return np.clip(expected / unit, 0.0, 1.0)


def _told(learnt: Learnt, test: DecisionLog) -> Vector:
    rewards = Valuation(learnt.bundle).rewards(test.choices.features)
    return np.asarray(rewards[np.arange(test.size), test.shown])


def _p_met(learnt: Learnt, test: DecisionLog) -> Vector:
    """Of the journey shown, by the model that was fitted on all that was learnt from."""
    valuation, told = Valuation(learnt.bundle), np.empty(test.size)
    for code in np.unique(test.shown):
        rows = np.flatnonzero(test.shown == code)
        told[rows] = valuation.p_met(test.choices.features.take(rows), valuation.policy.journeys[code])
    return told


def _of_reward(p_met: Vector, reward: Vector, surrogate: Vector) -> Vector:
    """What was told of a surrogate, scaled to how often there was a reward, as expected rewards are to their sum."""
    return np.clip(p_met * np.count_nonzero(reward) / np.count_nonzero(surrogate), 0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """Of which part each row is, of those that are learnt from and of those that are judged: none tells its own."""

    of_training: Codes
    of_judged: Codes


def _baseline(name: str, training: DecisionLog, target: Vector, judged: DecisionLog, parts: _Parts) -> Vector:
    """(m,) the mean of `target`, of training, over the rows of other parts with the same value."""
    codes, asked = _codes_of_baseline(name, training, judged)
    out = np.empty(judged.size)
    for part in np.unique(parts.of_judged):
        inside, outside = parts.of_judged == part, parts.of_training != part
        if not outside.any():
            outside = ~outside  # one part alone, and something must be learnt from
        told = target[outside]
        out[inside] = _rates(codes[outside], told, asked[inside], float(told.mean()))
    return out


def _codes_of_baseline(name: str, training: DecisionLog, judged: DecisionLog) -> tuple[Codes, Codes]:
    """Raises: LogInvalid."""
    if name == CONSTANT:
        return np.zeros(training.size, np.int64), np.zeros(judged.size, np.int64)
    if name == JOURNEY:
        return training.shown, judged.shown
    found = _codes(name.removeprefix(RATE), training, judged) if name.startswith(RATE) else None
    if found is None:
        facts = training.choices.features
        attributes = {attribute for of_one in training.attributes for attribute in of_one}
        rates = [f"{RATE}{known}" for known in (*facts.texts, *facts.numbers, *sorted(attributes))]
        known = ", ".join((*BASELINES, *rates))
        raise LogInvalid(training.path, f"there is no baseline {name!r}; there are: {known}", column="baseline")
    return found


def _codes(name: str, training: DecisionLog, judged: DecisionLog) -> tuple[Codes, Codes] | None:
    """Of both logs, a code for each row by the value of a feature or of an attribute of its journey; -1 without one."""
    known, asked = training.choices.features, judged.choices.features
    if name in known.texts:
        return known.texts[name].codes, asked.texts[name].codes
    if name in known.numbers:
        limits = _limits(known.numbers[name])
        return _bins(known.numbers[name], limits), _bins(asked.numbers[name], limits)
    if any(name in of_one for of_one in training.attributes):
        of_journeys = _codes_of_attribute(training, name)
        return of_journeys[training.shown], of_journeys[judged.shown]
    return None


def _limits(values: Vector) -> Vector:
    present = values[np.isfinite(values)]
    return np.unique(np.quantile(present, np.arange(1, BINS) / BINS)) if present.size else np.empty(0)


def _bins(values: Vector, limits: Vector) -> Codes:
    return np.where(np.isnan(values), -1, np.searchsorted(limits, values, side="left"))


def _codes_of_attribute(log: DecisionLog, attribute: str) -> Groups:
    """(J,) a code for each value that an attribute of the journeys has; -1 of those without it."""
    values = [of_one.get(attribute) for of_one in log.attributes]
    levels = sorted({value for value in values if value is not None})
    return np.array([-1 if value is None else levels.index(value) for value in values], dtype=np.int64)


def _rates(codes: Codes, reward: Vector, asked: Codes, overall: float) -> Vector:
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
