"""Works for a PostgreSQL engine: one that stays in its transaction, and ones that say which transaction was theirs."""

from __future__ import annotations

import asyncio
import threading

from service.state.engines.postgres import PostgresEngine
from service.state.engines.session import Locks, Session, Sql, Transaction

WAIT_S = 30
TRANSACTION = Sql("SELECT pg_current_xact_id()::text AS id")


def adding(customer_id: str) -> Transaction[str]:
    """Adds a customer. Its answer: the transaction."""

    def run(session: Session) -> str:
        session.execute(Sql("INSERT INTO customers (customer_id) VALUES (?)", (customer_id,)))
        return str(session.query(TRANSACTION)[0][0]["id"])

    return Transaction(run)


class HeldTransaction:
    """A work with these keys that stays in its transaction until it is let go."""

    def __init__(self, engine: PostgresEngine, keys: Locks | None = None) -> None:
        self._begun, self._let_go = threading.Event(), threading.Event()
        self.answer = engine.write(Transaction(self._run, lambda _: keys or Locks()))

    async def begun(self) -> HeldTransaction:
        assert await asyncio.to_thread(self._begun.wait, WAIT_S)
        return self

    async def end(self) -> None:
        self._let_go.set()
        await self.answer

    def _run(self, session: Session) -> None:
        session.query(TRANSACTION)
        self._begun.set()
        assert self._let_go.wait(WAIT_S)
