"""The scalar forms of the catalogue's files: durations, windows, instants, ids, weights."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, tzinfo
from typing import Annotated, Literal, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, PlainSerializer, Tag, WithJsonSchema

from features.documents.durations import LENGTH, format_duration, parse_duration
from features.documents.form import PLAIN, STRUCTURED, Document, meant, nearest, shown
from features.documents.hints import of_clock, of_day, of_name
from service.decision.windows import Per, Period, first_instant

_MOMENT = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?P<time>[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(?P<zone>Z|[+-][0-9]{2}:[0-9]{2})?)?"
)
_MOMENTS = "a date such as 2026-12-31, or a time with its zone such as 2026-12-31T00:00:00Z"
_FIRST_YEAR = 1900
_SLUG = "[a-z][a-z0-9_-]{0,62}"


def parse_per(text: object) -> Per:
    """A duration for a rolling window, or day, week, month for a calendar period. Raises: ValueError."""
    if isinstance(text, str) and text in list(Period):
        return Period(text)
    try:
        return parse_duration(text)
    except ValueError as error:
        raise ValueError(f"{error}, or a calendar period: day, week or month") from error


def _format_per(per: Per) -> str:
    return per.value if isinstance(per, Period) else format_duration(per)


def parse_moment(value: object) -> datetime | date:
    """A day stays one, for its zone is the company's; a time says its own. Raises: ValueError."""
    form = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    if form is None:
        raise ValueError(f"expected {_MOMENTS}, not {shown(value)}{of_day(value)}")
    if form["time"] and not form["zone"]:
        written = f"{form['day']}{form['time'].replace(' ', 'T')}" + ("" if form["time"].count(":") > 1 else ":00")
        raise ValueError(f"a time needs a zone, such as {written}Z; or give a date alone")
    try:
        day = date.fromisoformat(form["day"])
        at = datetime.fromisoformat(form[0]).astimezone(UTC) if form["time"] else None
    except (ValueError, OverflowError) as error:
        raise ValueError(f"there is no such {'time' if form['time'] else 'day'}: expected {_MOMENTS}") from error
    if at is None and day.year < _FIRST_YEAR:
        raise ValueError(f"expected a day after {_FIRST_YEAR}")
    return day if at is None else at


def instant_of(moment: datetime | date, zone: tzinfo) -> datetime:
    """The instant itself, or the first of a day in `zone`."""
    return moment if isinstance(moment, datetime) else first_instant(moment, zone)


def _clock(value: object) -> time:
    """'21:00', with or without quotes."""
    if isinstance(value, str) and re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", value):
        return time.fromisoformat(value)
    raise ValueError(f'expected a time of day such as "21:00", not {shown(value)}{of_clock(value)}')


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        text = f"expected a time zone such as America/New_York, not {shown(value)}{_zone_meant(value)}"
        raise ValueError(text) from error
    return value


def _zone_meant(value: str) -> str:
    """The zone of a city, or one of nearly this name."""
    city = value.strip().replace(" ", "_").lower()
    found = sorted(zone for zone in available_timezones() if zone.lower().rpartition("/")[2] == city)
    return f", did you mean `{found[0]}`?" if found else meant(value, available_timezones())


def _slug(value: str) -> str:
    if not re.fullmatch(_SLUG, value):
        hint = of_name(value, _SLUG, "-")
        raise ValueError(f"an id is lower-case letters, digits, '-' and '_', starts with a letter, 63 at most{hint}")
    return value


_PERIOD = "day|week|month"
Window = Annotated[
    Per,
    BeforeValidator(parse_per),
    PlainSerializer(_format_per, return_type=str),
    WithJsonSchema({"type": "string", "pattern": f"^({LENGTH}|{_PERIOD})$"}),
]
Moment = Annotated[
    datetime | date,
    BeforeValidator(parse_moment),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?"
            "(Z|[+-][0-9]{2}:[0-9]{2}))?$",
            "description": "A day, which begins when it does in the zone of policies.yaml; or a time with its zone.",
        }
    ),
]
Clock = Annotated[
    time,
    BeforeValidator(_clock),
    PlainSerializer(lambda t: f"{t:%H:%M}", return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"}),
]
Zone = Annotated[str, AfterValidator(_zone)]
Slug = Annotated[str, AfterValidator(_slug), WithJsonSchema({"type": "string", "pattern": f"^{_SLUG}$"})]
Weight = Annotated[float, Field(ge=0.5, le=2.0)]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Money = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]

LEARNED = "learned"
"""In place of a number: what a model tells it is."""


def _as_written(value: object) -> str:
    """Whether the word was meant, or a number."""
    return STRUCTURED if isinstance(value, str) and nearest(value, [LEARNED]) else PLAIN


Number = TypeVar("Number")
Learnable = Annotated[
    Annotated[Number, Tag(PLAIN)] | Annotated[Literal["learned"], Tag(STRUCTURED)], Discriminator(_as_written)
]
"""A number, or LEARNED."""


class Titles(Document):
    """A text for people, in both languages."""

    es: str = Field(min_length=1, description="The text in Spanish.")
    en: str = Field(min_length=1, description="The text in English.")


class CapDocument(Document):
    """How often something may happen within a time."""

    at_most: int = Field(ge=1, le=1000, description="So many, at most.")
    per: Window = Field(
        description="Within which time: a duration such as 7d, which rolls, or a calendar day, week or month."
    )
