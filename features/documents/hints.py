"""How a value is written that was written otherwise, as the end of a sentence; empty where that is not known."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?")
_LONG = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_PER_CENT = re.compile(r"(?P<number>[0-9]+(?:[.,][0-9]+)?) ?%")
_GROUPED = re.compile(r"-?[0-9]{1,3}(?:[_ '.,][0-9]{3})+")
_CURRENCY = re.compile(r"(?:[€$£¥]|[A-Z]{3}) ?(?P<before>[0-9.]+)|(?P<after>[0-9.]+) ?(?:[€$£¥]|[A-Z]{3})")
_ENDS = re.compile(r"(?P<least>-?[0-9]+(?:\.[0-9]+)?) ?(?:\.\.|-|to) ?(?P<greatest>-?[0-9]+(?:\.[0-9]+)?)")
_DURATION = re.compile(r"P?T?(?P<count>[0-9]{1,5}) ?(?P<unit>[a-zA-ZÀ-ÿ]+)")
_UNITS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds", "segundos"), (1, "s")),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes", "minutos"), (1, "m")),
    **dict.fromkeys(("h", "hour", "hours", "hora", "horas"), (1, "h")),
    **dict.fromkeys(("d", "day", "days", "día", "días", "dia", "dias"), (1, "d")),
    **dict.fromkeys(("w", "week", "weeks", "semana", "semanas"), (7, "d")),
}
_FLAGS = {
    **dict.fromkeys(("true", "yes", "on", "y", "1", "sí", "si"), "true"),
    **dict.fromkeys(("false", "no", "off", "n", "0"), "false"),
}
_CLOCK = re.compile(r"(?P<hour>[0-9]{1,2})(?:[:.h](?P<minute>[0-9]{2}))?(?::00)? ?(?P<half>[aApP][mM])?")
_DAY = re.compile(r"(?P<year>[0-9]{4})[-/.](?P<month>[0-9]{1,2})[-/.](?P<day>[0-9]{1,2})")
_DAY_FIRST = re.compile(r"(?P<day>[0-9]{1,2})[-/.](?P<month>[0-9]{1,2})[-/.](?P<year>[0-9]{4})")
ALONE = ": one alone, without brackets or dashes"


def of_text(value: object) -> str:
    if isinstance(value, bool | int | float):
        return ": put it in quotes"
    return ALONE if isinstance(value, list) else ""


def of_flag(value: object) -> str:
    written = _FLAGS.get(str(value).lower())
    return "" if written is None else f": write {written}"


def of_number(value: object) -> str:
    """Of a text that stands for a number: in quotes, as a per cent, with signs that a number has not."""
    if isinstance(value, list):
        return ALONE
    if not isinstance(value, str):
        return ""
    if _NUMBER.fullmatch(value):
        return ": leave out the quotes"
    if _LONG.fullmatch(value) and not re.match("-?0[0-9]", value):
        return ": 15 digits at most, before and after the point"
    if per_cent := _PER_CENT.fullmatch(value):
        return f": write {float(per_cent['number'].replace(',', '.')) / 100:g}"
    if re.fullmatch(r"-?[0-9]+,[0-9]+", value) and not _GROUPED.fullmatch(value):
        return f": write {value.replace(',', '.')}"
    if _GROUPED.fullmatch(value):
        return f": write {re.sub(r'[^0-9-]', '', value)}"
    money = _CURRENCY.fullmatch(value)
    return "" if money is None else f": write {money['before'] or money['after']}"


def of_whole_number(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return f": write {value:.0f}"
    hint = of_number(value)
    return "" if "." in hint else hint


def of_list(value: object) -> str:
    if isinstance(value, dict):
        return ": put `- ` before it"
    ends = _ENDS.fullmatch(value) if isinstance(value, str) else None
    if ends is not None:
        return f": write [{ends['least']}, {ends['greatest']}]"
    return f": write [{value}]" if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def of_share(value: object) -> str:
    """Of a number that is more than 1 where a share is wanted."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 < value <= 100:
        return ""
    return f": {value:g} % is written {value / 100:g}"


def of_fields(fields: tuple[str, ...], value: object) -> str:
    """Of a plain value where fields are wanted."""
    if fields == ("es", "en") and isinstance(value, str):
        return f': write {{es: "{value}", en: "{value}"}}, each in its language'
    if len(fields) == 1 and isinstance(value, str):
        return f": write {{{fields[0]}: {value}}}"
    return ": write `name: value`, without a dash or brackets" if isinstance(value, list) else ""


def of_duration(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= 366:
        return f": write {value}d for days" if value > 1 else ": write 1d for a day"
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    unit = None if found is None else _UNITS.get(found["unit"].lower())
    if found is None or unit is None or int(found["count"]) == 0:
        return ""
    return f": write {int(found['count']) * unit[0]}{unit[1]}"


def of_clock(value: object) -> str:
    found = _CLOCK.fullmatch(str(value)) if isinstance(value, str | int) and not isinstance(value, bool) else None
    if found is None:
        return ""
    hour, minute = int(found["hour"]), int(found["minute"] or 0)
    if found["half"] is not None:
        hour = hour % 12 + (12 if found["half"].lower() == "pm" else 0)
    hour = 0 if (hour, minute) == (24, 0) else hour
    return f': write "{hour:02}:{minute:02}"' if hour < 24 and minute < 60 else ""


def of_day(value: object) -> str:
    if not isinstance(value, str):
        return ""
    found = _DAY.fullmatch(value) or _DAY_FIRST.fullmatch(value)
    if found is None or not 1 <= int(found["month"]) <= 12 or not 1 <= int(found["day"]) <= 31:
        return ""
    is_told = found.re is _DAY or int(found["day"]) > 12 or found["day"] == found["month"]
    return f": write {found['year']}-{int(found['month']):02}-{int(found['day']):02}" if is_told else ""


def of_name(value: str, pattern: str, between: str) -> str:
    """A name in the letters that it may have, with `between` in place of any other."""
    allowed = re.sub(r"[^a-z0-9_-]+", between, value.lower()).strip("-_")
    written = allowed if between == "-" else allowed.replace("-", between)
    return f": write {written}" if re.fullmatch(pattern, written) else ""


BY_KIND: Mapping[str, Callable[[object], str]] = {
    "string_type": of_text,
    "bool_type": of_flag,
    "float_type": of_number,
    "int_type": of_whole_number,
    "int_from_float": of_whole_number,
    "list_type": of_list,
    "tuple_type": of_list,
    "set_type": of_list,
    "frozen_set_type": of_list,
    "enum": lambda value: ALONE if isinstance(value, list) else "",
    "literal_error": lambda value: ALONE if isinstance(value, list) else "",
}
"""By the kind of a fault of form."""
