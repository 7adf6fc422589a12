"""One PostgreSQL transaction under way, the locks that it takes, and what its errors mean."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import psycopg

from service.state.engines.session import BatchCache, Locks, Row, Sql, Value
from service.state.port import StatementRefused, StateUnavailable

Connection = psycopg.Connection[dict[str, Any]]
_Identity = tuple[str, tuple[Value, ...]]
_LOCK = (
    "SELECT CASE WHEN s.shared THEN pg_advisory_xact_lock_shared(s.key) ELSE pg_advisory_xact_lock(s.key) END"
    " FROM unnest(?::bigint[], ?::boolean[]) AS s (key, shared)"
)


class PostgresSession:
    """What is told waits for the next question, or the end, and goes with it in one round trip."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._told: list[Sql] = []
        self._expected: dict[_Identity, list[Row]] = {}
        self._shared: dict[_Identity, list[Row]] = {}
        self._is_locking = False
        self.cache = BatchCache()
        self.is_committing = False

    def prefetch(self, own: Sequence[Sql], shared: Sequence[Sql]) -> None:
        """Sends the keys too, if they wait to be sent: nobody works before they are held."""
        questions = [*own, *shared]
        found = self._fetch(questions) if questions or self._is_locking else []
        answers = list(zip(map(_identity, questions), found, strict=True))
        self._expected, self._shared = dict(answers[: len(own)]), dict(answers[len(own) :])

    def query(self, *questions: Sql) -> list[list[Row]]:
        identities = [_identity(question) for question in questions]
        for expected in (self._expected, self._shared):
            if expected and all(identity in expected for identity in identities):
                return [expected.pop(identity) for identity in identities]
        self._shared = {}  # a question may change rows too
        return self._fetch(questions)

    def _fetch(self, questions: Sequence[Sql]) -> list[list[Row]]:
        """Many of one text go over one cursor: that halves their cost to this process, for a wait each text."""
        places: dict[str, list[int]] = {}
        for place, (text, _) in enumerate(questions):
            places.setdefault(text, []).append(place)
        rows: list[list[Row]] = [[] for _ in questions]
        with self._connection.pipeline():
            self._send()
            asked = [(self._connection.cursor(), places[text]) for text in places]
            for text, (cursor, own) in zip(places, asked, strict=True):
                values = [questions[place].values for place in own]
                if len(own) == 1:
                    cursor.execute(statement(text), values[0])
                else:
                    cursor.executemany(statement(text), values, returning=True)
        for cursor, own in asked:
            for place in own:
                rows[place] = list(cursor.fetchall())
                cursor.nextset()
        return rows

    def execute(self, *statements: Sql) -> None:
        self._shared = {}
        self._told.extend(statements)

    def lock(self, keys: Mapping[int, bool]) -> None:
        """These keys, shared or alone, are taken in ascending order, with `prefetch` and before what it asks."""
        self._is_locking, ordered = True, sorted(keys)
        self._told.append(Sql(_LOCK, (array(ordered), array(keys[key] for key in ordered))))

    def commit(self) -> None:
        """Once it is sent nobody knows whether it was done until the server says so."""
        self.is_committing = True
        with self._connection.pipeline():
            self._send()
            done = self._connection.execute("COMMIT")
        if done.statusmessage != "COMMIT":
            raise StateUnavailable("the state store did not commit")

    def _send(self) -> None:
        told, self._told, self._is_locking = self._told, [], False
        cursor = self._connection.cursor()
        for text, values in told:
            cursor.execute(statement(text), values)


def _identity(question: Sql) -> _Identity:
    return question.text, tuple(question.values)


def array(values: Iterable[int | bool]) -> str:
    """The text of an array, as PostgreSQL writes it."""
    return "{" + ",".join(map(str, values)) + "}"


def numbered(locks: Iterable[Locks]) -> dict[int, bool]:
    """The number of each, and whether it is shared; what one wants exclusively is exclusive."""
    wanted: dict[int, bool] = {}
    for one in locks:
        wanted.update({advisory_key(key): True for key in one.shared if advisory_key(key) not in wanted})
        wanted.update({advisory_key(key): False for key in one.exclusive})
    return wanted


def advisory_key(key: str) -> int:
    """64 bits of a key; two keys of one number only wait for each other."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), signed=True)


@lru_cache(maxsize=1024)
def statement(text: str) -> bytes:
    """The statement with PostgreSQL's placeholder."""
    return text.replace("%", "%%").replace("?", "%s").encode()


class Again(Exception):
    """Nothing was committed, and what hindered it is over."""


def same_store(store_id: str) -> Sql:
    """A statement that fails where another store is, so that nothing after it is done there or answered."""
    return Sql("SELECT 1 / (SELECT count(*) FROM store WHERE store_id = ?)", (store_id,))


@contextmanager
def answering() -> Iterator[None]:
    """Errors of the database as those of the store."""
    try:
        yield
    except psycopg.errors.DivisionByZero as error:  # of `same_store`: nothing else divides
        raise StateUnavailable("the database holds another store than this process opened") from error
    except (psycopg.IntegrityError, psycopg.DataError) as error:
        raise StatementRefused(f"the state store refuses a row: {first_line(error)}") from error
    except (psycopg.Error, Again) as error:
        cause = error.__cause__ if isinstance(error, Again) and error.__cause__ is not None else error
        raise StateUnavailable(f"the state store did not answer: {first_line(cause)}") from error


def first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0]
