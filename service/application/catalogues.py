"""The catalogue in force and those that earlier decisions were made under."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import datetime
from functools import reduce
from operator import or_

from service.catalogue.load import Catalogue, parse
from service.catalogue.objectives import CatalogueLost
from service.catalogue.terms import Terms
from service.decision.facts import SERVICE
from service.decision.reports.event_types import EventTypes
from service.decision.reports.events import Names
from service.quiet_load import in_background
from service.state.port import StateStore

KEPT_PARSED = 8


class KeptCatalogues:
    """Keeps each catalogue by its hash in the state store, and the latest few in memory."""

    def __init__(self, current: Catalogue, terms: Terms, state: StateStore, clock: Callable[[], datetime]) -> None:
        self._current = current
        self._terms = terms
        self._state = state
        self._clock = clock
        self._parsed = {current.version: current}
        self._names: dict[str, Names] = {}

    @property
    def current(self) -> Catalogue:
        return self._current

    @property
    def events(self) -> EventTypes:
        """The types of events that can be recorded, whatever catalogue is in force."""
        return self._terms.events

    async def keep(self) -> None:
        """Makes the current catalogue durable, before the first decision under it, and says that it is in use."""
        await self._keep(self._current)

    async def confirm(self) -> bool:
        """Whether decisions can be recorded under it: it is kept, again if the store is another. For probes, cheap.

        Raises: StateUnavailable.
        """
        if not await self._state.use_catalogue(self._current.version):
            await self.keep()
        return True

    async def put_in_force(self, catalogue: Catalogue, terms: Terms | None = None) -> None:
        """Keeps a catalogue, then lets every decision that begins from now on use it. Raises: StateUnavailable.

        `terms`: those that it is bound by, if they are others than before; earlier ones are then bound anew.
        """
        await self._keep(catalogue)
        if terms is not None:
            self._terms, self._parsed = terms, {}
        self._remember(catalogue)
        self._current = catalogue

    async def _keep(self, catalogue: Catalogue) -> None:
        """Makes a catalogue durable and counts its pools, before a customer waits for that; both are then in use."""
        await self._state.keep_catalogue(catalogue.version, catalogue.source)
        await self._state.count_pools(catalogue.plan.pools, self._clock())

    async def of_version(self, version: str) -> Catalogue:
        """Raises: CatalogueLost, StateUnavailable."""
        known = self._parsed.get(version)
        if known is not None:
            return known
        source = await self._state.catalogue(version)
        if source is None:
            raise CatalogueLost(f"catalogue {version} is not kept")
        parsed = await asyncio.to_thread(self._parse, source)
        self._remember(parsed)
        return parsed

    async def declared(self, wanted: Names) -> Names:
        """The names that the catalogue in force declares; those of all that are kept too, if it lacks what is wanted.

        Another service may have another in force, and customers speak of what they were asked by earlier ones.
        Raises: StateUnavailable.
        """
        plan = self._current.plan
        names = Names(purposes=plan.purposes | {SERVICE}, channels=frozenset(plan.channels), sources=plan.sources)
        if names >= wanted:
            return names
        kept = await self._state.catalogue_versions()
        self._names = {version: known for version, known in self._names.items() if version in kept}
        for version in sorted(kept - self._names.keys()):
            self._names[version] = _names_in(await self._state.catalogue(version))
        return reduce(or_, self._names.values(), names)

    def _parse(self, source: str) -> Catalogue:
        with in_background():
            return parse(source, self._terms)

    def _remember(self, catalogue: Catalogue) -> None:
        """Remembers a catalogue, in place of the oldest one if there are too many; never of the one in force."""
        if catalogue.version not in self._parsed and len(self._parsed) >= KEPT_PARSED:
            self._parsed.pop(next(v for v in self._parsed if v != self._current.version))
        self._parsed[catalogue.version] = catalogue


def _names_in(source: str | None) -> Names:
    """What a kept catalogue declares, read without binding it: it may be one that this program no longer takes."""
    try:
        policies = json.loads(source or "{}").get("policies", {})
    except ValueError:
        return Names()
    feeds = [policies.get(part, {}).get("feed") for part in ("incidents", "consents")]
    return Names(
        purposes=frozenset(policies.get("purposes", ())),
        channels=frozenset(policies.get("channels", ())),
        sources=frozenset(feed["source"] for feed in feeds if feed),
    )
