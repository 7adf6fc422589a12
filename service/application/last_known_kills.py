"""What an answer goes by while the state store is away, if the operator allows such answers.

The kill list as this process last read it, and withdrawals of consent as the feature store has them; of everything else
that the state store tells, nothing is known.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from service.decision.facts import Situation, SituationPart
from service.state.port import StateReading, StateUnavailable

log = logging.getLogger(__name__)

READ_EVERY_S = 0.5
"""How old the kill list that is remembered may be when the store goes away, and how soon a kill is known to be read."""


class LastKnownKills:
    """Remembers the kill list of the latest reading."""

    def __init__(self) -> None:
        self._last: Situation | None = None

    def remember(self, read: Situation) -> None:
        """Keeps the kill list of the latest version: readings may arrive in another order than they were made in."""
        if self._last is None or read.kills_version >= self._last.kills_version:
            self._last = Situation(kills=read.kills, kills_version=read.kills_version)

    def reading(self) -> StateReading:
        """Stands in for a reading of the state store. Until a list is remembered the kill list is unread too."""
        accepted = {SituationPart.WITHDRAWALS}
        if self._last is not None:
            accepted.add(SituationPart.KILLS)
        last = self._last or Situation()
        unread = frozenset(SituationPart) - accepted
        situation = Situation(kills=last.kills, kills_version=last.kills_version, unread=unread)
        return StateReading(situation=situation, incident_heard_at={})


async def keep_reading(
    read: Callable[[], Awaitable[None]], sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Reads again and again, so that a process that is asked for nothing remembers no old list. Until cancelled."""
    is_away = False
    while True:
        await sleep(READ_EVERY_S)
        try:
            await read()
            is_away = False
        except StateUnavailable as error:
            if not is_away:
                log.warning("the kill list cannot be read, the last one stands: %s", error)
            is_away = True
