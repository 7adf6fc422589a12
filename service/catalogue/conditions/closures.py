"""Conditions as Python closures: what they say of one customer, without the activation that CEL would be asked with.

    CEL checks the text -> its tree -> a closure, if each part of it means the same in both languages; else CEL is asked

The meaning is CEL's. None stands for what is not known and for an evaluation that fails, which a condition does not
tell apart: false wins over it in `&&`, true in `||`, and elsewhere it is the result.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from service.catalogue.conditions.tree import Call, Constant, ListOf, Name, Node

Known = Mapping[str, Any]
Closure = Callable[[Known], Any]
"""The value of a part; None if it is unknown or fails. Raises: NotAsDeclared."""

_PYTHON_TYPES: Mapping[str, type] = {"bool": bool, "int": int, "double": float, "string": str}
_EQUALITY = {"_==_": operator.eq, "_!=_": operator.ne}
_ORDER = {"_<_": operator.lt, "_<=_": operator.le, "_>_": operator.gt, "_>=_": operator.ge}
_LENGTH = re.compile(r"(?=.)(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?", re.ASCII)
"""Of a duration that is written in whole hours, minutes and seconds."""
_ORDINARY_YEARS = range(1700, 2262)
"""At the ends of the calendar CEL has rules of its own."""
_LEAST_INT, _MOST_INT = -(2**63), 2**63 - 1
_LONGEST = timedelta(microseconds=2**63 // 1000)
"""What lies further apart has no duration in CEL, which counts nanoseconds in 64 bits."""


class NotAsDeclared(Exception):
    """A value that its variable was not declared for, or a strange one: CEL knows what follows."""


class _NotCovered(Exception):
    """A part that is left to CEL."""


def closure_of(tree: Node) -> Closure | None:
    """A closure that says what the condition says; None if some part of it is left to CEL."""
    try:
        return _closure(tree)
    except _NotCovered:
        return None


def _closure(node: Node) -> Closure:
    if isinstance(node, Constant) and node.type in _PYTHON_TYPES:
        value = node.value
        return lambda known: value
    if isinstance(node, Name):
        return _read(node)
    if not isinstance(node, Call):
        raise _NotCovered
    if node.function in _LOGIC:
        return _LOGIC[node.function]([_closure(arg) for arg in node.args])
    if node.function == "duration":
        return _duration(node.args[0])
    if node.function == "@in":
        return _member(*node.args)
    kinds = tuple(arg.type for arg in node.args)
    compute = _comparison(node.function, kinds) or _ARITHMETIC.get((node.function, kinds))
    if compute is None:
        raise _NotCovered
    return _strict(compute, [_closure(arg) for arg in node.args])


def _duration(written: Node) -> Closure:
    length = _LENGTH.fullmatch(str(written.value)) if isinstance(written, Constant) else None
    if length is None:
        raise _NotCovered
    hours, minutes, seconds = (int(part or 0) for part in length.groups())
    value = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return lambda known: value


def _member(item: Node, among: Node) -> Closure:
    """A text among those of a list, or a text or whole number among constants."""
    if isinstance(among, Name) and item.type == "string":
        return _strict(lambda value, listed: value in listed, [_closure(item), _read(among)])
    if item.type not in ("string", "int") or not isinstance(among, ListOf):
        raise _NotCovered
    if not all(isinstance(e, Constant) and e.type == item.type for e in among.elements):
        raise _NotCovered
    constants = frozenset(e.value for e in among.elements if isinstance(e, Constant))
    return _strict(lambda value: value in constants, [_closure(item)])


def _read(node: Name) -> Closure:
    """The value of a variable; None if it is not known."""
    name = node.name
    if node.type == "int":
        return lambda known: _whole(known.get(name))
    if node.type in _PYTHON_TYPES:
        declared = _PYTHON_TYPES[node.type]
        return lambda known: _of_type(declared, known.get(name))
    if node.type == "timestamp":
        return lambda known: _in_utc(known.get(name))
    if node.type == "list":
        return lambda known: _texts(known.get(name))
    raise _NotCovered


def _of_type(declared: type, value: Any) -> Any:
    if value is None or type(value) is declared:
        return value
    raise NotAsDeclared


def _whole(value: Any) -> Any:
    if value is None or (type(value) is int and _LEAST_INT <= value <= _MOST_INT):
        return value
    raise NotAsDeclared


def _in_utc(value: Any) -> Any:
    """In one zone, for Python compares two instants of one local zone by the wall."""
    if value is None:
        return None
    if type(value) is not datetime or value.tzinfo is None or value.year not in _ORDINARY_YEARS:
        raise NotAsDeclared
    return value if value.tzinfo is UTC else value.astimezone(UTC)


def _texts(value: Any) -> Any:
    if value is None or (type(value) is list and all(type(each) is str for each in value)):
        return value
    raise NotAsDeclared


def _settled_by(settles: bool, parts: Sequence[Closure]) -> Closure:
    """`&&` is settled by one that is false, `||` by one that is true, whatever the others are."""

    def value(known: Known) -> bool | None:
        is_unknown = False
        for part in parts:
            found: bool | None = part(known)
            if found is None:
                is_unknown = True
            elif found == settles:
                return settles
        return None if is_unknown else not settles

    return value


def _chosen(condition: Closure, if_true: Closure, if_false: Closure) -> Closure:
    def value(known: Known) -> Any:
        found = condition(known)
        return None if found is None else if_true(known) if found else if_false(known)

    return value


def _strict(compute: Callable[..., Any], parts: Sequence[Closure]) -> Closure:
    if len(parts) == 1:
        (only,) = parts

        def of_one(known: Known) -> Any:
            found = only(known)
            return None if found is None else compute(found)

        return of_one
    first, second = parts

    def of_two(known: Known) -> Any:
        left, right = first(known), second(known)
        return None if left is None or right is None else compute(left, right)

    return of_two


def _comparison(function: str, kinds: tuple[str, ...]) -> Callable[..., Any] | None:
    """Of two of one type; texts are not put in an order, for CEL has its own."""
    if len(set(kinds)) != 1:
        return None
    if kinds[0] in ("int", "double", "timestamp", "duration"):
        return _EQUALITY.get(function) or _ORDER.get(function)
    return _EQUALITY.get(function) if kinds[0] in ("bool", "string") else None


def _bounded(compute: Callable[..., int]) -> Callable[..., int | None]:
    """Whole numbers of 64 bits: more than that fails."""

    def value(*numbers: int) -> int | None:
        result = compute(*numbers)
        return result if _LEAST_INT <= result <= _MOST_INT else None

    return value


def _quotient(dividend: float, divisor: float) -> float:
    if divisor != 0.0:
        return dividend / divisor
    if dividend != dividend or dividend == 0.0:
        return math.nan
    return math.copysign(math.inf, dividend) * math.copysign(1.0, divisor)


def _between(later: datetime, earlier: datetime) -> timedelta | None:
    apart = later - earlier
    return apart if -_LONGEST <= apart <= _LONGEST else None


def _moved(move: Callable[[datetime, timedelta], datetime]) -> Callable[[datetime, timedelta], datetime | None]:
    """Beyond the years 1 to 9999 there is nothing, in either language."""

    def value(at: datetime, by: timedelta) -> datetime | None:
        try:
            return move(at, by)
        except OverflowError:
            return None

    return value


_LOGIC: Mapping[str, Callable[[Sequence[Closure]], Closure]] = {
    "_&&_": lambda parts: _settled_by(False, parts),
    "_||_": lambda parts: _settled_by(True, parts),
    "!_": lambda parts: _strict(operator.not_, parts),
    "_?_:_": lambda parts: _chosen(*parts),
}
_DOUBLES, _INTS = ("double", "double"), ("int", "int")
_ARITHMETIC: Mapping[tuple[str, tuple[str, ...]], Callable[..., Any]] = {
    ("_+_", _DOUBLES): operator.add,
    ("_-_", _DOUBLES): operator.sub,
    ("_*_", _DOUBLES): operator.mul,
    ("_/_", _DOUBLES): _quotient,
    ("-_", ("double",)): operator.neg,
    ("_+_", _INTS): _bounded(operator.add),
    ("_-_", _INTS): _bounded(operator.sub),
    ("_*_", _INTS): _bounded(operator.mul),
    ("-_", ("int",)): _bounded(operator.neg),
    ("_+_", ("timestamp", "duration")): _moved(operator.add),
    ("_-_", ("timestamp", "duration")): _moved(operator.sub),
    ("_-_", ("timestamp", "timestamp")): _between,
}
