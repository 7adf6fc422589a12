"""State stores over an engine, as `service.bootstrap.store` makes them."""

from __future__ import annotations

from pathlib import Path

from service.catalogue.objective_windows import ObjectiveWindows
from service.decision.facts import FactKind
from service.state.engines.engine import Durability
from service.state.engines.postgres import PostgresEngine
from service.state.engines.sqlite import SqliteEngine
from service.state.rows.outbox import FED
from service.state.store import SqlState


def sqlite_state(
    file: Path,
    durability: Durability = Durability.POWER_SAFE,
    *,
    expected: str | None = None,
    fed: frozenset[FactKind] = FED,
) -> SqlState:
    """Raises: StateUnavailable as the engine does."""
    return SqlState(SqliteEngine(file, durability, expected=expected), ObjectiveWindows(), fed)


def postgres_state(
    url: str,
    durability: Durability = Durability.POWER_SAFE,
    *,
    expected: str | None = None,
    fed: frozenset[FactKind] = FED,
) -> SqlState:
    """Raises: StateUnavailable as the engine does."""
    return SqlState(PostgresEngine(url, durability, expected=expected), ObjectiveWindows(), fed)
