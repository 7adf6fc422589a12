"""Lengths of time as CEL writes them: in hours, minutes and seconds."""

from __future__ import annotations

import re

_LENGTH = re.compile(r"(?P<count>[0-9]+) ?(?P<unit>[a-zA-Z]+)")
_SECONDS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), 86_400),
    **dict.fromkeys(("w", "week", "weeks"), 7 * 86_400),
}
_LARGEST = 10**6


def as_duration(written: str) -> str | None:
    """`1d`, `2 weeks` or `90 min` as a call of `duration`; None if it is no such length."""
    match = _LENGTH.fullmatch(written)
    seconds = None if match is None else _SECONDS.get(match["unit"].lower())
    if match is None or seconds is None or len(match["count"]) > len(str(_LARGEST)):
        return None
    whole = int(match["count"]) * seconds
    for unit, size in (("h", 3600), ("m", 60), ("s", 1)):
        if whole % size == 0:
            return f'duration("{whole // size}{unit}")'
    return None


def days_as_duration(days: float) -> str:
    """A number of days as a call of `duration`."""
    return as_duration(f"{round(days * 86_400)}s") or 'duration("24h")'
