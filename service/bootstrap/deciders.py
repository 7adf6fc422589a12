"""A decider with what it is made of, and all of it closed again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from service.application.decider import CatalogueVersions, Decider
from service.application.hydrate import Hydrator
from service.application.scoring import Scoring
from service.bootstrap.clock import Clock, uuid_of
from service.state.port import StateStore


@asynccontextmanager
async def decider_of(
    catalogues: CatalogueVersions,
    hydrator: Hydrator,
    scoring: Scoring,
    state: StateStore,
    clock: Clock,
    new_id: Callable[[datetime], str] = uuid_of,
) -> AsyncIterator[Decider]:
    """On the way out what was asked is answered, then decider, hydrator and scoring are closed; `state` is not."""
    decider = Decider(
        catalogues=catalogues, hydrator=hydrator, scoring=scoring, state=state, clock=clock, new_id=new_id
    )
    try:
        yield decider
    finally:
        await decider.close()
        hydrator.close()
        scoring.close()
