"""Answers that nobody records, while the state store is away and the operator allows them."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from rumbo.decision.v1 import reason_pb2
from service.bootstrap.store import kill_switch
from service.state.engines.engine import Durability
from tests.e2e.outages import AWAY, OUTAGES, Outage, Place, place_of
from tests.e2e.store_damage import make_garbage
from tests.e2e.wire import (
    ACCEPTED,
    OPEN_DOOR,
    REGULAR,
    assert_each_accounted_for,
    degraded_of,
    event,
    journeys_on,
    outcome,
    ranked_ids,
    reasons_of,
    refusal_of,
)
from tests.fixtures_features import NOW
from tests.fixtures_service import Clock, Service, row_counts, running, settings_of, settled_counts

pytestmark = pytest.mark.usefixtures("impatient")

BY_FACT = {
    "INCIDENT_OPEN": "incidents",
    "CONSENT_MISSING": "consents",
    "STAGE": "enrolments",
    "CONTACT_CAP": "contacts",
    "PRESSURE_CAP": "contacts",
    "COOLDOWN": "responses",
    "NEVER_WITH": "enrolments",
    "NEVER_AFTER": "contacts",
    "IN_FLIGHT": "enrolments",
    "CAPACITY": "pools",
    "BUDGET": "pools",
}
"""What each constraint of the example needs of the state."""


@asynccontextmanager
async def permissive(home: Path) -> AsyncIterator[Service]:
    """At noon of the customers, when no hours are quiet."""
    clock = Clock(NOW + timedelta(hours=5))
    async with running(home, clock, allow_unrecorded=True, durability=Durability.POWER_SAFE) as started:
        yield started


@pytest.fixture
async def service(place: Place) -> AsyncIterator[Service]:
    async with permissive(place.home) as started:
        yield started


async def test_what_needs_nothing_of_the_state_is_shown_labelled_and_not_recorded(
    service: Service, place: Place, outage: Outage
) -> None:
    await service.decide("before")
    before = await settled_counts(place.home)
    with outage(place):
        answer = await service.decide(REGULAR, limit=50, request_id="r1")
        assert (answer.decision_id, ranked_ids(answer)) == ("", [OPEN_DOOR])
        assert degraded_of(answer) == {"state": "UNAVAILABLE", "model": "UNAVAILABLE"}
        assert_each_accounted_for(answer, journeys_on("web"))
        assert {j.journey_id for j in answer.rejected} == journeys_on("web") - {OPEN_DOOR}
        (told,) = (d.effect for d in answer.degraded if d.what == "state")
        assert told.startswith("The state store is unavailable: nothing is reserved or recorded")
    await service.tell(event("purchase", "before", amount=1.0))
    assert (await settled_counts(place.home))["contacts"] == before["contacts"]


async def test_events_outcomes_and_records_are_refused_all_the_same(
    service: Service, place: Place, outage: Outage
) -> None:
    first = await service.decide("before")
    bought, clicked = event("purchase", "before", amount=1.0), outcome(first.decision_id, OPEN_DOOR, "ENGAGED")
    with outage(place):
        assert await refusal_of(service.tell(bought)) == AWAY
        assert await refusal_of(service.report(clicked)) == AWAY
    again = await service.decide("before", request_id="r1")
    assert again.decision_id
    assert "state" not in degraded_of(again)
    assert (await service.decide("before", request_id="r1")).decision_id == again.decision_id


async def test_what_was_killed_before_stays_killed(service: Service, place: Place, outage: Outage) -> None:
    await _kill(place.home, OPEN_DOOR)
    assert ranked_ids(await service.decide("before")) == []
    with outage(place):
        answer = await service.decide("before", limit=50)
    assert ranked_ids(answer) == []
    reason = reasons_of(answer, OPEN_DOOR)["KILLED"]
    assert (reason.kind, reason.params["why"].string_value) == (reason_pb2.REASON_KIND_DENIED, "a test")


async def test_a_process_that_was_asked_for_nothing_yet_knows_what_was_killed(place: Place, outage: Outage) -> None:
    await _kill(place.home, "*")
    async with permissive(place.home) as service:
        with outage(place):
            assert ranked_ids(await service.decide("never asked before")) == []


async def _kill(home: Path, target: str) -> None:
    async with kill_switch(settings_of(home)) as switch:
        await switch.kill(target, "a test", NOW)


@pytest.fixture(name="file")
def _file(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with place_of("file-locked", request, tmp_path) as own:
        yield own


LOCKED = OUTAGES["file-locked"]


async def test_each_journey_is_withheld_for_the_fact_that_nobody_could_read(file: Place) -> None:
    """Under the whole example catalogue, on every constraint of it that reads the situation."""
    shutil.rmtree(file.home / "catalogue")
    seen: dict[str, str] = {}
    async with permissive(file.home) as service:
        with LOCKED(file):
            for channel in ("web", "email", "sms"):
                answer = await service.decide(REGULAR, channel, limit=50)
                for rejected in answer.rejected:
                    for reason in rejected.reasons:
                        if reason.kind == reason_pb2.REASON_KIND_UNKNOWN and reason.code in BY_FACT:
                            seen[reason.code] = reason.params["fact"].string_value
                            assert reason.params["status"].string_value == "UNAVAILABLE"
                            assert "could not be read" in reason.text
    assert seen == BY_FACT


async def test_a_withdrawal_of_everything_is_obeyed_as_the_feature_store_has_it(file: Place) -> None:
    async with permissive(file.home) as service:
        assert [r.status for r in await service.tell(event("consent.withdrawn", "who left"))] == [ACCEPTED]
        await settled_counts(file.home)
        with LOCKED(file):
            answer = await service.decide("who left", limit=50)
            assert ranked_ids(answer) == []
            assert reasons_of(answer, OPEN_DOOR)["CONSENT_MISSING"].kind == reason_pb2.REASON_KIND_DENIED
            assert ranked_ids(await service.decide("who stayed", limit=50)) == [OPEN_DOOR]


async def test_without_both_stores_nothing_is_shown(file: Place) -> None:
    """Nobody knows who withdrew what."""
    make_garbage(file.home)
    async with permissive(file.home) as service:
        with LOCKED(file):
            answer = await service.decide(REGULAR, limit=50)
    assert ranked_ids(answer) == []
    reason = reasons_of(answer, OPEN_DOOR)["CONSENT_MISSING"]
    assert (reason.kind, reason.params["fact"].string_value) == (reason_pb2.REASON_KIND_UNKNOWN, "withdrawals")
    assert degraded_of(answer)["state"] == "UNAVAILABLE"


async def test_the_time_of_the_last_purchase_is_not_believed_of_the_feature_store_alone(file: Place) -> None:
    """Bought this minute, and the feature store has not heard of it: nobody is missed for it."""
    async with permissive(file.home) as service:
        with LOCKED(file):
            answer = await service.decide(REGULAR, limit=50)
    reason = reasons_of(answer, "rescue-basket")["AUDIENCE"]
    assert (reason.kind, reason.params["status"].string_value) == (reason_pb2.REASON_KIND_UNKNOWN, "UNAVAILABLE")


async def test_it_is_not_allowed_unless_the_operator_says_so(file: Place) -> None:
    async with running(file.home) as service:
        with LOCKED(file):
            assert await refusal_of(service.decide(REGULAR)) == AWAY
            assert row_counts(file.home)["decisions"] == 0
