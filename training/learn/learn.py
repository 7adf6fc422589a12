"""From a log to a bundle: reward, gains, guard, each chosen on rows that no model had seen, then fitted on all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from features.columns.facts import levels_of
from features.encoder import Encoder, JourneyRow
from features.interactions import JOURNEY_COLUMNS, ModelFeatures
from features.schema import FeatureSchema
from models.bundle import Bundle
from models.learnt import (
    AMOUNT_FILE,
    MAX_CELLS,
    Evidence,
    GainLearner,
    LearntJourney,
    LearntPolicy,
    RewardKind,
    RewardTerms,
)
from models.silence import SILENCE_FILE
from models.valuation import cost_vector
from training.learn.boosting import Matrix, Rows, Table, Task, Vector, at_once
from training.learn.crossfit import Design, sampled
from training.learn.folds import Folds, folds_of
from training.learn.gains import TASK, Gains, JourneyGain, crossed_gains, doubly_robust, doubly_robust_gains, risk
from training.learn.guard import guard_of
from training.learn.levels import FittedRows, with_levels
from training.learn.rewards import RewardModel, best_reward_model, with_own_models
from training.learn.silence import Silence, learn_silence
from training.log.decisions import DecisionLog
from training.log.errors import LogInvalid
from training.log.silent import SilentPairs

Announce = Callable[[str], None]
"""Told what begins, for a progress display."""

SMALL = 20_000
"""Rows below which models with random thresholds are tried too: few successes overfit easily."""
MIN_ROWS_ALONE = 500
"""Of every journey, for models of their own to be tried."""
MAX_ALONE = 20
"""Journeys, for models of their own to be tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to learn. `against`: the journey that gains are over; `folds`: how many parts are kept apart.

    `by_probability`: rewards are told by P(met), which is what a service ranks by.
    """

    objective: str
    costs: Mapping[str, float] = field(default_factory=dict)
    against: str | None = None
    guarded: bool = True
    folds: int = 5
    seed: int = 0
    monotone: Mapping[str, int] = field(default_factory=dict)
    by_probability: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """A bundle, and what it told of `rows` (k,) of the log beside what was shown, each out of fold: `told` (k,).

    `p_met` (k,): of that the P(met), where it was learnt by probability. `folds` says which rows of the log were kept
    apart; `about_silence` what was learnt of silence, or why nothing.
    """

    bundle: Bundle
    rows: Rows
    told: Vector
    folds: Folds
    about_silence: str
    p_met: Vector | None = None


def learn(
    log: DecisionLog,
    schema: FeatureSchema,
    model: ModelFeatures,
    settings: Settings,
    announce: Announce,
    silent: SilentPairs | None = None,
) -> Learnt:
    """Fits, chooses and guards; equal input and seed give an equal bundle.

    Args:
        silent: of the journeys of the log, what came of them where they were not shown.

    Raises: LogInvalid for a log of one journey alone, or an `against` or a cost of a journey that it does not have.
    """
    demand_journeys(log, settings)
    _demand_attributes(log, schema, model)
    announce("columns")
    journeys = [
        JourneyRow(journey_id=name, kind=kind, attributes=attributes)
        for name, kind, attributes in zip(log.choices.journeys, log.kinds, log.attributes, strict=True)
    ]
    shown = {journeys[j].journey_id for j in np.unique(log.shown)}
    with_history = [journey for journey in journeys if journey.journey_id in shown]
    encoder = Encoder.fit_columns(levels_of(log.choices.features), with_history, schema, model)
    folds = folds_of(log.decided_at, log.customer, settings.folds, settings.seed)
    design = Design(log, encoder, journeys, folds, settings.seed)
    announce("rewards, out of fold")
    target = log.reward if log.surrogate is None else log.surrogate
    if settings.by_probability and not 0 < np.count_nonzero(target) < target.size:
        said = "every reward is 0" if not target.any() else "no reward is 0"
        raise LogInvalid(log.path, f"{said}: of how probable one is nothing can be learnt")
    common = best_reward_model(design, target, _tasks(design, settings), by_probability=settings.by_probability)
    common = replace(common, terms=_in_rewards(common.terms, log))
    rows = _sample(design)
    announce("journeys, out of fold")
    learner = _Learner(design, settings, common, rows)
    learner.choose()
    announce("guard")
    evidence = learner.evidence()
    costs = cost_vector(log.choices.journeys, settings.costs)
    guard = guard_of(evidence, costs, log.choices.journeys, guarded=settings.guarded)
    announce("models on all rows")
    model_text, texts, learnt = _fit_all(design, learner)
    silence = _silence(silent, design, learnt, settings)
    if silence.learnt is not None:
        texts[SILENCE_FILE] = silence.text
    bundle = Bundle(
        model_text=model_text,
        encoder=encoder,
        calibration=learner.reward.calibration,
        history=frozenset(journey.journey_id for journey in learnt if journey.rows),
        objective=settings.objective,
        policy=LearntPolicy(
            journeys=learnt,
            reward=learner.reward.terms,
            guard=guard,
            evidence=evidence,
            folds=folds.describe(),
            costs=dict(settings.costs),
            against=settings.against,
            learner=learner.name,
            texts=texts,
            silence=silence.learnt,
        ),
    )
    told = learner.values[np.arange(rows.size), log.shown[rows]]
    return Learnt(
        bundle=bundle,
        rows=rows,
        told=np.asarray(told),
        folds=folds,
        about_silence=silence.said,
        p_met=learner.reward.calibrated(learner.reward.main_shown(rows)) if settings.by_probability else None,
    )


def demand_journeys(log: DecisionLog, settings: Settings) -> None:
    """Raises: LogInvalid."""
    known = log.choices.journeys
    if np.unique(log.shown).size < 2:
        raise LogInvalid(log.path, f"only one journey was ever shown ({known[int(log.shown[0])]!r}): nothing to choose")
    for name in (*settings.costs, *([] if settings.against is None else [settings.against])):
        if name not in known:
            raise LogInvalid(log.path, f"there is no journey {name!r}; it has: {', '.join(known)}")


def _demand_attributes(log: DecisionLog, schema: FeatureSchema, model: ModelFeatures) -> None:
    """Raises: LogInvalid for an attribute of a journey with the name of another column of the model."""
    taken = {*JOURNEY_COLUMNS, *model.interactions, *(schema.by_name.keys() - model.leave_out)}
    for name in sorted({name for attributes in log.attributes for name in attributes} & taken):
        raise LogInvalid(log.path, f"journeys have an attribute {name!r}, and so is another column called")


def _tasks(design: Design, settings: Settings) -> Callable[[str], Iterator[Task]]:
    monotone = tuple((name, sign) for name, sign in sorted(settings.monotone.items()) if name in design.encoder.columns)

    def tasks(objective: str) -> Iterator[Task]:
        yield Task(objective=objective, monotone=monotone)
        if design.log.size < SMALL:
            yield Task(objective=objective, is_random=True, monotone=monotone)

    return tasks


def _in_rewards(terms: RewardTerms, log: DecisionLog) -> RewardTerms:
    """What a surrogate's model tells, scaled to what the reward comes to."""
    if log.surrogate is None:
        return terms
    total = float(log.surrogate.sum())
    if total == 0.0:
        raise LogInvalid(log.path, "the surrogate comes to 0 over all rows: nothing can be learnt from it")
    return replace(terms, factor=terms.factor * float(log.reward.sum()) / total)


