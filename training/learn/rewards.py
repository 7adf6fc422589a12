"""What a journey is worth to whom: by the loss that predicts best what no model had seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from models.amounts import Worth, reward_of
from models.calibration import Calibration
from models.learnt import RewardKind, RewardTerms
from training.learn.boosting import Matrix, Rows, Task, Vector, at_once
from training.learn.calibrate import OutOfFold, choose_calibration
from training.learn.crossfit import CrossFit, Design, cross_fit, sampled
from training.learn.losses import log_loss, loss_of_rewards, squared_error
from training.learn.own_values import MIN_MET, OwnJourneys, fixed_values, own_journeys

JUDGED_ROWS = 200_000
"""Of a longer log so many tell how many rounds and which loss are best."""
CALIBRATED_ROWS = 50_000
LARGE = 0.9
"""Quantile of the distances from the median beyond which Huber's loss grows linearly."""
DELTA = 0.9
"""LightGBM's default for where that is, to which targets are scaled."""
FACTORS = (0.1, 10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class AmountPart:
    """What the model of the amount is fitted to: `target` (n,), looked at on `rows`, those with a reward.

    `own`: the journeys whose rows these are alone, for their rewards are their customers' own.
    """

    task: Task
    target: Vector
    rows: Rows
    own: OwnJourneys | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One way to learn a reward: the main model is fitted to `target` (n,) on all rows of the design.

    `values` (J,): what each journey is worth once met, where the log says so and no amounts are learnt.
    """

    terms: RewardTerms
    task: Task
    target: Vector
    amount_part: AmountPart | None = None
    values: Vector | None = None


@dataclass(frozen=True, kw_only=True)
class RewardModel:
    """A recipe, cross-fitted: the models of each fold, common or a set for each journey, and their calibration.

    `worth` (J,), of a recipe that learns amounts from some journeys alone, or from none.
    """

    recipe: Recipe
    terms: RewardTerms
    main: CrossFit
    amount: CrossFit | None
    own: tuple[CrossFit, ...] = ()
    calibration: Calibration = field(default_factory=Calibration)
    worth: Worth | None = None

    def shown(self, rows: Rows) -> Vector:
        """(k,) the expected reward of what was shown, by models that had not seen it."""
        amount = None if self.amount is None else self.amount.shown(rows)
        worth = None if self.worth is None else self.worth.take(self.main.design.log.shown[rows])
        return reward_of(self.terms, self.calibrated(self.main_shown(rows)), amount, worth)

    def beside(self, journey: int, rows: Rows) -> Vector:
        """(k,) the expected reward of one journey, by models that had not seen the rows."""
        amount = None if self.amount is None else self.amount.beside(journey, rows)
        main = (self.own[journey] if self.own else self.main).beside(journey, rows)
        worth = None if self.worth is None else self.worth.take(np.full(rows.size, journey))
        return reward_of(self.terms, self.calibrated(main), amount, worth)

    def matrix(self, rows: Rows) -> Matrix:
        """(k, J) the expected reward of every journey."""
        count = len(self.main.design.journeys)
        return np.column_stack(at_once(lambda journey: self.beside(journey, rows), range(count)))

    def main_shown(self, rows: Rows) -> Vector:
        """(k,) what the main model says, before it is calibrated."""
        if not self.own:
            return self.main.shown(rows)
        shown, out = self.main.design.log.shown[rows], np.empty(rows.size)
        for journey, fit in enumerate(self.own):
            mine = shown == journey
            if mine.any():
                out[mine] = fit.beside(journey, rows[mine])
        return out

    def own_factor(self, journey: int) -> float | None:
        """What its amounts are multiplied by, where they are its customers' own."""
        own = None if self.recipe.amount_part is None else self.recipe.amount_part.own
        return float(self.worth.factor[journey]) if self.worth is not None and own and own.is_own[journey] else None

    def fixed_value(self, journey: int) -> float | None:
        """What it is worth to everybody, where the log says it and no amounts were learnt from its rewards."""
        value = np.nan if self.worth is None else self.worth.value[journey]
        return None if np.isnan(value) else float(value)

    def calibrated(self, raw: Vector) -> Vector:
        return raw if self.terms.kind is RewardKind.MEAN else self.calibration.apply(raw)


def best_reward_model(
    design: Design, target: Vector, tasks: Callable[[str], Iterator[Task]], *, by_probability: bool = False
) -> RewardModel:
    """The recipe with the least loss out of fold, calibrated where it tells a probability.

    Args:
        target: (n,) the reward, or its surrogate.
        tasks: the tasks to try for an objective of LightGBM.
        by_probability: only recipes that tell one; `target` then has rewards of 0 and others. Where the log says what
            journeys are worth, amounts are learnt from the rows of journeys whose value is learnt alone, where they
            tell any; other journeys are worth what it says.
    """
    rows = design.rows
    judged = sampled(rows.size, JUDGED_ROWS, design.seed)
    tried = [_fitted(design, recipe, rows, judged) for recipe in _recipes(design, target, tasks, by_probability)]
    losses = [_lost(model, target, judged) for model in tried]
    return calibrate(tried[int(np.argmin(losses))], design)


def calibrate(model: RewardModel, design: Design) -> RewardModel:
    """With the calibration that proves itself out of fold, if any does."""
    if model.terms.kind is RewardKind.MEAN:
        return model
    rows = sampled(design.rows.size, CALIBRATED_ROWS, design.seed)
    seen = OutOfFold(raw=model.main_shown(rows), label=model.recipe.target[rows], fold=design.folds.number[rows])
    return replace(model, calibration=choose_calibration(seen).calibration)


def with_own_models(model: RewardModel, design: Design) -> RewardModel:
    """The same recipe, with a main model for each journey."""
    rows, shown = design.rows, design.log.shown
    target = model.recipe.target
    judged = sampled(rows.size, JUDGED_ROWS, design.seed)
    fits = []
    for journey in range(len(design.journeys)):
        mine = judged[shown[judged] == journey]
        loss = _loss_of(model.recipe.task, target)
        fits.append(cross_fit(design, model.recipe.task, target, rows[shown == journey], loss, mine))
    return calibrate(replace(model, own=tuple(fits), calibration=Calibration()), design)


def _lost(model: RewardModel, target: Vector, judged: Rows) -> float:
    """Out of fold; of P(met) alone where values are given, for the dearest journeys' rewards would drown the others."""
    if model.recipe.values is not None:
        return log_loss(model.recipe.target[judged], model.main_shown(judged))
    return loss_of_rewards(target[judged], model.shown(judged))


def _fitted(design: Design, recipe: Recipe, rows: Rows, judged: Rows) -> RewardModel:
    main = cross_fit(design, recipe.task, recipe.target, rows, _loss_of(recipe.task, recipe.target), judged)
    amount, worth, terms = None, None, recipe.terms
    if recipe.values is not None:
        worth = Worth(factor=np.full(recipe.values.size, terms.factor), value=recipe.values)
    part = recipe.amount_part
    if part is not None:
        loss = _loss_of(part.task, part.target)
        amount = cross_fit(design, part.task, part.target, part.rows, loss, part.rows)
        terms = replace(terms, factor=_smearing(terms, amount.shown(part.rows), part.target[part.rows]))
        worth = None if part.own is None else _worth(recipe, part, part.own, amount, terms)
    elif terms.kind is RewardKind.MEAN and terms.loss == "huber":
        told = main.shown(judged).sum() * terms.factor
        truth = recipe.target[judged].sum() * terms.factor
        ratio = float(truth / told) if told != 0.0 else 1.0
        terms = replace(terms, factor=terms.factor * float(np.clip(ratio, *FACTORS)))
    return RewardModel(recipe=recipe, terms=terms, main=main, amount=amount, worth=worth)


def _worth(recipe: Recipe, part: AmountPart, own: OwnJourneys, amount: CrossFit, common: RewardTerms) -> Worth:
    """A factor for each journey, for they differ in how far single amounts lie from what is told; else its value."""
    told, truth, shown = amount.shown(part.rows), part.target[part.rows], amount.design.log.shown[part.rows]
    factor = np.full(own.is_own.size, common.factor)
    for journey in np.flatnonzero(own.is_own):
        mine = shown == journey
        factor[journey] = _smearing(recipe.terms, told[mine], truth[mine])
    return Worth(factor=factor, value=np.where(own.is_own, np.nan, own.served))


def _smearing(terms: RewardTerms, told: Vector, truth: Vector) -> float:
    """What makes the amounts' sum right. Source: Duan (1983), as a ratio of sums."""
    if terms.is_log:
        return float(np.exp(truth).sum() / np.exp(told).sum())
    return float(np.clip(truth.sum() / told.sum(), *FACTORS)) * terms.factor if told.sum() != 0.0 else terms.factor


def _loss_of(task: Task, target: Vector) -> Callable[[Vector, Rows], float]:
    measure = log_loss if task.objective == "binary" else squared_error
    return lambda told, rows: measure(target[rows], told)


def _recipes(
    design: Design, target: Vector, tasks: Callable[[str], Iterator[Task]], by_probability: bool
) -> Iterator[Recipe]:
    own = own_journeys(design.log) if by_probability else None
    if own is not None:
        yield from _two_part(target, own.rows, tasks, own)
        return
    values = fixed_values(design.log) if by_probability else None
    if values is not None:
        yield from _met(target, 1.0, tasks, values)
        return
    levels = np.unique(target[target != 0.0])
    has_zero = bool((target == 0.0).any())
    met = np.flatnonzero(target != 0.0)
    if by_probability and levels.size > 1 and met.size >= MIN_MET:
        yield from _two_part(target, met, tasks)
        return
    if by_probability or (levels.size == 1 and has_zero):
        yield from _met(target, float(target[met].mean()), tasks)
        return
    squared = RewardTerms(kind=RewardKind.MEAN, factor=1.0, loss="squared")
    for task in tasks("regression"):
        yield Recipe(terms=squared, task=task, target=target)
    if levels.size < 2:
        return
    scale = _scale(target)
    huber = RewardTerms(kind=RewardKind.MEAN, factor=scale, loss="huber")
    for task in tasks("huber"):
        yield Recipe(terms=huber, task=task, target=target / scale)
    if met.size >= MIN_MET and (has_zero or levels[0] > 0.0):
        yield from _two_part(target, met, tasks)


def _met(
    target: Vector, factor: float, tasks: Callable[[str], Iterator[Task]], values: Vector | None = None
) -> Iterator[Recipe]:
    """P(met) × `factor`, or × the value of each journey."""
    terms = RewardTerms(kind=RewardKind.BINARY, factor=factor, loss="log")
    for task in tasks("binary"):
        yield Recipe(terms=terms, task=task, target=(target != 0.0).astype(np.float64), values=values)


def _two_part(
    target: Vector, met: Rows, tasks: Callable[[str], Iterator[Task]], own: OwnJourneys | None = None
) -> Iterator[Recipe]:
    """P(met) × amount given met: its logarithm where all are positive, else by Huber's loss."""
    is_log = bool((target[met] > 0.0).all())
    scale = 1.0 if is_log else _scale(target[met])
    amount = np.zeros(target.size)
    amount[met] = np.log(target[met]) if is_log else target[met] / scale
    terms = RewardTerms(kind=RewardKind.TWO_PART, factor=scale, loss="log" if is_log else "huber", is_log=is_log)
    part = AmountPart(task=next(tasks("regression" if is_log else "huber")), target=amount, rows=met, own=own)
    for task in tasks("binary"):
        yield Recipe(terms=terms, task=task, target=(target != 0.0).astype(np.float64), amount_part=part)


def _scale(target: Vector) -> float:
    """What targets are divided by, so that Huber's loss turns linear at the LARGE quantile of their distances."""
    distance = np.abs(target - np.median(target))
    large = float(np.quantile(distance, LARGE)) or float(distance[distance > 0.0].min(initial=1.0))
    return large / DELTA
