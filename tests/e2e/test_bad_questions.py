"""What Decide and GetDecision cannot take: a typed answer that names the field, and nothing written."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio

from rumbo.decision.v1 import decision_pb2, record_pb2, value_pb2
from tests.e2e.wire import REGULAR, Refusal, invalid, journeys_on, refusal_of, values
from tests.fixtures_service import Service, copied, row_counts, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

UNKNOWN_ID = "0199a0b1-0000-7000-8000-000000000000"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(seeded_home: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """One service for all cases, for none of them changes it."""
    async with running(copied(seeded_home, tmp_path_factory.mktemp("questions") / "home")) as started:
        yield started


def case(name: str, refusal: Refusal, **fields: Any) -> Any:
    return pytest.param({"customer_id": REGULAR, "channel": "web", **fields}, refusal, id=name)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        case("no customer", invalid("EMPTY", "customer_id"), customer_id=""),
        case("NUL in the customer", invalid("NUL_IN_TEXT", "customer_id"), customer_id="4\x006"),
        case("customer too long", invalid("TOO_LONG", "customer_id"), customer_id="é" * 129),
        case("no channel", invalid("UNKNOWN_CHANNEL", "channel"), channel=""),
        case("unknown channel", invalid("UNKNOWN_CHANNEL", "channel"), channel="fax"),
        case("channel in another case", invalid("UNKNOWN_CHANNEL", "channel"), channel="Web"),
        case("empty placement", invalid("EMPTY", "placement"), placement=""),
        case("limit 0", invalid("OUT_OF_RANGE", "limit"), limit=0),
        case("limit -1", invalid("OUT_OF_RANGE", "limit"), limit=-1),
        case("limit 51", invalid("OUT_OF_RANGE", "limit"), limit=51),
        case("limit 10**9", invalid("OUT_OF_RANGE", "limit"), limit=10**9),
        case("1 MB of context", invalid("TOO_LARGE", "context"), context=values(page="x" * 2**20)),
        case("context just over 64 kB", invalid("TOO_LARGE", "context"), context=values(page="x" * 65530)),
        case("65 keys", invalid("TOO_MANY", "context"), context=values(**{f"key{i}": 1 for i in range(65)})),
        case("many small keys", invalid("TOO_MANY", "context"), context=values(**{f"key{i}": 1 for i in range(9999)})),
        case("undeclared key", invalid("UNDECLARED", "context.mood"), context=values(page="home", mood="fine")),
        case("undeclared key, not ASCII", invalid("UNDECLARED", "context.año"), context=values(año=2018)),
        case("endless undeclared key", invalid("UNDECLARED", "context." + "k" * 64), context=values(**{"k" * 9999: 1})),
        case("number for text", invalid("WRONG_TYPE", "context.page"), context=values(page=3)),
        case("text for a number", invalid("WRONG_TYPE", "context.basket_value"), context=values(basket_value="9")),
        case("claim for a number", invalid("WRONG_TYPE", "context.basket_value"), context=values(basket_value=True)),
        case("NaN", invalid("NOT_FINITE", "context.basket_value"), context=values(basket_value=math.nan)),
        case("infinity", invalid("NOT_FINITE", "context.basket_value"), context=values(basket_value=math.inf)),
        case("-infinity", invalid("NOT_FINITE", "context.basket_value"), context=values(basket_value=-math.inf)),
        case("NUL in a text", invalid("NUL_IN_TEXT", "context.page"), context=values(page="ho\x00me")),
        case("value not set", invalid("NOT_SET", "context.page"), context={"page": value_pb2.Value()}),
    ],
)
@pytest.mark.parametrize("dry_run", [False, True], ids=["recorded", "dry run"])
async def test_a_bad_question_is_refused_by_field_and_writes_nothing(
    service: Service, fields: dict[str, Any], expected: Refusal, dry_run: bool
) -> None:
    before = row_counts(service.home)
    request = decision_pb2.DecideRequest(dry_run=dry_run, **fields)
    assert await refusal_of(service.stub.Decide(request)) == expected
    assert row_counts(service.home) == before


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        case("empty request id", invalid("EMPTY", "request_id"), request_id=""),
        case("request id too long", invalid("TOO_LONG", "request_id"), request_id="r" * 129),
        case("NUL in the request id", invalid("NUL_IN_TEXT", "request_id"), request_id="\x00"),
    ],
)
async def test_a_bad_request_id_is_refused_unless_the_run_is_dry(
    service: Service, fields: dict[str, Any], expected: Refusal
) -> None:
    before = row_counts(service.home)
    assert await refusal_of(service.stub.Decide(decision_pb2.DecideRequest(**fields))) == expected
    assert (await service.stub.Decide(decision_pb2.DecideRequest(dry_run=True, **fields))).decision_id == ""
    assert row_counts(service.home) == before


@pytest.mark.parametrize(
    ("decision_id", "expected"),
    [
        pytest.param("", invalid("EMPTY", "decision_id"), id="empty"),
        pytest.param("0" * 129, invalid("TOO_LONG", "decision_id"), id="too long"),
        pytest.param("\x00", invalid("NUL_IN_TEXT", "decision_id"), id="NUL"),
        pytest.param(UNKNOWN_ID, Refusal(code=grpc.StatusCode.NOT_FOUND, reason="DECISION_UNKNOWN"), id="unknown"),
    ],
)
async def test_a_decision_that_is_not_there_is_refused_by_field(
    service: Service, decision_id: str, expected: Refusal
) -> None:
    before = row_counts(service.home)
    request = record_pb2.GetDecisionRequest(decision_id=decision_id)
    assert await refusal_of(service.stub.GetDecision(request)) == expected
    assert row_counts(service.home) == before


async def test_a_message_of_more_than_4_mb_is_refused_by_the_transport(service: Service) -> None:
    before = row_counts(service.home)
    request = decision_pb2.DecideRequest(customer_id="x" * (4 * 2**20 + 1), channel="web")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await service.stub.Decide(request)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert row_counts(service.home) == before


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"limit": 1}, id="limit 1"),
        pytest.param({"limit": 50}, id="limit 50"),
        pytest.param({"customer_id": "é" * 128}, id="the longest customer id"),
        pytest.param({"customer_id": " "}, id="a customer called space"),
        pytest.param({"placement": "a place that no action names"}, id="unknown placement"),
        pytest.param({"context": values(page="x" * 60_000)}, id="context just under 64 kB"),
        pytest.param({"context": values(basket_value=40)}, id="a whole number for a double"),
        pytest.param({"locale": "tlh"}, id="unknown locale"),
        pytest.param({"explain": 99}, id="unknown explain"),
    ],
)
async def test_a_question_at_the_edge_is_answered(service: Service, fields: dict[str, Any]) -> None:
    answer = await service.decide(**{"customer_id": REGULAR, "dry_run": True, **fields})
    assert answer.counts.candidates == len(answer.ranked) + answer.counts.eligible + answer.counts.rejected


async def test_a_customer_never_seen_before_is_answered_like_any_other(service: Service) -> None:
    answer = await service.decide("never-seen-before", "web")
    assert answer.decision_id
    assert [journey.journey_id for journey in answer.ranked] == ["how-can-we-help"]
    assert answer.counts.candidates == len(journeys_on("web"))
    assert {d.what for d in answer.degraded} == {"model"}, "not to be known is no trouble of a store"
