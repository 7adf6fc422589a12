"""One text of one customer where Feast's Redis store keeps it, changed in one step of the server."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from features.store.stored_value import stored_text

_REPLACE = """
local stored = redis.call('HMGET', KEYS[1], ARGV[1], ARGV[2])
if (stored[1] or '') ~= ARGV[3] or (stored[2] or '') ~= ARGV[4] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[5], ARGV[2], ARGV[6])
if ARGV[7] ~= '' then redis.call('EXPIRE', KEYS[1], ARGV[7]) end
return 1
"""
"""Writes time and value of a row if both are still as they were read; an absent one reads as an empty one."""


@dataclass(frozen=True, slots=True)
class RedisCell:
    """One feature of one customer, and its time. `client`: of redis-py."""

    client: Any
    row: bytes
    time_field: str
    value_field: bytes
    ttl_s: int | None

    def read(self) -> tuple[bytes, bytes]:
        """Time and value as stored, each empty if it is not there."""
        time, value = self.client.hmget(self.row, [self.time_field, self.value_field])
        return time or b"", value or b""

    def replace(self, was: tuple[bytes, bytes], text: str, event_time: datetime) -> bool:
        """Puts `text` in the place of what was read; False, and nothing is written, if another came first.

        The row's time never goes back.
        """
        from google.protobuf.timestamp_pb2 import Timestamp

        time = Timestamp()
        time.FromDatetime(event_time)
        latest = max(time, Timestamp.FromString(was[0]), key=lambda at: (at.seconds, at.nanos))
        new = (latest.SerializeToString(), stored_text(text))
        ttl = "" if self.ttl_s is None else self.ttl_s
        return bool(self.client.eval(_REPLACE, 1, self.row, self.time_field, self.value_field, *was, *new, ttl))
