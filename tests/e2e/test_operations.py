"""What operators rely on: health, reflection, metrics, and a log without personal data."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import urllib.request
from datetime import datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_reflection.v1alpha import reflection_pb2

from features.reading import CustomerByCustomer, FeatureReading
from features.store.online import OnlineFeatures
from service.bootstrap.serve import application
from service.metrics import JsonLines
from service.wire.server import AddressTaken, serving
from tests.e2e.wire import Refusal, event, invalid, opened, refusal_of, values
from tests.example import SCHEMA
from tests.fixtures_features import feast_at
from tests.fixtures_service import Clock, Service, row_counts, running, settings_of

SERVICE = "rumbo.decision.v1.DecisionService"
STRANGER = "customer-of-the-log-4711"


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
async def test_reflection_lists_the_services_and_describes_each(service: Service, version: str) -> None:
    """Under the name that tools ask for today, and under the one that older tools do."""
    messages = reflection_pb2.ServerReflectionRequest, reflection_pb2.ServerReflectionResponse
    call: Any = service.channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=messages[0].SerializeToString,
        response_deserializer=messages[1].FromString,
    )

    async def answers(*asked: reflection_pb2.ServerReflectionRequest) -> list[reflection_pb2.ServerReflectionResponse]:
        return [answer async for answer in call(iter(asked))]

    (listed,) = await answers(reflection_pb2.ServerReflectionRequest(list_services=""))
    names = {one.name for one in listed.list_services_response.service}
    own = {f"grpc.reflection.{v}.ServerReflection" for v in ("v1", "v1alpha")}
    assert names == {SERVICE, "grpc.health.v1.Health", *own}
    for name in names:
        (described,) = await answers(reflection_pb2.ServerReflectionRequest(file_containing_symbol=name))
        assert described.file_descriptor_response.file_descriptor_proto, name


@pytest.mark.parametrize(
    "method",
    [f"/{SERVICE}/Nothing", "/rumbo.decision.v2.DecisionService/Decide", "/grpc.health.v1.Health/List", "/"],
)
async def test_a_method_that_is_not_there_is_refused_with_a_reason(service: Service, method: str) -> None:
    unknown = Refusal(code=grpc.StatusCode.UNIMPLEMENTED, reason="METHOD_UNKNOWN")
    calls: tuple[Any, Any] = service.channel.unary_unary(method), service.channel.stream_unary(method)
    assert await refusal_of(calls[0](b"\xff")) == unknown
    assert await refusal_of(calls[1](iter(()))) == unknown


@pytest.mark.parametrize(
    "method",
    ["health.v1.Health/Check", "health.v1.Health/Watch"]
    + [f"reflection.{version}.ServerReflection/ServerReflectionInfo" for version in ("v1", "v1alpha")],
)
async def test_bytes_that_are_no_message_are_refused_beside_the_service_as_in_it(
    service: Service, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The log keeps silent: otherwise anybody could fill it with tracebacks."""
    call: Any = service.channel.stream_stream(f"/grpc.{method}")
    assert await refusal_of(anext(aiter(call(iter([b"\xff"]))))) == invalid("MALFORMED", "request")
    assert [line for line in caplog.records if line.levelno >= logging.WARNING] == []


async def page(service: Service) -> str:
    """The metrics as Prometheus would read them."""
    url = f"http://{service.address.host}:{service.address.metrics_port}/metrics"

    def read() -> str:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return str(answer.read(), "utf-8")

    return await asyncio.to_thread(read)


async def test_metrics_count_decisions_rows_and_errors(own_home: Path) -> None:
    async with running(own_home, metrics_port=0) as service:
        await service.decide(STRANGER, "web")
        await service.decide(STRANGER, "web", dry_run=True)
        await service.tell(opened(STRANGER), event("unheard.of", STRANGER))
        with pytest.raises(grpc.aio.AioRpcError):
            await service.decide(STRANGER, "fax")
        metrics = await page(service)
    counted = dict(line.rsplit(" ", 1) for line in metrics.splitlines() if not line.startswith("#"))
    assert counted['rumbo_decisions_total{channel="web",kind="recorded"}'] == "1.0"
    assert counted['rumbo_decisions_total{channel="web",kind="dry_run"}'] == "1.0"
    assert counted['rumbo_rows_total{status="ACCEPTED",what="event"}'] == "1.0"
    assert counted['rumbo_rows_total{status="REJECTED",what="event"}'] == "1.0"
    assert counted['rumbo_errors_total{method="Decide",status="INVALID_ARGUMENT"}'] == "1.0"
    assert counted['rumbo_degraded_total{status="UNAVAILABLE",what="model"}'] == "2.0"
    assert float(counted['rumbo_rejected_total{code="CONSENT_MISSING"}']) > 0
    assert float(counted['rumbo_feature_reads_total{way="direct"}']) >= 2.0
    assert 'rumbo_feature_reads_total{way="feast"}' not in counted
    assert STRANGER not in metrics


async def test_metrics_are_not_served_unless_asked_for(service: Service) -> None:
    assert service.address.metrics_port is None


async def test_each_decision_is_one_line_of_the_log_without_personal_data(
    own_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with running(own_home) as service:
        answers = [await service.decide(STRANGER, "web", context=values(page="home")) for _ in range(3)]
        await service.tell(opened(STRANGER), event("consent.withdrawn", STRANGER))
        with pytest.raises(grpc.aio.AioRpcError):
            await service.decide(STRANGER, "fax")
    written = [JsonLines().format(record) for record in caplog.records]
    lines = [json.loads(line) for line in written if '"rumbo.decision"' in line]
    assert [line["decision_id"] for line in lines] == [answer.decision_id for answer in answers]
    assert {line["ranked"] for line in lines} == {1}
    assert {line["message"] for line in lines} == {"decided"}
    assert not [line for line in written if re.search(STRANGER, line)]


async def test_a_taken_port_is_an_error_for_people(service: Service, own_home: Path) -> None:
    settings = settings_of(own_home).model_copy(update={"port": service.address.port})
    async with application(settings, Clock()) as other:
        with pytest.raises(AddressTaken, match=str(service.address.port)):
            async with serving(other, settings):
                pass


class Breaking(CustomerByCustomer):
    """A reader that keeps its promise never to raise until it `is_broken`."""

    def __init__(self, home: Path) -> None:
        self._reader = OnlineFeatures(feast_at(home), SCHEMA)
        self.is_broken = False

    def read(self, customer_id: str, now: datetime) -> FeatureReading:
        if self.is_broken:
            raise ZeroDivisionError("the secret cause")
        return self._reader.read(customer_id, now)


async def test_what_nobody_foresaw_is_internal_and_its_cause_is_in_the_log_only(
    own_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reader = Breaking(own_home)
    async with running(own_home, features=reader) as service:
        reader.is_broken = True
        before = row_counts(own_home)
        refusal = await refusal_of(service.decide(STRANGER))
        assert row_counts(own_home) == before
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await service.decide(STRANGER)
        reader.is_broken = False
        assert (await service.decide(STRANGER)).ranked, "the next call is not affected"
    assert refusal == Refusal(code=grpc.StatusCode.INTERNAL, reason="INTERNAL")
    error_id = str(caught.value.details()).removeprefix("internal error ")
    assert "secret" not in error_id
    logged = [record for record in caplog.records if error_id in record.getMessage()]
    assert len(logged) == 1
    assert "the secret cause" in JsonLines().format(logged[0])
