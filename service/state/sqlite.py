"""The embedded state store: one SQLite file in WAL mode, one transaction a decision."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from service.decision.constraints.capacity import Pool
from service.decision.decide import Decision
from service.decision.facts import Consents
from service.state.database import Database, Durability
from service.state.decision_rows import commit_decision, find_by_request, find_decision
from service.state.event_rows import keep_event
from service.state.kill_rows import drop_kill, keep_kill, list_kills
from service.state.outcome_rows import keep_outcome
from service.state.port import (
    CommitResult,
    CustomerEvent,
    IncidentTimes,
    Kill,
    Outcome,
    RequestKey,
    RowResult,
    StateReading,
    StoredDecision,
)
from service.state.situation_rows import read_consents, read_incidents, read_situation


class SqliteState:
    """`StateStore`, `KillSwitch` and `Outbox` over one file, shared safely by all processes of one machine."""

    def __init__(self, file: Path, durability: Durability = Durability.POWER_SAFE) -> None:
        """Raises: StateUnavailable if the file is no state store, or of another version."""
        self._database = Database(file, durability)

    async def situation(
        self, customer_id: str, now: datetime, horizon: timedelta, pools: Sequence[Pool] = ()
    ) -> StateReading:
        return await self._database.read(lambda db: read_situation(db, customer_id, now, horizon, pools))

    async def commit(self, decision: Decision, key: RequestKey | None) -> CommitResult:
        return await self._database.write(lambda db: commit_decision(db, decision, key))

    async def decision(self, decision_id: str, now: datetime) -> StoredDecision | None:
        return await self._database.read(lambda db: find_decision(db, decision_id, now))

    async def decision_of_request(self, customer_id: str, request_id: str, now: datetime) -> StoredDecision | None:
        return await self._database.read(lambda db: find_by_request(db, customer_id, request_id, now))

    async def record_events(self, events: Sequence[CustomerEvent], now: datetime) -> list[RowResult]:
        return await self._database.write(lambda db: [keep_event(db, e, now) for e in events])

    async def record_outcomes(self, outcomes: Sequence[Outcome], now: datetime) -> list[RowResult]:
        return await self._database.write(lambda db: [keep_outcome(db, o, now) for o in outcomes])

    async def kill(self, target: str, why: str, now: datetime) -> None:
        await self._database.write(lambda db: keep_kill(db, target, why, now))

    async def unkill(self, target: str) -> bool:
        return await self._database.write(lambda db: drop_kill(db, target))

    async def kills(self) -> list[Kill]:
        return await self._database.read(list_kills)

    async def keep_catalogue(self, version: str, source: str) -> None:
        await self._database.write(
            lambda db: db.execute("INSERT OR IGNORE INTO catalogues VALUES (?, ?)", (version, source))
        )

    async def catalogue(self, version: str) -> str | None:
        def read(db: sqlite3.Connection) -> str | None:
            row = db.execute("SELECT source FROM catalogues WHERE version = ?", (version,)).fetchone()
            return None if row is None else str(row[0])

        return await self._database.read(read)

    async def waiting_for_features(self, limit: int) -> list[tuple[int, str]]:
        def read(db: sqlite3.Connection) -> list[tuple[int, str]]:
            rows = db.execute("SELECT sequence, customer_id FROM outbox ORDER BY sequence LIMIT ?", (limit,))
            return [(row[0], row[1]) for row in rows]

        return await self._database.read(read)

    async def count_waiting(self) -> int:
        def read(db: sqlite3.Connection) -> int:
            return int(db.execute("SELECT count(*) FROM outbox").fetchone()[0])

        return await self._database.read(read)

    async def told_features(self, sequences: Sequence[int]) -> None:
        rows = [(sequence,) for sequence in sequences]
        await self._database.write(lambda db: db.executemany("DELETE FROM outbox WHERE sequence = ?", rows))

    async def situation_facts(self, customer_id: str) -> tuple[list[IncidentTimes], Consents]:
        return await self._database.read(lambda db: (read_incidents(db, customer_id), read_consents(db, customer_id)))

    async def close(self) -> None:
        await self._database.close()
