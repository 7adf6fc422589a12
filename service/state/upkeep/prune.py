"""Keeps a store in order while it is used: makes room for the days to come, and deletes what is past its time.

    find a batch (read) ──> delete it (a transaction of its own) ──> pause as long as that took ──> the next

Decisions go on meanwhile: a batch is small, and half of the time nothing is deleted.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime

from service.state.engines.engine import Engine
from service.state.engines.session import Row, Sql, Transaction
from service.state.port import StateUnavailable
from service.state.rows.past import Past
from service.state.upkeep.overtaken_moves import overtaken_moves
from service.state.upkeep.pruning_limit import (
    LARGEST_ROWS,
    LARGEST_SHARE,
    PruneStopped,
    demand_few,
    note_round,
    rounds_before,
)
from service.state.upkeep.retention import (
    DAY,
    Retention,
    day_before,
    past_contacts,
    past_decisions,
    past_events,
    past_outcomes,
    past_pool_uses,
    past_requests,
)
from service.state.upkeep.unused_catalogues import catalogue_locks, unused_catalogues
from service.state.upkeep.unused_pools import unused_pools

BATCH = 200
"""Rows a transaction."""
DROP_AGAIN_AFTER_S = (0.5, 2.0)
TABLES = ("events", "moves", "pool_uses", "pools", "requests", "decisions", "contacts", "outcomes", "catalogues")
"""In the order in which they are pruned: what refers to a decision goes after it, but for requests.

