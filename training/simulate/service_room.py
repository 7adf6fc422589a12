"""The service itself as the room of a world: its store, its catalogue, its export; by a clock that the world moves."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Protocol
from uuid import UUID

from features.reading import CustomerByCustomer, FeatureReading
from models.scorer import Scorer
from service.bootstrap.in_process import Home, in_process
from service.bootstrap.over_grpc import over_grpc
from service.decision.decide import Decision
from service.decision.reports.rows import CustomerEvent, Outcome
from training.simulate.online_feed import OnlineFeed
from training.simulate.people import People, Visit
from training.simulate.scenario import START

ROWS_AT_ONCE = 200


class Clock:
    """The time of the service; it stands still until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def move(self, at: datetime) -> None:
        self.now = at


class Service(Protocol):
    """`InProcess`, or `OverGrpc`."""

    async def decide(self, customer_id: str, channel: str) -> Decision: ...

    async def tell(self, events: Sequence[CustomerEvent]) -> None: ...

    async def report(self, outcomes: Sequence[Outcome]) -> None: ...

    async def use_catalogue(self) -> None: ...

    async def use_models(self, champion: Scorer, challenger: Scorer | None = None) -> None: ...

    async def export(self) -> Path: ...


class ServiceRoom:
    """As a room of `play`; what it decides is recorded. `feed` is told of each morning."""

    def __init__(self, service: Service, people: People, feed: Callable[[int], None] = lambda day: None) -> None:
        self.service = service
        self._people = people
        self._feed = feed

    async def morning(self, day: int) -> None:
        """What is known of customers that day is in the feature store."""
        await asyncio.to_thread(self._feed, day)

    async def decide(self, visit: Visit, decision_id: str) -> Decision:
        return await self.service.decide(self._people.ids[visit.who], visit.channel)

    async def tell(self, events: Sequence[CustomerEvent]) -> None:
        for first in range(0, len(events), ROWS_AT_ONCE):
            await self.service.tell(events[first : first + ROWS_AT_ONCE])

    async def report(self, outcomes: Sequence[Outcome]) -> None:
        named = [replace(outcome, customer_id="") for outcome in outcomes]
        for first in range(0, len(named), ROWS_AT_ONCE):
            await self.service.report(named[first : first + ROWS_AT_ONCE])


class _Readings(CustomerByCustomer):
    """The people as the service's feature store."""

    def __init__(self, people: People) -> None:
        self._people = people

    def read(self, customer_id: str, now: datetime) -> FeatureReading:
        who = self._people.place.get(customer_id)
        if who is None:
            return FeatureReading(values={}, degraded=(), has_any_row=False)
        return self._people.reading(who, now)


class _Ids:
    """Decision ids that tell their time, as the store needs them, and are the same whenever this is played.

    Those of one instant differ by their number; what is asked meanwhile, at another instant, changes none.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._at = START
        self._count = 0

    def __call__(self, at: datetime) -> str:
        self._count = self._count + 1 if at == self._at else 0
        self._at = at
        told = f"{self._seed}|{at.isoformat()}|{self._count}"
        noise = bytearray(hashlib.sha256(told.encode()).digest()[:10])
        noise[0] = noise[0] & 0x0F | 0x70  # version 7
        noise[2] = noise[2] & 0x3F | 0x80
        millis = int(at.timestamp() * 1_000.0)
        return str(UUID(bytes=millis.to_bytes(6, "big") + bytes(noise)))


@asynccontextmanager
async def service_room(
    home: Home, people: People, clock: Clock, *, is_over_grpc: bool = False
) -> AsyncIterator[ServiceRoom]:
    """The core with its store, fed by the people's features; or all of the service, with its online store.

    Raises: as `in_process`, `over_grpc`.
    """
    ids = _Ids(people.scenario.seed)
    if is_over_grpc:
        feed = OnlineFeed(home.company / "feast", people)
        feed(0)  # a service that starts looks whether its features are there
        async with over_grpc(home, clock, new_id=ids) as whole:
            yield ServiceRoom(whole, people, feed)
        return
    async with in_process(home, clock, features=_Readings(people), new_id=ids) as service:
        yield ServiceRoom(service, people)
