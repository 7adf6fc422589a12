"""Why CEL refuses a condition, told without its words: the slips of whoever wrote it, each with its place."""

from __future__ import annotations

import re
from collections.abc import Mapping

from service.catalogue.conditions.slips.mistyped import such_as, type_slip
from service.catalogue.conditions.slips.names import asked_whether_there, name_slip
from service.catalogue.conditions.slips.slip import Slip
from service.catalogue.conditions.slips.tokens import Condition
from service.catalogue.conditions.slips.values import called, checked_type, types_in
from service.catalogue.conditions.slips.writing import unread, writing_slips

_PLACE = re.compile(r"ERROR: <input>:(?P<line>-?\d+):(?P<column>-?\d+): (?P<what>[^\n]*)")
_TOO_DEEP = re.compile(r"recursion (?:depth|limit)")
_UNKNOWN = re.compile(r"undeclared reference to '(?P<name>[^']*)'")
_MISTYPED = re.compile(r"no matching overload for '(?P<function>[^']*)' applied to '(?P<types>.*)'")
_NO_PART = re.compile(r"expression of type '(?P<type>.*)' cannot be the operand of a select operation")
_RESERVED = re.compile(r"reserved identifier: (?P<name>\w+)")
_LARGE = re.compile(r"invalid (?:int|uint|double) literal")
NESTED = "nested too deeply: at most 32 operations within each other"


def slips_of(message: str, text: str, types: Mapping[str, str]) -> tuple[Slip, ...]:
    """At least one. `message` is what CEL says of `text`, a condition over variables of these types."""
    if _TOO_DEEP.search(message):
        return (Slip(NESTED, 0),)
    condition = Condition.of(text)
    place = _PLACE.search(message)
    what, offset = ("", 0) if place is None else (place["what"], _offset(text, place))
    asked = tuple(asked_whether_there(condition, types))
    told = _checked(condition, what, offset, types)
    if told is not None:
        return asked or (told,)
    return writing_slips(condition) or asked or (unread(condition, offset),)


def undecided(text: str, result: str) -> str:
    """What is said of a condition that is not true or false. `result`: what it is, as CEL names it."""
    kind = checked_type(result)
    return f"a condition is true or false, this is {called(kind)}{such_as(text, kind)}"


def _checked(condition: Condition, what: str, offset: int, types: Mapping[str, str]) -> Slip | None:
    """What CEL's checker found in a condition that can be read; None if it is another fault."""
    if found := _UNKNOWN.search(what):
        return name_slip(condition, found["name"], offset, types)
    if found := _MISTYPED.search(what):
        return type_slip(condition, found["function"], types_in(found["types"]), offset)
    if found := _NO_PART.search(what):
        return _no_part(condition, offset, found["type"])
    if _LARGE.search(what):
        index = condition.at(offset)
        start = offset if index is None else condition.tokens[index].start
        return Slip("this number is too large", start)
    if (found := _RESERVED.search(what)) and not writing_slips(condition):
        return Slip(f"`{found['name']}` is a word that no name may be", offset)
    return None


def _no_part(condition: Condition, offset: int, kind: str) -> Slip:
    """`customer.tier.size`, which lacks its brackets, or a part of what has none."""
    index = condition.at(offset)
    if index is None:
        return Slip(f"{called(kind)} has no parts", offset)
    token = condition.tokens[index]
    written = token.text if offset < token.end else condition.shown(condition.tokens[index : index + 2])
    owner, _, part = written.rpartition(".")
    text = f"`{owner}` is {called(kind)} and has no `{part}`: a call has brackets, such as `{owner}.size()`"
    return Slip(text if owner else f"{called(kind)} has no parts", token.start)


def _offset(text: str, place: re.Match[str]) -> int:
    """From the start of the text; CEL counts lines from 1, and columns within them."""
    line, column = int(place["line"]), int(place["column"])
    before = text.split("\n")[: max(line - 1, 0)]
    return max(sum(len(one) + 1 for one in before) + column - 1, 0)
