"""One transaction of a store as the row modules see it, whichever database is behind it.

    Session ──ask──> rows        questions that one round trip answers, over all that was told
            ──tell─> (nothing)   statements, carried out in order before the next question or the end

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


class Session(Protocol):
    """A transaction under way. An error of what was told comes with the next question, or at the end.

    `memo` holds what was read for several works and stays true while only they change it.
    """

    memo: dict[str, Any]

    def expect(self, own: Sequence[Sql], shared: Sequence[Sql]) -> None:
        """These will be asked soon: they may be fetched together.

        Those of `own` are of rows that nothing told before then changes. Answers to `shared` are dropped, and asked for
        again, once anything is told or anything else is asked.
        """

    def ask(self, *questions: Sql) -> list[list[Row]]:
        """The rows of each question, in order."""

    def tell(self, *statements: Sql) -> None:
        """Changes rows, at the latest before the next question or the end."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What a transaction must have to itself, and what it may share with others that only share it."""

    alone: frozenset[str] = frozenset()
    shared: frozenset[str] = frozenset()


EVERYTHING_DECIDED_BY = "rules"
"""The key of the kill list and the pools: a decision shares it, a change of them has it alone."""
POOLS = "pools"
"""The key of all counters of shared pools: whoever changes one has them alone."""


def customer_key(customer_id: str) -> str:
    return f"customer:{customer_id}"


def no_keys(session: Session) -> Keys:
    return Keys()


@dataclass(frozen=True, slots=True)
class Work(Generic[Result]):
    """What one call does in a transaction that it may share with others: `run` may be run again after a rollback.

    `first` are questions that it asks whatever happens, of rows that its keys keep from others; `shared` are those
    that it asks next. Of works that run together only the first asks them: `memo` tells the others.
    `keys` are what others are kept from meanwhile, found by what never changes; a store with one writer needs none.
    `is_durable`: it survives the loss of power, and of a database server, whatever the store promises of others.
    """

    run: Callable[[Session], Result]
    keys: Callable[[Session], Keys] = field(default=no_keys)
    first: tuple[Sql, ...] = ()
    shared: tuple[Sql, ...] = ()
    is_durable: bool = False


def carry_out(session: Session, works: Sequence[Work[Any]], keys: Sequence[Keys]) -> list[Any]:
    """Runs each work in turn; what does not touch the rows of another is prepared together with it."""
    results: list[Any] = []
    for wave in _waves(works, keys):
        session.memo.clear()
        session.expect([question for work in wave for question in work.first], wave[0].shared)
        results += [work.run(session) for work in wave]
    return results


def _waves(works: Sequence[Work[Any]], keys: Sequence[Keys]) -> Iterator[list[Work[Any]]]:
    """Works in a row of which none needs alone what another needs. The counters of the pools keep up with them all."""
    wave: list[Work[Any]] = []
    alone, any_way = set[str](), set[str]()
    for work, needs in zip(works, keys, strict=True):
        own = needs.alone - {POOLS}
        if not own.isdisjoint(any_way) or not needs.shared.isdisjoint(alone):
            yield wave
            wave, alone, any_way = [], set(), set()
        wave.append(work)
        alone |= own
        any_way |= own | needs.shared
    yield wave


def places(values: Iterable[Value]) -> str:
    """`(?, ?, ?)`, one for each value; for none a list that holds nothing."""
    return "(" + (", ".join("?" for _ in values) or "NULL") + ")"


def micros(at: datetime) -> int:
    """Whole microseconds since 1970, exact."""
    return (at - _EPOCH) // _MICROSECOND


def instant(at: int) -> datetime:
    return _EPOCH + at * _MICROSECOND


def optional_instant(at: int | None) -> datetime | None:
    return None if at is None else instant(at)


def optional_micros(at: datetime | None) -> int | None:
    return None if at is None else micros(at)
