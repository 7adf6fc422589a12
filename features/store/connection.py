"""A Feast repository opened by Feast: its configuration, online store and views, without Feast's slower front door.

The stores' own interface (`online_read`, `online_write_batch`) gives event times and costs a third of
`get_online_features`. Importing Feast takes seconds, so it happens when a connection is opened.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from features.errors import StoreUnavailable
from features.store.configuration import CONFIG_FILE, bounded, file_here
from features.store.customer_key import CustomerKey
from features.store.feast_internals import release
from features.store.opened import SLOW_S, FileIdentity, Found, Registered, Row, Wanted, Way, identity_of

if TYPE_CHECKING:
    from feast import FeatureStore, FeatureView
    from feast.infra.online_stores.online_store import OnlineStore
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import Value
    from feast.repo_config import RepoConfig

_METRICS_IN_FILES = ("PROMETHEUS_MULTIPROC_DIR", "PROMETHEUS_MULTIPROCESS_DIR")
BEGINNING = datetime.fromtimestamp(0, UTC)

OWN_EXTRAS: Final = frozenset({"redis"})
"""Of Rumbo, each for the stores of that name."""
_EXTRA = re.compile(r"feast\[([a-z0-9_-]+)\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRow:
    """What the online store holds of one customer in one view; `values` by their names there."""

    event_time: datetime
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One open store; not to be shared between threads.

    `registered`: what the views are keyed by, and the names of their features in the store.
    """

    config: RepoConfig
    store: OnlineStore
    views: Mapping[str, FeatureView]
    registered: Registered
    file: Path | None
    identity: FileIdentity

    @property
    def way(self) -> Way:
        return Way.FEAST

    @classmethod
    def open(cls, repo: Path) -> Connection:
        """Opens the repository at `repo`, a folder with feature_store.yaml.

        Raises: StoreUnavailable naming what is missing; Feast's own errors for a registry that cannot be read.
        """
        connection = cls.of(open_feature_store(repo), repo)
        if connection.file is not None and not connection.file.is_file():
            raise StoreUnavailable(f"there is no {connection.file.name}")
        return connection

    @classmethod
    def of(cls, feature_store: FeatureStore, repo: Path) -> Connection:
        """The repository at `repo` that Feast has opened; whether its store is there is not looked at."""
        from feast.infra.online_stores.helpers import get_online_store_from_config

        config = feature_store.config
        file = _store_file(config, repo)
        views = {view.name: view for view in feature_store.list_feature_views()}
        keys = {name: key for name, view in views.items() if (key := CustomerKey.of_view(view)) is not None}
        features = {name: frozenset(field.name for field in view.features) for name, view in views.items()}
        return cls(
            config=config,
            store=get_online_store_from_config(config.online_store),
            views=views,
            registered=Registered(keys=keys, features=features),
            file=file,
            identity=identity_of(file),
        )

    def is_replaced(self) -> bool:
        """Whether the file of an embedded store is no longer the one that was opened."""
        return self.file is not None and identity_of(self.file) != self.identity

    def questions(self, wanted: Wanted) -> Connection:
        """It asks for whole rows, whatever is wanted of them."""
        return self

    def ask(self, customer_ids: Sequence[str]) -> _Asked:
        return _Asked(self, customer_ids)

    def read(self, view: str, customer_id: str) -> StoredRow | None:
        """The customer's row in `view`; None when there is none, or no key is written as this id.

        Raises: StoreUnavailable as `entity_key`; the store's own errors.
        """
        key = self.entity_key(view, customer_id)
        if key is None:
            return None
        event_time, values = self.store.online_read(self.config, self.views[view], [key])[0]
        if event_time is None or values is None or _is_nobodys(event_time, values):
            return None
        return StoredRow(event_time=event_time, values=values)

    def entity_key(self, view: str, customer_id: str) -> EntityKey | None:
        """The customer's key in `view`; None if no key is written as this id.

        Raises: StoreUnavailable when the registry does not know `view`, or not as one of customers.
        """
        return self.registered.key_of(view).entity_key(customer_id)

    def has_feature(self, view: str, feature: str) -> bool:
        """Whether the registry has it."""
        return self.registered.has_feature(view, feature)

    def demand_key(self, view: str, key: CustomerKey) -> None:
        """Raises: StoreUnavailable when the rows of `view` are not, or no longer, kept by this key."""
        self.registered.demand_key(view, key)

    def close(self) -> None:
        """Lets go of the store: of its file, or its connections."""
        release(self.store)


