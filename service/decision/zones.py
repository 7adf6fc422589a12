"""The time zones that are somebody's clock."""

from __future__ import annotations

from functools import cache
from zoneinfo import ZoneInfo, available_timezones

_NO_PLACES = frozenset({"localtime", "posixrules", "Factory"})
"""The clock of this machine, its rules, and that of a device nobody has set: of a customer they tell nothing."""


@cache
def _places() -> frozenset[str]:
    """Reads a few hundred files, so a catalogue asks when it is bound, before a request would."""
    return frozenset(available_timezones()) - _NO_PLACES


def zone_of(name: str) -> ZoneInfo | None:
    """The zone of an IANA name such as Europe/Madrid or UTC, written as it is there; None if it is none."""
    return ZoneInfo(name) if name in _places() else None
