"""What all customers use of the shared pools, counted from the contacts themselves."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.decision.constraints.capacity import Pool
from service.decision.facts import Use
from service.decision.windows import Rolling, Window
from service.state.database import instant, micros


def read_uses(db: sqlite3.Connection, pools: Iterable[Pool], now: datetime) -> dict[str, tuple[Use, ...]]:
    """By pool, ordered by their ends, those of one end summed; a pool that nobody uses has no entry."""
    used = ((pool.pool_id, _uses(db, pool, now)) for pool in pools)
    return {pool_id: uses for pool_id, uses in used if uses}


def _uses(db: sqlite3.Connection, pool: Pool, now: datetime) -> tuple[Use, ...]:
    span = _span(pool.window, now)
    chosen = _filter(pool)
    amount = "sum(cost)" if pool.counts_cost else "count(*)"
    rows = db.execute(
        f"SELECT min(window_ends, coalesce(counts_until, window_ends)) AS ends_at, {amount} AS amount"
        f" FROM (SELECT cost, counts_until, {span.end} AS window_ends FROM contacts"
        f" WHERE at >= ? AND state <> 'RELEASED' AND (counts_until IS NULL OR counts_until > ?){chosen.where})"
        " GROUP BY ends_at HAVING amount > 0 ORDER BY ends_at",
        (*span.parameters, span.begins, micros(now), *chosen.parameters),
    )
    return tuple(Use(ends_at=instant(ends_at), amount=float(used)) for ends_at, used in rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    """What still counts: contacts from `begins` on; `end` is when one of them stops, as an expression of its `at`."""

    begins: int
    end: str
    parameters: tuple[int, ...]


def _span(window: Window, now: datetime) -> _Span:
    """In a calendar window a contact may lie a few minutes ahead, so in the next period, but in none after that."""
    if isinstance(window, Rolling):
        per = window.per // timedelta(microseconds=1)
        return _Span(begins=micros(now) - per + 1, end="at + ?", parameters=(per,))
    ends = window.end(now)
    return _Span(
        begins=micros(window.start(now)),
        end="CASE WHEN at < ? THEN ? ELSE ? END",
        parameters=(micros(ends), micros(ends), micros(window.end(ends))),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Filter:
    where: str
    parameters: tuple[str, ...]


def _filter(pool: Pool) -> _Filter:
    """The contacts that match; an empty list of a pool matches everything."""
    where, parameters = "", list[str]()
    for column, values in (("journey_id", pool.journeys), ("kind", pool.kinds), ("channel", pool.channels)):
        if values:
            where += f" AND {column} IN ({', '.join('?' * len(values))})"
            parameters += sorted(values)
    return _Filter(where=where, parameters=tuple(parameters))
