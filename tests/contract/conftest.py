"""One fixture for every adapter: each test of this folder runs once for each entry of `ADAPTERS`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from tests.contract.adapters import ADAPTERS, Store

OpenStore = Callable[[], Awaitable[Store]]


@pytest.fixture(params=sorted(ADAPTERS))
def adapter(request: pytest.FixtureRequest) -> str:
    """The name of the adapter under test."""
    return str(request.param)


@pytest.fixture
async def open_store(adapter: str, tmp_path: Path) -> AsyncIterator[OpenStore]:
    """Opens one more store object over the same data; all are closed at the end."""
    opened: list[Store] = []

    async def open_one() -> Store:
        opened.append(await ADAPTERS[adapter](tmp_path))
        return opened[-1]

    yield open_one
    for store in opened:
        await store.close()


@pytest.fixture
async def state(open_store: OpenStore) -> Store:
    """An empty store."""
    return await open_store()
