"""While something is wrong nothing is sold: the first promise, over the wire, for real households."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from features.situation import IncidentFact, IncidentStatus
from features.store.push import SituationWriter
from rumbo.decision.v1 import decision_pb2, journey_pb2
from tests.e2e.wire import (
    APOLOGY,
    CHANNELS,
    HELPING,
    REGULAR,
    allowed_ids,
    assert_each_accounted_for,
    event,
    journeys_on,
    offered,
    opened,
    proposals,
    ranked_ids,
    reasons_of,
    resolved,
)
from tests.example import SCHEMA
from tests.fixtures_features import NOW, feast_at
from tests.fixtures_service import Clock, Service, running

HOUSEHOLDS = 500
CLASSES = ("delivery", "billing", "product_quality", "safety", "of a class that no policy names", None)
AT_ONCE = 16


@pytest.fixture
def own_home(stored_home: Path) -> Path:
    """On each store in turn."""
    return stored_home


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One household on one channel: before, during and after an incident."""

    channel: str
    before: decision_pb2.DecideResponse
    during: decision_pb2.DecideResponse
    after: decision_pb2.DecideResponse


@pytest.fixture
def households(prepared_company: Path) -> list[str]:
    """500 real households, from the first to the last."""
    known = pq.read_table(prepared_company / "feast" / "data" / "profile.parquet", columns=["customer_id"])
    listed = sorted(set(known["customer_id"].to_pylist()), key=int)
    return [listed[i * len(listed) // HOUSEHOLDS] for i in range(HOUSEHOLDS)]


async def visits(service: Service, households: Sequence[str]) -> list[Visit]:
    """Each household with its own channel and class of incident, some at a time."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def visit(number: int, household: str) -> Visit:
        channel, incident_class = CHANNELS[number % len(CHANNELS)], CLASSES[number % len(CLASSES)]
        async with turn:
            before = await service.preview(household, channel)
            await service.tell(opened(household, incident_class=incident_class))
            during = await service.decide(household, channel, limit=50)
            await service.tell(resolved(household))
            return Visit(channel=channel, before=before, during=during, after=await service.preview(household, channel))

    return await asyncio.gather(*(visit(number, household) for number, household in enumerate(households)))


@pytest.mark.slow
async def test_an_open_incident_leaves_500_households_nothing_but_help(service: Service, households: list[str]) -> None:
    seen = await visits(service, households)
    assert {v.channel for v in seen if offered(v.before, v.channel)} == set(CHANNELS), (
        "every channel had offers to withhold"
    )
    assert sum(bool(offered(v.before, v.channel)) for v in seen) > 150
    for visit in seen:
        during = visit.during
        assert not offered(during, visit.channel)
        assert not any(journey.is_offer for journey in during.ranked)
        assert {j.kind for place in (during.ranked, during.eligible) for j in place} <= HELPING
        assert during.ranked[0].journey_id == APOLOGY
        assert_each_accounted_for(during, journeys_on(visit.channel))
        assert offered(visit.after, visit.channel) == offered(visit.before, visit.channel)


@pytest.mark.slow
async def test_under_the_whole_example_an_open_incident_leaves_500_households_nothing_but_help(
    example_service: Service, households: list[str]
) -> None:
    seen = await visits(example_service, households)
    assert sum(bool(offered(v.before, v.channel)) for v in seen) > 100
    for visit in seen:
        during = visit.during
        assert not offered(during, visit.channel)
        assert not any(journey.is_offer for journey in during.ranked)
        assert {j.kind for place in (during.ranked, during.eligible) for j in place} <= HELPING
        assert during.ranked[0].journey_id == APOLOGY
        assert_each_accounted_for(during, journeys_on(visit.channel))


async def test_each_withheld_journey_names_the_incident(service: Service) -> None:
    await service.tell(opened(incident_class="billing"))
    for channel in CHANNELS:
        answer = await service.preview(REGULAR, channel)
        withheld = [p.journey_id for p in proposals(channel).values() if not p.is_help]
        assert withheld
        for journey_id in withheld:
            reason = reasons_of(answer, journey_id)["INCIDENT_OPEN"]
            assert reason.params["incident_class"].string_value == "billing"
            assert reason.params["opened_at"].string_value == "2018-01-03T11:00:00Z"
            assert not reason.HasField("eligible_after"), "time alone resolves nothing"


async def test_an_incident_of_one_customer_is_none_of_another(service: Service) -> None:
    before = await service.preview("283")
    await service.tell(opened())
    assert await service.preview("283") == before


async def test_a_resolution_that_happened_before_the_opening_resolves_nothing(service: Service) -> None:
    await service.tell(resolved(ago=timedelta(hours=2)), opened(ago=timedelta(hours=1)))
    assert ranked_ids(await service.decide(REGULAR))[0] == APOLOGY


async def test_a_resolution_at_the_very_instant_of_the_opening_resolves(service: Service) -> None:
    await service.tell(resolved(ago=timedelta(hours=1)), opened(ago=timedelta(hours=1)))
    assert APOLOGY not in allowed_ids(await service.preview(REGULAR))


async def test_one_of_two_incidents_resolved_leaves_the_gate_closed(service: Service) -> None:
    other = event("incident.opened", ago=timedelta(hours=3), incident_id="case-2")
    await service.tell(opened(), other, resolved())
    answer = await service.preview(REGULAR)
    assert not offered(answer, "web")
    assert ranked_ids(answer)[0] == APOLOGY


async def test_an_incident_survives_a_restart(own_home: Path) -> None:
    async with running(own_home) as service:
        await service.tell(opened())
    async with running(own_home) as service:
        assert ranked_ids(await service.decide(REGULAR))[0] == APOLOGY


async def test_a_stranger_with_an_incident_is_apologised_to(service: Service) -> None:
    await service.tell(opened("never-seen-before"))
    for channel in CHANNELS:
        assert ranked_ids(await service.decide("never-seen-before", channel))[0] == APOLOGY


async def test_the_apology_comes_on_every_channel_at_each_of_its_stages(service: Service) -> None:
    await service.tell(opened(incident_class="product_quality"))
    await service.tell(event("journey.entered", journey_id=APOLOGY, stage="use", ago=timedelta(minutes=2)))
    for stage in ("use", "maintain"):
        await service.tell(event("journey.advanced", journey_id=APOLOGY, stage=stage, ago=timedelta(minutes=1)))
        for channel in CHANNELS:
            first = (await service.decide(REGULAR, channel)).ranked[0]
            assert (first.journey_id, first.stage) == (APOLOGY, journey_pb2.Stage.Value(f"STAGE_{stage.upper()}"))


@pytest.fixture
def ticketing(own_home: Path) -> Iterator[SituationWriter]:
    """A system that writes to the feature store and sends no events."""
    writer = SituationWriter(feast_at(own_home), SCHEMA.situation)
    yield writer
    writer.close()


async def test_an_incident_that_only_the_feature_store_knows_closes_the_gate(
    own_home: Path, ticketing: SituationWriter
) -> None:
    ticketing.write(REGULAR, [_known_to_feast("case-1", IncidentStatus.OPEN, hours_ago=2)])
    async with running(own_home) as service:
        answer = await service.preview(REGULAR)
    assert not offered(answer, "web")
    assert ranked_ids(answer)[0] == APOLOGY


async def test_an_event_that_is_later_than_what_the_feature_store_knows_wins(
    own_home: Path, ticketing: SituationWriter
) -> None:
    ticketing.write(REGULAR, [_known_to_feast("case-1", IncidentStatus.OPEN, hours_ago=2)])
    async with running(own_home) as service:
        await service.tell(resolved(ago=timedelta(hours=1)))
        assert offered(await service.preview(REGULAR), "web")


async def test_a_resolution_that_only_the_feature_store_knows_opens_nothing(
    own_home: Path, ticketing: SituationWriter
) -> None:
    ticketing.write(REGULAR, [_known_to_feast("case-1", IncidentStatus.RESOLVED, hours_ago=0)])
    async with running(own_home) as service:
        await service.tell(opened(ago=timedelta(hours=1)))
        assert not offered(await service.preview(REGULAR), "web")


async def test_an_incident_reported_a_little_ahead_of_time_holds_at_once(own_home: Path) -> None:
    async with running(own_home, Clock(NOW)) as service:
        await service.tell(opened(ago=-timedelta(minutes=5)))
        assert ranked_ids(await service.decide(REGULAR))[0] == APOLOGY


def _known_to_feast(incident_id: str, status: IncidentStatus, *, hours_ago: int) -> IncidentFact:
    at = NOW - timedelta(hours=hours_ago)
    return IncidentFact(incident_id=incident_id, incident_class=None, severity=None, status=status, at=at)
