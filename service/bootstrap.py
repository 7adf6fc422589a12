"""The only place that builds adapters: from settings to a running application."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Hashable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from uuid_utils import uuid7

from features.company.company import Company
from features.company.home import demand_home_of, demanded, make_home_of
from features.company.known import known_features
from features.company.registry import CompanyFeatures
from features.company.registry_watch import RegistryWatch
from features.situation import SituationViews
from features.store.online import OnlineFeatures
from features.store.push import SituationWriter
from models.bundle import Bundle
from models.registry import fetch_champion, fetch_tried_champion, stamp_of, trials_of
from models.scorer import Scorer
from service.application.catalogues import KeptCatalogues
from service.application.decider import Decider
from service.application.home_access import demand_own
from service.application.hydrate import FeatureReader, Hydrator
from service.application.intake import Intake
from service.application.last_known_kills import keep_reading
from service.application.scoring import Model, Scoring
from service.background.catalogue_watch import CatalogueWatch
from service.background.feature_feed import FeatureFeed, stopped
from service.background.feature_watch import FeatureWatch
from service.background.housekeeping import Housekeeping
from service.background.kill_readers import KillReader
from service.background.model_watch import ModelWatch
from service.catalogue.documents.patience import Patience, patiently
from service.catalogue.load import Catalogue, CatalogueFolder, load
from service.catalogue.objective_windows import ObjectiveWindows
from service.catalogue.terms import Terms, company_terms
from service.decision.facts import FactKind
from service.decision.plan import Plan
from service.metrics import Metrics
from service.quiet_load import collecting_later
from service.settings import Settings
from service.state.engines.inventory import Heard, StoreStatus
from service.state.engines.session import micros
from service.state.engines.sqlite import SqliteEngine, demand_there, heard_by, migrate_file, store_in, survey_of
from service.state.engines.store_file import FolderInUse, set_aside
from service.state.home import HomeStore
from service.state.port import StateUnavailable
from service.state.store import SqlState
from service.state.upkeep.backup import BackupContents, RestoreResult, back_up, restore
from service.state.upkeep.prune import Upkeep
from service.wire.admission import Share
from service.wire.door import Door
from service.wire.handler import Handler
from service.wire.readiness import HealthPart, Readiness
from service.wire.server import Application

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    return datetime.now(UTC)


def uuid_of(at: datetime) -> str:
    """A UUID of version 7, which tells its time: a store that keeps decisions by day finds them by it."""
    return str(uuid7(nanoseconds=micros(at) * 1000))


def company_of(settings: Settings) -> Company:
    """The company that is worked for. Raises: CompanyUnknown, CompanyInvalid."""
    return demanded(settings.company, settings.home)


def catalogue_of(settings: Settings) -> Path:
    """Where the journeys are: what the settings say goes before the company's. Raises: as `company_of`."""
    return company_of(settings).catalogue if settings.catalogue is None else settings.catalogue


def features_known(settings: Settings) -> CompanyFeatures:
    """What is known of customers. Raises: as `company_of`; CompanyInvalid."""
    return known_features(company_of(settings), settings.home)


def terms_known(settings: Settings) -> Terms:
    """What the company's rules may speak of. Raises: as `features_known`."""
    company = company_of(settings)
    known = known_features(company, settings.home)
    return company_terms(company, known.schema, known.fingerprint)


def open_state(settings: Settings) -> SqlState:
    """The configured store, which the home belongs to from now on. An embedded one is made if the home never had one.

    Raises: StateUnavailable, also if the home belongs to another store.
    """
    return _open(settings, HomeStore.of(settings.home))


def _open(settings: Settings, known: HomeStore) -> SqlState:
    """`known`: the store that the home belongs to until now."""
    if settings.state_url is None:
        known.demand_embedded(settings.state_file)
        engine = SqliteEngine(settings.state_file, settings.durability, expected=known.embedded)
        state = SqlState(engine, ObjectiveWindows(), _fed(settings))
        known.keep(settings.home, embedded=state.engine.store_id)
        return state
    with _needing_postgres():
        from service.state.engines.postgres import PostgresEngine
    url = settings.state_url.get_secret_value()
    postgres = PostgresEngine(url, settings.durability, expected=known.postgresql)
    state = SqlState(postgres, ObjectiveWindows(), _fed(settings))
    if settings.home.is_dir():  # one that asks from elsewhere has none
        known.keep(settings.home, postgresql=state.engine.store_id)
    return state


