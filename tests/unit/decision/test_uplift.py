"""Ranked by uplift, and silence that is worth what would come by itself: closed forms, the record, the wire, words."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace

import pytest

from rumbo.decision.v1.decision_pb2 import DecideResponse
from service.decision.arbitrate import Score, ScoredCandidate, ScoreSource
from service.decision.arms import Arm, Arms
from service.decision.decide import Decision
from service.decision.explore import Exploration, ExplorationPolicy, Scheme, Silence
from service.decision.journey import Journey, JourneyKind, Lever, Objective, RankBy, Stage, StagePlan
from service.decision.plan import ContextWeight, Plan
from service.decision.reasons import for_pick
from service.decision.record import canonical, output, replay, to_document
from service.texts.fill import text
from service.wire import answers
from tests.builders import COMPILER, NOW, Entry, action, catalogue, decide, facts, journey

PROMOTIONAL = JourneyKind.PROMOTIONAL
LEARNT = Silence(threshold=0.0, is_learnt=True)


def offered(
    name: str,
    rank_by: RankBy = RankBy.UPLIFT,
    *,
    value: float = 1.0,
    cost: float = 0.0,
    outcome: str | None = None,
    is_weighed: bool = False,
    tier: int = 1,
) -> Journey:
    objective = Objective(
        within=journey().objective.within,
        value=value,
        event=None if outcome else "purchase",
        outcome=outcome,
        rank_by=rank_by,
        is_weighed_against_silence=is_weighed,
    )
    stage = StagePlan(stage=Stage.NEED, actions=(replace(action(), cost=cost),))
    return replace(journey(name, kind=PROMOTIONAL, tier=tier, stages=(stage,)), objective=objective)


def told(p: float, p_if_silent: float | None = None, value: float | None = None) -> Score:
    return Score(p_outcome=p, source=ScoreSource.MODEL, value=value, p_if_silent=p_if_silent)


def plan_of(*journeys: Journey, silence: Silence | None = None, arms: Arms | None = None) -> Plan:
    made = catalogue(*(Entry(journey=j) for j in journeys)).plan
    return replace(made, silence=silence or made.silence, arms=arms or made.arms)


def by_id(decision: Decision) -> Mapping[str, ScoredCandidate]:
    return {s.journey_id: s for s in decision.scored}


def replayed(plan: Plan, decision: Decision) -> Decision:
    """Decided again from the text of its record; what comes out is the same to the letter."""
    document = json.loads(canonical(to_document(decision)))
    again = replay(plan, document["input"])
    assert canonical(output(again)) == canonical(document["output"])
    return again


def test_what_would_come_of_itself_is_taken_off_before_the_weights_and_the_cost() -> None:
    """(0.5 − 0.375) × 8 × 1.5 × 2 − 0.75 = 2.25"""
    lever = Lever(weight=2.0, until=NOW + journey().objective.within, why="a push")
    weights = (ContextWeight(when=COMPILER.compile("true"), weight=1.5),)
    own = replace(offered("a", value=8.0, cost=0.75), lever=lever)
    plan = catalogue(Entry(journey=own, context_weights=weights)).plan
    (scored,) = decide(plan, facts(), scores={"a": told(0.5, 0.375)}).scored
    assert (scored.priority, scored.ranked_by, scored.p_if_silent) == (2.25, RankBy.UPLIFT, 0.375)


def test_who_would_convert_anyway_comes_after_who_is_moved() -> None:
    """By outcome `sure` (0.9) comes before `moved` (0.3); by uplift 0.05 after 0.25."""
    scores = {"sure": told(0.9, 0.85), "moved": told(0.3, 0.05)}
    by = {
        rank_by: [
            p.journey_id for p in decide(plan_of(*(offered(n, rank_by) for n in scores)), facts(), scores=scores).picks
        ]
        for rank_by in RankBy
    }
    assert by == {RankBy.OUTCOME: ["sure", "moved"], RankBy.UPLIFT: ["moved", "sure"]}


def test_until_a_model_tells_of_silence_the_outcome_alone_counts_and_the_reason_says_so() -> None:
    decision = decide(plan_of(offered("a", value=4.0)), facts(), scores={"a": told(0.5)})
    (pick,) = decision.picks
    assert (pick.scored.priority, pick.scored.ranked_by, pick.scored.p_if_silent) == (2.0, RankBy.OUTCOME, None)
    reason = next(for_pick(pick, decision))
    assert reason.params["ranked_by"] == "OUTCOME"
    assert "p_if_silent" not in reason.params
    assert "no model tells yet what comes of saying nothing" in text(reason, "en", {})
    assert "ningún modelo dice aún" in text(reason, "es", {})


def test_both_probabilities_are_in_the_reason_in_both_languages() -> None:
    decision = decide(plan_of(offered("a", value=4.0)), facts(), scores={"a": told(0.5, 0.125)})
    reason = next(for_pick(decision.picks[0], decision))
    assert (reason.params["p_outcome"], reason.params["p_if_silent"]) == (0.5, 0.125)
    assert text(reason, "en", {}) == (
        "Ordered by the model, which gives it 50% to meet its objective and 12.5% if it is not shown (the difference "
        "counts), worth 4, in tier 1."
    )
    assert text(reason, "es", {}) == (
        "Ordenado por el modelo, que le da un 50 % de cumplir su objetivo y un 12,5 % si no se muestra (cuenta la "
        "diferencia), con valor 4, en el nivel 1."
    )


def test_an_outcome_cannot_come_of_silence_whatever_is_told() -> None:
    """An outcome is reported of a contact: without one there is none, with a model or without."""
    plan = plan_of(offered("a", outcome="CONVERTED"), offered("b", RankBy.OUTCOME, outcome="CONVERTED"))
    for p_if_silent in (None, 0.25):
        found = by_id(decide(plan, facts(), scores={"a": told(0.5, p_if_silent), "b": told(0.5, p_if_silent)}))
        assert (found["a"].p_if_silent, found["a"].ranked_by, found["a"].priority) == (0.0, RankBy.UPLIFT, 0.5)
        assert (found["b"].p_if_silent, found["b"].ranked_by, found["b"].priority) == (None, RankBy.OUTCOME, 0.5)


@pytest.mark.parametrize("fault", [math.nan, math.inf, -math.inf])
def test_a_chance_in_silence_that_is_no_number_places_its_journey_last_and_is_replayed(fault: float) -> None:
    plan = plan_of(offered("a"), offered("b"), silence=LEARNT)
    decision = decide(plan, facts(), scores={"a": told(0.9, fault), "b": told(0.1, 0.05)})
    assert [s.journey_id for s in decision.scored] == ["b", "a"]
    assert decision.picks[0].journey_id == "b"
    replayed(plan, decision)


def test_the_record_has_what_was_told_of_silence_and_nothing_where_nothing_was() -> None:
    plan = plan_of(*(offered(n, value=2.0) for n in "ab"), offered("c", RankBy.OUTCOME))
    scores = {"a": told(0.5, 0.25), "b": told(0.5, 0.125, 40.0), "c": told(0.5)}
    decision = decide(plan, facts(), scores=scores)
    document = json.loads(canonical(to_document(decision)))
    assert document["input"]["scores"] == {
        "a": [0.5, "MODEL", None, 0.25],
        "b": [0.5, "MODEL", 40.0, 0.125],
        "c": [0.5, "MODEL"],
    }
    found = {r["journey_id"]: r.get("p_if_silent") for r in document["output"]["ranked"]}
    assert found == {"a": 0.25, "b": 0.125, "c": None}
    assert replayed(plan, decision).scores == scores


def test_the_wire_tells_it_of_ranked_and_of_eligible_journeys() -> None:
    plan = plan_of(offered("a"), offered("b"), offered("c", RankBy.OUTCOME))
    scores = {"a": told(0.875, 0.25), "b": told(0.5, 0.0), "c": told(0.125)}
    sent = answers.answer(decide(plan, facts(), scores=scores, limit=1), is_full=True, locale="en")
    found = DecideResponse.FromString(sent)
    (ranked,), eligible = found.ranked, {e.journey_id: e for e in found.eligible}
    assert (ranked.journey_id, ranked.priority, ranked.p_outcome, ranked.p_if_silent) == ("a", 0.625, 0.875, 0.25)
    assert (eligible["b"].p_if_silent, eligible["b"].HasField("p_if_silent")) == (0.0, True)
    assert not eligible["c"].HasField("p_if_silent")


@pytest.mark.parametrize(
    ("p_outcome", "p_if_silent", "expected"),
    [(0.5, 0.25, "a"), (0.5, 0.4375, None), (0.9, 0.875, None), (0.125, 0.0, "a"), (0.5, None, "a")],
)
def test_learnt_silence_is_worth_what_would_come_by_itself_of_the_best(
    p_outcome: float, p_if_silent: float | None, expected: str | None
) -> None:
    """Worth 4 once met, cost 0.25: shown where (p − p if silent) × 4 > 0.25, so above an uplift of 0.0625."""
    plan = plan_of(offered("a", RankBy.OUTCOME, value=4.0, cost=0.25, is_weighed=True), silence=LEARNT)
    decision = decide(plan, facts(), scores={"a": told(p_outcome, p_if_silent)}, limit=1)
    assert next((p.journey_id for p in decision.picks), None) == expected
    if expected is None:
        assert p_if_silent is not None
        assert decision.selection.silence_value == p_if_silent * 4.0
        assert decision.no_journey is not None
        (reason,) = decision.no_journey
        assert reason.params == {"priority": p_outcome * 4.0 - 0.25, "bar": p_if_silent * 4.0}
        assert to_document(decision)["output"]["silence"]["value"] == p_if_silent * 4.0
        sent = answers.answer(decision, is_full=False, locale="en")
        assert DecideResponse.FromString(sent).no_journey.value == p_if_silent * 4.0
    replayed(plan, decision)


def test_what_is_ranked_by_uplift_has_silence_taken_off_already() -> None:
    """Silence is worth 0 beside it, so an uplift below the cost is not shown and one above it is."""
    plan = plan_of(offered("a", value=4.0, cost=0.25, is_weighed=True), silence=LEARNT)
    for p_if_silent, shown in ((0.4375, 0), (0.25, 1)):
        decision = decide(plan, facts(), scores={"a": told(0.5, p_if_silent)}, limit=1)
        assert len(decision.picks) == shown
        assert decision.selection.silence_value in (None, 0.0)


def test_learnt_silence_asks_of_the_slot_at_hand() -> None:
    """After `a`, `b` would be the best: silence is then worth what would come of `b`."""
    plan = plan_of(*(offered(n, RankBy.OUTCOME, is_weighed=True) for n in "ab"), silence=LEARNT)
    decision = decide(plan, facts(), scores={"a": told(0.75, 0.25), "b": told(0.5, 0.5)}, limit=2)
    assert [p.journey_id for p in decision.picks] == ["a"]
    assert decision.selection.silence_value == 0.5


def test_learnt_silence_is_drawn_by_its_worth() -> None:
    """exp(0.5) for `a`, exp(0.25 + 0.125) for silence, at temperature 1."""
    made = plan_of(
        offered("a", RankBy.OUTCOME, is_weighed=True),
        silence=Silence(threshold=0.125, is_explored=True, is_learnt=True),
    )
    soft = ExplorationPolicy(by_kind={PROMOTIONAL: Exploration(scheme=Scheme.SOFTMAX)})
    decision = decide(replace(made, exploration=soft), facts(), scores={"a": told(0.5, 0.25)}, limit=1)
    chance = decision.picks[0].chance if decision.picks else decision.selection.silence
    assert chance is not None
    assert chance.drawn_from.p_of("a") == pytest.approx(math.exp(0.5) / (math.exp(0.5) + math.exp(0.375)))


def test_the_holdout_says_what_would_come_of_what_it_withholds() -> None:
    plan = plan_of(
        offered("a", RankBy.OUTCOME, value=4.0, is_weighed=True),
        silence=LEARNT,
        arms=Arms(shares={Arm.HOLDOUT: 1.0}, salt="s"),
    )
    decision = decide(plan, facts(), scores={"a": told(0.5, 0.25)})
    assert (decision.picks, decision.selection.silence_value) == ((), 1.0)
    replayed(plan, decision)


def test_where_nothing_is_left_learnt_silence_is_worth_nothing() -> None:
    decision = decide(plan_of(silence=LEARNT), facts())
    assert decision.selection.silence_value == 0.0
