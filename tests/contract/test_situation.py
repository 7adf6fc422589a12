"""The situation is a function of the set of events: whatever the order, the batches, the repeats and the ties."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.values import Scalar
from service.decision.facts import Enrolment, ResolvedIncident, Situation
from service.decision.journey import Stage
from service.decision.reports.effects import KnownEvent
from tests.builders import NOW
from tests.contract import twin
from tests.contract.adapters import Store
from tests.contract.rows import FAR, event, heartbeat, opened, situation

HOUR = timedelta(hours=1)
PURPOSES, CHANNELS, JOURNEYS = ("marketing", "surveys"), ("email", "web"), ("news", "other")
EXAMPLES = settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    # The store is shared by the examples: each has a customer of its own.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
FRESH = itertools.count()

_AT = st.sampled_from([NOW - 3 * HOUR, NOW - 2 * HOUR, NOW - HOUR, NOW, NOW + timedelta(minutes=5)])
_MAYBE: dict[str, st.SearchStrategy[Scalar]] = {
    "class": st.sampled_from(["delivery", "billing"]),
    "severity": st.sampled_from(["low", "high"]),
}
_PURPOSE, _CHANNEL = st.sampled_from(PURPOSES), st.sampled_from(CHANNELS)
_INCIDENT, _JOURNEY = st.sampled_from(["i1", "i2"]), st.sampled_from(JOURNEYS)
_STAGE = st.sampled_from([s.value for s in (Stage.NEED, Stage.USE, Stage.RECOMMEND)])
_FORMS = st.one_of(
    st.tuples(st.just("incident.opened"), st.fixed_dictionaries({"incident_id": _INCIDENT}, optional=_MAYBE)),
    st.tuples(st.just("incident.resolved"), st.fixed_dictionaries({"incident_id": _INCIDENT})),
    st.tuples(st.just("consent.granted"), st.fixed_dictionaries({"purpose": _PURPOSE, "channel": _CHANNEL})),
    st.tuples(
        st.just("consent.withdrawn"), st.fixed_dictionaries({}, optional={"purpose": _PURPOSE, "channel": _CHANNEL})
    ),
    st.tuples(
        st.sampled_from(["journey.entered", "journey.advanced"]),
        st.fixed_dictionaries({"journey_id": _JOURNEY, "stage": _STAGE}),
    ),
    st.tuples(st.just("journey.exited"), st.fixed_dictionaries({"journey_id": _JOURNEY})),
    st.tuples(st.just("purchase"), st.fixed_dictionaries({"amount": st.just(9.5)})),
    st.tuples(st.just("card.renewed"), st.fixed_dictionaries({}, optional={"fee": st.just(3.0)})),
    st.tuples(st.just("card.seen"), st.just({})),
    st.tuples(
        st.just("claim.opened"),
        st.fixed_dictionaries({"incident_id": _INCIDENT}, optional={"severity": _MAYBE["severity"]}),
    ),
    st.tuples(st.just("claim.closed"), st.fixed_dictionaries({"incident_id": _INCIDENT})),
    st.tuples(
        st.just("case.opened"), st.fixed_dictionaries({"case_id": _INCIDENT}, optional={"area": _MAYBE["class"]})
    ),
)
_EVENTS = st.lists(st.tuples(_FORMS, _AT), min_size=1, max_size=10)


@EXAMPLES
@given(drawn=_EVENTS, data=st.data())
async def test_any_order_with_repeats_and_ties_gives_the_situation_of_the_naive_twin(
    state: Store, drawn: list[tuple[tuple[str, dict[str, Scalar]], datetime]], data: st.DataObject
) -> None:
    customer_id = f"c{next(FRESH)}"
    events = [
        event(f"{customer_id}-{i}", type_, at, customer_id=customer_id, **attributes)
        for i, ((type_, attributes), at) in enumerate(drawn)
    ]
    arrivals = data.draw(st.permutations([*events, *data.draw(st.lists(st.sampled_from(events), max_size=3))]))
    cut = data.draw(st.integers(0, len(arrivals)))
    for batch in (arrivals[:cut], *([one] for one in arrivals[cut:])):
        await state.record_events(batch, NOW)
    reading = await state.situation(customer_id, NOW, FAR)
    counted = [replace(e, occurred_at=min(e.occurred_at, NOW)) for e in events]
    assert_is_that_of(counted, reading.situation)
    assert dict(reading.incident_heard_at) == twin.last_heard(counted)


def assert_is_that_of(events: list[KnownEvent], found: Situation) -> None:
    assert found.versions == twin.versions(events)
    assert list(found.incidents.known) == twin.open_incidents(events)
    assert list(found.incidents.resolved) == twin.resolved_incidents(events)
    assert found.incidents.last_resolved_at == twin.last_resolved_at(events)
    for purpose, channel in itertools.product(PURPOSES, CHANNELS):
        assert found.consents.holds(purpose, channel) == twin.consents(events, purpose, channel)
    places = {j: place for j in JOURNEYS if (place := twin.place(events, j)) is not None}
    assert dict(found.enrolments) == places
    assert found.latest == twin.latest(events)
    assert found.has_events


@pytest.mark.parametrize("is_resolved_first", [True, False])
async def test_an_incident_opened_and_resolved_at_one_instant_is_resolved(
    state: Store, is_resolved_first: bool
) -> None:
    rows = [opened("e1"), event("e2", "incident.resolved", incident_id="i1")]
    for row in reversed(rows) if is_resolved_first else rows:
        await state.record_events([row], NOW)
    found = (await situation(state)).incidents
    assert found.known == ()
    assert found.last_resolved_at == NOW


async def test_a_resolution_that_arrives_late_does_not_close_an_incident_opened_again(state: Store) -> None:
    await state.record_events([opened("e2", NOW)], NOW)
    await state.record_events([event("e1", "incident.resolved", NOW - HOUR, incident_id="i1")], NOW)
    assert [i.opened_at for i in (await situation(state)).incidents.known] == [NOW]


async def test_the_latest_opening_says_the_class_even_when_it_says_none(state: Store) -> None:
    """A class that is no longer given is unknown, and unknown is the strictest."""
    await state.record_events([opened("e2", NOW, severity="high")], NOW)
    await state.record_events([opened("e1", NOW - HOUR, class_="delivery")], NOW)
    (found,) = (await situation(state)).incidents.known
    assert (found.incident_class, found.severity) == (None, "high")


async def test_an_incident_that_is_over_is_kept_as_its_latest_opening_called_it(state: Store) -> None:
    """For the time of grace after it: one that was never opened here has neither class nor severity."""
    rows = [
        opened("e1", NOW - 2 * HOUR, class_="billing", severity="low"),
        opened("e2", NOW - HOUR, class_="delivery"),
        event("e3", "incident.resolved", NOW, incident_id="i1"),
        event("e4", "incident.resolved", NOW - HOUR, incident_id="i2"),
        opened("e5", NOW, incident_id="i3"),
        event("e6", "incident.resolved", NOW - HOUR, incident_id="i3"),
    ]
    await state.record_events(rows, NOW)
    found = (await situation(state)).incidents
    assert [i.incident_id for i in found.known] == ["i3"]
    assert found.resolved == (
        ResolvedIncident(incident_class="delivery", severity=None, resolved_at=NOW),
        ResolvedIncident(incident_class=None, severity=None, resolved_at=NOW - HOUR),
    )


async def test_the_last_heartbeat_of_each_feed_is_read_for_everybody(state: Store) -> None:
    """Whatever the order in which they came; a customer without rows has the feeds too."""
    for i, (source, at) in enumerate([("crm", NOW), ("ticketing", NOW - HOUR), ("crm", NOW - HOUR)]):
        beat = heartbeat(f"b{i}", source, at)
        await state.record_events([beat], NOW)
    await state.record_events([opened()], NOW)
    for customer_id in ("1", "never seen"):
        assert (await situation(state, customer_id)).feeds == {"crm": NOW, "ticketing": NOW - HOUR}


async def test_an_event_up_to_five_minutes_ahead_is_effective_at_once(state: Store) -> None:
    await state.record_events([opened("e1", NOW + timedelta(minutes=5))], NOW)
    assert len((await situation(state)).incidents.known) == 1


@pytest.mark.parametrize(
    ("withdrawn", "held"),
    [
        (
            {"purpose": "marketing", "channel": "email"},
            {("marketing", "web"), ("surveys", "email"), ("surveys", "web")},
        ),
        ({"purpose": "marketing"}, {("surveys", "email"), ("surveys", "web")}),
        ({"channel": "email"}, {("marketing", "web"), ("surveys", "web")}),
        ({}, set()),
    ],
    ids=["one", "a-purpose", "a-channel", "all"],
)
async def test_a_withdrawal_covers_all_that_it_does_not_name(
    state: Store, withdrawn: dict[str, str], held: set[tuple[str, str]]
) -> None:
    keys = list(itertools.product(PURPOSES, CHANNELS))
    grants = [event(f"g{i}", "consent.granted", NOW - HOUR, purpose=p, channel=c) for i, (p, c) in enumerate(keys)]
    await state.record_events([*grants, event("w1", "consent.withdrawn", NOW, customer_id="1", **withdrawn)], NOW)
    consents = (await situation(state)).consents
    assert {key for key in keys if consents.holds(*key)} == held


async def test_a_grant_later_than_a_withdrawal_of_everything_holds_and_one_at_its_instant_does_not(
    state: Store,
) -> None:
    await state.record_events(
        [
            event("g1", "consent.granted", NOW, purpose="marketing", channel="email"),
            event("g2", "consent.granted", NOW - HOUR, purpose="marketing", channel="web"),
            event("w1", "consent.withdrawn", NOW - HOUR),
        ],
        NOW,
    )
    consents = (await situation(state)).consents
    assert consents.holds("marketing", "email")
    assert not consents.holds("marketing", "web")


async def test_stages_move_forward_and_back_and_since_is_when_the_journey_was_entered(state: Store) -> None:
    def move(event_id: str, type_: str, hours_ago: int, stage: str = "need") -> KnownEvent:
        return event(event_id, f"journey.{type_}", NOW - hours_ago * HOUR, journey_id="news", stage=stage)

    steps = [
        (move("e1", "entered", 5), Stage.NEED, 5),
        (move("e2", "advanced", 4, "use"), Stage.USE, 5),
        (move("e3", "advanced", 3, "need"), Stage.NEED, 5),
        (move("e4", "exited", 2), None, 0),
        (move("e5", "entered", 1, "use"), Stage.USE, 1),
    ]
    for row, stage, since in steps:
        await state.record_events([row], NOW)
        found = (await situation(state)).enrolments.get("news")
        expected = None if stage is None else Enrolment(journey_id="news", stage=stage, since=NOW - since * HOUR)
        assert found == expected