Ended uses go before pools, which take those that are left with them, uncounted.
"""

KEPT_WITH = {"requests": "decisions", "pools": "pool_uses"}
"""Tables that have no time of their own, and the one whose time is theirs."""

OnPruned = Callable[[str, int], None]
"""(table, rows deleted just now)"""


class Upkeep:
    """The upkeep of one store. Of several at once each does a part."""

    def __init__(
        self, engine: Engine, retention: Retention, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._engine = engine
        self._retention = retention
        self._sleep = sleep
        self._walked: dict[str, Row] = {}
        """How far tables were walked whose found rows stay, so that the next time goes on from there."""

    async def make_room(self, now: datetime) -> None:
        """Makes room for the decisions of today and tomorrow. Raises: StateUnavailable."""
        for at in (now, now + DAY):
            await self._engine.make_room(at)

    async def round(
        self, now: datetime, on_pruned: OnPruned = lambda table, rows: None, *, is_forced: bool = False
    ) -> Mapping[str, int]:
        """Prunes as of a time that is beyond doubt; `is_forced`: as of this clock, whatever goes. Returns: as `prune`.

        Raises: PruneStopped if it is in doubt, before anything is deleted; StateUnavailable.
        """
        limit = now if is_forced else await self._limit(now)
        await self._engine.write(Transaction(lambda session: session.execute(note_round(now))))
        return dict.fromkeys(TABLES, 0) if limit is None else await self.prune(limit, on_pruned)

    async def foretell(
        self, now: datetime, *, is_forced: bool = False
    ) -> tuple[Mapping[str, int], PruneStopped | None]:
        """What a round would delete, and why it would stop. Raises: StateUnavailable."""
        if is_forced:
            return await self.count(now), None
        before = await self._engine.read(rounds_before)
        limit = before.limit(now)
        counted = dict.fromkeys(TABLES, 0) if limit is None else await self.count(limit)
        try:
            before.demand_near(now)
            await self._demand_few(counted)
        except PruneStopped as stopped:
            return counted, stopped
        return counted, None

    async def _limit(self, now: datetime) -> datetime | None:
        """Raises: PruneStopped, StateUnavailable."""
        before = await self._engine.read(rounds_before)
        before.demand_near(now)
        limit = before.limit(now)
        if limit is not None:
            await self._demand_few(await self.count(limit))
        return limit

    async def _demand_few(self, counted: Mapping[str, int]) -> None:
        """Raises: PruneStopped if too much would go. Of a large table only as many rows are counted as that takes."""
        for table, past in counted.items():
            if past > LARGEST_ROWS:
                enough = f"SELECT count(*) AS past FROM (SELECT 1 FROM {table} LIMIT ?) AS counted"
                rows = await self._count(Sql(enough, (int(past / LARGEST_SHARE) + 1,)))
                demand_few(table, past, rows, getattr(self._retention, KEPT_WITH.get(table, table)))

    async def count(self, now: datetime) -> Mapping[str, int]:
        """How many rows of each table are past their time. Raises: StateUnavailable."""
        counted = {past.table: await self._count(past.count()) for past in self._past(now)}
        days = await self._engine.days_past(day_before(now, self._retention.decisions), now)
        if days is None:
            counted["decisions"] = await self._count(past_decisions(self._retention, now).count())
        else:
            counted["decisions"] = sum(days.values())
        catalogues = await self._engine.read(lambda session: unused_catalogues(session, self._retention, now))
        counted["catalogues"] = len(catalogues.past)
        return {table: counted[table] for table in TABLES}

    async def prune(self, now: datetime, on_pruned: OnPruned = lambda table, rows: None) -> Mapping[str, int]:
        """Deletes what is past its time. Returns: the rows that went, by table.

        Raises: StateUnavailable, also if days of decisions are in use; what was told is deleted all the same.
        """
        gone = Counter(dict.fromkeys(TABLES, 0))

        def tell(table: str, rows: int) -> None:
            gone[table] += rows
            on_pruned(table, rows)

        for past in self._past(now):
            if past.table == "contacts":
                await self._prune_decisions(now, tell)
            await self._prune(past, tell)
        await self._prune_catalogues(now, tell)
        return gone

    def _past(self, now: datetime) -> list[Past]:
        kept = self._retention
        return [
            past_events(kept, now),
            overtaken_moves(kept, now),
            past_pool_uses(kept, now),
            unused_pools(kept, now),
            past_requests(kept, now),
            past_contacts(kept, now),
            past_outcomes(kept, now),
        ]

    async def _prune(self, past: Past, on_pruned: OnPruned) -> None:
        loop = asyncio.get_running_loop()
        is_last = False
        while not is_last:
            rows = await self._find(past)
            is_last = len(rows) < BATCH
            if rows:
                begun = loop.time()
                on_pruned(past.table, await self._delete(past, rows))
                await self._sleep(loop.time() - begun)

    async def _find(self, past: Past) -> list[Row]:
        question = past.find(self._walked.get(past.table), BATCH)
        (rows,) = await self._engine.read(lambda session: session.query(question))
        return rows

    async def _delete(self, past: Past, rows: list[Row]) -> int:
        needs = past.needs(rows)
        gone = await self._engine.write(Transaction(lambda session: past.delete(session, rows), lambda _: needs))
        self._walked[past.table] = rows[-1]
        return gone

    async def _prune_decisions(self, now: datetime, on_pruned: OnPruned) -> None:
        days = await self._engine.days_past(day_before(now, self._retention.decisions), now)
        if days is None:
            await self._prune(past_decisions(self._retention, now), on_pruned)
            return
        for day, rows in days.items():
            if await self._drop(day):
                on_pruned("decisions", rows)

    async def _drop(self, day: date) -> bool:
        """Tries again while the day is in use, but not for long."""
        for pause_s in DROP_AGAIN_AFTER_S:
            try:
                return await self._engine.drop_day(day)
            except StateUnavailable:
                await self._sleep(pause_s)
        return await self._engine.drop_day(day)

    async def _prune_catalogues(self, now: datetime, on_pruned: OnPruned) -> None:
        catalogues = await self._engine.read(lambda session: unused_catalogues(session, self._retention, now))
        if catalogues.has_news:
            await self._engine.write(Transaction(catalogues.mark))
        if catalogues.past:
            on_pruned("catalogues", await self._engine.write(Transaction(catalogues.delete, catalogue_locks)))

    async def _count(self, question: Sql) -> int:
        return await self._engine.scan(question, lambda session, chunks: int(next(chunks)[0]["past"]))
