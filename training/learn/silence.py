"""P(met | not shown): what comes of journeys by themselves, learnt from decisions that ended in silence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from features.encoder import Encoder, JourneyRow
from models.calibration import Calibration
from models.silence import LearntSilence, SilentRows
from training.learn.boosting import Rows, Task, Vector
from training.learn.calibrate import OutOfFold, choose_calibration
from training.learn.crossfit import CrossFit, Design, cross_fit, sampled
from training.learn.folds import folds_of
from training.log.decisions import Choices, DecisionLog
from training.log.silent import SilentPairs

MIN_DECISIONS = 500
"""At a rate of 0.1 so many leave ± 0.026 (95 %), which is as much as an uplift may be: fewer would order by chance."""
MIN_MET = 50
"""And as many pairs that were not: as for amounts."""
MIN_PAIRS = 200
"""Of a journey, for what comes of it to be told: with fewer it would be told what comes of its kin."""
MOST_PAIRS = 400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """What was learnt, with its model's text; `said`, for people, also tells why nothing was."""

    said: str
    learnt: LearntSilence | None = None
    text: str = ""


NO_SILENT_ROWS = Silence(said="None: the log does not say what came of decisions that ended in silence.")


def learn_silence(
    pairs: SilentPairs | None, encoder: Encoder, journeys: Sequence[JourneyRow], *, folds: int, seed: int
) -> Silence:
    """Of the holdout alone where it is enough, for its customers are a random sample who are never shown anything.

    Else of every silent decision, each weighing 1 / P(silence): what was silent because little was expected of it then
    counts no more than as often as it would be among all.

    Args:
        journeys: as in `pairs.journeys`; those that an encoder knows.
    """
    if pairs is None or pairs.size == 0:
        return NO_SILENT_ROWS
    for learnt_from, rows in ((SilentRows.HOLDOUT, np.flatnonzero(pairs.is_holdout)), (SilentRows.ALL, None)):
        chosen = pairs if rows is None else pairs.take(rows)
        if _is_enough(chosen) and (told := _told(chosen)):
            return _learn(chosen, learnt_from, told, encoder, journeys, folds, seed)
    met, of = np.count_nonzero(pairs.met), pairs.size
    return Silence(
        said=f"None: {_count(pairs.decision):,} decisions ended in silence, and {met:,} of {of:,} journeys that they "
        f"might have shown came by themselves; {MIN_DECISIONS} decisions, {MIN_MET} such journeys, as many others and "
        f"{MIN_PAIRS} of one journey are needed."
    )


def _is_enough(pairs: SilentPairs) -> bool:
    met = int(np.count_nonzero(pairs.met))
    return _count(pairs.decision) >= MIN_DECISIONS and min(met, pairs.size - met) >= MIN_MET


def _told(pairs: SilentPairs) -> tuple[str, ...]:
    counts = np.bincount(pairs.journey, minlength=len(pairs.journeys))
    return tuple(name for name, count in zip(pairs.journeys, counts, strict=True) if count >= MIN_PAIRS)


def _count(codes: Rows) -> int:
    return int(np.unique(codes).size)


def _learn(
    pairs: SilentPairs,
    learnt_from: SilentRows,
    told: tuple[str, ...],
    encoder: Encoder,
    journeys: Sequence[JourneyRow],
    folds: int,
    seed: int,
) -> Silence:
    used = pairs.take(sampled(pairs.size, MOST_PAIRS, seed))
    design = Design(_log(used), encoder, journeys, folds_of(used.decided_at, used.customer, folds, seed), seed)
    is_sample = learnt_from is SilentRows.HOLDOUT
    weight = np.ones(used.size) if is_sample else 1.0 / used.p_silent
    fit, task = _best(design, weight)
    label = used.met.astype(np.float64)
    text = design.table().fit(task, label, design.rows, fit.rounds, weight).model_to_string()
    learnt = LearntSilence(
        journeys=told,
        learnt_from=learnt_from,
        customers=_count(pairs.customer),
        decisions=_count(pairs.decision),
        pairs=pairs.size,
        met=int(np.count_nonzero(pairs.met)),
        calibration=_calibration(fit, label) if is_sample else Calibration(),
    )
    return Silence(said=_said(learnt), learnt=learnt, text=text)


def _calibration(fit: CrossFit, label: Vector) -> Calibration:
    """Of rows that are a sample: to others, which weigh unlike, it would fit what they are more of."""
    design = fit.design
    seen = OutOfFold(raw=fit.shown(design.rows), label=label, fold=design.folds.number)
    return choose_calibration(seen).calibration


def _said(learnt: LearntSilence) -> str:
    of = {
        SilentRows.HOLDOUT: "of the holdout, whose customers are a random sample",
        SilentRows.ALL: "that ended in silence, each weighing 1 / P(silence); other decisions may have shown something "
        "within the window, so what is told is too high where showing helps",
    }[learnt.learnt_from]
    return (
        f"Of {len(learnt.journeys)} journeys, from {learnt.decisions:,} decisions for {learnt.customers:,} customers "
        f"{of}: {learnt.met:,} of {learnt.pairs:,} came by themselves."
    )


def _best(design: Design, weight: Vector) -> tuple[CrossFit, Task]:
    """By ordinary thresholds or by random ones, whichever predicts better what it had not seen."""
    label = design.log.reward

    def loss(p: Vector, rows: Rows) -> float:
        kept = np.clip(p, 1e-12, 1.0 - 1e-12)
        each = -(label[rows] * np.log(kept) + (1.0 - label[rows]) * np.log1p(-kept))
        return float(np.average(each, weights=weight[rows]))

    tried = []
    for task in (Task(objective="binary"), Task(objective="binary", is_random=True)):
        fit = cross_fit(design, task, label, design.rows, loss, design.rows, weight=weight)
        tried.append((loss(fit.shown(design.rows), design.rows), fit, task))
    _, fit, task = min(tried, key=lambda found: found[0])
    return fit, task


def _log(pairs: SilentPairs) -> DecisionLog:
    """The pairs as rows beside a journey, whose reward is 1 where its objective was met."""
    nothing: tuple[Mapping[str, str], ...] = ({},) * len(pairs.journeys)
    eligible = np.zeros((pairs.size, 0), dtype=np.bool_)
    return DecisionLog(
        path=Path(),
        choices=Choices(journeys=pairs.journeys, eligible=eligible, features=pairs.features),
        shown=pairs.journey,
        propensity=pairs.p_silent,
        reward=pairs.met.astype(np.float64),
        surrogate=None,
        customer=pairs.customer,
        decided_at=pairs.decided_at,
        group=None,
        row=np.arange(pairs.size),
        kinds=("",) * len(pairs.journeys),
        attributes=nothing,
        unknown=0,
        rows_in_log=pairs.size,
    )
