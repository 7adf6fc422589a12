"""What an orchestrator is told: whether the process lives, whether it can do its work, and which of its parts can."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client.parser import text_string_to_metric_families

from features.reading import CustomerByCustomer, FeatureReading, ViewFault
from features.values import FeatureStatus
from service.bootstrap.serve import application
from service.wire.readiness import HealthPart
from tests.e2e.outages import Outage, Place
from tests.example import SCHEMA
from tests.fixtures_service import Clock, Service, copied, row_counts, running, settings_of

SERVICE = "rumbo.decision.v1.DecisionService"
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
STATE, FEATURES, MODEL, CATALOGUE = (
    part.value for part in (HealthPart.STATE, HealthPart.FEATURES, HealthPart.MODEL, HealthPart.CATALOGUE)
)


@pytest.fixture(autouse=True)
def watchful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks that follow one another, for services that are started from now on."""
    monkeypatch.setattr("service.wire.readiness.LOOK_EVERY_S", 0.05)


async def health_of(service: Service, name: str) -> int:
    stub: Any = health_pb2_grpc.HealthStub(service.channel)
    return int((await stub.Check(health_pb2.HealthCheckRequest(service=name))).status)


@asynccontextmanager
async def watched(service: Service, name: str) -> AsyncIterator[AsyncIterator[int]]:
    """Every status of a name, from now on."""
    stub: Any = health_pb2_grpc.HealthStub(service.channel)
    call = stub.Watch(health_pb2.HealthCheckRequest(service=name))
    yield (int(told.status) async for told in call)
    call.cancel()


async def until(told: AsyncIterator[int], status: int) -> None:
    async with asyncio.timeout(30):
        while await anext(told) != status:
            pass


async def becomes(service: Service, name: str, status: int) -> None:
    async with asyncio.timeout(30):
        while await health_of(service, name) != status:
            await asyncio.sleep(0.02)


@pytest.mark.usefixtures("impatient")
async def test_a_service_without_its_state_store_lives_and_is_not_ready_until_the_store_is_back(
    place: Place, outage: Outage
) -> None:
    """Nobody asks for a decision meanwhile: it is found out, and found again, without any traffic."""
    async with running(place.home) as service:
        assert await health_of(service, SERVICE) == SERVING
        with outage(place):
            await becomes(service, SERVICE, NOT_SERVING)
            statuses = {name: await health_of(service, name) for name in ("", STATE, FEATURES)}
            assert statuses == {"": SERVING, STATE: NOT_SERVING, FEATURES: SERVING}
        await becomes(service, SERVICE, SERVING)
        assert (await service.decide("who comes back")).decision_id


@pytest.mark.usefixtures("impatient")
async def test_a_service_that_may_answer_unrecorded_is_ready_without_its_state_store(
    place: Place, outage: Outage
) -> None:
    async with running(place.home, allow_unrecorded=True) as service:
        with outage(place):
            await becomes(service, STATE, NOT_SERVING)
            assert await health_of(service, SERVICE) == SERVING
        await becomes(service, STATE, SERVING)


class SwitchableFeatures(CustomerByCustomer):
    """A feature store that can be switched off."""

    is_off = False

    def read(self, customer_id: str, now: datetime) -> FeatureReading:
        status = FeatureStatus.UNAVAILABLE
        faults = tuple(ViewFault(view=v, status=status, cause="off") for v in SCHEMA.by_view) if self.is_off else ()
        return FeatureReading(values={}, degraded=faults, has_any_row=False)


async def test_a_service_without_features_or_model_is_ready_and_says_which_part_is_away(own_home: Path) -> None:
    features = SwitchableFeatures()
    async with running(own_home, features=features) as service, watched(service, FEATURES) as told:
        await until(told, SERVING)
        features.is_off = True
        await until(told, NOT_SERVING)
        statuses = {name: await health_of(service, name) for name in ("", SERVICE, STATE, MODEL, CATALOGUE)}
        assert statuses == {"": SERVING, SERVICE: SERVING, STATE: SERVING, MODEL: NOT_SERVING, CATALOGUE: SERVING}
        features.is_off = False
        await until(told, SERVING)


async def test_the_model_that_serves_is_healthy(modelled_home: Path) -> None:
    async with running(modelled_home) as service:
        assert await health_of(service, MODEL) == SERVING


async def test_a_name_that_nobody_has_is_not_found(service: Service) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await health_of(service, "rumbo.nonsense")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_looking_leaves_no_row_behind(stored_home: Path) -> None:
    async with application(settings_of(stored_home), Clock()) as app:
        before = row_counts(stored_home)
        for _ in range(3):
            await app.readiness.look()
        assert all(works for part, works in app.readiness.works.items() if part is not HealthPart.MODEL)
        assert row_counts(stored_home) == before


@pytest.mark.parametrize(("home", "in_force"), [("seeded_home", 0.0), ("modelled_home", 1.0)])
async def test_the_metrics_say_whether_a_model_is_in_force(
    home: str, in_force: float, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    own = copied(request.getfixturevalue(home), tmp_path / "own")
    async with running(own, metrics_port=0) as service:
        url = f"http://{service.address.host}:{service.address.metrics_port}/metrics"
        page = str(await asyncio.to_thread(lambda: urllib.request.urlopen(url, timeout=10).read()), "utf-8")
    found = {
        sample.labels["what"]: sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == "rumbo_in_force"
    }
    assert found == {"catalogue": 1.0, "features": 1.0, "model": in_force}
