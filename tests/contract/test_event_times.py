"""When an event counts, whatever time it tells: at the earlier of that and its receipt, so that nothing lies ahead."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.decision.facts import Enrolment
from service.decision.journey import Stage
from tests.builders import NOW
from tests.contract.adapters import Store
from tests.contract.history import DAY, decided, present, rows_in
from tests.contract.rows import MINUTE, accepted, duplicate, event, opened, situation

FRESH = itertools.count()
MARKETING = {"purpose": "marketing", "channel": "email"}
FAR_AHEAD = datetime.max.replace(tzinfo=NOW.tzinfo)


async def holds(state: Store, now: datetime = NOW) -> bool:
    return (await situation(state, now=now)).consents.holds("marketing", "email")


async def is_open(state: Store, now: datetime = NOW) -> bool:
    return bool((await situation(state, now=now)).incidents.known)


@pytest.mark.parametrize("later", [timedelta(0), timedelta(microseconds=1), 2 * MINUTE], ids=str)
async def test_a_withdrawal_wins_over_a_grant_that_came_before_it_and_told_of_later(
    state: Store, later: timedelta
) -> None:
    await state.record_events([event("e1", "consent.granted", NOW + 4 * MINUTE, **MARKETING)], NOW)
    assert await holds(state)
    await state.record_events([event("e2", "consent.withdrawn", NOW + later, **MARKETING)], NOW + later)
    for now in (later, 4 * MINUTE, DAY):
        assert not await holds(state, NOW + now)


async def test_an_incident_that_is_opened_again_wins_over_what_came_before_it_and_told_of_later(state: Store) -> None:
    await state.record_events([opened("e1", NOW - DAY)], NOW)
    await state.record_events([event("e2", "incident.resolved", NOW + 4 * MINUTE, incident_id="i1")], NOW)
    assert not await is_open(state)
    await state.record_events([opened("e3", NOW + MINUTE)], NOW + MINUTE)
    assert await is_open(state, NOW + MINUTE)
    assert await is_open(state, NOW + DAY)


async def test_of_one_message_the_withdrawal_wins_and_the_resolution(state: Store) -> None:
    """Both ahead, so both count when they came, where a tie is a withdrawal and resolved."""
    rows = [
        event("e1", "consent.granted", NOW + 4 * MINUTE, **MARKETING),
        event("e2", "consent.withdrawn", NOW + 3 * MINUTE, **MARKETING),
        opened("e3", NOW + 3 * MINUTE),
        event("e4", "incident.resolved", NOW + 4 * MINUTE, incident_id="i1"),
    ]
    await state.record_events(rows, NOW)
    assert (await holds(state), await is_open(state)) == (False, False)


async def test_what_closes_a_gate_counts_when_it_came_however_far_ahead_it_is(state: Store) -> None:
    """And what opens it again counts from then on: nothing is closed until a time that somebody made up."""
    await state.record_events([event("g", "consent.granted", NOW - DAY, **MARKETING)], NOW)
    rows = [opened("e1", FAR_AHEAD), event("e2", "consent.withdrawn", FAR_AHEAD, customer_id="1")]
    assert await state.record_events(rows, NOW) == [accepted("e1"), accepted("e2")]
    assert (await is_open(state), await holds(state)) == (True, False)
    after = NOW + MINUTE
    await state.record_events(
        [
            event("e3", "incident.resolved", after, incident_id="i1"),
            event("e4", "consent.granted", after, **MARKETING),
        ],
        after,
    )
    assert (await is_open(state, after), await holds(state, after)) == (False, True)


async def test_an_event_that_is_sent_again_still_counts_when_it_first_came(state: Store) -> None:
    withdrawn = event("e1", "consent.withdrawn", NOW + DAY, **MARKETING)
    await state.record_events([withdrawn], NOW)
    await state.record_events([event("e2", "consent.granted", NOW + MINUTE, **MARKETING)], NOW + MINUTE)
    assert await state.record_events([withdrawn], NOW + 2 * MINUTE) == [duplicate("e1")]
    assert await holds(state, NOW + 2 * MINUTE)


async def test_the_feature_store_is_told_the_times_that_count(state: Store) -> None:
    rows = [
        opened("e1", NOW + DAY),
        event("e2", "incident.resolved", NOW + 4 * MINUTE, incident_id="i2"),
        event("e3", "consent.granted", NOW + 4 * MINUTE, **MARKETING),
        event("e4", "consent.withdrawn", NOW - MINUTE, **MARKETING),
    ]
    await state.record_events(rows, NOW)
    incidents, consents = await state.changed_facts("1", [n for n, _ in await state.waiting_for_features(9)])
    assert [(i.opened_at, i.resolved_at) for i in incidents] == [(NOW, None), (None, NOW)]
    key = "marketing", "email"
    assert (consents.granted_at[key], consents.withdrawn_at[key]) == (NOW, NOW - MINUTE)


async def test_an_event_that_is_ahead_of_a_window_s_end_meets_an_objective_that_it_came_in_time_for(
    state: Store, tmp_path: Path
) -> None:
    """Bought in the last minute of seven days, told 4 minutes ahead."""
    await decided(state, "d1", limit=1)
    await present(state, "d1")
    came = NOW + MINUTE + 7 * DAY - MINUTE
    await state.record_events([event("buy", "purchase", came + 4 * MINUTE, amount=20.0)], came)
    assert (await rows_in(state, tmp_path / "table"))["d1", "basket"]["reward"] == 5.0


@dataclass(frozen=True, slots=True)
class ReportedEvent:
    """An event: of which time it tells and when it came, in minutes."""

    type: str
    told: int
    came: int
    attributes: dict[str, str | float]

    @property
    def counts(self) -> int:
        return self.came if self.told > self.came else self.told


KINDS = [
    *(("consent.granted", {"purpose": p, "channel": c}) for p in ("marketing", "surveys") for c in ("email", "web")),
    ("consent.withdrawn", MARKETING),
    ("consent.withdrawn", {"purpose": "marketing"}),
    ("consent.withdrawn", {}),
    *((f"incident.{verb}", {"incident_id": i}) for verb in ("opened", "resolved") for i in ("i1", "i2")),
    *((f"journey.{verb}", {"journey_id": "news", "stage": "need"}) for verb in ("entered", "exited")),
    ("purchase", {"amount": 5.0}),
]
EVENTS = st.lists(
    st.builds(
        lambda kind, came, skew: ReportedEvent(kind[0], came + skew, came, kind[1]),
        st.sampled_from(KINDS),
        st.integers(0, 6),
        st.sampled_from([-60, -2, -1, 0, 0, 1, 2, 4, 4, 5]),
    ),
    min_size=1,
    max_size=10,
)


def latest(events: Sequence[ReportedEvent], type_: str, **attributes: str) -> int | None:
    listed = [e for e in events if e.type == type_ and all(e.attributes.get(n, v) == v for n, v in attributes.items())]
    return max((e.counts for e in listed), default=None)


def is_later(one: int | None, other: int | None) -> bool:
    return one is not None and (other is None or one > other)


def naive(events: Sequence[ReportedEvent]) -> tuple[object, ...]:
    """From all of them: which consents hold, which incidents are open, since when in the journey, the last purchase."""
    consents = {
        (p, c)
        for p, c in itertools.product(("marketing", "surveys"), ("email", "web"))
        if is_later(
            latest(events, "consent.granted", purpose=p, channel=c),
            latest(events, "consent.withdrawn", purpose=p, channel=c),
        )
    }
    incidents = {
        i
        for i in ("i1", "i2")
        if is_later(
            latest(events, "incident.opened", incident_id=i), latest(events, "incident.resolved", incident_id=i)
        )
    }
    left = latest(events, "journey.exited")
    entered = [e.counts for e in events if e.type == "journey.entered" and is_later(e.counts, left)]
    return consents, incidents, min(entered, default=None), latest(events, "purchase")


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(events=EVENTS, orders=st.lists(st.randoms(use_true_random=False), min_size=2, max_size=2), at_once=st.booleans())
async def test_the_situation_is_a_function_of_what_was_told_and_when_it_came_whatever_the_order(
    state: Store, events: list[ReportedEvent], orders: list[Random], at_once: bool
) -> None:
    """`at_once`: those that came in one minute came in one message."""
    for shuffled in (sorted(events, key=lambda e: e.came), *(order.sample(events, len(events)) for order in orders)):
        name = f"c{next(FRESH)}"
        listed = [
            (e.came, event(f"{name}-{i}", e.type, NOW + e.told * MINUTE, customer_id=name, **e.attributes))
            for i, e in enumerate(shuffled)
        ]
        for came, rows in itertools.groupby(listed, key=lambda row: row[0] if at_once else row):
            minutes = came if isinstance(came, int) else came[0]
            await state.record_events([row for _, row in rows], NOW + minutes * MINUTE)
        found = await situation(state, name, NOW + 6 * MINUTE)
        consents, incidents, since, bought = naive(events)
        assert {k for k in found.consents.granted_at if found.consents.holds(*k)} == consents
        assert {i.incident_id for i in found.incidents.known} == incidents
        place = None if since is None else Enrolment(journey_id="news", stage=Stage.NEED, since=at(since))
        assert (found.enrolments.get("news"), found.latest.get("last_purchase_at")) == (
            place,
            None if bought is None else at(bought),
        )


def at(minutes: object) -> datetime:
    assert isinstance(minutes, int)
    return NOW + minutes * MINUTE
