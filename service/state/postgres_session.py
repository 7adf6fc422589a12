"""One PostgreSQL transaction under way, the locks that it takes, and what its errors mean."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from service.state.port import StatementRefused, StateUnavailable
from service.state.session import Keys, Row, Sql, Value

Connection = psycopg.Connection[dict[str, Any]]
_LOCK = (
    "SELECT CASE WHEN s.shared THEN pg_advisory_xact_lock_shared(s.key) ELSE pg_advisory_xact_lock(s.key) END"
    " FROM unnest(%s::bigint[], %s::boolean[]) AS s (key, shared)"
)


class PostgresSession:
    """What is told waits for the next question, or the end, and goes with it in one round trip."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._told: list[Sql] = []
        self._expected: dict[tuple[str, tuple[Value, ...]], list[Row]] = {}
        self.memo: dict[str, Any] = {}
        self.is_committing = False

    def expect(self, *questions: Sql) -> None:
        self._expected = dict(zip(map(_identity, questions), self._fetch(questions), strict=True)) if questions else {}

    def ask(self, *questions: Sql) -> list[list[Row]]:
        identities = [_identity(question) for question in questions]
        if self._expected and all(identity in self._expected for identity in identities):
            return [self._expected.pop(identity) for identity in identities]
        return self._fetch(questions)

    def _fetch(self, questions: Sequence[Sql]) -> list[list[Row]]:
        """Those of one text over one cursor, which costs half of a cursor each."""
        places: dict[str, list[int]] = {}
        for place, (text, _) in enumerate(questions):
            places.setdefault(text, []).append(place)
        rows: list[list[Row]] = [[] for _ in questions]
        with self._connection.pipeline():
            self._send()
            asked = [(self._connection.cursor(), places[text]) for text in places]
            for text, (cursor, own) in zip(places, asked, strict=True):
                cursor.executemany(statement(text), [questions[place].values for place in own], returning=True)
            for cursor, own in asked:
                for place in own:
                    rows[place] = list(cursor.fetchall())
                    cursor.nextset()
        return rows

    def tell(self, *statements: Sql) -> None:
        self._told.extend(statements)

    def lock(self, keys: Mapping[int, bool]) -> None:
        """Takes these keys, shared or alone, in ascending order, before anything that is asked later."""
        ordered = sorted(keys)
        with self._connection.pipeline():
            self._send()
            self._connection.execute(_LOCK, (ordered, [keys[key] for key in ordered]))

    def commit(self) -> None:
        """Once it is sent nobody knows whether it was done until the server says so."""
        self.is_committing = True
        with self._connection.pipeline():
            self._send()
            done = self._connection.execute("COMMIT")
        if done.statusmessage != "COMMIT":
            raise StateUnavailable("the state store did not commit")

    def _send(self) -> None:
        told, self._told = self._told, []
        cursor = self._connection.cursor()
        for text, values in told:
            cursor.execute(statement(text), values)


def _identity(question: Sql) -> tuple[str, tuple[Value, ...]]:
    return question.text, tuple(question.values)


def locks(keys: Iterable[Keys]) -> dict[int, bool]:
    """Each key's number, and whether it is shared; who wants it alone gets it alone."""
    wanted: dict[int, bool] = {}
    for one in keys:
        wanted.update({number(key): True for key in one.shared if number(key) not in wanted})
        wanted.update({number(key): False for key in one.alone})
    return wanted


def number(key: str) -> int:
    """64 bits of a key; two keys of one number only wait for each other."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), signed=True)


@lru_cache(maxsize=1024)
def statement(text: str) -> bytes:
    """With PostgreSQL's sign for a value."""
    return text.replace("%", "%%").replace("?", "%s").encode()


class Again(Exception):
    """Nothing was committed, and what hindered it is over."""


@contextmanager
def answering() -> Iterator[None]:
    """Errors of the database as those of the store."""
    try:
        yield
    except (psycopg.IntegrityError, psycopg.DataError) as error:
        raise StatementRefused(f"the state store refuses a row: {first_line(error)}") from error
    except (psycopg.Error, Again) as error:
        cause = error.__cause__ if isinstance(error, Again) and error.__cause__ is not None else error
        raise StateUnavailable(f"the state store did not answer: {first_line(cause)}") from error


def first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0]


def checked(url: str) -> str:
    """Raises: StateUnavailable without the words of the driver, which quote the URL with its password."""
    try:
        conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise StateUnavailable("what the state store is given is no URL of a PostgreSQL database") from None
    return url
