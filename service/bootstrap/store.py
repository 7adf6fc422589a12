"""The configured store: opened for who works with it, looked at, migrated, begun, copied."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from features.situation import SituationViews
from service.bootstrap.company import pushed_views
from service.catalogue.objective_windows import ObjectiveWindows
from service.decision.facts import FactKind
from service.settings import Settings
from service.state.engines.inventory import Heard, StoreStatus
from service.state.engines.sqlite import SqliteEngine, demand_there, heard_by, migrate_file, store_in, survey_of
from service.state.engines.store_file import FolderInUse, set_aside
from service.state.home import HomeStore
from service.state.port import StateUnavailable
from service.state.store import SqlState
from service.state.upkeep.backup import BackupContents, RestoreResult, back_up, restore


def open_state(settings: Settings, views: SituationViews) -> SqlState:
    """The configured store, which the home belongs to from now on. An embedded one is made if the home never had one.

    `views`: those that the company has for facts to be pushed to.

    Raises: StateUnavailable, also if the home belongs to another store.
    """
    return _open(settings, HomeStore.of(settings.home), views)


@asynccontextmanager
async def state_store(
    settings: Settings, views: SituationViews | None = None, *, is_made: bool = False
) -> AsyncIterator[SqlState]:
    """The store of a service's home, whether it runs or not. `is_made`: an embedded one is made if there is none.

    `views`: as `open_state`, of who has read the company; None: they are read.

    Raises: StateUnavailable.
    """
    is_known = HomeStore.of(settings.home).embedded is not None  # then it is told that it is gone
    if not is_made and settings.state_url is None and not settings.state_file.is_file() and not is_known:
        raise StateUnavailable(f"there is no state store {settings.state_file}: name the home of the service")
    state = open_state(settings, pushed_views(settings) if views is None else views)
    try:
        yield state
    finally:
        await state.close()


@asynccontextmanager
async def kill_switch(settings: Settings) -> AsyncIterator[SqlState]:
    """The kill list of a service's home, whether it runs or not. Raises: StateUnavailable, if there is no store too."""
    async with state_store(settings) as state:
        yield state


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
    views = pushed_views(settings)
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
    state = _open(settings, HomeStore(), views)
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


def _open(settings: Settings, known: HomeStore, views: SituationViews) -> SqlState:
    """`known`: the store that the home belongs to until now."""
    if settings.state_url is None:
        known.demand_embedded(settings.state_file)
        engine = SqliteEngine(settings.state_file, settings.durability, expected=known.embedded)
        state = SqlState(engine, ObjectiveWindows(), _fed(views))
        known.keep(settings.home, embedded=state.engine.store_id)
        return state
    with _needing_postgres():
        from service.state.engines.postgres import PostgresEngine
    url = settings.state_url.get_secret_value()
    postgres = PostgresEngine(url, settings.durability, expected=known.postgresql)
    state = SqlState(postgres, ObjectiveWindows(), _fed(views))
    if settings.home.is_dir():  # one that asks from elsewhere has none
        known.keep(settings.home, postgresql=state.engine.store_id)
    return state


def _fed(views: SituationViews) -> frozenset[FactKind]:
    """The kinds of facts that there is a view for, to be pushed to."""
    named = {FactKind.INCIDENTS: views.incidents, FactKind.CONSENTS: views.consents}
    return frozenset(kind for kind, view in named.items() if view is not None)


def _store_there(settings: Settings) -> str | None:
    """The id of the store at the configured place. Raises: StateUnavailable, also if it must be migrated first."""
    if settings.state_url is None:
        return store_in(settings.state_file)
    with _needing_postgres():
        from service.state.engines.postgres_schema import store_at
    return store_at(settings.state_url.get_secret_value())


def _demand_embedded(settings: Settings) -> None:
    if settings.state_url is not None:
        raise StateUnavailable("the state lies in PostgreSQL, which has its own backups: pg_dump, or a base backup")


@contextmanager
def _needing_postgres() -> Iterator[None]:
    """The driver is not installed with the rest."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise StateUnavailable(f"RUMBO_STATE_URL needs the extra `postgres` of rumbo: {error}") from error
