"""How long a source of events may be silent before what it says is no longer relied on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from service.decision.facts import Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """`source` must have sent a heartbeat within `max_age`."""

    source: str
    max_age: timedelta

    @property
    def fact(self) -> str:
        """How a reason names it."""
        return f"feed.{self.source}"

    def is_silent(self, facts: Facts) -> bool:
        heard_at = facts.situation.feeds.get(self.source)
        return heard_at is None or facts.fresh_at - heard_at > self.max_age


def sources_of(feed: Feed | None) -> frozenset[str]:
    """The source whose heartbeats are waited for, if any is."""
    return frozenset() if feed is None else frozenset({feed.source})
