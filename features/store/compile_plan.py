"""Compiles the read plan of a repository that Feast has opened, if it keeps its rows as can be read directly.

Whether it does is tried, not told from a version: the store's own code is asked for names and keys, and ours must be
the same.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from features.store import feast_internals
from features.store.configuration import bounded, configured_server
from features.store.connection import Connection
from features.store.customer_key import KEY_VERSION, CustomerKey, KeyType
from features.store.read_plan import ReadPlan, StoreKind, ViewPlan
from features.store.stored_value import KINDS

if TYPE_CHECKING:
    from feast import FeatureView
    from feast.repo_config import RepoConfig

PROBES: Final = ("0", "1", "-1", str(2**31 - 1), str(-(2**31)), str(2**63 - 1), str(-(2**63)), "", "ana", "ñandú ✓")
"""Ids of customers; those that one type of key has not are keys of another."""


def plan_of(connection: Connection, repo: Path) -> ReadPlan | None:
    """The plan; None if Feast itself has to read this store."""
    store, config = connection.store, connection.config
    if not (_has_our_values() and _writes_our_keys(config)):
        return None
    if feast_internals.is_plain_sqlite(store, config):
        file, is_plain = str(config.online_store.path), feast_internals.is_plain_table(config)
        return _plan(connection, StoreKind.SQLITE, _sqlite_view, file=file, writes_text=is_plain)
    if feast_internals.is_plain_redis(store, config) and _is_configured_server(config, repo):
        return _plan(connection, StoreKind.REDIS, _redis_view, ttl_s=config.online_store.key_ttl_seconds)
    return None


def _plan(
    connection: Connection,
    kind: StoreKind,
    view_of: _ViewOf,
    *,
    file: str | None = None,
    writes_text: bool = True,
    ttl_s: int | None = None,
) -> ReadPlan:
    config, keys = connection.config, connection.registered.keys
    views = {name: view_of(view, keys.get(name), config) for name, view in connection.views.items()}
    return ReadPlan(kind=kind, project=config.project, file=file, writes_text=writes_text, ttl_s=ttl_s, views=views)


_ViewOf = Callable[["FeatureView", CustomerKey | None, "RepoConfig"], ViewPlan]


def _sqlite_view(view: FeatureView, key: CustomerKey | None, config: RepoConfig) -> ViewPlan:
    cells = {field.name: field.name for field in view.features}
    return ViewPlan(key=key, place=feast_internals.sqlite_table(view, config), cells=cells)


def _redis_view(view: FeatureView, key: CustomerKey | None, config: RepoConfig) -> ViewPlan:
    time_field, fields = feast_internals.redis_fields(view, config)
    return ViewPlan(key=key, place=time_field, cells={name: field.hex() for name, field in fields.items()})


def _has_our_values() -> bool:
    """Kinds that are new in Feast are told as such; none may have become another."""
    return KINDS.items() <= feast_internals.value_kinds().items()


def _writes_our_keys(config: RepoConfig) -> bool:
    if config.entity_key_serialization_version != KEY_VERSION:
        return False
    keys = [CustomerKey(name=name, type=kind) for name in ("holder_no", "número") for kind in KeyType]
    return all(
        feast_internals.serialized_key(entity_key, config) == key.serialized(customer_id)
        for key in keys
        for customer_id in PROBES
        if (entity_key := key.entity_key(customer_id)) is not None
    )


def _is_configured_server(config: RepoConfig, repo: Path) -> bool:
    """Whether we would ask the server that Feast asks."""
    said = configured_server(repo)
    return said is not None and bounded(said) == config.online_store.connection_string
