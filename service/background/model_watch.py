"""Puts the champion in force once it can be had, and tries again until then; priors order the journeys meanwhile."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from typing import Protocol

from features.errors import RumboError
from models.errors import NothingTrained
from service.application.scoring import Model, Scoring
from service.metrics import Metrics

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
AGAIN_AFTER_S, AGAIN_AT_LATEST_S = 5.0, 60.0
"""The first pause, and how long it grows, while nothing seems to change."""
START_S = 30.0
"""So long a service waits for its model before it answers without."""


class ModelSource(Protocol):
    """Where the champion comes from. To be asked in a thread, for it may take long."""

    def stamp(self) -> Hashable:
        """Another value after the source changed. Quick, and never fails."""

    def load(self) -> Model:
        """Raises: RumboError, with what is in the way."""

    def stop(self) -> None:
        """Ends a `load` under way."""


class ModelWatch:
    """Tries until a model is in force. `run` until then, or until cancelled."""

    def __init__(self, source: ModelSource, scoring: Scoring, metrics: Metrics) -> None:
        self._source = source
        self._scoring = scoring
        self._metrics = metrics
        self._is_tried = asyncio.Event()
        self._last_cause = ""

    async def run(
        self,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        pause_s = AGAIN_AFTER_S
        while True:
            stamp = self._source.stamp()
            if await self._put_in_force():
                return
            due_s = monotonic() + pause_s
            pause_s = min(2.0 * pause_s, AGAIN_AT_LATEST_S)
            while monotonic() < due_s and self._source.stamp() == stamp:
                await sleep(LOOK_EVERY_S)

    async def first(self, within_s: float = START_S) -> None:
        """Waits until the first attempt has ended, well or not."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._is_tried.wait(), within_s)

    def stop(self) -> None:
        """Ends an attempt under way, so that nobody waits for it."""
        self._source.stop()

    async def _put_in_force(self) -> bool:
        try:
            model = await asyncio.to_thread(self._source.load)
        except RumboError as error:
            self._tell(str(error), logging.INFO if isinstance(error, NothingTrained) else logging.ERROR)
            return False
        except Exception:
            log.exception("no model serves: loading it failed")
            return False
        else:
            self._scoring.use(model)
            self._metrics.in_force("model", model.version)
            log.info("model %s in force", model.version)
            return True
        finally:
            self._is_tried.set()

    def _tell(self, cause: str, level: int) -> None:
        """Once for each cause."""
        if cause != self._last_cause:
            log.log(level, "no model serves: %s", cause)
        self._last_cause = cause
