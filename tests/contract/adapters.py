"""The state stores under contract, by name. A new adapter is one more entry; the suite is the same for all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Protocol

from service.state.engines.engine import Durability
from service.state.port import KillReaders, KillSwitch, Outbox, Places, StateStore
from tests.stores import postgres_state, sqlite_state

URL = "postgres.url"
"""The file in a place that names the database of it."""


class Store(StateStore, KillSwitch, KillReaders, Places, Outbox, Protocol):
    """All that the service asks of an adapter."""


Opener = Callable[[Path], Awaitable[Store]]
"""Opens a store object over the data at a place, a folder of its own; the second of one place sees the first's data."""


async def _open_sqlite(place: Path) -> Store:
    """Process-safe: the suite kills processes, not the machine."""
    return sqlite_state(place / "state.db", Durability.PROCESS_SAFE)


async def _open_postgres(place: Path) -> Store:
    return postgres_state((place / URL).read_text(), Durability.PROCESS_SAFE)


ADAPTERS: Mapping[str, Opener] = {"sqlite": _open_sqlite, "postgres": _open_postgres}
