"""State stores over an engine, as `service.bootstrap` makes them."""

from __future__ import annotations

from pathlib import Path

from service.catalogue.objective_windows import ObjectiveWindows
from service.state.engines.engine import Durability
from service.state.engines.postgres import PostgresEngine
from service.state.engines.sqlite import SqliteEngine
from service.state.store import SqlState


def sqlite_state(
    file: Path, durability: Durability = Durability.POWER_SAFE, *, expected: str | None = None
) -> SqlState:
    """Raises: StateUnavailable as the engine does."""
    return SqlState(SqliteEngine(file, durability, expected=expected), ObjectiveWindows())


def postgres_state(
    url: str, durability: Durability = Durability.POWER_SAFE, *, expected: str | None = None
) -> SqlState:
    """Raises: StateUnavailable as the engine does."""
    return SqlState(PostgresEngine(url, durability, expected=expected), ObjectiveWindows())
