"""The whole service as `rumbo serve` runs it, on a free port of this process, for who plays a company over the wire.

In this process because its clock is the player's; everything else is as it is served: features from the online store,
the models that the registry's aliases name, the catalogue's folder watched.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from features.reading import CustomerByCustomer, FeatureReading
from service.application.catalogues import KeptCatalogues
from service.application.decider import Decider
from service.application.hydrate import Hydrator
from service.application.scoring import Model, Scoring
from service.bootstrap.clock import Clock, uuid_of
from service.bootstrap.company import catalogue_of, company_of, terms_known
from service.bootstrap.deciders import decider_of
from service.bootstrap.export import bring_up_to_date
from service.bootstrap.in_process import Home, Refused
from service.bootstrap.serve import application
from service.bootstrap.store import state_store
from service.catalogue.load import Catalogue, load
from service.decision.decide import Decision
from service.decision.reports.rows import CustomerEvent, Outcome
from service.settings import Settings
from service.wire.calls import Answered, Calls
from service.wire.server import serving

FOLLOWS_S = 60.0
"""How long the service may take to follow a new model or catalogue."""
LOOKS_S = 0.1
PROBE = "nobody"


class NotFollowed(Refused):
    """The service still answers by what was in force before."""


class OverGrpc:
    """As `InProcess`, over the wire. A decision is read back from its record, and must be what was answered."""

    def __init__(self, settings: Settings, clock: Clock, calls: Calls, records: Decider) -> None:
        self._settings = settings
        self._clock = clock
        self._calls = calls
        self._records = records
        self._channel = next(iter(_catalogue(settings).plan.channels))

    async def decide(self, customer_id: str, channel: str) -> Decision:
        """Raises: Refused if the record says something else than the answer."""
        answer = await self._calls.decide(customer_id, channel)
        decision = (await self._records.replayed(answer.decision_id, is_full=False)).decision
        if tuple(pick.journey_id for pick in decision.picks) != answer.ranked:
            raise Refused(f"the record of decision {answer.decision_id} is not what was answered")
        return decision

    async def tell(self, events: Sequence[CustomerEvent]) -> None:
        """Raises: Refused."""
        _demand_none(await self._calls.record_events(events))

    async def report(self, outcomes: Sequence[Outcome]) -> None:
        """Raises: Refused."""
        _demand_none(await self._calls.record_outcomes(outcomes))

    async def use_catalogue(self) -> None:
        """Waits until the folder's content is in force. Raises: NotFollowed."""
        version = _catalogue(self._settings).version
        await self._until(lambda answer: answer.catalogue_version == version, f"catalogue {version}")

    async def use_models(self, champion: Model, challenger: Model | None = None) -> None:
        """Waits until the champion serves, which the registry names by now. Raises: NotFollowed."""
        await self._until(lambda answer: answer.model_version == champion.version, f"model {champion.version}")

    async def export(self) -> Path:
        """The home's export, brought up to date as of the clock."""
        return await bring_up_to_date(self._settings, self._clock)

    async def _until(self, is_followed: Callable[[Answered], bool], what: str) -> None:
        try:
            async with asyncio.timeout(FOLLOWS_S):
                while not is_followed(await self._calls.decide(PROBE, self._channel, is_dry_run=True)):
                    await asyncio.sleep(LOOKS_S)
        except TimeoutError as error:
            raise NotFollowed(f"{what} was not in force within {FOLLOWS_S:g} s") from error


@asynccontextmanager
async def over_grpc(
    home: Home, clock: Clock, *, new_id: Callable[[datetime], str] = uuid_of
) -> AsyncIterator[OverGrpc]:
    """Raises: as `application`."""
    settings = home.settings.model_copy(update={"port": 0, "notice_s": 0.0})
    async with (
        application(settings, clock, new_id=new_id) as app,
        serving(app, settings) as address,
        Calls(f"{address.host}:{address.port}") as calls,
        _records(settings, clock) as records,
    ):
        yield OverGrpc(settings, clock, calls, records)


@asynccontextmanager
async def _records(settings: Settings, clock: Clock) -> AsyncIterator[Decider]:
    """A reader of records beside the service, over the same store."""
    company = company_of(settings)
    terms = terms_known(settings, company)
    async with state_store(settings, company.situation) as state:
        catalogues = KeptCatalogues(load(catalogue_of(settings, company), terms), terms, state, clock)
        hydrator = Hydrator(_NoFeatures(), state, terms)
        async with decider_of(catalogues, hydrator, Scoring(None), state, clock) as decider:
            yield decider


class _NoFeatures(CustomerByCustomer):
    """Records hold the features that were served."""

    def read(self, customer_id: str, now: datetime) -> FeatureReading:
        return FeatureReading(values={}, degraded=(), has_any_row=False)


def _catalogue(settings: Settings) -> Catalogue:
    """As the folder has it."""
    company = company_of(settings)
    return load(catalogue_of(settings, company), terms_known(settings, company))


def _demand_none(refused: Sequence[str]) -> None:
    if refused:
        raise Refused(f"{len(refused)} rows were not accepted, the first of them {refused[0]}")
