"""What Rumbo needs of Feast's stores and no public name of theirs gives: alone knows their private parts.

They are those of Feast 0.67; the contract suite runs over real stores, and fails where one is no longer so.
"""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

from features.store.redis_cell import RedisCell

if TYPE_CHECKING:
    from feast import FeatureStore, FeatureView
    from feast.infra.online_stores.online_store import OnlineStore
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.repo_config import RepoConfig
    from redis import Redis


def release(store: OnlineStore) -> None:
    """Closes what the store holds open: a file, or the connections to a Redis server. Others end with the process."""
    for name in ("_conn", "_client"):
        held = getattr(store, name, None)
        if held is not None:
            held.close()


def release_online(store: FeatureStore) -> None:
    """Closes what a repository's own online store holds open."""
    release(store._get_provider().online_store)


def sqlite_database(store: OnlineStore, config: RepoConfig) -> sqlite3.Connection:
    """The database of an embedded store, on which Feast's own reads and writes run too."""
    database: sqlite3.Connection = store._get_conn(config)  # type: ignore[attr-defined]
    return database


def redis_cell(store: OnlineStore, config: RepoConfig, view: FeatureView, feature: str, key: EntityKey) -> RedisCell:
    """One text of one customer in a Redis store that Feast has opened."""
    from feast.infra.online_stores.helpers import _redis_key

    time_field, fields = redis_fields(view, config)
    return RedisCell(
        client=store._get_client(config.online_store),  # type: ignore[attr-defined]
        row=_redis_key(config.project, key, config.entity_key_serialization_version),
        time_field=time_field,
        value_field=fields[feature],
        ttl_s=config.online_store.key_ttl_seconds,
    )


def is_plain_sqlite(store: OnlineStore, config: RepoConfig) -> bool:
    """Whether it is Feast's own SQLite store, and no other class that calls itself so."""
    return (
        _class_of(store) == "feast.infra.online_stores.sqlite.SqliteOnlineStore"
        and config.online_store.type == "sqlite"
    )


def is_plain_table(config: RepoConfig) -> bool:
    """Whether a text is a row of entity_key, feature_name, value, value_text and times, and of nothing more."""
    said = config.online_store
    return not (said.vector_enabled or getattr(said, "enable_openai_compatible_store", False))


def is_plain_redis(store: OnlineStore, config: RepoConfig) -> bool:
    """Whether it is Feast's own Redis store of one server, by the client that we use too."""
    said = config.online_store
    is_own = _class_of(store) == "feast.infra.online_stores.redis.RedisOnlineStore" and said.type == "redis"
    return is_own and (said.redis_type, getattr(said, "client", "redis")) == ("redis", "redis")


def _class_of(store: OnlineStore) -> str:
    return f"{type(store).__module__}.{type(store).__qualname__}"


def serialized_key(key: EntityKey, config: RepoConfig) -> bytes:
    """What the stores keep a row by."""
    from feast.infra.key_encoding_utils import serialize_entity_key

    return serialize_entity_key(key, entity_key_serialization_version=config.entity_key_serialization_version)


def value_kinds() -> dict[int, str]:
    """The kinds of value that are stored, by their numbers on the wire."""
    from feast.protos.feast.types.Value_pb2 import Value

    return {kind.number: kind.name for kind in Value.DESCRIPTOR.oneofs_by_name["val"].fields}


def sqlite_table(view: FeatureView, config: RepoConfig) -> str:
    """The name of a view's table."""
    from feast.infra.online_stores.sqlite import _table_id

    return str(_table_id(config.project, view, config.registry.enable_online_feature_view_versioning))


def redis_fields(view: FeatureView, config: RepoConfig) -> tuple[str, dict[str, bytes]]:
    """The field that holds the time of a view's row, and those of its values by feature."""
    from feast.infra.online_stores.helpers import _mmh3
    from feast.infra.online_stores.redis import _versioned_fv_name

    name = _versioned_fv_name(view, config)
    return f"_ts:{name}", {field.name: _mmh3(f"{name}:{field.name}") for field in view.features}


def redis_client(connection_string: str) -> Redis:
    """A client of one server, by a string as feature_store.yaml has it: host:port,parameter=value,…

    As Feast makes it, but without Feast.
    """
    from redis import Redis

    words = [word.partition("=") for word in connection_string.split(",")]
    host, port = next(word for word, sign, _ in words if not sign).split(":")
    return Redis(**{"host": host, "port": port, **{name: _json_or_text(value) for name, sign, value in words if sign}})


def _json_or_text(value: str) -> Any:
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value
