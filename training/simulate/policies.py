"""Who scores: the truth itself, nobody, what was popular, a plain model. Each in a world of its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np

from service.decision.arbitrate import Score, ScoreSource
from service.decision.arms import ONE_ARM
from service.decision.explore import ALL_UNIFORM, NO_EXPLORATION
from service.decision.facts import Facts
from service.decision.plan import Candidate, Plan
from training.simulate.people import Visit
from training.simulate.scenario import CATEGORIES, HOUSEHOLDS, START
from training.simulate.truth import PLACE, TRIP, WEEK, Truth

if TYPE_CHECKING:
    from lightgbm import Booster

ORACLE, RANDOM, POPULARITY, PLAIN, FIRST_DAY = "oracle", "random", "popularity", "plain", "first_day"
COMPARED = (ORACLE, RANDOM, POPULARITY, PLAIN, FIRST_DAY)
"""What the loop is compared with: all without arms, all but `random` without exploration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What became of a journey that was presented: known once its window is over."""

    known_at: datetime
    journey: str
    row: tuple[float, ...]
    is_met: bool
    amount: float


class Scorer(Protocol):
    """Scores what is allowed; `hear` is told what became of what its own policy showed."""

    week: ClassVar[timedelta]

    def scores(
        self, survivors: Sequence[Candidate], facts: Facts, visit: Visit, recent: int
    ) -> Mapping[str, Score]: ...

    def hear(self, told: Sequence[Told]) -> None:
        """At the end of a day, of the windows that are over."""

    def learn(self) -> None:
        """Once a week."""


class _Unlearning:
    week: ClassVar[timedelta] = WEEK

    def hear(self, told: Sequence[Told]) -> None:
        """It learns nothing."""

    def learn(self) -> None:
        """It learns nothing."""


class Priors(_Unlearning):
    """What the catalogue expects: the policy of the first day, and what a uniform draw overrides."""

    def scores(self, survivors: Sequence[Candidate], facts: Facts, visit: Visit, recent: int) -> Mapping[str, Score]:
        return {c.journey_id: prior_of(c) for c in survivors}


class Oracle(_Unlearning):
    """The true P(met), and the true value; it knows what is, not what will be."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth

    def scores(self, survivors: Sequence[Candidate], facts: Facts, visit: Visit, recent: int) -> Mapping[str, Score]:
        day = (visit.at - START).days
        return {c.journey_id: self._score(c.journey_id, day, visit.who, recent) for c in survivors}

    def _score(self, journey: str, day: int, who: int, recent: int) -> Score:
        worth = self._truth.worth_of_trip(day, who) if journey == TRIP else None
        p = self._truth.p(day, who, journey, recent)
        return Score(p_outcome=p, source=ScoreSource.MODEL, value=worth)


class Popularity:
    """How often each journey was met so far, whoever it was shown to; the prior counts as TRIALS showings."""

    week: ClassVar[timedelta] = WEEK
    TRIALS = 20.0

    def __init__(self) -> None:
        self._shown: dict[str, int] = defaultdict(int)
        self._amounts: dict[str, list[float]] = defaultdict(list)

    def hear(self, told: Sequence[Told]) -> None:
        for one in told:
            self._shown[one.journey] += 1
            if one.is_met:
                self._amounts[one.journey].append(one.amount)

    def learn(self) -> None:
        """It counts, day by day."""

    def scores(self, survivors: Sequence[Candidate], facts: Facts, visit: Visit, recent: int) -> Mapping[str, Score]:
        return {c.journey_id: self._score(c) for c in survivors}

    def _score(self, candidate: Candidate) -> Score:
        journey, amounts = candidate.journey, self._amounts[candidate.journey_id]
        p = (len(amounts) + self.TRIALS * journey.prior) / (self._shown[journey.journey_id] + self.TRIALS)
        worth = float(np.mean(amounts)) if amounts and journey.objective.is_value_learnt else None
        return Score(p_outcome=p, source=ScoreSource.MODEL, value=worth)


@dataclass
class Plain:
    """What one would begin with: a classifier with its defaults, fitted each week on all that was shown, then greedy.

    No exploration, no gate, no calibration, one value for everybody.
    """

    week: ClassVar[timedelta] = WEEK
    seed: int = 0
    _told: list[Told] = field(default_factory=list)
    _model: Booster | None = None
    _known: frozenset[str] = frozenset()
    _worth: float | None = None

    def hear(self, told: Sequence[Told]) -> None:
        self._told.extend(told)

    def learn(self) -> None:
        import lightgbm

        label = np.array([one.is_met for one in self._told], dtype=np.float64)
        if not 0 < label.sum() < label.size:
            return
        matrix = np.array([(*one.row, PLACE[one.journey]) for one in self._told])
        columns = matrix.shape[1]
        settings = {"objective": "binary", "num_threads": 1, "seed": self.seed, "deterministic": True, "verbose": -1}
        table = lightgbm.Dataset(matrix, label, categorical_feature=[columns - 1], params={"verbose": -1})
        self._model = lightgbm.train(settings, table, num_boost_round=100)
        self._known = frozenset(one.journey for one in self._told)
        amounts = [one.amount for one in self._told if one.journey == TRIP and one.is_met]
        self._worth = float(np.mean(amounts)) if amounts else None

    def scores(self, survivors: Sequence[Candidate], facts: Facts, visit: Visit, recent: int) -> Mapping[str, Score]:
        found = {c.journey_id: prior_of(c) for c in survivors}
        asked = [journey for journey in found if journey in self._known]
        if self._model is None or not asked:
            return found
        row = row_of(facts)
        told = self._model.predict(np.array([(*row, PLACE[journey]) for journey in asked]), num_threads=1)
        for journey, p in zip(asked, np.asarray(told).tolist(), strict=True):
            worth = self._worth if journey == TRIP else None
            found[journey] = Score(p_outcome=p, source=ScoreSource.MODEL, value=worth)
        return found


def prior_of(candidate: Candidate) -> Score:
    return Score(p_outcome=candidate.journey.prior, source=ScoreSource.PRIOR)


def row_of(facts: Facts) -> tuple[float, ...]:
    """What a plain model sees of a customer."""
    known = {name: feature.value for name, feature in facts.features.items()}
    spend = [float(str(known[f"spend_{name}_30d"])) for name in CATEGORIES]
    household = float(HOUSEHOLDS.index(str(known["household"])))
    return (
        float(str(known["age"])),
        household,
        float(str(known["visits_30d"])),
        float(str(known["member_days"])),
        *spend,
    )


def scorer_of(policy: str, truth: Truth) -> Scorer:
    match policy:
        case "oracle":
            return Oracle(truth)
        case "popularity":
            return Popularity()
        case "plain":
            return Plain(seed=truth.scenario.seed)
        case _:
            return Priors()


def plan_of(policy: str, plan: Plan) -> Plan:
    """The plan by which a policy decides: everybody alike, and greedy unless it is the random one."""
    return replace(plan, arms=ONE_ARM, exploration=ALL_UNIFORM if policy == RANDOM else NO_EXPLORATION)
