"""A list of names in a database of its own, and works on it, for the tests of what shares a transaction."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from service.state.engines.session import Session, Sql, Transaction
from service.state.engines.sqlite import SqliteSession

WAIT_S = 20
NAMES = Sql("SELECT name FROM names ORDER BY rowid")


class Ledger:
    """`transact` adds the names of all its works, or, if one fails, none."""

    def __init__(self) -> None:
        self._database = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._database.row_factory = sqlite3.Row
        self._database.execute("CREATE TABLE names (name TEXT)")
        self.transactions: list[int] = []
        """How many works each was begun with, also those that were rolled back."""
        self.breakdowns: Iterator[Exception | None] = iter(())
        """For each transaction in turn, what its commit fails with."""

    def transact(self, works: Sequence[Transaction[Any]]) -> list[Any]:
        self.transactions.append(len(works))
        self._database.execute("BEGIN")
        try:
            results = [work.run(SqliteSession(self._database)) for work in works]
            breakdown = next(self.breakdowns, None)
            if breakdown is not None:
                raise breakdown
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")
        return results

    @property
    def kept(self) -> list[str]:
        return names(SqliteSession(self._database))

    def close(self) -> None:
        self._database.close()


def names(session: Session) -> list[str]:
    return [row["name"] for row in session.query(NAMES)[0]]


def add(name: str) -> Sql:
    return Sql("INSERT INTO names (name) VALUES (?)", (name,))


class Gate:
    """A work that others wait for: it tells when it is begun, and ends when it is let go."""

    def __init__(self) -> None:
        self._begun, self._let_go = threading.Event(), threading.Event()

    def work(self) -> Transaction[str]:
        return Transaction(self._run)

    def wait_until_begun(self) -> None:
        assert self._begun.wait(WAIT_S)

    def let_go(self) -> None:
        self._let_go.set()

    def _run(self, session: Session) -> str:
        session.execute(add("gate"))
        self._begun.set()
        assert self._let_go.wait(WAIT_S)
        return "gate"


def adding(name: str) -> Transaction[list[str]]:
    """Adds a name. Its answer: the names before."""

    def run(session: Session) -> list[str]:
        before = names(session)
        session.execute(add(name))
        return before

    return Transaction(run)


def failing(name: str, error: BaseException) -> Transaction[None]:
    """Adds a name, then fails."""

    def run(session: Session) -> None:
        session.execute(add(name))
        raise error

    return Transaction(run)