def _fed(settings: Settings) -> frozenset[FactKind]:
    """The kinds of facts that the company has a view for, to be pushed to."""
    views = SituationViews() if settings.company is None else company_of(settings).situation
    named = {FactKind.INCIDENTS: views.incidents, FactKind.CONSENTS: views.consents}
    return frozenset(kind for kind, view in named.items() if view is not None)


async def _state_of_service(settings: Settings) -> SqlState:
    state = open_state(settings)
    try:
        await state.engine.demand_service()
    except BaseException:
        await state.close()
        raise
    return state


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
) -> AsyncIterator[Application]:
    """A ready application; on the way out, and where it cannot be made, what was opened is closed, the last first.

    A feature store or model that cannot be had degrades the answers; a catalogue or state store that cannot, ends it.
    `features` and `model` stand in for the configured ones.

    Raises: CompanyUnknown, CompanyInvalid, HomeForeign, CatalogueInvalid, HomeUnsafe, LoadEnded, StateUnavailable.
    """
    company = company_of(settings)
    demand_home_of(company, settings.home)
    doubts = demand_own(settings.home, trusts_group=settings.trust_group)
    make_home_of(company, settings.home)
    known = await asyncio.to_thread(features_known, settings)
    terms = company_terms(company, known.schema, known.fingerprint)
    folder = CatalogueFolder(catalogue_of(settings), terms)
    stamp = folder.stamp()
    first = await patiently(partial(_first_load, folder))
    online = OnlineFeatures(company.feature_repo, known.schema, key=known.key)
    async with AsyncExitStack() as opened:
        core = await _core(settings, clock, first, terms, features or online, Scoring(model), opened)
        for doubt in doubts:
            log.warning(doubt)
        tell_features = _feed_features(core, company, opened)
        watch = CatalogueWatch(folder, stamp, core.catalogues, core.metrics)
        readiness = _readiness(core, watch)
        await _work(core, watch, opened)
        if features is None:
            _run(_feature_watch(core, company, known, online, watch).run(), opened)
        if model is None:
            await _watch_models(core, opened)
        await readiness.look()
        _run(readiness.run(), opened)
        intake = Intake(core.state, core.catalogues, clock, tell_features)
        yield Application(
            handler=Handler(
                decider=_decider(core, new_id), intake=intake, catalogues=core.catalogues, metrics=core.metrics
            ),
            door=Door(
                _shares(settings),
                Share(settings.max_calls_large),
                core.metrics,
                lambda: new_id(clock()),
                readiness.doubt,
            ),
            intake=intake,
            metrics=core.metrics,
            watch=watch,
            readiness=readiness,
        )


async def _core(
    settings: Settings,
    clock: Clock,
    first: Catalogue,
    terms: Terms,
    reader: FeatureReader,
    scoring: Scoring,
    opened: AsyncExitStack,
) -> _Core:
    """The store, with the first catalogue kept in it, the features and the model."""
    metrics = Metrics()
    state = await _state_of_service(settings)
    opened.push_async_callback(state.close)
    opened.callback(scoring.close)
    catalogues = KeptCatalogues(first, terms, state, clock)
    await catalogues.keep()
    hydrator = Hydrator(reader, state, terms)
    opened.callback(hydrator.close)
    await hydrator.warm(clock())
    metrics.in_force("catalogue", first.version)
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
            HealthPart.MODEL: core.scoring.has_model,
        }
    )
    watch.listen(lambda *, is_valid: readiness.tell(HealthPart.CATALOGUE, works=is_valid))
    return readiness


def _feed_features(core: _Core, company: Company, opened: AsyncExitStack) -> Callable[[], None]:
    """Tells the feature store what events changed, if it has a view for it. Returns: what to call after events."""
    views = company.situation
    if not views.named:
        return lambda: None
    feed = FeatureFeed(core.state, SituationWriter(company.feature_repo, views), core.metrics)
    opened.callback(feed.close)
    _run(feed.run(), opened)
    return feed.wake


