"""What a store is built upon: a database that reads over one snapshot and writes in durable transactions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from service.state.engines.session import Row, Session, Sql, Transaction

Result = TypeVar("Result")
CHUNK = 500
"""How many rows of a scan are held at once."""


class Durability(StrEnum):
    """What an acknowledged write survives: the death of the process, or also of the machine's power."""

    PROCESS_SAFE = "process-safe"
    POWER_SAFE = "power-safe"


class Engine(Protocol):
    """A database with the tables of a state store. Errors of the database are StateUnavailable.

    So is every answer once the database is another store than the one that was opened, whose id is `store_id`.
    """

    store_id: str

    async def read(self, work: Callable[[Session], Result]) -> Result:
        """Runs `work` over one snapshot."""

    def read_here(self, work: Callable[[Session], Result]) -> Result:
        """As `read`, in the caller's own thread, which waits."""

    async def scan(self, question: Sql, work: Callable[[Session, Iterator[list[Row]]], Result]) -> Result:
        """Runs `work` over one snapshot, with the rows of `question` in chunks of CHUNK."""

    def write(self, transaction: Transaction[Result]) -> asyncio.Future[Result]:
        """Runs it in a transaction of the database that it may share; the answer comes once it is durable."""

    def write_here(self, transactions: Sequence[Transaction[Result]]) -> list[Result | BaseException]:
        """Runs them in one transaction, in the caller's own thread, which waits.

        Returns: what each came to, once it is durable, or its error; one that fails by itself fails alone.
        """

    async def demand_service(self) -> None:
        """Raises: StateUnavailable if what a service needs of the database beyond its tables is not there."""

    def do_first(self, transaction: Transaction[Any]) -> None:
        """To be done, in a transaction of its own, before anything else is written to a database that may be new.

        It takes the place of what was to be done first before.
        """

    async def make_room(self, at: datetime) -> None:
        """Makes the place where the decisions of this day lie, if it needs one."""

    def make_room_here(self, at: datetime) -> None:
        """As `make_room`, in the caller's own thread, which waits."""

    async def days_past(self, before: datetime, now: datetime) -> dict[date, int] | None:
        """The days of decisions that ended by `before`, and how many decisions each has, if none of them is valid.

        None if all days lie in one table.
        """

    async def drop_day(self, day: date) -> bool:
        """Drops all decisions of such a day. Returns: whether they were there still.

        Raises: StateUnavailable, also if they are in use: try again later.
        """

    async def join(self, service_id: str) -> None:
        """Lets everybody see that a service lives, until `close` or the end of this process."""

    async def living(self, service_ids: Collection[str]) -> frozenset[str]:
        """Which services live: of these, or of all if that can be told without their names."""

    async def close(self) -> None: ...
