"""Scores: the model's where it has history, priors elsewhere; its trouble changes the order, never the answer."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
from numpy.typing import NDArray

from features.encoder import JourneyRow
from features.values import FeatureRow, FeatureStatus
from service.application.scoring import Contributions, Models, Scores, Scoring
from service.decision.arbitrate import Score, ScoreSource, ValueSource
from service.decision.arms import Arm, Arms
from service.decision.decide import Decision, DecisionTerms, Degradation, OtherScores, begin, conclude
from service.decision.facts import Facts
from service.decision.journey import RankBy
from service.decision.plan import Candidate, Plan
from tests.builders import NOW, Entry, catalogue, facts, feature, journey
from tests.one_by_one import ModelOneByOne

KNOWN = facts(features=[feature("spend", 12.5)])
PLAN = catalogue(
    *(
        Entry(journey=replace(journey(j), prior=prior, attributes={"category": j}))
        for j, prior in (("learned", 0.1), ("new", 0.2), ("old", 0.3))
    )
).plan
DEGRADED = (Degradation(what="model", status=FeatureStatus.UNAVAILABLE, effect="RANKED_BY_PRIOR"),)
PRIORS = {j: Score(p_outcome=p, source=ScoreSource.PRIOR) for j, p in (("learned", 0.1), ("new", 0.2), ("old", 0.3))}


class FakeModel(ModelOneByOne):
    """Answers with what `answer` makes of the number of journeys; remembers what it was asked."""

    version = "9f2a"
    history = frozenset({"learned", "old", "gone from the catalogue"})
    valued = frozenset({"learned"})
    silent = frozenset({"learned"})
    columns = ("spend", "visits")

    def __init__(
        self,
        answer: Callable[[int], NDArray[np.float64]] = lambda n: np.linspace(0.5, 0.6, n),
        worth: Callable[[int], NDArray[np.float64]] = lambda n: np.full(n, 40.0),
        in_silence: Callable[[int], NDArray[np.float64]] = lambda n: np.full(n, 0.25),
    ) -> None:
        self._answer = answer
        self._worth = worth
        self._in_silence = in_silence
        self.asked: list[tuple[FeatureRow, datetime, Sequence[JourneyRow]]] = []
        self.asked_values: list[tuple[FeatureRow, datetime, Sequence[JourneyRow]]] = []
        self.asked_of_silence: list[list[str]] = []

    def score(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        self.asked.append((row, at, journeys))
        return self._answer(len(journeys))

    def values(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        self.asked_values.append((row, at, journeys))
        return self._worth(len(journeys))

    def p_if_silent(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        self.asked_of_silence.append([j.journey_id for j in journeys])
        return self._in_silence(len(journeys))

    def contributions(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        self.asked.append((row, at, journeys))
        return self._answer(len(journeys))


def fail(n: int) -> NDArray[np.float64]:
    raise RuntimeError("the booster is broken")


async def scores_by(
    model: FakeModel | None, candidates: Sequence[Candidate] | None = None, plan: Plan = PLAN
) -> Scores:
    scoring = Scoring(model)
    survivors = begin(plan, KNOWN).survivors if candidates is None else candidates
    try:
        return await scoring.score(survivors, KNOWN)
    finally:
        scoring.close()


async def test_journeys_with_history_get_the_models_score_and_the_others_their_prior() -> None:
    found = await scores_by(FakeModel())
    assert found == Scores(
        by_journey={
            "learned": Score(p_outcome=0.5, source=ScoreSource.MODEL),
            "new": PRIORS["new"],
            "old": Score(p_outcome=0.6, source=ScoreSource.MODEL),
        },
        model_version="9f2a",
        degraded=(),
    )


async def test_the_model_is_asked_once_and_only_for_journeys_with_history() -> None:
    model = FakeModel()
    await scores_by(model)
    rows = [JourneyRow(journey_id=j, kind="service", attributes={"category": j}) for j in ("learned", "old")]
    assert model.asked == [(KNOWN.features, NOW, rows)]


async def test_the_model_is_not_asked_when_no_survivor_has_history() -> None:
    model = FakeModel(fail)
    new = [c for c in begin(PLAN, KNOWN).survivors if c.journey_id == "new"]
    for candidates in ([], new):
        found = await scores_by(model, candidates)
        assert (found.model_version, found.degraded) == ("9f2a", ())
    assert model.asked == []


async def test_without_a_model_every_journey_has_its_prior_and_the_answer_says_so() -> None:
    assert await scores_by(None) == Scores(by_journey=PRIORS, model_version="", degraded=DEGRADED)


@pytest.mark.parametrize(
    "answer",
    [
        fail,
        lambda n: np.array([0.5] * (n - 1) + [math.nan]),
        lambda n: np.array([math.inf] + [0.5] * (n - 1)),
        lambda n: np.array([-math.inf] * n),
        lambda n: np.array([1.0] * (n - 1) + [1.01]),
        lambda n: np.array([-0.01] + [0.0] * (n - 1)),
        lambda n: np.array([0.5] * (n - 1)),
        lambda n: np.array([0.5] * (n + 1)),
        lambda n: np.full((n, 2), 0.5),
    ],
    ids=[
        "raises",
        "one-nan",
        "one-infinity",
        "all-negative-infinity",
        "above-one",
        "below-zero",
        "too-few",
        "too-many",
        "a-matrix",
    ],
)
async def test_a_model_that_fails_leaves_every_journey_its_prior_and_the_answer_says_so(
    answer: Callable[[int], NDArray[np.float64]],
) -> None:
    assert await scores_by(FakeModel(answer)) == Scores(by_journey=PRIORS, model_version="", degraded=DEGRADED)


def with_learnt_values(*learnt: str) -> Plan:
    """PLAN, in which the values of these journeys are learnt; each is worth 6.5 until a model tells."""
    entries = []
    for j, prior in (("learned", 0.1), ("new", 0.2), ("old", 0.3)):
        own = journey(j, value=6.5)
        objective = replace(own.objective, is_value_learnt=j in learnt)
        entries.append(Entry(journey=replace(own, prior=prior, objective=objective)))
    return catalogue(*entries).plan


async def test_a_learnt_value_is_the_models_where_it_tells_one_and_the_catalogues_elsewhere() -> None:
    """The model has history of `learned` and `old`, and tells values of `learned` alone."""
    plan = with_learnt_values("learned", "new", "old")
    found = await scores_by(FakeModel(), plan=plan)
    assert {j: score.value for j, score in found.by_journey.items()} == {"learned": 40.0, "new": None, "old": None}
    decision = conclude(begin(plan, KNOWN), found.by_journey, DecisionTerms(decision_id="d", limit=3))
    assert {s.journey_id: (s.value, s.value_source, s.priority) for s in decision.scored} == {
        "learned": (40.0, ValueSource.MODEL, 0.5 * 40.0),
        "new": (6.5, ValueSource.PRIOR, 0.2 * 6.5),
        "old": (6.5, ValueSource.PRIOR, 0.6 * 6.5),
    }


async def test_the_model_is_asked_for_values_of_journeys_alone_that_ask_for_them() -> None:
    fixed, asking = FakeModel(), FakeModel()
    await scores_by(fixed)
    await scores_by(asking, plan=with_learnt_values("learned", "new", "old"))
    assert fixed.asked_values == []
    assert [[j.journey_id for j in journeys] for _, _, journeys in asking.asked_values] == [["learned"]]


def asking_of_silence(*by_uplift: str, outcome: str | None = None) -> Plan:
    """PLAN, in which these journeys are ranked by uplift; their objective is an event, or this outcome."""
    entries = []
    for j, prior in (("learned", 0.1), ("new", 0.2), ("old", 0.3)):
        own = journey(j)
        rank_by = RankBy.UPLIFT if j in by_uplift else RankBy.OUTCOME
        objective = replace(own.objective, rank_by=rank_by, outcome=outcome)
        entries.append(Entry(journey=replace(own, prior=prior, objective=objective)))
    return catalogue(*entries).plan


async def test_the_model_tells_of_silence_where_an_objective_is_ranked_by_uplift_and_it_can() -> None:
    """The model has history of `learned` and `old`, and tells what comes of silence of `learned` alone."""
    model = FakeModel()
    found = await scores_by(model, plan=asking_of_silence("learned", "new", "old"))
    assert {j: score.p_if_silent for j, score in found.by_journey.items()} == {
        "learned": 0.25,
        "new": None,
        "old": None,
    }
    assert model.asked_of_silence == [["learned"]]


async def test_the_model_is_not_asked_of_silence_where_nothing_is_ranked_by_it_or_none_can_come() -> None:
    for plan in (PLAN, asking_of_silence("old"), asking_of_silence("learned", outcome="CONVERTED")):
        model = FakeModel(in_silence=fail)
        assert (await scores_by(model, plan=plan)).degraded == ()
        assert model.asked_of_silence == []


@pytest.mark.parametrize(
    "in_silence",
    [
        fail,
        lambda n: np.array([math.nan] * n),
        lambda n: np.array([math.inf] * n),
        lambda n: np.array([-0.01] * n),
        lambda n: np.array([1.01] * n),
        lambda n: np.array([0.5] * (n + 1)),
        lambda n: np.full((n, 2), 0.5),
    ],
    ids=["raises", "nan", "infinity", "below-zero", "above-one", "too-many", "a-matrix"],
)
async def test_a_model_whose_chance_in_silence_is_no_probability_leaves_every_journey_its_prior(
    in_silence: Callable[[int], NDArray[np.float64]],
) -> None:
    found = await scores_by(FakeModel(in_silence=in_silence), plan=asking_of_silence("learned"))
    assert found == Scores(by_journey=PRIORS, model_version="", degraded=DEGRADED)


@pytest.mark.parametrize(
    "worth",
    [
        fail,
        lambda n: np.array([math.nan] * n),
        lambda n: np.array([math.inf] * n),
        lambda n: np.array([-0.01] * n),
        lambda n: np.array([40.0] * (n + 1)),
        lambda n: np.full((n, 2), 40.0),
    ],
    ids=["raises", "nan", "infinity", "below-zero", "too-many", "a-matrix"],
)
async def test_a_model_whose_value_is_no_amount_leaves_every_journey_its_prior_and_the_answer_says_so(
    worth: Callable[[int], NDArray[np.float64]],
) -> None:
    found = await scores_by(FakeModel(worth=worth), plan=with_learnt_values("learned"))
    assert found == Scores(by_journey=PRIORS, model_version="", degraded=DEGRADED)


def decided(version: str = "9f2a", known: Facts = KNOWN) -> Decision:
    """`learned` and `new` are ranked, the first scored by the model."""
    scores = {
        "learned": Score(p_outcome=0.9, source=ScoreSource.MODEL),
        "new": Score(p_outcome=0.8, source=ScoreSource.PRIOR),
        "old": Score(p_outcome=0.1, source=ScoreSource.MODEL),
    }
    return conclude(begin(PLAN, known), scores, DecisionTerms(decision_id="d1", limit=2, model_version=version))


@pytest.fixture
async def explain() -> AsyncIterator[Callable[[FakeModel | None], Scoring]]:
    """A scoring over a model, closed at the end."""
    made: list[Scoring] = []

    def scoring(model: FakeModel | None) -> Scoring:
        made.append(Scoring(model))
        return made[-1]

    yield scoring
    for one in made:
        one.close()


Explain = Callable[[FakeModel | None], Scoring]


async def test_contributions_are_given_for_what_the_model_ranked(explain: Explain) -> None:
    model = FakeModel(lambda n: np.array([[0.25, -0.5, 1.0]] * n))
    expected = Contributions(base=1.0, by_feature={"spend": 0.25, "visits": -0.5})
    assert await explain(model).contributions(decided()) == {"learned": expected}
    rows = [JourneyRow(journey_id="learned", kind="service", attributes={"category": "learned"})]
    assert model.asked == [(KNOWN.features, NOW, rows)]


@pytest.mark.parametrize(
    ("model", "decision"),
    [(None, decided()), (FakeModel(fail), decided("another version")), (FakeModel(fail), decided())],
    ids=["no-model", "another-model", "a-model-that-fails"],
)
async def test_there_are_no_contributions_of_a_model_that_did_not_score_or_fails(
    explain: Explain, model: FakeModel | None, decision: Decision
) -> None:
    assert await explain(model).contributions(decision) == {}


CHALLENGED = Arms(shares={Arm.CHALLENGER: 0.2})
SHADOWED = Arms(has_shadow=True)


class Challenger(FakeModel):
    version = "c4a1"
    history = frozenset({"new"})


async def both_by(champion: FakeModel | None, challenger: FakeModel | None, arms: Arms) -> Scores:
    scoring = Scoring(None)
    scoring.use(Models(champion=champion, challenger=challenger))
    try:
        return await scoring.score(begin(PLAN, KNOWN).survivors, KNOWN, arms)
    finally:
        scoring.close()


@pytest.mark.parametrize(("arms", "is_shown"), [(CHALLENGED, True), (SHADOWED, False)], ids=["shown", "shadow"])
async def test_a_challenger_scores_beside_the_champion_where_arms_ask_for_it(arms: Arms, is_shown: bool) -> None:
    found = await both_by(FakeModel(), Challenger(lambda n: np.full(n, 0.7)), arms)
    alone = await scores_by(FakeModel())
    of_challenger = {**PRIORS, "new": Score(p_outcome=0.7, source=ScoreSource.MODEL)}
    other = OtherScores(model_version="c4a1", by_journey=of_challenger, is_shown=is_shown)
    assert found == replace(alone, other=other)


async def test_a_challenger_that_nobody_asks_for_is_not_asked() -> None:
    challenger = Challenger(fail)
    assert await both_by(FakeModel(), challenger, Arms(shares={Arm.HOLDOUT: 0.1})) == await scores_by(FakeModel())
    assert challenger.asked == []


async def test_arms_without_a_challenger_in_force_are_the_champions_and_nothing_is_degraded() -> None:
    assert await both_by(FakeModel(), None, CHALLENGED) == await scores_by(FakeModel())


async def test_a_challenger_that_fails_leaves_the_champion_and_the_answer_says_so() -> None:
    found = await both_by(FakeModel(), Challenger(fail), CHALLENGED)
    unavailable = Degradation(what="challenger", status=FeatureStatus.UNAVAILABLE, effect="RANKED_BY_CHAMPION")
    assert found == replace(await scores_by(FakeModel()), degraded=(unavailable,))


async def test_a_champion_that_fails_leaves_the_priors_beside_the_challenger() -> None:
    found = await both_by(FakeModel(fail), Challenger(), CHALLENGED)
    assert (found.by_journey, found.model_version, found.degraded) == (PRIORS, "", DEGRADED)
    assert found.other is not None
    assert found.other.model_version == "c4a1"


async def test_scores_under_way_are_of_the_models_that_they_began_with() -> None:
    """The champion is replaced while it scores: the challenger that follows is of the same pair."""
    scoring = Scoring(None)

    def replaced(n: int) -> NDArray[np.float64]:
        scoring.use(Models(champion=None, challenger=None))
        return np.full(n, 0.5)

    scoring.use(Models(champion=FakeModel(replaced), challenger=Challenger()))
    found = await scoring.score(begin(PLAN, KNOWN).survivors, KNOWN, CHALLENGED)
    scoring.close()
    assert found.other is not None
    assert (found.model_version, found.other.model_version) == ("9f2a", "c4a1")


async def test_contributions_of_the_challengers_arm_are_the_challengers(explain: Explain) -> None:
    challenger = Challenger(lambda n: np.array([[0.25, -0.5, 1.0]] * n))
    scoring = explain(FakeModel(fail))
    scoring.use(Models(champion=FakeModel(fail), challenger=challenger))
    assert set(await scoring.contributions(decided("c4a1"))) == {"learned"}
