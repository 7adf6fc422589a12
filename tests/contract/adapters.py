"""The state stores under contract, by name. A new adapter is one more entry; the suite is the same for all."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import Protocol

from service.decision.facts import FactKind
from service.state.engines.engine import Durability
from service.state.port import KillReaders, KillSwitch, Outbox, Places, StateStore
from service.state.rows.outbox import FED
from tests.stores import postgres_state, sqlite_state

URL = "postgres.url"
"""The file in a place that names the database of it."""


class Store(StateStore, KillSwitch, KillReaders, Places, Outbox, Protocol):
    """All that the service asks of an adapter."""


class Opener(Protocol):
    """Opens a store object over the data at a place, a folder of its own; the second there sees the first's data."""

    def __call__(self, place: Path, fed: frozenset[FactKind] = FED) -> Awaitable[Store]:
        """`fed`: the kinds of facts of which the feature store is told."""


async def _open_sqlite(place: Path, fed: frozenset[FactKind] = FED) -> Store:
    """Process-safe: the suite kills processes, not the machine."""
    return sqlite_state(place / "state.db", Durability.PROCESS_SAFE, fed=fed)


async def _open_postgres(place: Path, fed: frozenset[FactKind] = FED) -> Store:
    return postgres_state((place / URL).read_text(), Durability.PROCESS_SAFE, fed=fed)


ADAPTERS: Mapping[str, Opener] = {"sqlite": _open_sqlite, "postgres": _open_postgres}
