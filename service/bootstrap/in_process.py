"""A service without a wire and with nothing in the background, for who plays a company: the same decider, intake and
store, by a clock that the player moves.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from features.company.home import make_home_of
from features.errors import RumboError
from features.schema import FeatureSchema
from features.store.online import OnlineFeatures
from service.application.catalogues import KeptCatalogues
from service.application.decider import Decider
from service.application.hydrate import FeatureReader, Hydrator
from service.application.intake import Intake
from service.application.question import Question
from service.application.scoring import Model, Models, Scoring
from service.bootstrap.clock import Clock, uuid_of
from service.bootstrap.company import catalogue_of, company_of, features_known
from service.bootstrap.deciders import decider_of
from service.bootstrap.export import bring_up_to_date
from service.bootstrap.store import state_store
from service.catalogue.load import load
from service.catalogue.terms import Terms, company_terms
from service.decision.decide import Decision
from service.decision.plan import Plan
from service.decision.reports.rows import CustomerEvent, Outcome, RowResult, RowStatus
from service.settings import Settings
from service.state.engines.engine import Durability
from service.state.store import SqlState
from service.timing import StepTimes


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Where a company's files and Rumbo's own lie; nobody cuts the power of what is played, so none waits for it."""

    company: Path
    home: Path

    @property
    def settings(self) -> Settings:
        return Settings(company=self.company, home=self.home, durability=Durability.PROCESS_SAFE)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundCompany:
    """The features that are known of a company's customers, and the plan of its catalogue as the folder has it."""

    schema: FeatureSchema
    plan: Plan


class Refused(RumboError):
    """A report that was not accepted."""


class InProcess:
    """Decides, takes reports and exports, one call after another."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        state: SqlState,
        terms: Terms,
        catalogues: KeptCatalogues,
        scoring: Scoring,
        decider: Decider,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._state = state
        self._terms = terms
        self._catalogues = catalogues
        self._scoring = scoring
        self._decider = decider
        self._intake = Intake(state, catalogues, clock)

    async def decide(self, customer_id: str, channel: str) -> Decision:
        """The committed decision."""
        question = Question(customer_id=customer_id, channel=channel, context={})
        return await self._decider.decide(question, StepTimes())

    async def tell(self, events: Sequence[CustomerEvent]) -> None:
        """Raises: Refused."""
        _demand_accepted(await self._intake.record_events(events))

    async def report(self, outcomes: Sequence[Outcome]) -> None:
        """Raises: Refused."""
        _demand_accepted(await self._intake.record_outcomes(outcomes))

    async def use_catalogue(self) -> None:
        """Puts in force what the catalogue's folder holds now. Raises: CatalogueInvalid."""
        folder = catalogue_of(self._settings, company_of(self._settings))
        await self._catalogues.put_in_force(load(folder, self._terms))

    async def use_models(self, champion: Model, challenger: Model | None = None) -> None:
        """By these is scored from now on."""
        self._scoring.use(Models(champion=champion, challenger=challenger))

    async def export(self) -> Path:
        """The home's export, brought up to date as of the clock."""
        return await bring_up_to_date(self._settings, self._clock)


@asynccontextmanager
async def in_process(
    home: Home,
    clock: Clock,
    *,
    features: FeatureReader | None = None,
    model: Model | None = None,
    new_id: Callable[[datetime], str] = uuid_of,
) -> AsyncIterator[InProcess]:
    """`features` stand in for the company's online store; without a model the priors score.

    Raises: CompanyUnknown, CompanyInvalid, HomeForeign, CatalogueInvalid, StateUnavailable.
    """
    settings = home.settings
    company = company_of(settings)
    make_home_of(company, settings.home)
    known = features_known(settings, company)
    terms = company_terms(company, known.schema, known.fingerprint)
    reader = features or OnlineFeatures(company.feature_repo, known.schema, key=known.key)
    async with state_store(settings, company.situation, is_made=True) as state:
        catalogues = KeptCatalogues(load(catalogue_of(settings, company), terms), terms, state, clock)
        await catalogues.keep()
        scoring = Scoring(model)
        async with decider_of(catalogues, Hydrator(reader, state, terms), scoring, state, clock, new_id) as decider:
            yield InProcess(settings, clock, state, terms, catalogues, scoring, decider)


def bound_company(home: Home) -> BoundCompany:
    """Of the company's folder as it is now. Raises: CompanyUnknown, CompanyInvalid, HomeForeign, CatalogueInvalid."""
    settings = home.settings
    company = company_of(settings)
    make_home_of(company, settings.home)
    known = features_known(settings, company)
    terms = company_terms(company, known.schema, known.fingerprint)
    return BoundCompany(schema=known.schema, plan=load(catalogue_of(settings, company), terms).plan)


def _demand_accepted(results: Sequence[RowResult]) -> None:
    refused = next((one for one in results if one.status is not RowStatus.ACCEPTED), None)
    if refused is not None:
        raise Refused(f"{refused.row_id}: {refused.status} {refused.field} {refused.code}")
