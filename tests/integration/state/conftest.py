"""A PostgreSQL server of these tests' own, which they may stop and kill, and an empty store in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from service.state.engines.engine import Durability
from service.state.engines.postgres import PostgresEngine
from service.state.store import SqlState
from tests.servers.postgres import PostgresServer, database_name, postgres_server
from tests.stores import postgres_state

OpenState = Callable[[], Awaitable[SqlState]]
OpenEngine = Callable[[], Awaitable[PostgresEngine]]


@pytest.fixture(scope="package")
def server() -> Iterator[PostgresServer]:
    """Whoever ends it starts it again."""
    with postgres_server() as own:
        yield own


@pytest.fixture
def url(server: PostgresServer, tmp_path: Path) -> Iterator[str]:
    """An empty store."""
    name = database_name(tmp_path)
    yield server.new_database(name)
    server.drop_database(name)


@pytest.fixture
async def open_state(url: str) -> AsyncIterator[OpenState]:
    """Opens one more store object over the same database, with what it acknowledges on the disk."""
    opened: list[SqlState] = []

    async def open_one() -> SqlState:
        opened.append(postgres_state(url, Durability.POWER_SAFE))
        return opened[-1]

    yield open_one
    for state in opened:
        await state.close()


@pytest.fixture
async def state(open_state: OpenState) -> SqlState:
    return await open_state()


@pytest.fixture
async def open_engine(url: str) -> AsyncIterator[OpenEngine]:
    """Opens one more engine over the same database."""
    opened: list[PostgresEngine] = []

    async def open_one() -> PostgresEngine:
        opened.append(PostgresEngine(url, Durability.PROCESS_SAFE))
        return opened[-1]

    yield open_one
    for engine in opened:
        await engine.close()


@pytest.fixture
async def engine(open_engine: OpenEngine) -> PostgresEngine:
    return await open_engine()
