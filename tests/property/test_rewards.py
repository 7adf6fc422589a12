"""Rewards against a naive twin, which goes through the events and asks each whose it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from features.values import Scalar
from service.state.export.rewards import (
    AsOf,
    Occurrence,
    Presentation,
    Reward,
    in_window,
    met_by,
    reward_of,
    reward_of_silence,
)
from tests.builders import NOW

HOUR = timedelta(hours=1)
HOURS = st.integers(0, 12)
WITHIN = 3
VALUE = 5.0
EVENTS = st.lists(st.tuples(HOURS, st.sampled_from(["purchase", "incident.resolved"]), st.booleans()), max_size=6)
"""(hour, type, whether its attributes are those asked for)"""


@dataclass(frozen=True)
class Buys:
    """An objective that a purchase meets, if it says so itself."""

    within: timedelta = WITHIN * HOUR
    event: str | None = "purchase"
    outcome: str | None = None
    worth: float = VALUE

    def is_met_by(self, attributes: Mapping[str, Scalar]) -> bool:
        return attributes["enough"] is True

    def amount_of(self, attributes: Mapping[str, Scalar]) -> float | None:
        return None


@dataclass(frozen=True)
class Answers(Buys):
    """An objective that an outcome meets."""

    event: str | None = None
    outcome: str | None = "CONVERTED"


def rewards(presented: Sequence[int], events: Sequence[tuple[int, str, bool]], now: int) -> list[Reward]:
    """Of each contact of one journey and customer, presented at these hours in this order."""
    happened = [Occurrence(type=kind, at=NOW + at * HOUR, attributes={"enough": ok}) for at, kind, ok in events]
    again = [*presented[1:], None]
    return [
        reward_of(
            Buys(),
            VALUE,
            Presentation(at=NOW + at * HOUR, again_at=None if later is None else NOW + later * HOUR),
            (),
            happened,
            AsOf(now=NOW + now * HOUR, events_since=NOW),
        )
        for at, later in zip(presented, again, strict=True)
    ]


def naive(presented: Sequence[int], events: Sequence[tuple[int, str, bool]], now: int) -> list[float | None]:
    """Each event that counts goes to the last contact by then, and meets its objective if that is not too long ago."""
    met = [False] * len(presented)
    for at, kind, is_enough in events:
        earlier = [place for place, shown in enumerate(presented) if shown <= at]
        if kind == "purchase" and is_enough and earlier and at - presented[earlier[-1]] <= WITHIN:
            met[earlier[-1]] = True
    return [
        (VALUE if is_met else 0.0) if shown + WITHIN <= now else None
        for shown, is_met in zip(presented, met, strict=True)
    ]


@given(presented=st.lists(HOURS, min_size=1, max_size=5).map(sorted), events=EVENTS, now=st.integers(0, 20))
def test_every_event_counts_for_at_most_one_contact_and_open_windows_are_censored(
    presented: list[int], events: list[tuple[int, str, bool]], now: int
) -> None:
    found = rewards(presented, events, now)
    expected = naive(presented, events, now)
    assert [reward.amount for reward in found] == expected
    assert [reward.is_censored for reward in found] == [amount is None for amount in expected]
    assert [reward.is_met for reward in found] == [None if a is None else a > 0.0 for a in expected]
    assert [reward.window_ends_at for reward in found] == [NOW + (at + WITHIN) * HOUR for at in presented]


@given(presented=st.lists(HOURS, min_size=1, max_size=5).map(sorted), events=EVENTS, now=HOURS, later=HOURS)
def test_a_reward_once_told_stays_as_time_goes_on(
    presented: list[int], events: list[tuple[int, str, bool]], now: int, later: int
) -> None:
    before, after = (rewards(presented, events, at) for at in (now, now + later))
    assert all(a.amount == b.amount for a, b in zip(after, before, strict=True) if b.amount is not None)


@dataclass(frozen=True)
class Spends(Buys):
    """An objective that any purchase meets; what it is worth is learned from what it says of it."""

    def is_met_by(self, attributes: Mapping[str, Scalar]) -> bool:
        return True

    def amount_of(self, attributes: Mapping[str, Scalar]) -> float | None:
        amount = attributes.get("amount")
        return amount if isinstance(amount, float) else None


@given(spent=st.lists(st.tuples(HOURS, st.none() | st.floats(0, 9)), max_size=6))
def test_a_learned_value_is_what_the_first_event_of_the_window_says_else_what_was_served(
    spent: list[tuple[int, float | None]],
) -> None:
    presented = 2
    happened = [
        Occurrence(type="purchase", at=NOW + at * HOUR, attributes={} if amount is None else {"amount": amount})
        for at, amount in spent
    ]
    shown = Presentation(at=NOW + presented * HOUR)
    found = reward_of(Spends(), VALUE, shown, (), happened, AsOf(now=NOW + 50 * HOUR, events_since=NOW))
    worth_at: dict[int, list[float]] = {}
    for at, amount in spent:
        worth_at.setdefault(at, []).append(VALUE if amount is None else amount)
    inside = [at for at in sorted(worth_at) if presented <= at <= presented + WITHIN]
    assert found.amount == (max(worth_at[inside[0]]) if inside else 0.0)


@given(outcomes=st.lists(st.tuples(HOURS, st.sampled_from(["CONVERTED", "ENGAGED"]), st.none() | st.floats(0, 9))))
def test_an_outcome_is_worth_what_the_first_by_the_end_of_the_window_says(
    outcomes: list[tuple[int, str, float | None]],
) -> None:
    """What is told of the time before it was presented followed it all the same: it speaks of this contact."""
    presented = 2
    told = [Occurrence(type=kind, at=NOW + at * HOUR, value=value) for at, kind, value in outcomes]
    found = reward_of(
        Answers(),
        VALUE,
        Presentation(at=NOW + presented * HOUR),
        told,
        (),
        AsOf(now=NOW + 50 * HOUR, events_since=NOW + 40 * HOUR),
    )
    met = [(at, value) for at, kind, value in outcomes if kind == "CONVERTED" and at - presented <= WITHIN]
    first = [value for at, value in met if at == min(met, key=lambda m: m[0])[0]][:1]
    assert found.amount == (0.0 if not first else VALUE if first[0] is None else first[0])


@given(decided=HOURS, events=EVENTS, now=st.integers(0, 20), kept_since=st.integers(0, 3))
def test_what_happened_since_a_decision_counts_whatever_was_shown(
    decided: int, events: list[tuple[int, str, bool]], now: int, kept_since: int
) -> None:
    """Naively: every event is asked. Nothing is told while the window is open, nor once events of the time may go."""
    met = met_by(Buys(), [Occurrence(type=k, at=NOW + at * HOUR, attributes={"enough": ok}) for at, k, ok in events])
    as_of = AsOf(now=NOW + now * HOUR, events_since=NOW + kept_since * HOUR)
    found = in_window(Buys(), NOW + decided * HOUR, None, met, as_of)
    inside = [k for at, k, ok in events if k == "purchase" and ok and decided <= at <= decided + WITHIN]
    is_told = decided + WITHIN <= now and decided >= kept_since
    assert found == (bool(inside) if is_told else None)


@given(decided=HOURS, told=st.none() | st.lists(st.tuples(HOURS, st.sampled_from(["CONVERTED", "ENGAGED"]))))
def test_an_outcome_since_a_decision_is_that_of_what_was_presented(
    decided: int, told: list[tuple[int, str]] | None
) -> None:
    outcomes = None if told is None else [Occurrence(type=kind, at=NOW + at * HOUR) for at, kind in told]
    as_of = AsOf(now=NOW + 50 * HOUR, events_since=NOW + 50 * HOUR)
    found = in_window(Answers(), NOW + decided * HOUR, outcomes, (), as_of)
    if told is None:
        assert found is None
    else:
        assert found == any(kind == "CONVERTED" and decided <= at <= decided + WITHIN for at, kind in told)


@given(decided=HOURS, now=st.integers(0, 20), kept_since=st.integers(0, 20), of=st.sampled_from([Buys(), Answers()]))
def test_silence_is_told_when_what_could_have_been_shown_would_be(
    decided: int, now: int, kept_since: int, of: Buys
) -> None:
    """As the reward of the journey, had it been presented as it was decided; what it is told is 0."""
    as_of = AsOf(now=NOW + now * HOUR, events_since=NOW + kept_since * HOUR)
    silent = reward_of_silence(of, NOW + decided * HOUR, as_of)
    shown = reward_of(of, VALUE, Presentation(at=NOW + decided * HOUR), (), (), as_of)
    assert silent == shown
