"""Keeps in force the models that the home points to. What cannot serve leaves what did, and is tried again."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from dataclasses import replace
from enum import StrEnum
from typing import Protocol

from features.errors import RumboError
from models.errors import NothingTrained
from models.pointer import PointedModel, Pointer
from service.application.scoring import Model, Scoring
from service.metrics import Metrics

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.25
AGAIN_AFTER_S, AGAIN_AT_LATEST_S = 5.0, 60.0
"""The first pause, and how long it grows, while nothing seems to change."""
START_S = 30.0
"""So long a service waits for its model before it answers without."""


class Role(StrEnum):
    """What a model is for, by the name that metrics have for it."""

    CHAMPION = "model"
    CHALLENGER = "challenger"


class NotAsked(RumboError):
    """Which models serve is not known yet; it will be."""


class ModelSource(Protocol):
    """Where models come from. `pointer` and `load` are to be asked in a thread, for they may take long."""

    def stamp(self) -> Hashable:
        """Another value after the source changed. Quick, and never fails."""

    def pointer(self) -> Pointer:
        """Raises: NotAsked; RumboError, with what is in the way."""

    def doubt(self) -> str | None:
        """Why the pointer may be of earlier, if something says so."""

    def load(self, pointed: PointedModel) -> Model:
        """Raises: RumboError, with what is in the way."""

    def stop(self) -> None:
        """Ends a `load` under way."""


class ModelWatch:
    """Follows the pointer. `run` goes on until cancelled."""

    def __init__(self, source: ModelSource, scoring: Scoring, metrics: Metrics) -> None:
        self._source = source
        self._scoring = scoring
        self._metrics = metrics
        self._is_tried = asyncio.Event()
        self._told: dict[str, str] = {}

    async def run(
        self,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        pause_s = AGAIN_AFTER_S
        while True:
            stamp = self._source.stamp()
            is_settled = await self._follow()
            due_s = monotonic() + pause_s
            pause_s = AGAIN_AFTER_S if is_settled else min(2.0 * pause_s, AGAIN_AT_LATEST_S)
            while self._source.stamp() == stamp and (is_settled or monotonic() < due_s):
                await sleep(LOOK_EVERY_S)

    async def first(self, within_s: float = START_S) -> None:
        """Waits until the first attempt has ended, well or not."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._is_tried.wait(), within_s)

    def stop(self) -> None:
        """Ends an attempt under way, so that nobody waits for it."""
        self._source.stop()

    async def _follow(self) -> bool:
        """Whether there is nothing to be tried again until the source changes."""
        try:
            pointer = await asyncio.to_thread(self._source.pointer)
        except NotAsked:
            return True
        except RumboError as error:
            is_early = isinstance(error, NothingTrained)
            self._tell(Role.CHAMPION, self._without(str(error)), logging.INFO if is_early else logging.ERROR)
            self._scoring.is_behind = not is_early
            self._is_tried.set()
            return False
        doubt = self._source.doubt()
        self._metrics.registry_doubted(is_doubted=doubt is not None)
        told = f"the registry of models cannot be followed, what it said last holds: {doubt}" if doubt else ""
        self._tell("registry", told, logging.WARNING)
        is_settled = await self._follow_champion(pointer.champion)
        self._is_tried.set()
        is_other = pointer.challenger is not None and not _is_same(pointer.challenger, pointer.champion)
        return await self._follow_challenger(pointer.challenger if is_other else None) and is_settled

    async def _follow_champion(self, pointed: PointedModel | None) -> bool:
        """One that cannot serve leaves the one before."""
        model, fault = await self._found(pointed)
        cause = "no version of the registry is champion" if pointed is None else fault
        self._judge(Role.CHAMPION, self._without(cause) if cause else "", is_refused=bool(fault))
        self._scoring.is_behind = bool(cause)
        if model is not None:
            self._use(Role.CHAMPION, model)
        return not fault

    async def _follow_challenger(self, pointed: PointedModel | None) -> bool:
        """One that cannot serve leaves none: what was challenger before is shown to nobody any more."""
        model, fault = await self._found(pointed)
        self._judge(Role.CHALLENGER, f"no challenger is scored: {fault}" if fault else "", is_refused=bool(fault))
        self._use(Role.CHALLENGER, model)
        return not fault

    async def _found(self, pointed: PointedModel | None) -> tuple[Model | None, str]:
        """The model that is pointed to, or why it cannot be had; neither where nothing is."""
        if pointed is None:
            return None, ""
        if (known := self._scoring.models.of_version(pointed.version)) is not None:
            return known, ""
        try:
            return await asyncio.to_thread(self._source.load, pointed), ""
        except RumboError as error:
            return None, str(error)
        except Exception as error:
            log.exception("loading a model failed")
            return None, f"{type(error).__name__}: {error}"

    def _use(self, role: Role, model: Model | None) -> None:
        """From now on every decision that begins has this one."""
        field = "champion" if role is Role.CHAMPION else "challenger"
        before = self._scoring.models
        if getattr(before, field) is model:
            return
        self._scoring.use(replace(before, **{field: model}))
        self._metrics.in_force(role, "" if model is None else model.version)
        if model is not None:
            log.info("%s %s in force", role, model.version)

    def _judge(self, role: Role, told: str, *, is_refused: bool) -> None:
        self._metrics.model_refused(role, is_refused=is_refused)
        self._tell(role, told, logging.ERROR)

    def _without(self, cause: str) -> str:
        version = self._scoring.model_version
        return f"model {version} stays in force: {cause}" if version else f"no model serves: {cause}"

    def _tell(self, of: str, text: str, level: int) -> None:
        """Once for each cause; nothing for ""."""
        if text and text != self._told.get(of):
            log.log(level, text)
        self._told[of] = text


def _is_same(one: PointedModel, other: PointedModel | None) -> bool:
    return other is not None and one.version == other.version
