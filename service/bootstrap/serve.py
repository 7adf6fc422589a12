"""From settings to a running application."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import uuid4

from features.company.company import COMPANY_FILE, Company, CompanyInvalid, load_company
from features.company.home import demand_home_of, make_home_of
from features.company.kept_registry import KeptRegistry
from features.company.registry import CompanyFeatures
from features.company.registry_reading import read_registry_beside
from features.company.registry_watch import RegistryWatch
from features.documents.files import Stamps
from features.schema import FeatureSchema
from features.situation import SituationViews
from features.store.online import OnlineFeatures
from features.store.push import SituationWriter
from models.tracking import Registry
from service.application.catalogues import KeptCatalogues
from service.application.decider import Decider
from service.application.home_access import demand_own
from service.application.hydrate import FeatureReader, Hydrator
from service.application.intake import Intake
from service.application.last_known_kills import keep_reading
from service.application.scoring import Model, Scoring
from service.background.catalogue_watch import CatalogueWatch
from service.background.feature_feed import FeatureFeed, run_until_closed
from service.background.feature_watch import FeatureWatch
from service.background.housekeeping import Housekeeping
from service.background.kill_readers import KillReader
from service.background.lead import Lead
from service.bootstrap.clock import Clock, system_clock, uuid_of
from service.bootstrap.company import catalogue_of, company_of
from service.bootstrap.models import follow_models
from service.bootstrap.store import (
    open_state,
)
from service.catalogue.documents.patience import Patience, patiently
from service.catalogue.load import Catalogue, CatalogueFolder
from service.catalogue.terms import Terms, company_terms
from service.metrics import Metrics
from service.quiet_load import collecting_later
from service.settings import Settings
from service.state.store import SqlState
from service.state.upkeep.prune import Upkeep
from service.wire.admission import Share
from service.wire.door import Door
from service.wire.handler import Handler
from service.wire.limit import Backlog, FixedLimit, QueueLimit
from service.wire.readiness import HealthPart, Readiness
from service.wire.server import Application

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """What the company wrote, as it is when the service starts. `stamp`: of the folder, before `first` was loaded.

    `registry`: of its features; a process of its own reads it, so that none but stores without a plan need Feast here.
    """

    company: Company
    registry: KeptRegistry
    known: CompanyFeatures
    terms: Terms
    folder: CatalogueFolder
    stamp: Stamps
    first: Catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class _Core:
    """What decides and records, without a wire and with nothing in the background."""

    settings: Settings
    clock: Clock
    state: SqlState
    catalogues: KeptCatalogues
    hydrator: Hydrator
    scoring: Scoring
    metrics: Metrics


@asynccontextmanager
async def application(
    settings: Settings,
    clock: Clock = system_clock,
    *,
    features: FeatureReader | None = None,
    model: Model | None = None,
    new_id: Callable[[datetime], str] = uuid_of,
    lead: Lead | None = None,
) -> AsyncIterator[Application]:
    """A ready application; on the way out, and where it cannot be made, what was opened is closed, the last first.

    A feature store or model that cannot be had degrades the answers; a catalogue or state store that cannot, ends it.
    `features` and `model` stand in for the configured ones. `lead`: shared with other processes of this service.

    Raises: CompanyUnknown, CompanyInvalid, HomeForeign, CatalogueInvalid, HomeUnsafe, LoadEnded, StateUnavailable.
    """
    company = company_of(settings)
    demand_home_of(company, settings.home)
    doubts = demand_own(settings.home, trusts_group=settings.trust_group)
    make_home_of(company, settings.home)
    written = await _written(settings, company)
    online = OnlineFeatures(
        company.feature_repo, written.known.schema, key=written.known.key, connect=written.registry.open
    )
    async with AsyncExitStack() as opened:
        core = await _core(settings, clock, written, features or online, Scoring(model), opened)
        online.listen(core.metrics.features_read)
        for doubt in doubts:
            log.warning(doubt)
        lead = lead or Lead()
        tell_features = _feed_features(core, written, lead, opened)
        watch = CatalogueWatch(
            written.folder, written.stamp, core.catalogues, core.metrics, partial(_doubts_of_company, company)
        )
        readiness = _readiness(core, watch)
        await _work(core, watch, lead, opened)
        followed = _feature_watch(core, written, online, watch) if features is None else None
        if followed is not None:
            run_until_closed(opened, followed.run())
        if model is None:
            registry = Registry.of(company, settings.home)
            in_force = partial(_schema_in_force, written.known, followed)
            await follow_models(registry, in_force, core.scoring, core.metrics, lead, opened)
        await readiness.look()
        run_until_closed(opened, readiness.run())
        intake = Intake(core.state, core.catalogues, clock, tell_features)
        decider = _decider(core, new_id)
        opened.push_async_callback(decider.close)
        yield Application(
            handler=Handler(decider=decider, intake=intake, catalogues=core.catalogues, metrics=core.metrics),
            door=Door(
                _shares(settings, decider.backlog),
                Share(FixedLimit(settings.max_calls_large)),
                core.metrics,
                lambda: new_id(clock()),
                readiness.doubt,
            ),
            intake=intake,
            metrics=core.metrics,
            watch=watch,
            readiness=readiness,
        )


async def _written(settings: Settings, company: Company) -> _Written:
    """Raises: CompanyInvalid, CatalogueInvalid, LoadEnded."""
    registry = KeptRegistry(company, settings.home, read_registry_beside)
    known = await asyncio.to_thread(registry.known)
    terms = company_terms(company, known.schema, known.fingerprint)
    folder = CatalogueFolder(catalogue_of(settings, company), terms)
    stamp = folder.stamp()
    first = await patiently(partial(_first_load, folder))
    return _Written(
        company=company, registry=registry, known=known, terms=terms, folder=folder, stamp=stamp, first=first
    )


async def _core(
    settings: Settings,
    clock: Clock,
    written: _Written,
    reader: FeatureReader,
    scoring: Scoring,
    opened: AsyncExitStack,
) -> _Core:
    """The store, with the first catalogue kept in it, the features and the model."""
    metrics = Metrics()
    state = await _state_of_service(settings, written.company.situation)
    opened.push_async_callback(state.close)
    opened.callback(scoring.close)
    catalogues = KeptCatalogues(written.first, written.terms, state, clock)
    await catalogues.keep()
    hydrator = Hydrator(reader, state, written.terms)
    opened.callback(hydrator.close)
    await hydrator.warm(clock())
    metrics.in_force("catalogue", written.first.version)
    metrics.in_force("model", scoring.model_version)
    return _Core(
        settings=settings,
        clock=clock,
        state=state,
        catalogues=catalogues,
        hydrator=hydrator,
        scoring=scoring,
        metrics=metrics,
    )


async def _state_of_service(settings: Settings, views: SituationViews) -> SqlState:
    state = open_state(settings, views)
    try:
        await state.engine.demand_service()
    except BaseException:
        await state.close()
        raise
    return state


def _decider(core: _Core, new_id: Callable[[datetime], str]) -> Decider:
    return Decider(
        catalogues=core.catalogues,
        hydrator=core.hydrator,
        scoring=core.scoring,
        state=core.state,
        clock=core.clock,
        new_id=new_id,
        allows_unrecorded=core.settings.allow_unrecorded,
    )


def _readiness(core: _Core, watch: CatalogueWatch) -> Readiness:
    """What each part of the service says of itself."""
    readiness = Readiness(
        {
            HealthPart.STATE: core.catalogues.confirm,
            HealthPart.FEATURES: lambda: core.hydrator.has_features(core.clock()),
            HealthPart.MODEL: core.scoring.is_well,
        }
    )
    watch.listen(lambda *, is_valid: readiness.tell(HealthPart.CATALOGUE, works=is_valid))
    return readiness


def _doubts_of_company(company: Company) -> tuple[str, ...]:
    """Whether a catalogue may mean what the company says since the service started."""
    try:
        is_changed = load_company(company.folder).document != company.document
    except CompanyInvalid as error:
        return error.faults
    said = f"{COMPANY_FILE} has changed since this service started, and it goes by what was said then: start it anew"
    return (said,) if is_changed else ()


def _feed_features(core: _Core, written: _Written, lead: Lead, opened: AsyncExitStack) -> Callable[[], None]:
    """Tells the feature store what events changed, if it has a view for it. Returns: what to call after events."""
    company, views = written.company, written.company.situation
    if not views.named:
        return lambda: None
    writer = SituationWriter(company.feature_repo, views, connect=written.registry.open_cells)
    feed = FeatureFeed(core.state, writer, core.metrics)
    opened.callback(feed.close)
    run_until_closed(opened, lead.run(feed.run))
    if lead.is_shared:
        run_until_closed(opened, lead.run(feed.look_for_others))
    return feed.wake


async def _work(core: _Core, watch: CatalogueWatch, lead: Lead, opened: AsyncExitStack) -> None:
    """Starts what goes on beside the calls. The kill list is read once before."""
    remember = core.hydrator.remember_kills
    kills = KillReader(core.state, remember, core.clock, service_id=uuid4().hex, name=_whereabouts())
    await kills.join()
    opened.push_async_callback(kills.leave)
    upkeep = Upkeep(core.state.engine, core.settings.retention)
    housekeeping = Housekeeping(upkeep, core.catalogues, core.metrics, core.clock)
    for work in (watch.run(), lead.run(housekeeping.run), keep_reading(kills.read)):
        run_until_closed(opened, work)


def _feature_watch(core: _Core, written: _Written, online: OnlineFeatures, catalogues: CatalogueWatch) -> FeatureWatch:
    """Follows the company's registry; what was known at the start is in force."""
    terms_of = partial(company_terms, written.company)
    kept = written.registry
    registry = RegistryWatch(written.company, written.known, read=kept.read, is_current=kept.is_current)
    return FeatureWatch(registry, online, core.hydrator, catalogues, terms_of, core.metrics)


def _schema_in_force(known: CompanyFeatures, followed: FeatureWatch | None) -> FeatureSchema:
    """`known`: what was read at the start."""
    return known.schema if followed is None else followed.in_force.schema


def _first_load(folder: CatalogueFolder, patience: Patience) -> Catalogue:
    with collecting_later():
        return folder.load(patience)


def _whereabouts() -> str:
    """Which process this is, for who must look after it."""
    return f"process {os.getpid()} on {socket.gethostname()}"


def _shares(settings: Settings, questions: Backlog) -> dict[str, Share]:
    """The limit of calls by method: each has its own, so that none keeps another one waiting."""
    most = settings.max_calls_decide
    least = min(settings.min_calls_decide, most)
    return {
        "Decide": Share(QueueLimit(questions, least=least, most=most, wait_s=settings.max_wait_decide_s)),
        "RecordEvents": Share(FixedLimit(settings.max_calls_record_events)),
        "RecordOutcomes": Share(FixedLimit(settings.max_calls_record_outcomes)),
        "GetDecision": Share(FixedLimit(settings.max_calls_get_decision)),
    }
