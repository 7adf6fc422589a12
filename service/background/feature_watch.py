"""Puts what a company's registry says in force without a restart. What it cannot serve from is refused, and told.

registry ──> features ──> terms ──> the catalogue in force, bound by them ──> facts and rules change together
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from features.company.company import CompanyInvalid
from features.company.registry import CompanyFeatures
from features.schema import FeatureSchema
from features.store.customer_key import CustomerKey
from service.application.hydrate import Hydrator
from service.background.catalogue_watch import CatalogueWatch
from service.catalogue.load import CatalogueInvalid
from service.catalogue.terms import Terms
from service.metrics import Metrics

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 1.0
OVER_S: Final = 30.0
"""A call that began so long ago is over: nothing asks any more for what an earlier registry had."""


class Registry(Protocol):
    """Sees when a registry changes. Blocking."""

    @property
    def features(self) -> CompanyFeatures: ...

    @property
    def faults(self) -> tuple[str, ...]: ...

    def look(self) -> bool:
        """Whether `features` or `faults` are others than before."""


class RenewableReader(Protocol):
    """Reads features by a schema that may be replaced. Blocking."""

    def renew(self, schema: FeatureSchema, key: CustomerKey | None = None) -> None:
        """Opens the registry anew, too: what it no longer has is unavailable from then on."""


class FeatureWatch:
    """Looks at the registry once a second. `run` goes on until cancelled."""

    def __init__(
        self,
        registry: Registry,
        reader: RenewableReader,
        hydrator: Hydrator,
        catalogues: CatalogueWatch,
        terms_of: Callable[[FeatureSchema, str], Terms],
        metrics: Metrics,
    ) -> None:
        """What `registry` has now is in force already.

        `terms_of`: the terms by a schema and the version that names it; raises CompanyInvalid.
        """
        self._registry = registry
        self._reader = reader
        self._hydrator = hydrator
        self._catalogues = catalogues
        self._terms_of = terms_of
        self._metrics = metrics
        self._in_force = registry.features
        self._is_refused = False
        self._has_new_catalogue = False
        catalogues.listen(self._note_catalogue)
        metrics.in_force("features", self._in_force.fingerprint)

    @property
    def in_force(self) -> CompanyFeatures:
        return self._in_force

    async def run(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Follows each change; what was refused is tried again once another catalogue is in force."""
        while True:
            await sleep(LOOK_EVERY_S)
            is_changed = await asyncio.to_thread(self._registry.look)
            if is_changed or (self._is_refused and self._has_new_catalogue):
                self._has_new_catalogue = False
                await self.follow(sleep)

    async def follow(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Puts what the registry has in force, or refuses it: then what it lost of what serves is unavailable."""
        faults: Sequence[str] = self._registry.faults
        if not faults and self._registry.features.fingerprint != self._in_force.fingerprint:
            faults = await self._put_in_force(self._registry.features, sleep)
        self._is_refused = bool(faults)
        self._metrics.features_refused.set(self._is_refused)
        if faults:
            log.error(
                "features refused, %s stay in force", self._in_force.fingerprint, extra={"fields": {"faults": faults}}
            )
        await asyncio.to_thread(self._reader.renew, self._in_force.schema, self._in_force.key)

    async def _put_in_force(self, found: CompanyFeatures, sleep: Callable[[float], Awaitable[None]]) -> Sequence[str]:
        """Returns: why it cannot be. Meanwhile every feature of before and after is read, so that no rule lacks one."""
        both = _joint(self._in_force.schema, found.schema)

        async def make_readable() -> None:
            await asyncio.to_thread(self._reader.renew, both, found.key)
            self._hydrator.renew(self._terms_of(both, found.fingerprint))

        try:
            terms = self._terms_of(found.schema, found.fingerprint)
            await self._catalogues.rebind(terms, make_readable, sleep)
        except CompanyInvalid as error:
            return error.faults
        except CatalogueInvalid as error:
            return error.located
        self._in_force = found
        self._metrics.in_force("features", found.fingerprint)
        log.info("features %s in force", found.fingerprint)
        await sleep(OVER_S)
        self._hydrator.renew(terms)
        return ()

    async def _note_catalogue(self, *, is_valid: bool) -> None:
        self._has_new_catalogue = self._has_new_catalogue or is_valid


def _joint(before: FeatureSchema, after: FeatureSchema) -> FeatureSchema:
    """All features of both; of one name that of before, for rules that were bound by it are still asked."""
    specs = {spec.name: spec for spec in (*after.features, *before.features)}
    stored = [spec for spec in specs.values() if not spec.is_derived]
    return FeatureSchema((*stored, *(spec for spec in specs.values() if spec.is_derived)))
