"""One transaction of a store as the row modules see it, whichever database is behind it.

    Session ──query──> rows            questions that one round trip answers, over all that was executed
            ──execute─> (nothing)      statements, carried out in order before the next question or the end

Statements are of the SQL that SQLite and PostgreSQL share, with `?` for each value. Times are whole microseconds since
1970 in UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

Result = TypeVar("Result")
Row = Mapping[str, Any]
Value = int | float | str | None

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Sql(NamedTuple):
    """A statement and its values."""

    text: str
    values: Sequence[Value] = ()


PoolBook = dict[str, dict[int, float]]
"""Amounts by when they end, by pool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleVersions:
    """Of the lists that every decision is made by; 0: a list that never changed."""

    kills: int = 0
    pools: int = 0


@dataclass(slots=True)
class BatchCache:
    """What was read for several transactions that run as one batch, and stays true while only they change it.

    `versions` of the rules, which they share; `pools`: what is used of each, kept up by whoever changes a counter.
    """

    versions: RuleVersions | None = None
    pools: PoolBook = field(default_factory=dict)


class Session(Protocol):
    """A transaction under way. An error of what was executed comes with the next question, or at the end."""

    cache: BatchCache

    def prefetch(self, own: Sequence[Sql], shared: Sequence[Sql]) -> None:
        """These will be queried soon: they may be fetched together.

        Those of `own` are of rows that nothing executed before then changes. Answers to `shared` are dropped, and
        fetched again, once anything is executed or anything else is queried.
        """

    def query(self, *questions: Sql) -> list[list[Row]]:
        """The rows of each question, in order."""

    def execute(self, *statements: Sql) -> None:
        """Changes rows, at the latest before the next question or the end."""


@dataclass(frozen=True, slots=True)
class Locks:
    """What a transaction must have to itself, and what it may share with others that only share it."""

    exclusive: frozenset[str] = frozenset()
    shared: frozenset[str] = frozenset()


RULES_LOCK = "rules"
"""Of the kill list and the pools, by which everything is decided: a decision shares it, a change of them excludes."""
POOLS_LOCK = "pools"
"""Of all counters of shared pools: whoever changes one has them alone."""


def customer_lock(customer_id: str) -> str:
    return f"customer:{customer_id}"


def no_locks(session: Session) -> Locks:
    return Locks()


@dataclass(frozen=True, slots=True)
class Transaction(Generic[Result]):
    """What one call does in a database transaction that it may share: `run` may be run again after a rollback.

    `locks` are found by what never changes; a store with one writer needs none. `prefetched` are questions that it asks
    whatever happens, of rows that its locks keep from others; `shared` are those that it asks next: of transactions in
    a batch only the first asks them, and the cache answers the others.
    `is_durable`: it survives the loss of power, and of a database server, whatever the store promises of others.
    """

    run: Callable[[Session], Result]
    locks: Callable[[Session], Locks] = field(default=no_locks)
    prefetched: tuple[Sql, ...] = ()
    shared: tuple[Sql, ...] = ()
    is_durable: bool = False


def carry_out(session: Session, transactions: Sequence[Transaction[Any]], locks: Sequence[Locks]) -> list[Any]:
    """Runs each in turn; what does not touch the rows of another is prefetched together with it."""
    results: list[Any] = []
    for batch in _independent_batches(transactions, locks):
        session.cache = BatchCache()
        session.prefetch([question for one in batch for question in one.prefetched], batch[0].shared)
        results += [one.run(session) for one in batch]
    return results


def _independent_batches(
    transactions: Sequence[Transaction[Any]], locks: Sequence[Locks]
) -> Iterator[list[Transaction[Any]]]:
    """Splits into runs whose locks do not conflict; that of the pools may, for their counters follow each write."""
    batch: list[Transaction[Any]] = []
    excluded, needed = set[str](), set[str]()
    for one, needs in zip(transactions, locks, strict=True):
        own = needs.exclusive - {POOLS_LOCK}
        if not own.isdisjoint(needed) or not needs.shared.isdisjoint(excluded):
            yield batch
            batch, excluded, needed = [], set(), set()
        batch.append(one)
        excluded |= own
        needed |= own | needs.shared
    yield batch


def cells(rows: Sequence[Row]) -> Iterable[Sequence[Any]]:
    """What the rows of one question hold, by position. A row of SQLite is read so too, one of PostgreSQL is a dict."""
    if rows and isinstance(rows[0], dict):
        return [tuple(row.values()) for row in rows]
    return rows  # type: ignore[return-value]  # `sqlite3.Row`


def placeholders(values: Iterable[Value]) -> str:
    """`(?, ?, ?)`, one for each value; `(NULL)` for none, which `IN` finds nothing in."""
    return "(" + (", ".join("?" for _ in values) or "NULL") + ")"


def micros(at: datetime) -> int:
    """Whole microseconds since 1970, exact."""
    return (at - _EPOCH) // _MICROSECOND


def from_micros(at: int) -> datetime:
    return _EPOCH + at * _MICROSECOND


def optional_instant(at: int | None) -> datetime | None:
    return None if at is None else from_micros(at)


def optional_micros(at: datetime | None) -> int | None:
    return None if at is None else micros(at)
