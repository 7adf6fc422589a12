"""From settings to running workers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from service.bootstrap.workers.metrics import metrics_of_workers, page
from service.bootstrap.workers.parent import Parent
from service.bootstrap.workers.port import reserved
from service.bootstrap.workers.process import Worker, request, started
from service.settings import Settings

BESIDE_S: Final = 30.0
"""What the end of a process may take beside that of its calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """`metrics_port` is None when metrics are not served."""

    parent: Parent
    port: int
    metrics_port: int | None


@asynccontextmanager
async def workers(settings: Settings, command: Sequence[str]) -> AsyncIterator[Served]:
    """Workers of which one listens; all end when this is left. `command` starts one.

    Raises: AddressTaken; WorkerEnded, if the first one cannot serve.
    """
    with ExitStack() as opened:
        port = opened.enter_context(reserved(settings.host, settings.port))
        metrics = opened.enter_context(metrics_of_workers())
        metrics_port = opened.enter_context(page(metrics, settings.host, settings.metrics_port))
        folder = None if metrics_port is None else metrics.folder

        async def start(number: int) -> Worker:
            return await started(command, request(settings, port, folder, number), number)

        drains_s = settings.notice_s + settings.drain_s + BESIDE_S
        parent = Parent(start, settings.workers, metrics, retires_s=retires_s(settings) + drains_s, drains_s=drains_s)
        try:
            await parent.begin()
            yield Served(parent=parent, port=port, metrics_port=metrics_port)
        finally:
            await parent.end()


def retires_s(settings: Settings) -> float:
    """By when everybody is gone from a worker that takes no connections: each grew old, and its calls had time to end.

    gRPC ends a connection up to a tenth later than at its age.
    """
    return 1.1 * settings.age_s + settings.drain_s
