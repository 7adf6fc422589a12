"""What the values of a condition are called, and how one of them is written as a value of another kind."""

from __future__ import annotations

import re
from datetime import datetime

from service.catalogue.conditions.slips.lengths import as_duration, days_as_duration

TEXT, WHOLE, DECIMAL, FLAG, INSTANT, LENGTH, NULL = (
    "string",
    "int",
    "double",
    "bool",
    "google.protobuf.Timestamp",
    "google.protobuf.Duration",
    "null_type",
)
"""The types of CEL, as its checker names them."""
_WORDS = {
    TEXT: ("a text", "texts"),
    WHOLE: ("a whole number", "whole numbers"),
    "uint": ("a number without a sign", "numbers without a sign"),
    DECIMAL: ("a number with decimals", "numbers with decimals"),
    FLAG: ("true or false", "flags"),
    INSTANT: ("an instant", "instants"),
    LENGTH: ("a length of time", "lengths of time"),
    NULL: ("null", "nulls"),
    "bytes": ("bytes", "bytes"),
}
_BY_NAME_OF_VALUE = {
    "STRING": TEXT,
    "INT": WHOLE,
    "UINT": "uint",
    "DOUBLE": DECIMAL,
    "BOOL": FLAG,
    "TIMESTAMP": INSTANT,
    "DURATION": LENGTH,
    "NULL": NULL,
    "BYTES": "bytes",
}
_DAY = re.compile(r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ](?P<time>[0-9]{2}:[0-9]{2}(?::[0-9]{2})?)?Z?)?")


def checked_type(name: str) -> str:
    """The type of a result, by the name that it has there."""
    listed = re.fullmatch(r"LIST(?:<(\w+)>)?", name)
    if listed is not None:
        return f"list({_BY_NAME_OF_VALUE.get(listed[1] or '', 'dyn')})"
    return _BY_NAME_OF_VALUE.get(name, name.lower())


def called(type_name: str) -> str:
    """`a text`, `a list of whole numbers`."""
    if type_name in _WORDS:
        return _WORDS[type_name][0]
    if type_name.startswith("list("):
        of = _WORDS.get(type_name[5:-1])
        return "a list" if of is None else f"a list of {of[1]}"
    return "a map" if type_name.startswith("map(") else "a value of another kind"


def several(type_name: str) -> str:
    """`texts`, `lists`."""
    if type_name in _WORDS:
        return _WORDS[type_name][1]
    return "lists" if type_name.startswith("list(") else "values of this kind"


def as_written(function: str) -> str:
    """A function or an operator as a condition writes it, of CEL's name for it."""
    written = {"_?_:_": "? :", "_[_]": "[…]"}.get(function, function.strip("_@"))
    return written or function


def types_in(listed: str) -> tuple[str, ...]:
    """The types of `(string, list(int))`."""
    found, depth, begins = list[str](), 0, 1
    for place, character in enumerate(listed):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if (character == "," and depth == 1) or (character == ")" and depth == 0):
            found.append(listed[begins:place].strip())
            begins = place + 1
    return tuple(found)


def literal_type(written: str) -> str | None:
    """The type of a value that is written out; None of anything else."""
    if re.fullmatch(r"-?[0-9]+[uU]?", written):
        return WHOLE
    if re.fullmatch(r"-?(?:[0-9]*\.[0-9]+(?:[eE][+-]?[0-9]{1,3})?|[0-9]+[eE][+-]?[0-9]{1,3})", written):
        return DECIMAL
    if re.fullmatch(r"\"[^\"]*\"|'[^']*'", written):
        return TEXT
    return FLAG if written in ("true", "false") else None


def rewritten(written: str, wanted: str) -> str | None:
    """What is written out, as a value of the type that is wanted; None if there is no such value."""
    if wanted == INSTANT:
        return _instant(written.strip("\"'"))
    kind = literal_type(written)
    if kind is None:
        return None
    plain = written.strip("\"'") if kind == TEXT else written.rstrip("uU")
    return _as(plain, kind, wanted)


def _instant(written: str) -> str | None:
    """A day is its first instant."""
    match = _DAY.fullmatch(written)
    if match is None:
        return None
    try:
        at = datetime.fromisoformat(f"{match['day']}T{match['time'] or '00:00'}")
    except ValueError:
        return None
    return f'timestamp("{at.isoformat()}Z")'


def _as(plain: str, kind: str, wanted: str) -> str | None:
    is_number = literal_type(plain) in (WHOLE, DECIMAL)
    if wanted == TEXT and kind != TEXT:
        return f'"{plain}"'
    if wanted == DECIMAL and is_number:
        return plain if literal_type(plain) == DECIMAL else f"{plain}.0"
    if wanted == WHOLE and is_number and abs(float(plain)) < 2**53 and float(plain).is_integer():
        return str(int(float(plain)))
    if wanted == FLAG and plain.lower() in _FLAGS:
        return _FLAGS[plain.lower()]
    if wanted == LENGTH:
        return days_as_duration(float(plain)) if is_number and _is_some(plain) else as_duration(plain)
    return None


def _is_some(plain: str) -> bool:
    return 0 < float(plain) < 36_500


_FLAGS = {
    **dict.fromkeys(("true", "1", "yes", "y"), "true"),
    **dict.fromkeys(("false", "0", "no", "n"), "false"),
}
