"""A running service for tests: real gRPC on a free port, real stores in a home of its own, a clock that tests move."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import psycopg
import pytest
from pydantic import SecretStr

from features.company.company import load_company
from features.company.home import FILE, HomeCompany, make_home_of, places
from rumbo.decision.v1 import decision_pb2, events_pb2, outcomes_pb2, record_pb2
from rumbo.decision.v1.service_pb2_grpc import DecisionServiceStub
from service.application.hydrate import FeatureReader
from service.application.scoring import Model
from service.bootstrap.clock import uuid_of
from service.bootstrap.serve import application
from service.decision.facts_record import Json
from service.examples.complete_journey.seed import seed_consents
from service.settings import Settings
from service.state.engines.engine import Durability
from service.state.rows.record import record_of
from service.wire.server import Address, serving
from tests.example import EXAMPLE
from tests.fixtures_features import NOW, company_at
from tests.plain_catalogue import write_plain_catalogue
from tests.shared import made_once

if TYPE_CHECKING:
    from rumbo.decision.v1.service_pb2_grpc import DecisionServiceAsyncStub

STATE_URL = "postgres.url"
"""The file in a home that names the database which keeps its state; without one, a file in the home does."""

MAX_SENT_BYTES = 16 * 1024 * 1024
"""More than the server takes, so that it is the server that refuses."""


class Clock:
    """The time of a service under test; it stands still until it is moved."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def move(self, by: timedelta) -> None:
        self.now += by


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A running service and one connection to it."""

    home: Path
    clock: Clock
    address: Address
    channel: grpc.aio.Channel
    stub: DecisionServiceAsyncStub

    async def decide(self, customer_id: str, channel: str = "web", **fields: Any) -> decision_pb2.DecideResponse:
        """A recorded decision with every reason, unless `fields` say otherwise."""
        asked = {"explain": decision_pb2.EXPLAIN_FULL, **fields}
        return await self.stub.Decide(decision_pb2.DecideRequest(customer_id=customer_id, channel=channel, **asked))

    async def preview(self, customer_id: str, channel: str = "web", **fields: Any) -> decision_pb2.DecideResponse:
        """A dry run over as many slots as there can be: everything that is allowed."""
        return await self.decide(customer_id, channel, **{"dry_run": True, "limit": 50, **fields})

    async def tell(self, *events: events_pb2.Event) -> list[events_pb2.EventResult]:
        return list((await self.stub.RecordEvents(events_pb2.RecordEventsRequest(events=events))).results)

    async def report(self, *outcomes: outcomes_pb2.Outcome) -> list[outcomes_pb2.OutcomeResult]:
        return list((await self.stub.RecordOutcomes(outcomes_pb2.RecordOutcomesRequest(outcomes=outcomes))).results)

    async def recall(self, decision_id: str, **fields: Any) -> record_pb2.GetDecisionResponse:
        """The whole record, unless `fields` say otherwise."""
        asked = {"explain": decision_pb2.EXPLAIN_FULL, **fields}
        return await self.stub.GetDecision(record_pb2.GetDecisionRequest(decision_id=decision_id, **asked))


@asynccontextmanager
async def running(
    home: Path,
    clock: Clock | None = None,
    *,
    features: FeatureReader | None = None,
    model: Model | None = None,
    metrics_port: int | None = None,
    allow_unrecorded: bool = False,
    durability: Durability = Durability.PROCESS_SAFE,
    new_id: Callable[[datetime], str] = uuid_of,
    settings: Settings | None = None,
) -> AsyncIterator[Service]:
    """A service over `home` until left. Started twice over one home, it is a restart. `settings` go before the rest."""
    settings = settings or settings_of(
        home, metrics_port=metrics_port, allow_unrecorded=allow_unrecorded, durability=durability
    )
    chosen = Clock() if clock is None else clock
    async with (
        application(settings, chosen, features=features, model=model, new_id=new_id) as app,
        serving(app, settings) as address,
    ):
        target = f"{address.host}:{address.port}"
        sizes = (("grpc.max_send_message_length", MAX_SENT_BYTES),)
        async with grpc.aio.insecure_channel(target, options=sizes) as channel:
            yield Service(home=home, clock=chosen, address=address, channel=channel, stub=DecisionServiceStub(channel))


def settings_of(
    home: Path,
    *,
    metrics_port: int | None = None,
    allow_unrecorded: bool = False,
    durability: Durability = Durability.PROCESS_SAFE,
) -> Settings:
    """No test here cuts the power, so none waits for the disk. A home without a catalogue serves the example.

    The time to drain is long, for on a busy machine a client takes seconds to notice that a server has stopped.
    """
    own, beside = home / "catalogue", company_at(home)
    return Settings(
        company=places(beside if beside.is_dir() else None, home).company,
        home=home,
        catalogue=own if own.is_dir() else EXAMPLE,
        port=0,
        metrics_port=metrics_port,
        durability=durability,
        state_url=_state_url(home),
        allow_unrecorded=allow_unrecorded,
        drain_s=45.0,
        notice_s=0.0,
    )


def _state_url(home: Path) -> SecretStr | None:
    named = home / STATE_URL
    return SecretStr(named.read_text(encoding="utf-8")) if named.is_file() else None


def ask_state(home: Path, question: str) -> list[tuple[Any, ...]]:
    """What the database that keeps the state of a home answers, past the store."""
    url = _state_url(home)
    if url is None:
        with closing(sqlite3.connect(home / "state.db")) as database:
            return database.execute(question).fetchall()
    with psycopg.connect(url.get_secret_value()) as connection:
        return connection.execute(question.encode()).fetchall()


def records_in(home: Path, where: str = "true") -> dict[str, Json]:
    """The documents of the decisions that the store of a home holds, by their ids."""
    rows = ask_state(home, f"SELECT decision_id, record FROM decisions WHERE {where}")
    return {one: record_of({"decision_id": one, "record": text}) for one, text in rows}


def row_counts(home: Path) -> Mapping[str, int]:
    """The rows of every table of the state store; the days of one table count as that table."""
    if _state_url(home) is None:
        tables = ask_state(home, "SELECT name FROM sqlite_schema WHERE type = 'table'")
    else:
        tables = ask_state(home, _TABLES)
    counted = " UNION ALL ".join(f"SELECT '{name}', count(*) FROM {name}" for (name,) in tables)
    return dict(ask_state(home, counted))


_TABLES = (
    "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
    " AND NOT relispartition"
)


async def settled_counts(home: Path) -> Mapping[str, int]:
    """The same, once the feature store was told of everything, so that nothing changes by itself any more."""
    async with asyncio.timeout(120):
        while row_counts(home)["outbox"]:
            await asyncio.sleep(0.01)
    return row_counts(home)


def copied(home: Path, place: Path, *, without: Iterable[str] = ()) -> Path:
    """A copy of a home and its company that a test may write to and damage, but for the tables of the features."""
    shutil.copytree(home, place, ignore=shutil.ignore_patterns(*without))
    if company_at(home).exists() and not company_at(place).exists():
        copied_company(company_at(home), company_at(place))
    if (known := HomeCompany.of(place)) is not None:
        (place / FILE).write_text(json.dumps({"company": known.name, "folder": str(company_at(place))}))
    return place


def copied_company(company: Path, place: Path) -> None:
    """A copy of a company's folder, whose registry points to the shared Parquet files."""
    shutil.copytree(company, place, ignore=shutil.ignore_patterns("data"))


