"""Who is in which arm, and what an arm may be shown."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from service.decision.arbitrate import Score, ScoreSource
from service.decision.arms import Arm, Arms
from service.decision.decide import Decision, OtherScores
from service.decision.explore import Exploration, ExplorationPolicy, Scheme
from service.decision.facts import Facts
from service.decision.journey import JourneyKind, Lever
from tests.builders import NOW, Catalogue, Entry, catalogue, decide, facts, journey

SHARES = {Arm.HOLDOUT: 0.1, Arm.RANDOM: 0.2, Arm.NO_LEVERS: 0.1, Arm.CHALLENGER: 0.2}
ARMS = Arms(shares=SHARES, salt="one")
PROMOTIONAL = JourneyKind.PROMOTIONAL
LEVER = Lever(weight=2.0, until=NOW.replace(year=2019), why="push")
CUSTOMERS = {arm: next(str(i) for i in range(1000) if ARMS.of(str(i)) is arm) for arm in Arm}
"""One of each arm."""


def of(customer_id: str) -> Facts:
    known = facts()
    return Facts(**{name: getattr(known, name) for name in known.__slots__} | {"customer_id": customer_id})


def offered(exploration: ExplorationPolicy | None = None) -> Catalogue:
    """By the champion: a at 0.4 (0.2 and a lever), b at 0.3; help comes after them in another tier."""
    return catalogue(
        Entry(journey=journey("a", kind=PROMOTIONAL, lever=LEVER)),
        Entry(journey=journey("b", kind=PROMOTIONAL)),
        Entry(journey=journey("help", tier=2)),
        arms=ARMS,
        exploration=exploration or ExplorationPolicy(),
    )


SCORES = {n: Score(p_outcome=p, source=ScoreSource.MODEL) for n, p in {"a": 0.2, "b": 0.3, "help": 0.1}.items()}
OTHER = OtherScores(
    model_version="other",
    by_journey={n: Score(p_outcome=p, source=ScoreSource.MODEL) for n, p in {"a": 0.1, "b": 0.9, "help": 0.1}.items()},
    is_shown=True,
)


def asked(arm: Arm, decision_id: str = "this", *, limit: int = 1, made: Catalogue | None = None) -> Decision:
    plan = (made or offered()).plan
    return decide(plan, of(CUSTOMERS[arm]), limit=limit, scores=SCORES, decision_id=decision_id, other=OTHER)


def ranked(decision: Decision) -> list[str]:
    return [p.journey_id for p in decision.picks]


def test_shares_are_met_over_customers_and_a_customer_stays() -> None:
    counts = Counter(ARMS.of(f"c{i}") for i in range(20_000))
    for arm, share in ARMS.with_share.items():
        assert abs(counts[arm] - 20_000 * share) < 4.0 * math.sqrt(20_000 * share * (1 - share)), arm
    assert ARMS.with_share[Arm.CHAMPION] == pytest.approx(0.4)
    assert [ARMS.of(f"c{i}") for i in range(100)] == [ARMS.of(f"c{i}") for i in range(100)]


def test_another_salt_assigns_anew_and_independently() -> None:
    other = Arms(shares=SHARES, salt="two")
    both = sum(ARMS.of(f"c{i}") is other.of(f"c{i}") is Arm.RANDOM for i in range(20_000))
    assert abs(both - 20_000 * 0.04) < 4.0 * math.sqrt(20_000 * 0.04 * 0.96)


def test_without_a_challenger_its_customers_are_the_champions_and_no_other_moves() -> None:
    fewer = ARMS.without(Arm.CHALLENGER)
    for i in range(2_000):
        before, after = ARMS.of(f"c{i}"), fewer.of(f"c{i}")
        assert after is (Arm.CHAMPION if before is Arm.CHALLENGER else before)


def test_each_arm_has_its_own_order() -> None:
    assert ranked(asked(Arm.CHAMPION)) == ["a"]
    assert ranked(asked(Arm.NO_LEVERS)) == ["b"]
    assert ranked(asked(Arm.CHALLENGER)) == ["b"]


def test_the_holdout_is_shown_nothing_but_what_helps_and_the_rest_says_so() -> None:
    decision = asked(Arm.HOLDOUT, limit=3)
    assert ranked(decision) == ["help"]
    denied = {r.journey_id: [reason.code for reason in r.reasons] for r in decision.rejected}
    assert denied == {"a": ["HOLDOUT"], "b": ["HOLDOUT"]}
    assert decision.no_journey is not None
    assert [reason.code for reason in decision.no_journey] == ["HOLDOUT"]


def test_the_random_arm_draws_evenly_inside_the_best_tier() -> None:
    counts = Counter(ranked(asked(Arm.RANDOM, f"d{i}"))[0] for i in range(2_000))
    assert counts.keys() == {"a", "b"}
    assert abs(counts["a"] - 1_000) < 4.0 * math.sqrt(500)
    assert {p.selection_probability for i in range(20) for p in asked(Arm.RANDOM, f"d{i}").picks} == {0.5}


def test_the_probability_over_all_arms_is_that_of_each_by_its_share() -> None:
    """Of a: champion 0.4 × 1 + random 0.2 × 0.5; of b: challenger 0.2 + no levers 0.1 + random 0.1."""
    assert asked(Arm.CHAMPION).picks[0].chance.over_arms == pytest.approx(0.5)
    for arm in (Arm.CHALLENGER, Arm.NO_LEVERS):
        assert asked(arm).picks[0].chance.over_arms == pytest.approx(0.4)
    drawn = {asked(Arm.RANDOM, f"d{i}").picks[0] for i in range(20)}
    assert {(p.journey_id, round(p.chance.over_arms, 12)) for p in drawn} == {("a", 0.5), ("b", 0.4)}


def test_in_a_later_slot_the_arms_weigh_by_how_likely_they_made_the_slots_before() -> None:
    """a then b: P(a) = 0.5; then b for certain by champion and random, of whose 0.5 it is all."""
    first, second = asked(Arm.CHAMPION, limit=2).picks
    assert [first.chance.over_arms, second.chance.over_arms] == pytest.approx([0.5, 1.0])
    joint = first.chance.over_arms * second.chance.over_arms
    other = asked(Arm.NO_LEVERS, limit=2).picks
    holdout = asked(Arm.HOLDOUT, limit=2)
    assert holdout.selection.silence is not None
    of_holdout = holdout.picks[0].chance.over_arms * holdout.selection.silence.over_arms
    assert joint + math.prod(p.chance.over_arms for p in other) + of_holdout == pytest.approx(1.0, abs=1e-12)


def test_arms_that_explore_draw_by_their_own_order() -> None:
    drawn = ExplorationPolicy(by_kind={PROMOTIONAL: Exploration(scheme=Scheme.EPSILON, epsilon=0.2)})
    found = [asked(Arm.CHALLENGER, f"d{i}", made=offered(drawn)).picks[0] for i in range(200)]
    assert {(p.journey_id, round(p.selection_probability, 12)) for p in found} == {("a", 0.1), ("b", 0.9)}
    assert {p.chance.is_exploration for p in found if p.journey_id == "a"} == {True}


def test_whoever_falls_beyond_what_rounding_left_of_the_line_is_in_the_last_arm_with_customers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Added one by one, 0.7, 0.2 and 0.1 come to less than 1."""
    shares = {Arm.HOLDOUT: 0.7, Arm.RANDOM: 0.2, Arm.NO_LEVERS: 0.1}
    assert 0.7 + 0.2 + 0.1 < 1.0
    monkeypatch.setattr("service.decision.arms._place", lambda salt, customer: 0.7 + 0.2 + 0.1)
    assert Arms(shares=shares).of("any") is Arm.NO_LEVERS
