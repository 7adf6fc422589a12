"""Tells the feature store what events changed: in the background, again until it is done, never in a decision's way."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from datetime import datetime
from typing import Any, Protocol

from features.errors import SituationUnreadable
from features.situation import ConsentFact, ConsentStatus, Fact, IncidentFact, IncidentStatus
from service.decision.facts import Consents
from service.metrics import Metrics
from service.state.port import IncidentTimes, Outbox

log = logging.getLogger(__name__)

BATCH = 100
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 60.0
LOOK_EVERY_S = 0.5


class SituationSink(Protocol):
    """Takes situation facts of one kind; never writes older over newer. Blocking; raises RumboError."""

    def write(self, customer_id: str, facts: Sequence[Fact]) -> None: ...

    def close(self) -> None: ...


class FeatureFeed:
    """Drains the outbox into the feature store. `wake` after events; `run` until cancelled."""

    def __init__(
        self,
        outbox: Outbox,
        sink: SituationSink,
        metrics: Metrics,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`sleep` waits the seconds between attempts; another one in tests."""
        self._sleep = sleep
        self._outbox = outbox
        self._sink = sink
        self._metrics = metrics
        self._is_due = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="feature-feed")

    def wake(self) -> None:
        self._is_due.set()

    async def run(self) -> None:
        """Tells what waits, then waits for more; after trouble, pauses twice as long each time."""
        pause_s = FIRST_PAUSE_S
        self.wake()
        while True:
            await self._is_due.wait()
            self._is_due.clear()
            try:
                while await self.drain_once():
                    pause_s = FIRST_PAUSE_S
            except Exception as error:  # noqa: BLE001 - whatever it is, events go on being told afterwards
                log.warning("the feature store was not told; again in %s s: %s", pause_s, error)
                await self._sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
                self.wake()

    async def look_for_others(self) -> None:
        """Tells what other processes of this service took in, who wake nobody here. Until cancelled."""
        while True:
            await self._sleep(LOOK_EVERY_S)
            self.wake()

    async def drain_once(self) -> bool:
        """Tells one batch, oldest first. Returns: whether there was anything. Raises: RumboError of either store."""
        waiting = await self._outbox.waiting_for_features(BATCH)
        self._metrics.feature_lag.set(await self._outbox.count_waiting())
        by_customer: dict[str, list[int]] = {}
        for sequence, customer_id in waiting:
            by_customer.setdefault(customer_id, []).append(sequence)
        for customer_id, sequences in by_customer.items():
            incidents, consents = await self._outbox.changed_facts(customer_id, sequences)
            await asyncio.get_running_loop().run_in_executor(self._thread, self._tell, customer_id, incidents, consents)
        if waiting:
            await self._outbox.mark_delivered([sequence for sequence, _ in waiting])
            self._metrics.feature_lag.set(await self._outbox.count_waiting())
        return bool(waiting)

    def close(self) -> None:
        self._thread.submit(self._sink.close)
        self._thread.shutdown()

    def _tell(self, customer_id: str, incidents: Sequence[IncidentTimes], consents: Consents) -> None:
        self._write(customer_id, [_incident(i) for i in incidents])
        self._write(customer_id, _consents(consents))

    def _write(self, customer_id: str, facts: Sequence[Fact]) -> None:
        """A list that cannot be read is left to its owner: it keeps its gates closed, and the others do not wait."""
        if not facts:
            return
        try:
            self._sink.write(customer_id, facts)
        except SituationUnreadable as error:
            log.error("the feature store holds a list that cannot be read, nothing is added to it: %s", error)


async def stopped(task: asyncio.Task[None]) -> None:
    """Cancels a background task and waits for its end."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def run_until_closed(opened: AsyncExitStack, work: Coroutine[Any, Any, None]) -> None:
    """In the background until `opened` is closed."""
    opened.push_async_callback(stopped, asyncio.create_task(work))


def _incident(times: IncidentTimes) -> IncidentFact:
    return IncidentFact(
        incident_id=times.incident_id,
        incident_class=times.incident_class,
        severity=times.severity,
        status=IncidentStatus.OPEN if times.is_open else IncidentStatus.RESOLVED,
        at=times.heard_at,
    )


def _consents(consents: Consents) -> list[ConsentFact]:
    """Per purpose and channel the later of grant and withdrawal; a tie is a withdrawal."""
    facts = []
    for key in sorted({*consents.granted_at, *consents.withdrawn_at}):
        granted, withdrawn = consents.granted_at.get(key), consents.withdrawn_at.get(key)
        is_granted = withdrawn is None or (granted is not None and granted > withdrawn)
        at = granted if is_granted else withdrawn
        if isinstance(at, datetime):
            status = ConsentStatus.GRANTED if is_granted else ConsentStatus.WITHDRAWN
            facts.append(ConsentFact(purpose=key[0], channel=key[1], status=status, at=at))
    return facts
