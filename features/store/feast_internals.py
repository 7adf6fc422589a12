"""What Rumbo needs of Feast's stores and no public name of theirs gives: alone knows their private parts.

They are those of Feast 0.67; the contract suite runs over real stores, and fails where one is no longer so.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from feast import FeatureStore, FeatureView
    from feast.infra.online_stores.online_store import OnlineStore
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.repo_config import RepoConfig

_REPLACE = """
local stored = redis.call('HMGET', KEYS[1], ARGV[1], ARGV[2])
if (stored[1] or '') ~= ARGV[3] or (stored[2] or '') ~= ARGV[4] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[5], ARGV[2], ARGV[6])
if ARGV[7] ~= '' then redis.call('EXPIRE', KEYS[1], ARGV[7]) end
return 1
"""
"""Writes time and value of a row if both are still as they were read; an absent one reads as an empty one."""


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


@dataclass(frozen=True, slots=True)
class RedisCell:
    """One feature of one customer, and its time, where Feast's Redis store keeps them."""

    client: Any
    row: bytes
    time_field: str
    value_field: bytes
    ttl_s: int | None

    @classmethod
    def of(cls, store: OnlineStore, config: RepoConfig, view: FeatureView, feature: str, key: EntityKey) -> RedisCell:
        from feast.infra.online_stores.helpers import _mmh3, _redis_key
        from feast.infra.online_stores.redis import _versioned_fv_name

        name = _versioned_fv_name(view, config)
        return cls(
            client=store._get_client(config.online_store),  # type: ignore[attr-defined]
            row=_redis_key(config.project, key, config.entity_key_serialization_version),
            time_field=f"_ts:{name}",
            value_field=_mmh3(f"{name}:{feature}"),
            ttl_s=config.online_store.key_ttl_seconds,
        )

    def read(self) -> tuple[bytes, bytes]:
        """Time and value as stored, each empty if it is not there."""
        time, value = self.client.hmget(self.row, [self.time_field, self.value_field])
        return time or b"", value or b""

    def replace(self, was: tuple[bytes, bytes], text: str, event_time: datetime) -> bool:
        """Puts `text` in the place of what was read; False, and nothing is written, if another came first.

        The row's time never goes back.
        """
        from feast.protos.feast.types.Value_pb2 import Value
        from google.protobuf.timestamp_pb2 import Timestamp

        time = Timestamp()
        time.FromDatetime(event_time)
        latest = max(time, Timestamp.FromString(was[0]), key=lambda at: (at.seconds, at.nanos))
        new = (latest.SerializeToString(), Value(string_val=text).SerializeToString())
        ttl = "" if self.ttl_s is None else self.ttl_s
        return bool(self.client.eval(_REPLACE, 1, self.row, self.time_field, self.value_field, *was, *new, ttl))