async def _work(core: _Core, watch: CatalogueWatch, opened: AsyncExitStack) -> None:
    """Starts what goes on beside the calls. The kill list is read once before."""
    remember = core.hydrator.remember_kills
    kills = KillReader(core.state, remember, core.clock, service_id=uuid4().hex, name=_whereabouts())
    await kills.join()
    opened.push_async_callback(kills.leave)
    upkeep = Upkeep(core.state.engine, core.settings.retention)
    housekeeping = Housekeeping(upkeep, core.catalogues, core.metrics, core.clock)
    for work in (watch.run(), housekeeping.run(), keep_reading(kills.read)):
        _run(work, opened)


def _feature_watch(
    core: _Core, company: Company, known: CompanyFeatures, online: OnlineFeatures, catalogues: CatalogueWatch
) -> FeatureWatch:
    """Follows the company's registry; `known` is in force."""
    terms_of = partial(company_terms, company)
    registry = RegistryWatch(company, known)
    return FeatureWatch(registry, online, core.hydrator, catalogues, terms_of, core.metrics)


async def _watch_models(core: _Core, opened: AsyncExitStack) -> None:
    """Serves the champion of the home, and each that follows it. The first is tried before this returns."""
    models = ModelWatch(_Champion(core.settings.home), core.scoring, core.metrics)
    _run(models.run(), opened)
    opened.callback(models.stop)
    await models.first()


def _run(work: Coroutine[Any, Any, None], opened: AsyncExitStack) -> None:
    """In the background until `opened` is closed."""
    opened.push_async_callback(stopped, asyncio.create_task(work))


def _first_load(folder: CatalogueFolder, patience: Patience) -> Catalogue:
    with collecting_later():
        return folder.load(patience)


@asynccontextmanager
async def intake_only(settings: Settings, clock: Clock = system_clock) -> AsyncIterator[Intake]:
    """The path of events without a server, for loading them in bulk. Raises: CatalogueInvalid, StateUnavailable."""
    company = company_of(settings)
    make_home_of(company, settings.home)
    terms = terms_known(settings)
    state = open_state(settings)
    try:
        yield Intake(state, KeptCatalogues(load(catalogue_of(settings), terms), terms, state, clock), clock)
    finally:
        await state.close()


def survey(settings: Settings) -> StoreStatus:
    """What the configured store is and holds, whatever step it stands at. Raises: StateUnavailable."""
    if settings.state_url is None:
        demand_there(settings.state_file, HomeStore.of(settings.home).embedded)
        return survey_of(settings.state_file)
    with _needing_postgres():
        from service.state.engines import postgres_schema
    return postgres_schema.survey_of(settings.state_url.get_secret_value())


def heard(settings: Settings) -> Heard:
    """What the configured store, which stands at the last step, was told. Raises: StateUnavailable."""
    if settings.state_url is None:
        return heard_by(settings.state_file)
    with _needing_postgres():
        from service.state.engines import postgres_schema
    return postgres_schema.heard_by(settings.state_url.get_secret_value())


def champion(settings: Settings) -> Bundle:
    """The model that a service of this home would serve. Raises: as `fetch_champion`."""
    return fetch_champion(settings.home)


def migrate_state(settings: Settings) -> tuple[str | None, str | None]:
    """Brings the tables of the configured store to the last step. Returns: the steps before and after.

    Raises: StateUnavailable.
    """
    if settings.state_url is None:
        demand_there(settings.state_file, HomeStore.of(settings.home).embedded)
        return migrate_file(settings.state_file)
    with _needing_postgres():
        from service.state.engines.postgres_schema import migrate_database
    return migrate_database(settings.state_url.get_secret_value())


def lost_by_init(settings: Settings) -> str | None:
    """What `init_state` gives up, in words to be confirmed; None if that is nothing. Raises: StateUnavailable."""
    try:
        known = HomeStore.of(settings.home)
    except StateUnavailable:
        known = HomeStore(embedded="that cannot be told", postgresql="that cannot be told")
    is_embedded = settings.state_url is None
    had = (known.embedded or known.postgresql) if is_embedded else known.postgresql
    found = _store_there(settings)
    if had is None or had == found:
        return None
    instead = "an empty one" if found is None else f"the store {found}, which is there,"
    return (
        f"The home {settings.home} belongs to the store {had}. With {instead} in its place everything that one alone"
        " holds is forgotten: caps begin anew, and withdrawals of consent, open incidents, the kill list and what is"
        " known of sent ids are gone."
    )


