"""What RecordEvents cannot take: refused row by row or as a whole, and nothing of it kept."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.protobuf.timestamp_pb2 import Timestamp

from rumbo.decision.v1 import events_pb2, value_pb2
from tests.e2e.wire import (
    ACCEPTED,
    BAD_TIMES,
    DUPLICATE,
    REGULAR,
    REJECTED,
    SECOND_REGULAR,
    at,
    event,
    invalid,
    opened,
    ranked_ids,
    refusal_of,
    rejection_of,
    values,
)
from tests.fixtures_features import NOW
from tests.fixtures_service import Service, row_counts, running, settled_counts
from tests.fixtures_stores import STORES, home_on

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module", params=STORES)
def home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with home_on(request.param, request, tmp_path_factory.mktemp("rows") / "home") as own:
        yield own


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(home: Path) -> AsyncIterator[Service]:
    """One service a store for all cases: each uses ids of its own."""
    async with running(home) as started:
        yield started


def case(name: str, field: str, code: str, **fields: Any) -> Any:
    return pytest.param(fields, (field, code), id=name)


def incident(**attributes: Any) -> dict[str, value_pb2.Value]:
    return values(**{"incident_id": "case-9", **attributes})


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        case("unknown type", "type", "UNKNOWN_TYPE", type="incident.reopened"),
        *(
            case(
                f"{kind} by {said}",
                f"attributes.{name}",
                "UNDECLARED",
                type=f"consent.{kind}",
                attributes=values(**said),
            )
            for kind in ("granted", "withdrawn")
            for name, said in (
                ("purpose", {"purpose": "Marketing", "channel": "email"}),
                ("channel", {"purpose": "marketing", "channel": "fax"}),
            )
        ),
        *(case(name, "occurred_at", code, type="incident.resolved", occurred_at=at) for name, code, at in BAD_TIMES),
        case("opened without a time", "occurred_at", "NOT_SET", occurred_at=None),
        case("opened at an empty time", "occurred_at", "NOT_SET", occurred_at=Timestamp()),
        case("withdrawn at an empty time", "occurred_at", "NOT_SET", type="consent.withdrawn", occurred_at=Timestamp()),
        case("id too long", "event_id", "TOO_LONG", event_id="e" * 129),
        case("NUL in the id", "event_id", "NUL_IN_TEXT", event_id="e\x00"),
        case("customer too long", "customer_id", "TOO_LONG", customer_id="c" * 129),
        case("NUL in the customer", "customer_id", "NUL_IN_TEXT", customer_id="4\x006"),
        case("NUL in the source", "source", "NUL_IN_TEXT", source="\x00"),
        case("source too long", "source", "TOO_LONG", source="s" * 129),
        case("no incident", "attributes.incident_id", "MISSING", attributes={}),
        case("empty incident", "attributes.incident_id", "NOT_TEXT", attributes=incident(incident_id="")),
        case("incident is a number", "attributes.incident_id", "NOT_TEXT", attributes=incident(incident_id=9)),
        case("class is a number", "attributes.class", "NOT_TEXT", attributes=incident(**{"class": 1.5})),
        case("NaN", "attributes.cost", "NOT_FINITE", attributes=incident(cost=math.nan)),
        case("infinity", "attributes.cost", "NOT_FINITE", attributes=incident(cost=math.inf)),
        case("64 kB", "attributes.note", "TOO_LARGE", attributes=incident(note="x" * (64 * 1024 + 1))),
        case("100 kB", "attributes.note", "TOO_LARGE", attributes=incident(note="x" * 100_000)),
        case("NUL in an attribute", "attributes.note", "NUL_IN_TEXT", attributes=incident(note="\x00")),
        case("NUL in what is asked for", "attributes.class", "NUL_IN_TEXT", attributes=incident(**{"class": "a\x00"})),
        case("NUL in a name", "attributes.a\x00b", "NUL_IN_TEXT", attributes=incident(**{"a\x00b": 1})),
        case("a type of 100 kB", "type", "UNKNOWN_TYPE", type="t" * 100_000),
        case("NUL in the type", "type", "UNKNOWN_TYPE", type="purchase\x00"),
        case("not set", "attributes.x", "NOT_SET", attributes={**incident(), "x": value_pb2.Value()}),
        case(
            "consent for nothing",
            "attributes.purpose",
            "MISSING",
            type="consent.granted",
            attributes=values(channel="web"),
        ),
        case(
            "consent on nothing",
            "attributes.channel",
            "MISSING",
            type="consent.granted",
            attributes=values(purpose="marketing"),
        ),
        case("no amount", "attributes.amount", "MISSING", type="purchase", attributes={}),
        case("amount is text", "attributes.amount", "NOT_A_NUMBER", type="purchase", attributes=values(amount="much")),
        case(
            "unknown journey",
            "attributes.journey_id",
            "UNKNOWN",
            type="journey.entered",
            attributes=values(journey_id="none", stage="need"),
        ),
        case(
            "stage that the journey lacks",
            "attributes.stage",
            "UNKNOWN",
            type="journey.entered",
            attributes=values(journey_id="welcome", stage="maintain"),
        ),
        case(
            "no stage",
            "attributes.stage",
            "MISSING",
            type="journey.advanced",
            attributes=values(journey_id="welcome"),
        ),
    ],
)
async def test_a_bad_event_is_rejected_by_field_and_is_not_kept(
    service: Service, fields: dict[str, Any], expected: tuple[str, str]
) -> None:
    before = await settled_counts(service.home)
    good = {
        "event_id": "never kept",
        "customer_id": REGULAR,
        "type": "incident.opened",
        "occurred_at": at(NOW),
        "attributes": incident(),
    }
    (result,) = await service.tell(events_pb2.Event(**{**good, **fields}))
    assert rejection_of(result) == expected
    assert result.event_id == fields.get("event_id", "never kept")
    assert row_counts(service.home) == before


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        pytest.param({"event_id": ""}, "events[1].event_id", id="id"),
        pytest.param({"customer_id": ""}, "events[1].customer_id", id="customer"),
        pytest.param({"type": ""}, "events[1].type", id="type"),
    ],
)
async def test_an_event_without_identity_makes_the_whole_call_invalid(
    service: Service, fields: dict[str, Any], field: str
) -> None:
    before = await settled_counts(service.home)
    nameless = events_pb2.Event(
        **{"event_id": "x", "customer_id": REGULAR, "type": "purchase", **fields}, occurred_at=at(NOW)
    )
    request = events_pb2.RecordEventsRequest(events=[event("purchase"), nameless, event("purchase")])
    assert await refusal_of(service.stub.RecordEvents(request)) == invalid("EMPTY", field)
    assert row_counts(service.home) == before


async def test_no_events_at_all_is_invalid(service: Service) -> None:
    assert await refusal_of(service.tell()) == invalid("EMPTY", "events")


async def test_more_than_4_mb_of_events_is_refused_by_the_transport(service: Service) -> None:
    before = await settled_counts(service.home)
    large = [event("purchase", note="x" * 60_000) for _ in range(80)]
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await service.tell(*large)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert row_counts(service.home) == before


async def test_the_same_event_again_is_a_duplicate_and_changes_nothing(service: Service) -> None:
    once = event("purchase", "a buyer", amount=12.5)
    assert [r.status for r in await service.tell(once, once)] == [ACCEPTED, DUPLICATE]
    before = await settled_counts(service.home)
    assert [r.status for r in await service.tell(once)] == [DUPLICATE]
    assert row_counts(service.home) == before


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"customer_id": "another buyer"}, id="customer"),
        pytest.param({"type": "consent.withdrawn"}, id="type"),
        pytest.param({"source": "elsewhere"}, id="source"),
        pytest.param({"occurred_at": at(NOW - timedelta(seconds=1))}, id="time"),
        pytest.param({"attributes": values(amount=12.51)}, id="attributes"),
        pytest.param({"attributes": values(amount=12)}, id="type of an attribute"),
    ],
)
async def test_an_event_id_with_other_content_is_rejected(service: Service, changed: dict[str, Any]) -> None:
    first = event("purchase", "a buyer", amount=12.0)
    await service.tell(first)
    before = await settled_counts(service.home)
    other = {"customer_id": "a buyer", "type": "purchase", "source": "tests", "occurred_at": first.occurred_at}
    reused = events_pb2.Event(**{"event_id": first.event_id, "attributes": values(amount=12.0), **other, **changed})
    (result,) = await service.tell(reused)
    assert rejection_of(result) == ("event_id", "ID_REUSED")
    assert row_counts(service.home) == before


async def test_a_rejected_row_does_not_keep_the_others_from_being_stored(service: Service) -> None:
    before = await settled_counts(service.home)
    results = await service.tell(event("purchase", amount=1.0), event("unheard.of"), event("purchase", amount=2.0))
    assert [r.status for r in results] == [ACCEPTED, REJECTED, ACCEPTED]
    assert row_counts(service.home)["events"] == before["events"] + 2


async def test_an_event_five_minutes_ahead_is_accepted_and_holds_at_once(service: Service) -> None:
    (result,) = await service.tell(opened(SECOND_REGULAR, ago=-timedelta(minutes=5)))
    assert result.status == ACCEPTED
    assert ranked_ids(await service.decide(SECOND_REGULAR))[0] == "complaint-apology"


async def test_a_heartbeat_of_a_source_that_no_catalogue_names_is_rejected(service: Service) -> None:
    """The example names none."""
    before = await settled_counts(service.home)
    (result,) = await service.tell(event("feed.heartbeat", ""))
    assert rejection_of(result) == ("source", "UNDECLARED")
    assert row_counts(service.home) == before


async def test_a_heartbeat_of_no_feed_is_rejected(service: Service) -> None:
    beat = events_pb2.Event(event_id="beat", type="feed.heartbeat", occurred_at=at(NOW))
    (result,) = await service.tell(beat)
    assert rejection_of(result) == ("source", "MISSING")