class _Asked:
    """The customers of one batch: one question of Feast's own a view."""

    def __init__(self, connection: Connection, customer_ids: Sequence[str]) -> None:
        self._connection = connection
        self._customer_ids = customer_ids

    def of(self, view: str) -> Sequence[Found]:
        """What spoils the question for one customer is hers alone, unless it takes so long that the store is away."""
        keys = [self._connection.entity_key(view, customer_id) for customer_id in self._customer_ids]
        asked = [key for key in keys if key is not None]
        began_s = time.monotonic()
        try:
            rows = self._rows(view, asked)
        except Exception:
            if len(asked) < 2 or time.monotonic() - began_s >= SLOW_S:
                raise
            rows = [self._row(view, key) for key in asked]
            if all(isinstance(row, Exception) for row in rows):
                raise
        found = iter(rows)
        return [None if key is None else next(found) for key in keys]

    def _row(self, view: str, key: EntityKey) -> Found:
        try:
            return self._rows(view, [key])[0]
        except Exception as error:  # noqa: BLE001 - each store raises its own errors
            return error

    def _rows(self, view: str, keys: list[EntityKey]) -> list[Found]:
        if not keys:
            return []
        connection = self._connection
        read = connection.store.online_read(connection.config, connection.views[view], keys)
        return [_row(at, values) for at, values in read]


def _row(at: datetime | None, values: Mapping[str, Value] | None) -> Row | None:
    if at is None or values is None or _is_nobodys(at, values):
        return None
    aware = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return Row(aware, {name: value.SerializeToString() for name, value in values.items()})


def open_feature_store(repo: Path) -> FeatureStore:
    """Feast's own front door to the repository at `repo`, whose relative paths hold from there. Importing Feast takes
    seconds.

    Raises: StoreUnavailable naming what is missing; Feast's own errors for a configuration that cannot be read.
    """
    _import_feast()
    from feast import FeatureStore
    from feast.errors import FeastExtrasDependencyImportError, FeastModuleImportError
    from feast.repo_config import load_repo_config

    if not (repo / CONFIG_FILE).is_file():
        raise StoreUnavailable(f"there is no {CONFIG_FILE}")
    try:
        config = load_repo_config(repo, repo / CONFIG_FILE)
    except (FeastExtrasDependencyImportError, FeastModuleImportError) as error:
        raise StoreUnavailable(_what_to_install(error)) from error
    _prepare_registry(config, repo)
    _bound_waiting(config)
    return FeatureStore(repo_path=str(repo), config=config)


@contextmanager
def open_offline(repo: Path) -> Iterator[FeatureStore]:
    """The repository at `repo`, to read its history. Until the end its folder is the current one of the process, for
    Feast's DuckDB store looks for relative paths from there: for commands that do nothing beside it.

    Raises: as `open_feature_store`.
    """
    store = open_feature_store(repo.resolve())
    with chdir(repo):
        yield store


def _import_feast() -> None:
    """Imports Feast, which makes the metrics of its process, and of those that it starts, files that all share.

    So the client of the metrics is imported before it, and the variables that say so are taken back.
    """
    import prometheus_client  # noqa: F401

    new = [name for name in _METRICS_IN_FILES if name not in os.environ]
    import feast  # noqa: F401

    for name in new:
        os.environ.pop(name, None)


def _what_to_install(error: Exception) -> str:
    """Which extra a store needs that is configured; of Rumbo if it has it, else of Feast."""
    needed = _EXTRA.search(f"{error} {error.__cause__}")
    if needed is None:
        return str(error)
    owner = "rumbo" if needed[1] in OWN_EXTRAS else "feast"
    return f"{CONFIG_FILE} needs the extra `{needed[1]}` of {owner}: pip install '{owner}[{needed[1]}]'"


def _bound_waiting(config: RepoConfig) -> None:
    """A silent Redis server is waited for as long as its connection string says, else a moment, never for ever."""
    store = config.online_store
    if store.type == "redis":
        store.connection_string = bounded(store.connection_string, is_cluster=store.redis_type == "redis_cluster")


def registry_file(config: RepoConfig, repo: Path) -> Path | None:
    """Where Feast keeps the registry as one file of this machine; None if it lies elsewhere."""
    return file_here(repo, config.registry.registry_type, config.registry.path)


def _prepare_registry(config: RepoConfig, repo: Path) -> None:
    """A SQLite registry lies where it says from the repository's folder, not from the current one; and nothing reads
    the registry beside us.

    Raises: StoreUnavailable if there is none: Feast would make an empty one.
    """
    from sqlalchemy import make_url

    registry = config.registry
    registry.cache_mode = "sync"
    file = registry_file(config, repo)
    if registry.registry_type == "sql" and make_url(registry.path).get_backend_name() == "sqlite":
        url = make_url(registry.path)
        file = (repo / (url.database or "")).resolve()
        registry.path = url.set(database=str(file)).render_as_string(hide_password=False)
    if file is not None and not file.is_file():
        raise StoreUnavailable(f"there is no registry {file.name}")


def _store_file(config: RepoConfig, repo: Path) -> Path | None:
    """The file of an embedded online store; Feast would make an empty one where it is missing."""
    is_embedded = config.online_store.type == "sqlite"
    return repo / config.online_store.path if is_embedded else None


def _is_nobodys(event_time: datetime, values: Mapping[str, Value]) -> bool:
    """How Feast's Redis store gives a row that it does not have: empty values as of the beginning of time."""
    return event_time == BEGINNING and not any(value.WhichOneof("val") for value in values.values())