async def _seed(home: Path) -> None:
    """Takes the consents in, and waits until the feature store was told."""
    settings = settings_of(home)
    await seed_consents(settings)
    async with application(settings, Clock()):
        await settled_counts(home)


@pytest.fixture(scope="session")
def seeded_home(prepared_company: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the example's consents, the plain catalogue and no model: shared, to be read only."""

    def make(place: Path) -> None:
        home = place / "home"
        copied_company(prepared_company, company_at(home))
        make_home_of(load_company(company_at(home)), home)
        write_plain_catalogue(home / "catalogue")
        asyncio.run(_seed(home))

    return made_once(tmp_path_factory, "seeded", make) / "home"


@pytest.fixture
def own_home(seeded_home: Path, tmp_path: Path) -> Path:
    """A copy of `seeded_home`."""
    return copied(seeded_home, tmp_path / "home")


@pytest.fixture
async def service(own_home: Path) -> AsyncIterator[Service]:
    """A service without a model over a home of its own, at the clock of the tests."""
    async with running(own_home) as started:
        yield started


@pytest.fixture
async def example_service(own_home: Path) -> AsyncIterator[Service]:
    """A service under the whole example catalogue, at noon of the customers, when no hours are quiet."""
    shutil.rmtree(own_home / "catalogue")
    async with running(own_home, Clock(NOW + timedelta(hours=5))) as started:
        yield started


@pytest.fixture
def modelled_home(own_home: Path, trained_home: Path) -> Path:
    """A copy of `seeded_home` with the champion of `trained_home`."""
    shutil.copytree(trained_home / "mlflow", own_home / "mlflow")
    return own_home