def _sample(design: Design) -> Rows:
    return sampled(design.log.size, max(MAX_CELLS // len(design.journeys), 1), design.seed)


class _Learner:
    """The reward model and the gains that are kept, and what they say of the rows of the evidence."""

    def __init__(self, design: Design, settings: Settings, common: RewardModel, rows: Rows) -> None:
        self._design = design
        self._settings = settings
        self._rows = rows
        self.reward = common
        self.gains: Gains | None = None
        self.name: GainLearner | None = None
        self.common_rewards = common.matrix(rows)
        self._scores = self._doubly_robust(is_robust=False)
        self.values: Matrix = self.common_rewards

    def choose(self) -> None:
        """The way whose values lie nearest to the scores of rows that it had not seen."""
        tried: list[tuple[float, RewardModel, Gains | None, GainLearner, Matrix]] = []
        against = self._against()
        for reward, name in self._rewards():
            values = self.common_rewards if reward is self.reward else reward.matrix(self._rows)
            tried.append((self._risk(values), reward, None, name, values))
        if against is not None:
            for gains in self._gains(against):
                values = gains.values(self.common_rewards, self._rows)
                tried.append((self._risk(values), self.reward, gains, gains.learner, values))
        _, self.reward, self.gains, name, self.values = min(tried, key=lambda found: found[0])
        self.name = name if against is not None else None

    def evidence(self) -> Evidence:
        log, rows = self._design.log, self._rows
        return Evidence(
            values=self.values.astype(np.float32),
            scores=self._doubly_robust(is_robust=True).astype(np.float32),
            eligible=log.choices.eligible[rows],
            customer=log.customer[rows].astype(np.int32),
            shown=log.shown[rows].astype(np.int32),
            propensity=log.propensity[rows],
        )

    def _doubly_robust(self, *, is_robust: bool) -> Matrix:
        log, rows = self._design.log, self._rows
        seen = (log.shown[rows], log.reward[rows], log.propensity[rows])
        return doubly_robust(self.common_rewards, *seen, is_robust=is_robust)

    def _against(self) -> int | None:
        named = self._settings.against
        return None if named is None else self._design.log.choices.journeys.index(named)

    def _rewards(self) -> Iterator[tuple[RewardModel, GainLearner]]:
        yield self.reward, GainLearner.S
        counts = np.bincount(self._design.log.shown, minlength=len(self._design.journeys))
        if counts.size <= MAX_ALONE and counts.min() >= MIN_ROWS_ALONE:
            yield with_own_models(self.reward, self._design), GainLearner.T

    def _gains(self, against: int) -> Iterator[Gains]:
        log, rows = self._design.log, self._design.rows
        whole = self.common_rewards if self._rows.size == rows.size else self.reward.matrix(rows)
        scores = doubly_robust(whole, log.shown, log.reward, log.propensity)
        yield crossed_gains(self._design, against, whole)
        yield doubly_robust_gains(self._design, against, scores)

    def _risk(self, values: Matrix) -> float:
        return risk(values, self._scores, self._design.log.choices.eligible[self._rows])


def _fit_all(design: Design, learner: _Learner) -> tuple[str, dict[str, str], tuple[LearntJourney, ...]]:
    """The common model, the others by file, and the journeys with the files of theirs."""
    reward, log, rows = learner.reward, design.log, design.rows
    recipe, table = reward.recipe, design.table()
    works = [("", _fitting(table, recipe.task, recipe.target, rows, reward.main.rounds))]
    if reward.amount is not None and recipe.amount_part is not None:
        part = recipe.amount_part
        works.append((AMOUNT_FILE, _fitting(table, part.task, part.target, part.rows, reward.amount.rounds)))
    counts = np.bincount(log.shown, minlength=len(design.journeys))
    learnt = []
    for place, journey in enumerate(design.journeys):
        text: str | None = None
        gain_texts: tuple[str, ...] = ()
        share = 0.0
        if reward.own:
            text, mine, fit = f"own-{place}.txt", rows[log.shown == place], reward.own[place]
            works.append((text, _fitting(table, recipe.task, recipe.target, mine, fit.rounds)))
        if learner.gains is not None and place in learner.gains.by_journey:
            gain = learner.gains.by_journey[place]
            gain_texts, share = tuple(f"gain-{place}-{i}.txt" for i in range(len(gain.fits))), gain.treated_share
            works.extend(zip(gain_texts, _fitting_gain(design.table(place), gain), strict=True))
        learnt.append(
            LearntJourney(
                journey_id=journey.journey_id,
                kind=journey.kind,
                rows=int(counts[place]),
                attributes=journey.attributes,
                text=text,
                gain_texts=gain_texts,
                treated_share=share,
                factor=reward.own_factor(place),
                value=reward.fixed_value(place),
            )
        )
    texts = dict(zip([name for name, _ in works], at_once(lambda work: work[1](), works), strict=True))
    return _levelled(design, reward, texts.pop("")), texts, tuple(learnt)


def _levelled(design: Design, reward: RewardModel, text: str) -> str:
    """The common model; where it tells P(met) of every journey, with levels of those that leave it."""
    if reward.terms.kind is RewardKind.MEAN or reward.own:
        return text
    rows = FittedRows(matrix=design.shown, shown=design.log.shown, met=reward.recipe.target)
    return with_levels(text, rows, design.encoder, reward.calibration)


def _silence(
    silent: SilentPairs | None, design: Design, learnt: Sequence[LearntJourney], settings: Settings
) -> Silence:
    """Of journeys with history, for what is expected of the others is no more than a guess."""
    if silent is not None:
        has_history = np.array([journey.rows > 0 for journey in learnt])
        silent = silent.take(np.flatnonzero(has_history[silent.journey]))
    return learn_silence(silent, design.encoder, design.journeys, folds=settings.folds, seed=settings.seed)


def _fitting(table: Table, task: Task, target: Vector, rows: Rows, rounds: int) -> Callable[[], str]:
    return lambda: table.fit(task, target, rows, rounds).model_to_string()


def _fitting_gain(table: Table, gain: JourneyGain) -> list[Callable[[], str]]:
    parts = zip(gain.fits, gain.targets, gain.rows, strict=True)
    return [_fitting(table, TASK, target, rows, fit.rounds) for fit, target, rows in parts]
