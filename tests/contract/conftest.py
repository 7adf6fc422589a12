"""One fixture for every adapter: each test of this folder runs once for each entry of `ADAPTERS`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from service.decision.facts import FactKind
from service.state.rows.outbox import FED
from tests.contract.adapters import ADAPTERS, URL, Store
from tests.servers.postgres import PostgresServer, database_name


class OpenStore(Protocol):
    """Opens one more store object over the data of a test."""

    def __call__(self, fed: frozenset[FactKind] = FED) -> Awaitable[Store]: ...


@pytest.fixture(params=sorted(ADAPTERS))
def adapter(request: pytest.FixtureRequest) -> str:
    """The name of the adapter under test."""
    return str(request.param)


@pytest.fixture
def place(adapter: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """Where the data of the store under test lie."""
    if adapter != "postgres":
        yield tmp_path
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    name = database_name(tmp_path)
    (tmp_path / URL).write_text(server.new_database(name))
    yield tmp_path
    server.drop_database(name)


@pytest.fixture
async def open_store(adapter: str, place: Path) -> AsyncIterator[OpenStore]:
    """Opens one more store object over the same data; all are closed at the end."""
    opened: list[Store] = []

    async def open_one(fed: frozenset[FactKind] = FED) -> Store:
        opened.append(await ADAPTERS[adapter](place, fed))
        return opened[-1]

    yield open_one
    for store in opened:
        await store.close()


@pytest.fixture
async def state(open_store: OpenStore) -> Store:
    """An empty store."""
    return await open_store()
