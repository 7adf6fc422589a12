"""Parts of a service for commands that need no server: the way of events, the facts of customers, the model."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from features.company.home import make_home_of
from features.store.online import OnlineFeatures
from models.bundle import Bundle
from models.registry import fetch_champion
from models.tracking import Registry
from service.application.catalogues import KeptCatalogues
from service.application.hydrate import Hydrator
from service.application.intake import Intake
from service.bootstrap.clock import Clock, system_clock
from service.bootstrap.company import catalogue_of, company_of, terms_known
from service.bootstrap.store import (
    open_state,
    state_store,
)
from service.catalogue.load import load
from service.decision.plan import Plan
from service.settings import Settings


@asynccontextmanager
async def intake_only(settings: Settings, clock: Clock = system_clock) -> AsyncIterator[Intake]:
    """The path of events without a server, for loading them in bulk. Raises: CatalogueInvalid, StateUnavailable."""
    company = company_of(settings)
    make_home_of(company, settings.home)
    terms = terms_known(settings, company)
    state = open_state(settings, company.situation)
    try:
        yield Intake(state, KeptCatalogues(load(catalogue_of(settings, company), terms), terms, state, clock), clock)
    finally:
        await state.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeFacts:
    """The facts of a home's customers, and the plan whose rules read them."""

    plan: Plan
    hydrator: Hydrator


@asynccontextmanager
async def facts_only(settings: Settings) -> AsyncIterator[HomeFacts]:
    """The facts of a service's home, whether it runs or not. Raises: as `kill_switch`."""
    company = company_of(settings)
    terms = terms_known(settings, company)
    plan = load(catalogue_of(settings, company), terms).plan
    async with state_store(settings, company.situation) as state:
        reader = OnlineFeatures(company.feature_repo, terms.schema)
        hydrator = Hydrator(reader, state, terms)
        try:
            yield HomeFacts(plan=plan, hydrator=hydrator)
        finally:
            hydrator.close()


def champion(settings: Settings) -> Bundle:
    """The model that a service of this home would serve. Raises: as `fetch_champion`."""
    return fetch_champion(Registry.of(company_of(settings), settings.home))
