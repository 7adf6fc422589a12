"""The clock that a process goes by, and ids that tell their time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from uuid_utils import uuid7

from service.state.engines.session import micros

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    return datetime.now(UTC)


def uuid_of(at: datetime) -> str:
    """A UUID of version 7, which tells its time: a store that keeps decisions by day finds them by it."""
    return str(uuid7(nanoseconds=micros(at) * 1000))
