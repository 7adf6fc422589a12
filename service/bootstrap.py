"""The only place that builds adapters: from settings to a running application."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf

from uuid_utils import uuid7

from features.dataset import Dataset
from features.errors import HomeNotPrepared
from features.online import OnlineFeatures
from features.push import SituationWriter
from features.schema import FeatureSchema
from models.errors import BundleCorrupt, ModelMissing
from models.registry import fetch_champion
from models.scorer import Scorer
from service.background import collecting_later
from service.catalogue.load import CatalogueFolder, load
from service.catalogue_watch import CatalogueWatch
from service.catalogues import KeptCatalogues
from service.decider import Decider
from service.decision.plan import Plan
from service.feature_feed import FeatureFeed, stopped
from service.handler import Handler
from service.housekeeping import Housekeeping
from service.hydrate import FeatureReader, Hydrator
from service.intake import Intake
from service.metrics import Metrics
from service.scoring import Model, Scoring
from service.settings import Settings
from service.stand_in import keep_reading
from service.state.inventory import StoreStatus
from service.state.port import KillSwitch, StateUnavailable
from service.state.session import micros
from service.state.sqlite import SqliteState, migrate_file, survey_of
from service.state.store import SqlState
from service.state.upkeep import Upkeep

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """What the server needs: the servicer, and what to tell about it."""

    handler: Handler
    intake: Intake
    metrics: Metrics
    watch: CatalogueWatch


def system_clock() -> datetime:
    return datetime.now(UTC)


def new_id(at: datetime) -> str:
    """A UUID of version 7, which tells its time: a store that keeps decisions by day finds them by it."""
    return str(uuid7(nanoseconds=micros(at) * 1000))


def open_state(settings: Settings) -> SqlState:
    """The configured store. Raises: StateUnavailable."""
    if settings.state_url is None:
        return SqliteState(settings.state_file, settings.durability)
    with _needing_postgres():
        from service.state.postgres import PostgresState
    return PostgresState(settings.state_url.get_secret_value(), settings.durability)


@asynccontextmanager
async def application(
    settings: Settings,
    clock: Clock = system_clock,
    *,
    features: FeatureReader | None = None,
    model: Model | None = None,
) -> AsyncIterator[Application]:
    """A ready application; on the way out everything is closed in order.

    A feature store or model that cannot be had degrades the answers; a catalogue or state store that cannot, ends it.
    `features` and `model` stand in for the configured ones.

    Raises: CatalogueInvalid, StateUnavailable.
    """
    schema, metrics = FeatureSchema.load(), Metrics()
    folder = CatalogueFolder(settings.catalogue, schema)
    stamp = folder.stamp()
    with collecting_later():
        current = folder.load()
    state = open_state(settings)
    catalogues = KeptCatalogues(current, schema, state, clock)
    await catalogues.keep()
    reader = OnlineFeatures(settings.feature_repo, schema) if features is None else features
    hydrator = Hydrator(reader, state)
    await hydrator.warm(clock())
    _warn_of_age(settings, schema, clock())
    scoring = Scoring(_champion(settings) if model is None else model)
    metrics.in_force("catalogue", current.version)
    metrics.in_force("model", scoring.model_version)
    feed = FeatureFeed(state, SituationWriter(settings.feature_repo), metrics)
    intake = Intake(state, catalogues, clock, feed.wake)
    decider = Decider(
        catalogues=catalogues,
        hydrator=hydrator,
        scoring=scoring,
        state=state,
        clock=clock,
        new_id=new_id,
        allows_unrecorded=settings.allow_unrecorded,
    )
    watch = CatalogueWatch(folder, stamp, catalogues, metrics)
    housekeeping = Housekeeping(Upkeep(state.engine, settings.retention), catalogues, metrics, clock)
    tasks = [asyncio.create_task(run) for run in (feed.run(), watch.run(), housekeeping.run())]
    if settings.allow_unrecorded:
        await hydrator.remember(clock())
        tasks.append(asyncio.create_task(keep_reading(lambda: hydrator.remember(clock()))))
    try:
        yield Application(
            handler=Handler(
                decider=decider, intake=intake, catalogues=catalogues, metrics=metrics, new_id=lambda: new_id(clock())
            ),
            intake=intake,
            metrics=metrics,
            watch=watch,
        )
    finally:
        for task in tasks:
            await stopped(task)
        feed.close()
        hydrator.close()
        scoring.close()
        await state.close()


@asynccontextmanager
async def intake_only(settings: Settings, clock: Clock = system_clock) -> AsyncIterator[Intake]:
    """The path of events without a server, for loading them in bulk. Raises: CatalogueInvalid, StateUnavailable."""
    schema = FeatureSchema.load()
    state = open_state(settings)
    try:
        yield Intake(state, KeptCatalogues(load(settings.catalogue, schema), schema, state, clock), clock)
    finally:
        await state.close()


def survey(settings: Settings) -> StoreStatus:
    """What the configured store is and holds, whatever step it stands at. Raises: StateUnavailable."""
    if settings.state_url is None:
        return survey_of(settings.state_file)
    with _needing_postgres():
        from service.state import postgres_schema
    return postgres_schema.survey_of(settings.state_url.get_secret_value())


def migrate_state(settings: Settings) -> tuple[str | None, str | None]:
    """Brings the tables of the configured store to the last step. Returns: the steps before and after.

    Raises: StateUnavailable.
    """
    if settings.state_url is None:
        return migrate_file(settings.state_file)
    with _needing_postgres():
        from service.state.postgres_schema import migrate_database
    return migrate_database(settings.state_url.get_secret_value())


@asynccontextmanager
async def kill_switch(settings: Settings) -> AsyncIterator[KillSwitch]:
    """The kill list of a service's home, whether it runs or not. Raises: StateUnavailable, if there is no store too."""
    async with state_store(settings) as state:
        yield state


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of customers, and the rules that look at it."""

    plan: Plan
    hydrator: Hydrator


@asynccontextmanager
async def facts_only(settings: Settings) -> AsyncIterator[Known]:
    """The facts of a service's home, whether it runs or not. Raises: as `kill_switch`."""
    schema = FeatureSchema.load()
    plan = load(settings.catalogue, schema).plan
    async with state_store(settings) as state:
        hydrator = Hydrator(OnlineFeatures(settings.feature_repo, schema), state)
        try:
            yield Known(plan=plan, hydrator=hydrator)
        finally:
            hydrator.close()


@asynccontextmanager
async def state_store(settings: Settings, *, is_made: bool = False) -> AsyncIterator[SqlState]:
    """The store of a service's home, whether it runs or not. `is_made`: an embedded one is made if there is none.

    Raises: StateUnavailable.
    """
    if not is_made and settings.state_url is None and not settings.state_file.is_file():
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


def _warn_of_age(settings: Settings, schema: FeatureSchema, now: datetime) -> None:
    """Says at the start what every answer would have to say: the data is older than some view may be."""
    try:
        data_end = Dataset.load(settings.home).data_end
    except HomeNotPrepared as error:
        log.warning("no feature data: %s", error)
        return
    age_s = (now - data_end).total_seconds()
    stale = [view for view, specs in schema.by_view.items() if any(age_s > (s.max_age_s or inf) for s in specs)]
    if stale:
        log.warning("the data ends %s: %s is stale; run `rumbo prepare` again", data_end.date(), ", ".join(stale))


def _champion(settings: Settings) -> Model | None:
    """The model that serves, or None: journeys are then ordered by tier and prior, and every answer says so."""
    try:
        return Scorer(fetch_champion(settings.home))
    except (ModelMissing, BundleCorrupt) as error:
        log.error("no model serves: %s", error)
        return None
