"""The functions of CEL that evaluate all their arguments, by overload."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import product
from typing import Protocol, TypeVar

import z3

from service.catalogue.check.proof import instants, lists
from service.catalogue.check.proof.doubles import Doubles
from service.catalogue.check.proof.terms import (
    INT_MAX,
    INT_MIN,
    DoubleTerm,
    IntTerm,
    NotModelled,
    StringTerm,
    Term,
    bool_term,
    equal,
    less,
)
from service.catalogue.conditions.slips.values import as_written
from service.catalogue.conditions.tree import Call, Constant, Node

T = TypeVar("T")


class OperatorContext(Protocol):
    """The part of the translation that operators use."""

    doubles: Doubles
    calendar: instants.CalendarTerms
    assumptions: list[z3.BoolRef]

    def term(self, node: Node) -> Term: ...


Operator = Callable[[OperatorContext, Call, tuple[Term, ...]], Term]


def _of(kind: type[T], args: Iterable[Term]) -> tuple[T, ...]:
    """The arguments, if they are of this kind."""
    found = tuple(a for a in args if isinstance(a, kind))
    if len(found) != len(tuple(args)):
        raise NotModelled("values of mixed types")
    return found


def _order(name: str) -> Operator:
    """less is a < b; greater_equals is neither that nor, for doubles, a NaN: so b < a or equal."""

    def compare(_: OperatorContext, node: Call, args: tuple[Term, ...]) -> Term:
        a, b = args if name.startswith("less") else args[::-1]
        found = less(a, b)
        return bool_term(z3.Or(found, equal(a, b)) if name.endswith("equals") else found, a.ok, b.ok)

    return compare


def _int_operator(name: str) -> Operator:
    def apply(_: OperatorContext, node: Call, args: tuple[Term, ...]) -> Term:
        numbers = _of(IntTerm, args)
        ok = z3.And(*(n.ok for n in numbers))
        a, b = numbers[0].value, numbers[-1].value
        if name in ("divide", "modulo"):
            whole = instants.quotient(a, b)
            fits = z3.And(b != 0, z3.Not(z3.And(a == INT_MIN, b == -1)))
            return IntTerm(whole if name == "divide" else a - b * whole, z3.And(ok, fits))
        value = {"add": a + b, "subtract": a - b, "multiply": a * b, "negate": -a}[name]
        return IntTerm(value, z3.And(ok, value >= INT_MIN, value <= INT_MAX))

    return apply


def _double_operator(name: str) -> Operator:
    def apply(context: OperatorContext, node: Call, args: tuple[Term, ...]) -> Term:
        result = getattr(context.doubles, name)(*_of(DoubleTerm, args))
        assert isinstance(result, DoubleTerm)
        return result

    return apply


def _text_claim(formula: Callable[[z3.SeqRef, z3.SeqRef], z3.BoolRef]) -> Operator:
    def apply(_: OperatorContext, node: Call, args: tuple[Term, ...]) -> Term:
        text, other = _of(StringTerm, args)
        return bool_term(formula(text.value, other.value), text.ok, other.ok)

    return apply


def _add_text(_: OperatorContext, node: Call, args: tuple[Term, ...]) -> Term:
    a, b = _of(StringTerm, args)
    return StringTerm(z3.Concat(a.value, b.value), z3.And(a.ok, b.ok))


def _text_size(_: OperatorContext, node: Call, args: tuple[Term, ...]) -> Term:
    (text,) = _of(StringTerm, args)
    return IntTerm(z3.Length(text.value), text.ok)


def _same(_: OperatorContext, node: Call, args: tuple[Term, ...]) -> Term:
    """A conversion to the type it has."""
    return args[0]


def _written_instant(_: OperatorContext, node: Call, args: tuple[Term, ...]) -> Term:
    written = node.args[0]
    if not isinstance(written, Constant) or not isinstance(written.value, str):
        raise NotModelled(f"`{as_written(node.function)}` of a text that is not written out")
    return instants.constant(node.function, written.value)


def _moved(move: Callable[..., IntTerm], *, is_instant: bool, is_swapped: bool = False) -> Operator:
    def apply(_: OperatorContext, node: Call, args: tuple[Term, ...]) -> Term:
        a, b = _of(IntTerm, reversed(args) if is_swapped else args)
        return move(a, b, is_instant=is_instant)

    return apply


def _whole(change: Callable[..., IntTerm]) -> Operator:
    def apply(_: OperatorContext, node: Call, args: tuple[Term, ...]) -> Term:
        return change(*_of(IntTerm, args))

    return apply


def _instant_part(context: OperatorContext, node: Call, args: tuple[Term, ...]) -> Term:
    (instant,) = _of(IntTerm, args)
    return context.calendar.part(node.function, instant)


def _local_part(context: OperatorContext, node: Call, args: tuple[Term, ...]) -> Term:
    (instant,), (zone,) = _of(IntTerm, args[:1]), _of(StringTerm, args[1:])
    return context.calendar.part(node.function, context.calendar.local(instant, zone))


def _duration_part(_: OperatorContext, node: Call, args: tuple[Term, ...]) -> Term:
    (duration,) = _of(IntTerm, args)
    return instants.duration_part(node.function, duration)


def _from_int(context: OperatorContext, node: Call, args: tuple[Term, ...]) -> Term:
    return context.doubles.from_int(*_of(IntTerm, args))


def _to_int(context: OperatorContext, node: Call, args: tuple[Term, ...]) -> Term:
    return context.doubles.to_int(*_of(DoubleTerm, args))


_DATE_PARTS = ("year", "month", "day_of_month", "day_of_month_1_based", "day_of_week", "day_of_year")
_TIME_PARTS = ("hours", "minutes", "seconds", "milliseconds")
_ORDERED = ("int64", "double", "string", "timestamp", "duration", "bool")
_COMPARISONS = ("less", "less_equals", "greater", "greater_equals")

OPERATORS: dict[str, Operator] = {
    **{f"{name}_{kind}": _order(name) for name, kind in product(_COMPARISONS, _ORDERED)},
    **{f"{name}_int64": _int_operator(name) for name in ("add", "subtract", "multiply", "divide", "modulo", "negate")},
    **{f"{name}_double": _double_operator(name) for name in ("add", "subtract", "multiply", "divide", "negate")},
    **{f"timestamp_to_{part}": _instant_part for part in _DATE_PARTS + _TIME_PARTS},
    **{f"timestamp_to_{part}_with_tz": _local_part for part in _DATE_PARTS + _TIME_PARTS},
    **{f"duration_to_{part}": _duration_part for part in _TIME_PARTS},
    "starts_with_string": _text_claim(lambda text, start: z3.PrefixOf(start, text)),
    "ends_with_string": _text_claim(lambda text, end: z3.SuffixOf(end, text)),
    "contains_string": _text_claim(lambda text, part: z3.Contains(text, part)),
    "add_string": _add_text,
    "size_string": _text_size,
    "string_size": _text_size,
    "int64_to_int64": _same,
    "double_to_double": _same,
    "string_to_string": _same,
    "timestamp_to_timestamp": _same,
    "duration_to_duration": _same,
    "bool_to_bool": _same,
    "int64_to_double": _from_int,
    "double_to_int64": _to_int,
    "string_to_timestamp": _written_instant,
    "string_to_duration": _written_instant,
    "timestamp_to_int64": _whole(instants.seconds),
    "int64_to_timestamp": _whole(instants.from_seconds),
    "add_timestamp_duration": _moved(instants.plus, is_instant=True),
    "add_duration_timestamp": _moved(instants.plus, is_instant=True, is_swapped=True),
    "subtract_timestamp_duration": _moved(instants.minus, is_instant=True),
    "add_duration_duration": _moved(instants.plus, is_instant=False),
    "subtract_duration_duration": _moved(instants.minus, is_instant=False),
    "subtract_timestamp_timestamp": _whole(instants.between),
    "in_list": lambda _, node, args: lists.contains(*args),
    "in_map": lambda _, node, args: lists.contains(*args),
    "index_map": lambda _, node, args: lists.at_key(*args),
    "index_list": lambda _, node, args: lists.at_index(*args),
    "size_list": lambda _, node, args: lists.size(*args),
    "list_size": lambda _, node, args: lists.size(*args),
    "size_map": lambda _, node, args: lists.size(*args),
    "map_size": lambda _, node, args: lists.size(*args),
    "add_list": lambda _, node, args: lists.joined(*args),
}
"""A function that is not here has no formula: its value is unknown."""
