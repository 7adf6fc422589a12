"""The probabilities of a slot, worked out by hand; what is never drawn; silence and its bar."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from service.decision.arbitrate import Score, ScoredCandidate, ScoreSource
from service.decision.explore import (
    ALL_UNIFORM,
    NO_EXPLORATION,
    NO_SILENCE,
    Draws,
    Exploration,
    ExplorationPolicy,
    Scheme,
    Silence,
    SlotDistribution,
    distribution,
)
from service.decision.journey import JourneyKind
from tests.builders import Entry, catalogue, decide, facts, journey

PROMOTIONAL, SERVICE, LOYALTY = JourneyKind.PROMOTIONAL, JourneyKind.SERVICE, JourneyKind.LOYALTY


def ranked(*offered: tuple[str, float], kind: JourneyKind = PROMOTIONAL, tier: int = 1) -> list[ScoredCandidate]:
    """Candidates with these priorities, for a value of 1, the best first."""
    entries = [Entry(journey=journey(name, kind=kind, tier=tier)) for name, _ in offered]
    scores = {name: Score(p_outcome=p, source=ScoreSource.PRIOR) for name, p in offered}
    return list(decide(catalogue(*entries).plan, facts(), scores=scores).scored)


def policy(exploration: Exploration, *kinds: JourneyKind) -> ExplorationPolicy:
    return ExplorationPolicy(by_kind=dict.fromkeys(kinds or (PROMOTIONAL,), exploration))


def epsilon(share: float, floor: float = 0.0) -> Exploration:
    return Exploration(scheme=Scheme.EPSILON, epsilon=share, floor=floor)


def softmax(temperature: float, floor: float = 0.0) -> Exploration:
    return Exploration(scheme=Scheme.SOFTMAX, temperature=temperature, floor=floor)


def told(found: SlotDistribution) -> dict[str | None, float]:
    return dict(zip(found.options, found.p, strict=True))


ABC = (("a", 0.6), ("b", 0.4), ("c", 0.1))


def test_with_epsilon_the_best_keeps_the_rest_and_its_part_of_what_is_uniform() -> None:
    found = distribution(ranked(*ABC), policy(epsilon(0.3)), NO_SILENCE)
    assert told(found) == pytest.approx({"a": 0.8, "b": 0.1, "c": 0.1})
    assert (found.best, found.is_forced) == (0, False)


def test_a_floor_raises_epsilon_as_far_as_it_must_and_no_further_than_to_uniform() -> None:
    assert told(distribution(ranked(*ABC), policy(epsilon(0.03, floor=0.05)), NO_SILENCE)) == pytest.approx(
        {"a": 0.9, "b": 0.05, "c": 0.05}
    )
    high = distribution(ranked(*ABC), policy(epsilon(0.0, floor=0.9)), NO_SILENCE)
    assert told(high) == pytest.approx(dict.fromkeys("abc", 1 / 3))


def test_softmax_is_by_the_exponential_of_the_priority_over_the_temperature() -> None:
    found = told(distribution(ranked(*ABC), policy(softmax(0.5)), NO_SILENCE))
    total = math.exp(1.2) + math.exp(0.8) + math.exp(0.2)
    assert found == pytest.approx({"a": math.exp(1.2) / total, "b": math.exp(0.8) / total, "c": math.exp(0.2) / total})


def test_softmax_with_a_floor_gives_each_at_least_that() -> None:
    found = told(distribution(ranked(("a", 1.0), ("b", 0.0)), policy(softmax(0.001, floor=0.1)), NO_SILENCE))
    assert found == pytest.approx({"a": 0.9, "b": 0.1})


def test_softmax_gives_what_is_not_finite_nothing_but_the_floor() -> None:
    found = told(distribution(ranked(("a", 0.5), ("b", math.nan)), policy(softmax(1.0, floor=0.02)), NO_SILENCE))
    assert found == pytest.approx({"a": 0.98, "b": 0.02})


def test_only_the_best_tier_is_drawn_from() -> None:
    left = [*ranked(("a", 0.2), ("b", 0.1), tier=1), *ranked(("c", 0.9), tier=2)]
    assert told(distribution(left, policy(epsilon(1.0)), NO_SILENCE)) == pytest.approx({"a": 0.5, "b": 0.5})


def test_who_is_alone_in_its_tier_is_forced() -> None:
    left = [*ranked(("a", 0.2), tier=1), *ranked(("c", 0.9), tier=2)]
    for explored in (policy(epsilon(1.0)), NO_EXPLORATION):
        found = distribution(left, explored, NO_SILENCE)
        assert (told(found), found.is_forced) == ({"a": 1.0}, True)
    assert not distribution(ranked(*ABC), NO_EXPLORATION, NO_SILENCE).is_forced


@pytest.mark.parametrize("kind", [SERVICE, JourneyKind.RESOLUTION])
def test_a_helping_kind_never_explores_and_is_never_drawn(kind: JourneyKind) -> None:
    helping = ranked(("help", 0.5), kind=kind)
    assert told(distribution([*helping, *ranked(("a", 0.4))], ALL_UNIFORM, NO_SILENCE)) == {"help": 1.0}
    found = distribution([*ranked(("a", 0.9), ("b", 0.8)), *helping], ALL_UNIFORM, NO_SILENCE)
    assert told(found) == pytest.approx({"a": 0.5, "b": 0.5})


def test_the_kind_of_the_best_says_how_and_kinds_that_do_not_explore_are_not_drawn() -> None:
    left = [*ranked(("a", 0.9)), *ranked(("loyal", 0.8), kind=LOYALTY), *ranked(("b", 0.7))]
    assert told(distribution(left, policy(epsilon(0.5)), NO_SILENCE)) == pytest.approx({"a": 0.75, "b": 0.25})
    assert told(distribution(left[1:], policy(epsilon(0.5)), NO_SILENCE)) == {"loyal": 1.0}


def test_nothing_left_is_silence_for_certain() -> None:
    found = distribution([], ALL_UNIFORM, NO_SILENCE)
    assert (told(found), found.is_forced) == ({None: 1.0}, True)


@pytest.mark.parametrize(
    ("silence", "expected"),
    [
        (NO_SILENCE, "a"),
        (Silence(threshold=0.5), "a"),
        (Silence(threshold=0.6), None),
        (Silence(value=0.4, threshold=0.3), None),
    ],
)
def test_silence_is_chosen_unless_the_best_is_above_its_value_and_threshold(
    silence: Silence, expected: str | None
) -> None:
    assert told(distribution(ranked(*ABC), NO_EXPLORATION, silence)) == {expected: 1.0}


def test_silence_keeps_no_helping_journey_away() -> None:
    left: Sequence[ScoredCandidate] = [*ranked(("a", 0.1)), *ranked(("help", 0.0), kind=SERVICE, tier=3)]
    silence = Silence(threshold=0.5, is_explored=True)
    assert told(distribution(left, NO_EXPLORATION, silence)) == {"help": 1.0}
    assert None not in told(distribution(left, ALL_UNIFORM, silence))


def test_silence_that_is_explored_is_one_of_those_drawn_from() -> None:
    found = distribution(ranked(*ABC), policy(epsilon(0.4)), Silence(threshold=0.0, is_explored=True))
    assert told(found) == pytest.approx({"a": 0.7, "b": 0.1, "c": 0.1, None: 0.1})
    beaten = distribution(ranked(*ABC), policy(epsilon(0.4)), Silence(threshold=0.7))
    assert told(beaten) == pytest.approx({"a": 0.1, "b": 0.1, "c": 0.1, None: 0.7})
    assert beaten.options[beaten.best] is None


def test_a_draw_falls_on_the_part_of_the_line_that_is_its_own() -> None:
    found = SlotDistribution(options=("a", "b", "c"), p=(0.2, 0.3, 0.5))
    assert [found.drawn(u) for u in (0.0, 0.199, 0.2, 0.499, 0.5, 0.999999)] == [0, 0, 1, 1, 2, 2]


def test_rounding_never_draws_what_has_no_chance() -> None:
    assert SlotDistribution(options=("a", "b"), p=(1.0 - 1e-16, 0.0)).drawn(1.0 - 1e-17) == 0


def test_the_same_decision_draws_the_same_and_others_evenly() -> None:
    draws = [Draws(decision_id=f"d{i}").of(1) for i in range(4000)]
    assert draws == [Draws(decision_id=f"d{i}").of(1) for i in range(4000)]
    assert all(0.0 <= u < 1.0 for u in draws)
    counts = [sum(place / 10 <= u < (place + 1) / 10 for u in draws) for place in range(10)]
    assert sum((n - 400) ** 2 / 400 for n in counts) < 27.9, "chi-square of 9 degrees of freedom, p = 0.001"
    assert Draws(decision_id="d1").of(1) != Draws(decision_id="d1").of(2) != Draws(decision_id="d1", seed=1).of(2)