async def init_state(settings: Settings) -> tuple[str, bool]:
    """Gives the home the store that is there, or a new one. Returns: its id, and whether it is new.

    Raises: StateUnavailable, also while the embedded store is in use.
    """
    is_new = _store_there(settings) is None
    if settings.state_url is not None:
        migrate_state(settings)
    else:
        settings.home.mkdir(parents=True, exist_ok=True)
        in_use = FolderInUse(settings.home, is_alone=True)
        try:
            if is_new:
                set_aside(settings.state_file)
        finally:
            in_use.leave()
    state = _open(settings, HomeStore())
    await state.close()
    return state.engine.store_id, is_new


def back_up_state(settings: Settings, target: Path, *, overwrites: bool) -> BackupContents:
    """A copy of the embedded store, while it is used or not. Raises: StateUnavailable."""
    _demand_embedded(settings)
    return back_up(settings.state_file, target, overwrites=overwrites)


def restore_state(settings: Settings, backup: Path) -> RestoreResult:
    """Puts a copy in the place of the embedded store. Raises: StateUnavailable, also while that is in use."""
    _demand_embedded(settings)
    return restore(backup, settings.state_file)


def _demand_embedded(settings: Settings) -> None:
    if settings.state_url is not None:
        raise StateUnavailable("the state lies in PostgreSQL, which has its own backups: pg_dump, or a base backup")


def _store_there(settings: Settings) -> str | None:
    """The id of the store at the configured place. Raises: StateUnavailable, also if it must be migrated first."""
    if settings.state_url is None:
        return store_in(settings.state_file)
    with _needing_postgres():
        from service.state.engines.postgres_schema import store_at
    return store_at(settings.state_url.get_secret_value())


@asynccontextmanager
async def kill_switch(settings: Settings) -> AsyncIterator[SqlState]:
    """The kill list of a service's home, whether it runs or not. Raises: StateUnavailable, if there is no store too."""
    async with state_store(settings) as state:
        yield state


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeFacts:
    """The facts of a home's customers, and the plan whose rules read them."""

    plan: Plan
    hydrator: Hydrator


@asynccontextmanager
async def facts_only(settings: Settings) -> AsyncIterator[HomeFacts]:
    """The facts of a service's home, whether it runs or not. Raises: as `kill_switch`."""
    company, terms = company_of(settings), terms_known(settings)
    plan = load(catalogue_of(settings), terms).plan
    async with state_store(settings) as state:
        reader = OnlineFeatures(company.feature_repo, terms.schema)
        hydrator = Hydrator(reader, state, terms)
        try:
            yield HomeFacts(plan=plan, hydrator=hydrator)
        finally:
            hydrator.close()


@asynccontextmanager
async def state_store(settings: Settings, *, is_made: bool = False) -> AsyncIterator[SqlState]:
    """The store of a service's home, whether it runs or not. `is_made`: an embedded one is made if there is none.

    Raises: StateUnavailable.
    """
    is_known = HomeStore.of(settings.home).embedded is not None  # then it is told that it is gone
    if not is_made and settings.state_url is None and not settings.state_file.is_file() and not is_known:
        raise StateUnavailable(f"there is no state store {settings.state_file}: name the home of the service")
    state = open_state(settings)
    try:
        yield state
    finally:
        await state.close()


@contextmanager
def _needing_postgres() -> Iterator[None]:
    """The driver is not installed with the rest."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise StateUnavailable(f"RUMBO_STATE_URL needs the extra `postgres` of rumbo: {error}") from error


def _whereabouts() -> str:
    """Which process this is, for who must look after it."""
    return f"process {os.getpid()} on {socket.gethostname()}"


def _shares(settings: Settings) -> dict[str, Share]:
    """The limit of calls by method: each has its own, so that none keeps another one waiting."""
    return {
        "Decide": Share(settings.max_calls_decide),
        "RecordEvents": Share(settings.max_calls_record_events),
        "RecordOutcomes": Share(settings.max_calls_record_outcomes),
        "GetDecision": Share(settings.max_calls_get_decision),
    }


class _Champion:
    """The champion of a home, as a `ModelSource`."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._trials = trials_of(home)

    def stamp(self) -> Hashable:
        return stamp_of(self._home)

    def load(self) -> Model:
        return Scorer(fetch_tried_champion(self._home, self._trials))

    def stop(self) -> None:
        self._trials.stop()
