"""Arbitration: tier, then priority = p × value × context weight × lever − cost; what is not finite comes last."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from service.decision.arbitrate import Score, ScoredCandidate, ScoreSource, arbitrate
from service.decision.journey import Journey, Lever, Stage, StagePlan
from service.decision.plan import ContextWeight
from tests.builders import COMPILER, NOW, Entry, action, catalogue, evaluation, facts, feature, journey

ALWAYS = COMPILER.compile("true")
BIG_SPENDER = COMPILER.compile("customer.spend > 10.0")


def weigh(offered: Entry, p_outcome: float = 0.5, spend: float | None = None) -> ScoredCandidate:
    known = facts(features=[] if spend is None else [feature("spend", spend)])
    scores = {offered.journey.journey_id: Score(p_outcome=p_outcome, source=ScoreSource.MODEL)}
    (scored,) = arbitrate(catalogue(offered).plan.candidates(known), scores, evaluation(known))
    return scored


def ordered(placed: Sequence[tuple[str, int, float]]) -> list[str]:
    """The order of journeys given as (id, tier, p), all worth 1 and free of cost."""
    plan = catalogue(*(Entry(journey=journey(name, tier=tier)) for name, tier, _ in placed)).plan
    scores = {name: Score(p_outcome=p, source=ScoreSource.MODEL) for name, _, p in placed}
    return [s.journey_id for s in arbitrate(plan.candidates(facts()), scores, evaluation(facts()))]


def costly(cost: float, *, value: float = 1.0) -> Journey:
    stage = StagePlan(stage=Stage.NEED, actions=(replace(action(), cost=cost),))
    return journey(value=value, stages=(stage,))


def test_priority_is_p_times_value_times_context_weight_times_lever_less_cost() -> None:
    """0.25 × 8 × 1.5 × 2 − 0.75 = 5.25"""
    lever = Lever(weight=2.0, until=NOW + timedelta(days=1), why="a push")
    weights = (ContextWeight(when=ALWAYS, weight=1.5),)
    scored = weigh(Entry(journey=replace(costly(0.75, value=8.0), lever=lever), context_weights=weights), 0.25)
    assert (scored.context_weight, scored.lever, scored.priority) == (1.5, 2.0, 5.25)


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ([], 1.0),
        ([1.5], 1.5),
        ([1.5, 1.2], 1.8),
        ([2.0, 2.0], 2.0),
        ([0.5, 0.5], 0.5),
        ([0.5, 0.5, 2.0, 2.0], 1.0),
    ],
)
def test_context_weights_multiply_and_stay_within_a_half_and_two(weights: list[float], expected: float) -> None:
    chosen = tuple(ContextWeight(when=ALWAYS, weight=w) for w in weights)
    scored = weigh(Entry(journey=journey(), context_weights=chosen))
    assert scored.context_weight == pytest.approx(expected, rel=1e-15)
    assert isinstance(scored.context_weight, float)


@pytest.mark.parametrize(("spend", "expected"), [(20.0, 2.0), (5.0, 1.0), (None, 1.0), (math.nan, 1.0)])
def test_a_context_weight_counts_only_while_its_condition_is_known_to_hold(
    spend: float | None, expected: float
) -> None:
    weights = (ContextWeight(when=BIG_SPENDER, weight=2.0),)
    assert weigh(Entry(journey=journey(), context_weights=weights), spend=spend).context_weight == expected


@pytest.mark.parametrize(
    ("until", "expected"),
    [(timedelta(seconds=1), 1.5), (timedelta(0), 1.0), (timedelta(seconds=-1), 1.0)],
)
def test_a_lever_ends_at_its_instant(until: timedelta, expected: float) -> None:
    lever = Lever(weight=1.5, until=NOW + until, why="a push")
    scored = weigh(Entry(journey=journey(lever=lever)))
    assert (scored.lever, scored.priority) == (expected, 0.5 * expected)


@pytest.mark.parametrize(
    ("placed", "expected"),
    [
        ([("a", 2, 0.9), ("b", 1, 0.1)], ["b", "a"]),
        ([("a", 1, 0.1), ("b", 1, 0.9)], ["b", "a"]),
        ([("b", 1, 0.5), ("a", 1, 0.5)], ["a", "b"]),
        ([("a", 1, math.nan), ("b", 1, -5.0)], ["b", "a"]),
        ([("a", 1, math.inf), ("b", 1, 0.0)], ["b", "a"]),
        ([("b", 1, math.inf), ("a", 1, -math.inf), ("c", 1, math.nan)], ["a", "b", "c"]),
        ([("a", 1, math.nan), ("b", 2, 0.9)], ["a", "b"]),
        ([("b", 1, 0.0), ("a", 1, -0.0)], ["a", "b"]),
        ([("a", 1, 1e-320), ("b", 1, 2e-320)], ["b", "a"]),
    ],
)
def test_the_order_is_tier_then_priority_with_what_is_not_finite_last_and_ties_by_id(
    placed: list[tuple[str, int, float]], expected: list[str]
) -> None:
    """Tiers come before anything else, also for a score that is not finite."""
    assert ordered(placed) == expected
    assert ordered(placed[::-1]) == expected


def test_a_product_that_overflows_is_not_finite_either() -> None:
    plan = catalogue(Entry(journey=journey("a", value=1e308)), Entry(journey=journey("b"))).plan
    scores = {name: Score(p_outcome=10.0, source=ScoreSource.MODEL) for name in ("a", "b")}
    placed = arbitrate(plan.candidates(facts()), scores, evaluation(facts()))
    assert [(s.journey_id, s.priority) for s in placed] == [("b", 10.0), ("a", math.inf)]


def test_a_cost_may_make_a_priority_negative_and_it_is_still_ordered() -> None:
    """It is allowed, so it may be said when nothing better is; saying nothing instead is for learning to choose."""
    assert weigh(Entry(journey=costly(0.75)), 0.5).priority == -0.25
