"""When an outcome counts, whatever time it tells: from its decision on, and nothing that is told later counts less.

decided ├──── told of the time between ────┤ received      as told
  told before: as it was decided                told ahead: a limit counts it as told, a move as it was received
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.decision.constraints.caps import PressureCap
from service.decision.constraints.cooldown import Cooldown, IgnoredRest, Rest
from service.decision.constraints.never import NeverAfter
from service.decision.constraints.registry import Cap
from service.decision.facts import Enrolment
from service.decision.journey import JourneyKind, Stage
from service.decision.plan import Lifetime, Plan
from service.decision.reports.rows import OutcomeType
from service.state.port import ContactState
from tests.builders import NOW, STRICT, Entry, catalogue, journey
from tests.contract.adapters import Store
from tests.contract.history import DAY, buy, decided, rows_in
from tests.contract.pools import holding, money, spending, units
from tests.contract.rows import (
    MINUTE,
    WEEK,
    codes,
    committed,
    contacts,
    event,
    outcome,
    picked,
    propose,
    ranked,
    situation,
    taken,
)
from tests.contract.test_enrolments import ONE_AT_ONCE, enter

PRESENTED, NOT_PRESENTED, REJECTED = OutcomeType.PRESENTED, OutcomeType.NOT_PRESENTED, OutcomeType.REJECTED
INSTANT = timedelta(microseconds=1)
LONG_AGO = NOW - 400 * DAY
FRESH = itertools.count()


def limited(**limits: object) -> Plan:
    """`news` under a limit, and behind it `plain`, under none."""
    offered = Entry(journey=journey("news", kind=JourneyKind.PROMOTIONAL), **limits)  # type: ignore[arg-type]
    return catalogue(offered, Entry(journey=journey("plain", tier=2))).plan


def pressed() -> Plan:
    pressure = PressureCap(
        cap_id="all", kinds=frozenset({JourneyKind.PROMOTIONAL}), channels=frozenset({"email"}), at_most=1, per=WEEK
    )
    offered = [Entry(journey=journey("news", kind=JourneyKind.PROMOTIONAL)), Entry(journey=journey("plain"))]
    return catalogue(*offered, policies=replace(STRICT, pressure=(pressure,))).plan


RESTING = Cooldown(journeys=frozenset({"news"}), rests=(Rest(response="REJECTED", rests=30 * DAY),), ignored=None)
IGNORED = Cooldown(journeys=frozenset({"news"}), rests=(), ignored=IgnoredRest(times=1, window=DAY, rests=14 * DAY))
LIMITS = {
    "CONTACT_CAP": (limited(contact=Cap(at_most=1, per=WEEK)), PRESENTED, WEEK),
    "PRESSURE_CAP": (pressed(), PRESENTED, WEEK),
    "CAPACITY": (holding(units(1)), PRESENTED, DAY),
    "BUDGET": (spending(money(0.25)), PRESENTED, DAY),
    "NEVER_AFTER": (limited(never_after=(NeverAfter(other="news", within=WEEK),)), PRESENTED, WEEK),
    "COOLDOWN": (limited(cooldown=RESTING), REJECTED, 30 * DAY),
}
"""By the code of its denial: a plan, the report that begins it, and how long it lasts then."""


@pytest.mark.parametrize("code", LIMITS)
async def test_what_is_told_of_the_time_before_the_decision_counts_from_the_decision(state: Store, code: str) -> None:
    """Told a minute after it of eight days, and of years, before it: denied until the limit is over, then granted."""
    plan, type_, lasts = LIMITS[code]
    await committed(state, await propose(state, plan, channel="email"))
    rows = [outcome("o1", type_, NOW - 8 * DAY), outcome("o2", type_, LONG_AGO)]
    assert await state.record_outcomes(rows, NOW + MINUTE) == [taken("o1"), taken("o2")]
    for now in (NOW + MINUTE, NOW + lasts - INSTANT):
        assert codes(await propose(state, plan, channel="email", now=now)).get("news") == [code]
    assert "news" in picked(await propose(state, plan, channel="email", now=NOW + lasts + timedelta(minutes=15)))


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("code", LIMITS)
async def test_of_several_reports_the_latest_counts_whatever_their_order(
    state: Store, code: str, order: tuple[int, ...]
) -> None:
    plan, type_, lasts = LIMITS[code]
    await committed(state, await propose(state, plan, channel="email"))
    told = [NOW + 60 * MINUTE, LONG_AGO, NOW + MINUTE]
    for i in order:
        assert await state.record_outcomes([outcome(f"o{i}", type_, told[i])], NOW + 60 * MINUTE) == [taken(f"o{i}")]
    ends = NOW + 60 * MINUTE + lasts
    assert codes(await propose(state, plan, channel="email", now=ends - INSTANT)).get("news") == [code]
    assert "news" in picked(await propose(state, plan, channel="email", now=ends + timedelta(minutes=15)))


async def test_what_was_ignored_stays_ignored_though_it_is_told_again_that_it_was_shown(state: Store) -> None:
    """Shown at once, ignored after a day. Told at day 8, and at day 9 of the beginning: it rests two weeks more."""
    plan = limited(cooldown=IGNORED)
    await committed(state, await propose(state, plan, channel="email"))
    await state.record_outcomes([outcome("o1", PRESENTED, NOW)], NOW)
    for after in (DAY, 8 * DAY):
        assert codes(await propose(state, plan, now=NOW + after)) == {"news": ["COOLDOWN"]}
    await state.record_outcomes([outcome("o2", PRESENTED, NOW + 8 * DAY)], NOW + 8 * DAY)
    await state.record_outcomes([outcome("o3", PRESENTED, LONG_AGO)], NOW + 9 * DAY)
    for after in (8 * DAY, 9 * DAY, 23 * DAY - INSTANT):
        assert codes(await propose(state, plan, now=NOW + after)) == {"news": ["COOLDOWN"]}
    assert "news" in picked(await propose(state, plan, now=NOW + 23 * DAY))


async def test_no_report_brings_the_end_of_an_enrolment_nearer(state: Store) -> None:
    """Shown on day 3 for at most 10 days; told again of the beginning, and of years before it."""
    plan = limited(lifetime=Lifetime(max_duration=10 * DAY))
    await committed(state, await propose(state, plan, channel="email"))
    await state.record_outcomes([outcome("o1", PRESENTED, NOW + 3 * DAY)], NOW + 3 * DAY)
    rows = [outcome("o2", PRESENTED, NOW), outcome("o3", PRESENTED, LONG_AGO)]
    await state.record_outcomes(rows, NOW + 4 * DAY)
    assert (await situation(state)).enrolments["news"].since == NOW + 3 * DAY
    assert (await propose(state, plan, now=NOW + 13 * DAY - INSTANT)).ended == ()
    assert len((await propose(state, plan, now=NOW + 13 * DAY)).ended) == 1


async def test_who_is_shown_what_was_told_to_be_long_ago_is_in_the_journey_since_the_decision(state: Store) -> None:
    plan = limited(lifetime=Lifetime(max_duration=10 * DAY))
    await committed(state, await propose(state, plan, channel="email"))
    await state.record_outcomes([outcome("o1", PRESENTED, LONG_AGO)], NOW + MINUTE)
    assert (await situation(state)).enrolments["news"].since == NOW
    assert (await propose(state, plan, now=NOW + MINUTE)).ended == ()


async def test_a_report_that_is_ahead_moves_nobody_later_than_it_came(state: Store) -> None:
    """Shown and left again, told by one clock that is 4 minutes ahead: who left is not in the journey."""
    ahead = 4 * MINUTE
    await ranked(state)
    await state.record_outcomes([outcome("o1", PRESENTED, NOW + MINUTE + ahead)], NOW + MINUTE)
    assert (await situation(state)).enrolments["news"].since == NOW + MINUTE
    left = event("e1", "journey.exited", NOW + 2 * MINUTE, journey_id="news")
    await state.record_events([left], NOW + 2 * MINUTE)
    assert (await situation(state)).enrolments == {}


async def test_a_report_that_is_ahead_ends_no_place_that_was_taken_after_it_came(state: Store) -> None:
    """`other` gives way to `news`, told 4 minutes ahead, and is entered again a minute later."""
    await enter(state, "other")
    await committed(state, await propose(state, ONE_AT_ONCE))
    await state.record_outcomes([outcome("o1", PRESENTED, NOW + 5 * MINUTE)], NOW + MINUTE)
    assert set((await situation(state)).enrolments) == {"news"}
    await enter(state, "other", NOW + 2 * MINUTE, "e2")
    assert set((await situation(state)).enrolments) == {"news", "other"}


async def test_only_what_nobody_presented_is_given_back_and_once(state: Store) -> None:
    await ranked(state, channel="email")
    for i, at in enumerate((LONG_AGO, NOW, NOW + MINUTE)):
        assert await state.record_outcomes([outcome(f"n{i}", NOT_PRESENTED, at)], NOW + MINUTE) == [taken(f"n{i}")]
        assert await contacts(state) == ()
    assert await state.record_outcomes([outcome("p", PRESENTED, LONG_AGO)], NOW + MINUTE) == [taken("p", late=True)]
    assert await state.record_outcomes([outcome("n9", NOT_PRESENTED, NOW + MINUTE)], NOW + MINUTE) == [taken("n9")]
    assert [c.at for c in await contacts(state)] == [NOW]


@pytest.mark.parametrize(
    ("shown", "converted"),
    [
        pytest.param(-8 * DAY, -8 * DAY + 5 * MINUTE, id="both long before the decision"),
        pytest.param(MINUTE, 30 * timedelta(seconds=1), id="converted before shown"),
        pytest.param(MINUTE, -8 * DAY, id="converted long before the decision"),
        pytest.param(9 * MINUTE, 8 * MINUTE, id="shown ahead"),
    ],
)
async def test_a_conversion_is_no_lost_label_though_it_is_told_to_be_before_it_was_shown(
    state: Store, tmp_path: Path, shown: timedelta, converted: timedelta
) -> None:
    await decided(state, "d1")
    rows = [
        outcome("o1", PRESENTED, NOW + shown, journey_id="survey"),
        outcome("o2", OutcomeType.CONVERTED, NOW + converted, journey_id="survey", value=3.5),
    ]
    assert await state.record_outcomes(rows, NOW + 5 * MINUTE) == [taken("o1"), taken("o2")]
    assert (await rows_in(state, tmp_path / "table"))["d1", "survey"]["reward"] == 3.5


async def test_what_is_bought_after_it_was_first_shown_is_met_though_it_is_told_again_later(
    state: Store, tmp_path: Path
) -> None:
    await decided(state, "d1", limit=1)
    for i, at in enumerate((MINUTE, 2 * DAY)):
        await state.record_outcomes([outcome(f"o{i}", PRESENTED, NOW + at, journey_id="basket")], NOW + at)
    await buy(state, DAY)
    row = (await rows_in(state, tmp_path / "table"))["d1", "basket"]
    assert (row["presented_at"], row["window_ends_at"], row["reward"]) == (NOW + MINUTE, NOW + MINUTE + 7 * DAY, 5.0)
    assert [c.at for c in await contacts(state, NOW + 2 * DAY)] == [NOW + 2 * DAY]


@dataclass(frozen=True, slots=True)
class Report:
    """What is told: of which time, and when it came, in minutes after the decision."""

    type: OutcomeType
    told: int
    came: int


MINUTES = st.integers(0, 12)
REPORTS = st.lists(
    st.builds(
        lambda type_, skew, came: Report(type_, came + skew, came),
        st.sampled_from([PRESENTED, PRESENTED, NOT_PRESENTED, REJECTED, OutcomeType.ENGAGED]),
        st.sampled_from([-10_000, -3, -1, 0, 0, 1, 5]),
        MINUTES,
    ),
    max_size=6,
)


def naive(reports: Sequence[Report]) -> tuple[object, ...]:
    """From all the reports at once: the contact, the place, the first and last response of a kind."""
    shown = [r for r in reports if r.type is PRESENTED]
    state = ContactState.RESERVED
    if any(r.type is NOT_PRESENTED for r in reports):
        state = ContactState.RELEASED
    if shown:
        state = ContactState.PRESENTED
    counts_from = max([0, *(r.told for r in shown)])
    first = min((max(0, min(r.told, r.came)) for r in shown), default=None)
    since = max((max(0, min(r.told, r.came)) for r in shown), default=None)
    place = None if since is None else Enrolment(journey_id="news", stage=Stage.NEED, since=NOW + since * MINUTE)
    answers = [(max(0, r.told), r.type.value) for r in reports if r.type not in (PRESENTED, NOT_PRESENTED)]
    of_a_kind = [[a for a in answers if a[1] == kind] for kind in {kind for _, kind in answers}]
    said = sorted({end for listed in of_a_kind for end in (min(listed), max(listed))})
    counted = (
        []
        if state is ContactState.RELEASED
        else [(NOW + counts_from * MINUTE, None if first is None else NOW + first * MINUTE)]
    )
    return state, counted, place, said


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(reports=REPORTS, orders=st.lists(st.randoms(use_true_random=False), min_size=2, max_size=2))
async def test_a_contact_is_a_function_of_what_was_told_of_it_whatever_the_order(
    state: Store, reports: list[Report], orders: list[Random]
) -> None:
    for shuffled in ([*reports], *(order.sample(reports, len(reports)) for order in orders)):
        name = f"c{next(FRESH)}"
        await committed(state, await propose(state, decision_id=name, customer_id=name, channel="email"))
        for i, report in enumerate(shuffled):
            told = outcome(f"{name}-{i}", report.type, NOW + report.told * MINUTE, decision_id=name)
            await state.record_outcomes([told], NOW + report.came * MINUTE)
        stored = await state.decision(name, NOW)
        assert stored is not None
        found = await situation(state, name)
        stands = [(c.at, c.first_at if c.is_presented else None) for c in found.contacts]
        said = sorted(((r.at - NOW) // MINUTE, r.type) for r in found.responses)
        assert (stored.contact_states["news"], stands, found.enrolments.get("news"), said) == naive(reports)
