"""Pruning, for the contract: long and short retention, and what went."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from service.state.store import SqlState
from service.state.upkeep.prune import Upkeep
from service.state.upkeep.retention import Retention
from tests.contract.adapters import Store
from tests.contract.rows import HORIZON

DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)
KEPT = Retention()
SHORT = Retention(
    decisions=7 * DAY, events=7 * DAY, moves=DAY, pool_uses=DAY, catalogues=DAY, contacts=HORIZON, outcomes=HORIZON
)
MIDNIGHT = datetime(2018, 1, 4, tzinfo=UTC)
"""The end of the day of NOW."""


def upkeep(state: Store, retention: Retention = KEPT) -> Upkeep:
    assert isinstance(state, SqlState)
    return Upkeep(state.engine, retention)


async def prune(state: Store, now: datetime, retention: Retention = KEPT) -> dict[str, int]:
    """The rows that went, by table; those that were foretold."""
    keeper = upkeep(state, retention)
    foretold = await keeper.count(now)
    gone = await keeper.prune(now)
    assert gone == foretold
    return {table: rows for table, rows in gone.items() if rows}
