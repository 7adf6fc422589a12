"""What the feature store must still be told: queued with the event, forgotten only when told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from datetime import timedelta

import pytest

from features.values import Scalar
from service.decision.facts import Consents, FactKind
from service.decision.reports.rows import OutcomeType
from service.state.port import IncidentTimes
from service.state.rows.outbox import FED
from tests.builders import NOW
from tests.contract.adapters import Store
from tests.contract.conftest import OpenStore
from tests.contract.rows import FAR, event, opened, outcome, ranked

HOUR = timedelta(hours=1)


async def waiting(state: Store) -> list[str]:
    return [customer_id for _, customer_id in await state.waiting_for_features(100)]


async def test_nothing_waits_in_an_empty_store(state: Store) -> None:
    assert await state.waiting_for_features(100) == []


INCIDENTS = ["incident.opened", "incident.resolved"]
CONSENTS = ["consent.granted", "consent.withdrawn"]
EVENTS: Sequence[tuple[str, Mapping[str, Scalar]]] = (
    ("incident.opened", {"incident_id": "i"}),
    ("incident.resolved", {"incident_id": "i"}),
    ("consent.granted", {"purpose": "marketing", "channel": "web"}),
    ("consent.withdrawn", {}),
    ("purchase", {"amount": 9.5}),
    ("journey.entered", {"journey_id": "news", "stage": "need"}),
    ("journey.exited", {"journey_id": "news"}),
    ("feed.heartbeat", {}),
)


@pytest.mark.parametrize(
    ("fed", "queued"),
    [
        (FED, [*INCIDENTS, *CONSENTS]),
        ({FactKind.INCIDENTS}, INCIDENTS),
        ({FactKind.CONSENTS}, CONSENTS),
        (frozenset(), []),
    ],
)
async def test_what_the_feature_store_is_told_of_is_queued_and_nothing_else(
    open_store: OpenStore, fed: Set[FactKind], queued: list[str]
) -> None:
    """Nothing of a purchase is written there: its instant is read from this store. Nothing is lost for it here."""
    state = await open_store(frozenset(fed))
    await ranked(state)
    for i, (type_, attributes) in enumerate(EVENTS):
        await state.record_events([event(f"e{i}", type_, NOW, customer_id=type_, **attributes)], NOW)
    await state.record_outcomes([outcome("o1", OutcomeType.PRESENTED)], NOW)
    assert await waiting(state) == queued
    assert await state.count_waiting() == len(queued)
    assert (await state.situation("incident.opened", NOW, FAR)).situation.incidents.known


async def test_a_duplicate_or_rejected_event_is_not_queued_again(state: Store) -> None:
    await state.record_events([opened(), opened(), opened(incident_id="another")], NOW)
    assert await waiting(state) == ["1"]


async def test_the_oldest_come_first_as_many_as_asked_for(state: Store) -> None:
    rows = [event(f"e{i}", "consent.withdrawn", customer_id=f"c{i}") for i in range(5)]
    await state.record_events(rows, NOW)
    assert [c for _, c in await state.waiting_for_features(3)] == ["c0", "c1", "c2"]


async def test_what_was_told_is_forgotten_and_what_came_meanwhile_stays(state: Store) -> None:
    await state.record_events([opened("e1")], NOW)
    told = [sequence for sequence, _ in await state.waiting_for_features(100)]
    await state.record_events([opened("e2", NOW + HOUR), event("e3", "consent.withdrawn", customer_id="2")], NOW)
    await state.mark_delivered(told)
    assert await waiting(state) == ["1", "2"]


async def test_telling_nothing_or_what_was_told_already_changes_nothing(state: Store) -> None:
    await state.record_events([opened("e1")], NOW)
    told = [sequence for sequence, _ in await state.waiting_for_features(100)]
    await state.mark_delivered([])
    assert await waiting(state) == ["1"]
    await state.mark_delivered(told)
    await state.mark_delivered(told)
    assert await waiting(state) == []


async def test_a_process_that_tells_slowly_does_not_forget_what_was_queued_after_another_told_the_same(
    state: Store, open_store: OpenStore
) -> None:
    """Both read the same row; the first forgets it; a newer event must not get its number."""
    other = await open_store()
    await state.record_events([opened("e1")], NOW)
    mine = [sequence for sequence, _ in await state.waiting_for_features(100)]
    theirs = [sequence for sequence, _ in await other.waiting_for_features(100)]
    await other.mark_delivered(theirs)
    await state.record_events([opened("e2", NOW + HOUR)], NOW)
    await state.mark_delivered(mine)
    assert await waiting(state) == ["1"]


async def changed(state: Store, customer_id: str = "1") -> tuple[list[IncidentTimes], Consents]:
    return await state.changed_facts(customer_id, [sequence for sequence, _ in await state.waiting_for_features(100)])


async def test_the_changed_facts_are_the_incidents_and_consents_that_the_entries_are_about(state: Store) -> None:
    """As they stand now; what was told before is not told again, whatever there is."""
    await state.record_events([opened("e0", incident_id="i0"), event("g0", "consent.withdrawn", purpose="news")], NOW)
    await state.mark_delivered([sequence for sequence, _ in await state.waiting_for_features(100)])
    assert await changed(state) == ([], Consents())
    await state.record_events(
        [
            opened("e1", NOW - HOUR, incident_id="i2", class_="delivery"),
            event("e2", "incident.resolved", NOW, incident_id="i2"),
            event("e3", "incident.resolved", NOW, incident_id="i1"),
            event("e4", "consent.granted", NOW, purpose="marketing", channel="web"),
            event("e5", "consent.withdrawn", NOW - HOUR),
            opened("e6", NOW, incident_id="i3", severity="high"),
            event("e7", "incident.opened", customer_id="2", incident_id="i4"),
        ],
        NOW,
    )
    incidents, consents = await changed(state)
    expected = [
        IncidentTimes(incident_id="i1", opened_at=None, resolved_at=NOW, incident_class=None, severity=None),
        IncidentTimes(
            incident_id="i2", opened_at=NOW - HOUR, resolved_at=NOW, incident_class="delivery", severity=None
        ),
        IncidentTimes(incident_id="i3", opened_at=NOW, resolved_at=None, incident_class=None, severity="high"),
    ]
    assert sorted(incidents, key=lambda i: i.incident_id) == expected
    assert [i.is_open for i in expected] == [False, False, True]
    assert consents.granted_at == {("marketing", "web"): NOW}
    assert consents.withdrawn_at == {("*", "*"): NOW - HOUR}


async def test_who_has_no_rows_has_no_facts(state: Store) -> None:
    incidents, consents = await changed(state)
    assert (list(incidents), consents.granted_at, consents.withdrawn_at) == ([], {}, {})
