"""Pools that no service has had in force for long. Each service says which it has, when it starts and once an hour.

As long as a pool is known it is counted, whoever defined it, and whoever uses it waits for its counters. A pool that is
deleted too early is counted anew from its contacts by the first decision that asks for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from service.state.engines.session import POOLS_LOCK, RULES_LOCK, Row, Session, Sql, micros, placeholders
from service.state.rows.past import PastRows
from service.state.rows.pools import pools_changed
from service.state.upkeep.retention import Retention


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusedPools(PastRows):
    """They go with their uses, and every process is told that the pools changed."""

    def delete(self, session: Session, rows: Sequence[Row]) -> int:
        gone = PastRows.delete(self, session, rows)
        keys = [row["pool_key"] for row in rows]
        left = "SELECT 1 FROM pools p WHERE p.pool_key = pool_uses.pool_key"
        uses = f"DELETE FROM pool_uses WHERE pool_key IN {placeholders(keys)} AND NOT EXISTS ({left})"
        session.execute(Sql(uses, keys), pools_changed())
        return gone


def unused_pools(retention: Retention, now: datetime) -> UnusedPools:
    return UnusedPools(
        table="pools",
        key=("pool_key",),
        order="pool_key",
        where="used_at < ?",
        values=(micros(now - retention.pool_uses),),
        exclusive=frozenset({RULES_LOCK, POOLS_LOCK}),
    )
