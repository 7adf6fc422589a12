"""Gives every survivor a score: the model's where it has history, the catalogue's prior elsewhere.

With it goes what meeting the objective is worth to the customer, of a journey whose value is learnt, and how probable
that is if nothing is shown, where deciding asks for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from features.encoder import JourneyRow, RowsAsked
from features.values import FeatureRow, FeatureStatus
from service.decision.arbitrate import Score, ScoreSource
from service.decision.arms import ONE_ARM, Arm, Arms
from service.decision.decide import Decision, Degradation, OtherScores
from service.decision.facts import Facts
from service.decision.journey import Journey
from service.decision.plan import Candidate

log = logging.getLogger(__name__)

MOST_KEPT = 4096
"""Journeys of which is kept what scoring makes of them."""
NO_MODEL = Degradation(what="model", status=FeatureStatus.UNAVAILABLE, effect="RANKED_BY_PRIOR")
NO_CHALLENGER = Degradation(what="challenger", status=FeatureStatus.UNAVAILABLE, effect="RANKED_BY_CHAMPION")


class Model(Protocol):
    """A trained scorer; `history` are the journeys it learned from, `valued` those of which it tells values too.

    `silent`: those of which it tells what comes of silence.
    """

    version: str
    history: frozenset[str]
    valued: frozenset[str]
    silent: frozenset[str]

    def score(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        """(n,) calibrated P(objective met within its window | shown)."""
        ...

    def score_many(self, asked: Sequence[RowsAsked]) -> Sequence[NDArray[np.float64]]:
        """What `score` gives each of them, bit for bit."""
        ...

    def values(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        """(n,) what meeting the objective is worth to this customer, 0 or more, of journeys that are `valued`."""
        ...

    def p_if_silent(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        """(n,) calibrated P(objective met within its window | not shown), of journeys that are `silent`."""
        ...

    def contributions(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        """(n, columns + 1) what each column added to the raw score, in log-odds; the last is the base."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """The encoder's columns, in matrix order."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """Those in force, changed as one: a decision takes both at once."""

    champion: Model | None = None
    challenger: Model | None = None

    @property
    def are_none(self) -> bool:
        return self.champion is None and self.challenger is None

    def of_version(self, version: str) -> Model | None:
        """None if none of this version is in force."""
        return next((m for m in (self.champion, self.challenger) if m is not None and m.version == version), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contributions:
    """How a raw score came about, in log-odds: base + the sum over features."""

    base: float
    by_feature: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """By journey id, all of one model and the priors. `model_version` is "" when no model scored.

    `other`: those of the challenger, where arms ask for them.
    """

    by_journey: Mapping[str, Score]
    model_version: str
    degraded: tuple[Degradation, ...]
    other: OtherScores | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToScore:
    """The candidates of one decision, and what is known."""

    candidates: Sequence[Candidate]
    facts: Facts
    arms: Arms = ONE_ARM


class Scoring:
    """Holds the models that serve, if any. LightGBM runs on a thread of its own."""

    def __init__(self, model: Model | None) -> None:
        self._models = Models(champion=model)
        self.is_behind = False
        """Whether another champion was named, and cannot serve."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="score")
        self._journeys: dict[int, _KnownJourney] = {}

    @property
    def models(self) -> Models:
        return self._models

    @property
    def model_version(self) -> str:
        """The champion's."""
        champion = self._models.champion
        return "" if champion is None else champion.version

    async def is_well(self) -> bool:
        """Whether a model is in force, and the one that was named."""
        return self._models.champion is not None and not self.is_behind

    def use(self, models: Models) -> None:
        """Scores with these from now on; scores under way are of those that they began with."""
        self._models = models

    async def score(self, candidates: Sequence[Candidate], facts: Facts, arms: Arms = ONE_ARM) -> Scores:
        """The scores, as `score_here` makes them, on the thread of the models."""
        if self._models.are_none:
            return self.score_here(candidates, facts, arms)
        return await asyncio.get_running_loop().run_in_executor(self._thread, self.score_here, candidates, facts, arms)

    def score_here(self, candidates: Sequence[Candidate], facts: Facts, arms: Arms = ONE_ARM) -> Scores:
        """As `score_all`, of one."""
        return self.score_all([ToScore(candidates=candidates, facts=facts, arms=arms)])[0]

    def score_all(self, asked: Sequence[ToScore]) -> list[Scores]:
        """The scores of each, as if it were asked for alone; all of the models that are in force now.

        Never raises for trouble of a model: the priors, or the champion, stand in, and `degraded` says so.
        """
        models = self._models
        own = self._by(models.champion, asked)
        found = [
            Scores(by_journey=self._priors(one), model_version="", degraded=(NO_MODEL,)) if scores is None else scores
            for one, scores in zip(asked, own, strict=True)
        ]
        challenged = [] if models.challenger is None else [i for i, one in enumerate(asked) if _asks_both(one.arms)]
        others = self._by(models.challenger, [asked[i] for i in challenged]) if challenged else []
        for i, told in zip(challenged, others, strict=True):
            found[i] = _beside(found[i], told, asked[i].arms)
        return found

    def _by(self, model: Model | None, asked: Sequence[ToScore]) -> list[Scores | None]:
        """The model's where it has history, priors elsewhere; None without a model, or where it fails."""
        if model is None:
            return [None] * len(asked)
        learned = [[c.journey for c in one.candidates if c.journey_id in model.history] for one in asked]
        try:
            told = self._told(model, asked, learned)
        except Exception:
            if len(asked) > 1:  # whose fault it is shows where each is asked for alone
                return [scores for one in asked for scores in self._by(model, [one])]
            log.exception("the model %s failed to score", model.version)
            return [None]
        return [
            Scores(by_journey={**self._priors(one), **scores}, model_version=model.version, degraded=())
            for one, scores in zip(asked, told, strict=True)
        ]

    def _told(
        self, model: Model, asked: Sequence[ToScore], learned: Sequence[Sequence[Journey]]
    ) -> list[dict[str, Score]]:
        rows = [
            RowsAsked(row=one.facts.features, at=one.facts.now, journeys=[self._known(j).row for j in journeys])
            for one, journeys in zip(asked, learned, strict=True)
            if journeys
        ]
        p_outcomes = iter(model.score_many(rows) if rows else ())
        return [
            _by_model(model, journeys, one.facts, next(p_outcomes)) if journeys else {}
            for one, journeys in zip(asked, learned, strict=True)
        ]

    def _priors(self, asked: ToScore) -> dict[str, Score]:
        return {c.journey_id: self._known(c.journey).prior for c in asked.candidates}

    def _known(self, journey: Journey) -> _KnownJourney:
        """Made once for those in force, which are the same objects from one decision to the next."""
        kept = self._journeys.get(id(journey))
        if kept is not None:
            return kept
        if len(self._journeys) >= MOST_KEPT:
            self._journeys = {}
        made = self._journeys[id(journey)] = _KnownJourney(
            journey=journey, row=_row(journey), prior=Score(p_outcome=journey.prior, source=ScoreSource.PRIOR)
        )
        return made

    async def contributions(self, decision: Decision) -> Mapping[str, Contributions]:
        """The contributions by journey that the model ranked; empty if it serves no longer, or if it fails."""
        model = self._models.of_version(decision.model_version)
        picks = [p.scored for p in decision.picks if p.scored.score.source is ScoreSource.MODEL]
        if model is None or not picks:
            return {}
        try:
            return await self._explain(model, [s.candidate.journey for s in picks], decision.facts)
        except Exception:
            log.exception("the model failed to explain its scores")
            return {}

    async def _explain(self, model: Model, journeys: Sequence[Journey], facts: Facts) -> Mapping[str, Contributions]:
        loop = asyncio.get_running_loop()
        table = await loop.run_in_executor(
            self._thread, model.contributions, facts.features, facts.now, _rows(journeys)
        )
        return {
            journey.journey_id: Contributions(
                base=float(row[-1]), by_feature=dict(zip(model.columns, map(float, row[:-1]), strict=True))
            )
            for journey, row in zip(journeys, table, strict=True)
        }

    def close(self) -> None:
        self._thread.shutdown()


@dataclass(frozen=True, slots=True, kw_only=True)
class _KnownJourney:
    """A journey, held so that no other gets its id, and what is made of it."""

    journey: Journey
    row: JourneyRow
    prior: Score


def _asks_both(arms: Arms) -> bool:
    """Whether decisions have scores of the challenger too."""
    return arms.shares.get(Arm.CHALLENGER, 0.0) > 0.0 or arms.has_shadow


def _beside(own: Scores, told: Scores | None, arms: Arms) -> Scores:
    """The champion's, and what the challenger told, if it did not fail."""
    if told is None:
        return replace(own, degraded=(*own.degraded, NO_CHALLENGER))
    is_shown = arms.shares.get(Arm.CHALLENGER, 0.0) > 0.0
    other = OtherScores(model_version=told.model_version, by_journey=told.by_journey, is_shown=is_shown)
    return replace(own, other=other)


def _by_model(
    model: Model, journeys: Sequence[Journey], facts: Facts, p_outcome: NDArray[np.float64]
) -> dict[str, Score]:
    told = p_outcome.tolist()
    if not all(0.0 <= p <= 1.0 for p in told):
        raise ValueError("a score is no probability")
    values, silent = _own_values(model, journeys, facts), _in_silence(model, journeys, facts)
    return {
        journey.journey_id: Score(
            p_outcome=p,
            source=ScoreSource.MODEL,
            value=values.get(journey.journey_id),
            p_if_silent=silent.get(journey.journey_id),
        )
        for journey, p in zip(journeys, told, strict=True)
    }


def _own_values(model: Model, journeys: Sequence[Journey], facts: Facts) -> Mapping[str, float]:
    """Of the journeys whose value is learnt, if the model tells it; without such ones the model is not asked."""
    asking = [j for j in journeys if j.objective.is_value_learnt and j.journey_id in model.valued]
    if not asking:
        return {}
    told = model.values(facts.features, facts.now, _rows(asking))
    if not (np.isfinite(told) & (told >= 0.0)).all():
        raise ValueError("a value is no amount")
    return {journey.journey_id: float(value) for journey, value in zip(asking, told, strict=True)}


def _in_silence(model: Model, journeys: Sequence[Journey], facts: Facts) -> Mapping[str, float]:
    """Of the journeys of which deciding asks for it and the model tells it; without such ones it is not asked."""
    asking = [j for j in journeys if j.objective.asks_of_silence and j.journey_id in model.silent]
    if not asking:
        return {}
    told = model.p_if_silent(facts.features, facts.now, _rows(asking))
    if not ((told >= 0.0) & (told <= 1.0)).all():
        raise ValueError("what comes of silence is no probability")
    return {journey.journey_id: float(p) for journey, p in zip(asking, told, strict=True)}


def _rows(journeys: Sequence[Journey]) -> list[JourneyRow]:
    return [_row(journey) for journey in journeys]


def _row(journey: Journey) -> JourneyRow:
    return JourneyRow(journey_id=journey.journey_id, kind=journey.kind.value, attributes=journey.attributes)
