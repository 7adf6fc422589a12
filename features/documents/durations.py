"""Durations as people write them: 30s, 15m, 24h, 7d."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from features.documents.form import shown
from features.documents.hints import of_duration

LENGTH = "[1-9][0-9]{0,8}[smhd]"
"""The pattern of one."""
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_DURATION = re.compile(r"([1-9][0-9]{0,8})([smhd])")
_LONGEST = timedelta(days=366)
"""A year: the service looks back at contacts for a little longer, so a longer cap would forget some of them."""


def parse_duration(text: object) -> timedelta:
    """'30s', '15m', '24h' or '7d' as a timedelta, a year at most. Raises: ValueError that says what is expected."""
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        expected = f"expected a duration such as 30s, 15m, 24h or 7d, not {shown(text)}"
        raise ValueError(expected + of_duration(text))
    duration = timedelta(**{_UNITS[match[2]]: int(match[1])})
    if duration > _LONGEST:
        raise ValueError(f"expected a duration of at most {_LONGEST.days}d")
    return duration


def format_duration(duration: timedelta) -> str:
    """The inverse of `parse_duration`, in the largest unit that is exact."""
    seconds = int(duration.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": f"^{LENGTH}$"}),
]
