"""When a fact is too old to be relied on: one rule for serving and training."""

from __future__ import annotations

from datetime import datetime


def is_stale(event_time: datetime, at: datetime, max_age_s: float | None) -> bool:
    """Strictly older than `max_age_s` at `at`; what has no such age never is."""
    return max_age_s is not None and (at - event_time).total_seconds() > max_age_s
