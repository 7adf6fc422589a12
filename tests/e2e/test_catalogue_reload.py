"""A running service is asked without pause while a large catalogue changes on disk, once for the worse."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from features.company.company import COMPANY_FILE
from rumbo.decision.v1 import decision_pb2
from service.catalogue.load import load
from service.wire.readiness import HealthPart
from tests.example import TERMS
from tests.fixtures_features import company_at
from tests.fixtures_service import Service, running
from tests.large_catalogue import write_large_catalogue

JOURNEYS = 1000
EDITED = Path("journeys") / "pizza-night-coupons-7.yaml"
SERVING = health_pb2.HealthCheckResponse.SERVING


class Asking:
    """Customers who ask one after another. `answered` counts the answers of each version of the catalogue."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._is_over = False
        self.answered: dict[str, int] = {}

    async def ask(self, first: int) -> None:
        number = first
        while not self._is_over:
            number += 1
            answer = await self._service.decide(
                str(number), "web", explain=decision_pb2.EXPLAIN_UNSPECIFIED, dry_run=number % 2 == 0
            )
            version = answer.catalogue_version
            self.answered[version] = self.answered.get(version, 0) + 1

    def end(self) -> None:
        self._is_over = True

    async def answered_under(self, version: str, count: int = 10) -> None:
        """Returns once so many more answers were given under this version."""
        due = self.answered.get(version, 0) + count
        await until(lambda: self.answered.get(version, 0) >= due)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not is_so():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def asking(service: Service) -> AsyncIterator[Asking]:
    """Two customers at a time. Fails on the way out if a single request failed."""
    asked = Asking(service)
    async with asyncio.TaskGroup() as group:
        for first in (1, 1001):
            group.create_task(asked.ask(first))
        yield asked
        asked.end()


def edit(folder: Path, old: str, new: str) -> None:
    content = (folder / EDITED).read_text(encoding="utf-8")
    assert old in content
    (folder / EDITED).write_text(content.replace(old, new), encoding="utf-8")


async def version_on_disk(folder: Path) -> str:
    """The version of what lies there, by a first load of it."""
    return (await asyncio.to_thread(load, folder, TERMS)).version


async def health_becomes(service: Service, status: int) -> None:
    """Returns once the health of the catalogue is this."""
    stub: Any = health_pb2_grpc.HealthStub(service.channel)
    async for told in stub.Watch(health_pb2.HealthCheckRequest(service=HealthPart.CATALOGUE.value)):
        if told.status == status:
            return


@pytest.mark.timeout(120)
async def test_a_catalogue_that_means_what_the_company_says_by_now_is_refused_with_that_reason(
    own_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An audience asks for an age that rumbo.yaml has declared since the service started."""
    catalogue, company = own_home / "catalogue", company_at(own_home) / COMPANY_FILE
    async with running(own_home) as service:
        declared = company.read_text(encoding="utf-8")
        assert "  derived:\n" in declared
        company.write_text(declared.replace("  derived:\n", "  derived:\n    age: days_since(first_seen_at)\n"))
        journey = catalogue / "journeys" / "welcome.yaml"
        journey.write_text(re.sub(r"audience: .*", "audience: customer.age < 9.5", journey.read_text()))
        await health_becomes(service, health_pb2.HealthCheckResponse.NOT_SERVING)
    (refused,) = (record for record in caplog.records if record.message.startswith("catalogue refused"))
    faults = refused.__dict__["fields"]["faults"]
    assert "customer.age" in faults[0]
    assert faults[-1].startswith("rumbo.yaml has changed since this service started")


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_no_request_fails_while_a_thousand_journeys_change_and_only_valid_ones_come_into_force(
    own_home: Path,
) -> None:
    folder = own_home / "catalogue"
    write_large_catalogue(folder, JOURNEYS)
    expected = [await version_on_disk(folder)]
    async with running(own_home) as service, asking(service) as asked:
        await asked.answered_under(expected[-1])
        for old, new in (("tier: 4", "tier: 5"), ("recency_days < 1007.5", "recency_days < 500.5")):
            edit(folder, old, new)
            expected.append(await version_on_disk(folder))
            await asked.answered_under(expected[-1])

        edit(folder, "customer.recency_days", "customer.recencydays")
        await health_becomes(service, health_pb2.HealthCheckResponse.NOT_SERVING)
        await asked.answered_under(expected[-1])

        (folder / EDITED).with_name("welcome-7.yaml").unlink()
        edit(folder, "customer.recencydays < 500.5", "customer.recency_days < 600.5")
        expected.append(await version_on_disk(folder))
        await health_becomes(service, SERVING)
        await asked.answered_under(expected[-1])
    assert list(asked.answered) == expected
