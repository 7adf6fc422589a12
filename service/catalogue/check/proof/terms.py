"""What a CEL value is to the solver: a value and whether there is one, for CEL's errors and missing facts have none."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, field

import z3

INT_MIN, INT_MAX = -(2**63), 2**63 - 1


class NotModelled(Exception):
    """There is no formula for this; the translation puts an unknown value in its place."""


@dataclass(frozen=True, slots=True)
class BoolTerm:
    """A bool. `true` and `false` exclude each other; neither of them: an error or a missing fact."""

    true: z3.BoolRef
    false: z3.BoolRef

    @property
    def ok(self) -> z3.BoolRef:
        return z3.Or(self.true, self.false)

    def negated(self) -> BoolTerm:
        return BoolTerm(self.false, self.true)


@dataclass(frozen=True, slots=True)
class IntTerm:
    """An int; an instant in nanoseconds since 1970 or a duration in nanoseconds."""

    value: z3.ArithRef
    ok: z3.BoolRef


@dataclass(frozen=True, slots=True)
class DoubleTerm:
    """A double. An infinity stands as ±2^1024, which is where rounding takes what is too large."""

    value: z3.ArithRef
    nan: z3.BoolRef
    ok: z3.BoolRef


@dataclass(frozen=True, slots=True)
class StringTerm:
    value: z3.SeqRef
    ok: z3.BoolRef


@dataclass(frozen=True, slots=True)
class Elements:
    """A list that is written out, or the keys and values of a map that is."""

    items: tuple[Term, ...]
    ok: z3.BoolRef
    values: tuple[Term, ...] | None = None


@dataclass(slots=True)
class Members:
    """A list of distinct strings, or the keys of a map of strings, whose order nothing depends on."""

    name: str
    ok: z3.BoolRef
    size: z3.ArithRef
    held: z3.ArrayRef
    values: z3.ArrayRef | None = None
    asked: list[z3.SeqRef] = field(default_factory=list)
    """The strings whose membership matters: a model says which of them are in."""

    def contain(self, text: z3.SeqRef) -> z3.BoolRef:
        if not any(text.eq(other) for other in self.asked):
            self.asked.append(text)
        return z3.Select(self.held, text)

    def counted(self) -> z3.BoolRef:
        """The distinct strings that are known to be in are at most `size`."""
        first = [
            z3.If(z3.And(z3.Select(self.held, text), *(text != t for t in self.asked[:i])), 1, 0)
            for i, text in enumerate(self.asked)
        ]
        return z3.Sum(first) <= self.size if first else z3.BoolVal(True)


@dataclass(frozen=True, slots=True)
class UnknownTerm:
    """A value of which nothing is known."""

    ok: z3.BoolRef


Term = BoolTerm | IntTerm | DoubleTerm | StringTerm | Elements | Members | UnknownTerm


def bool_term(value: z3.BoolRef, *ok: z3.BoolRef) -> BoolTerm:
    return BoolTerm(z3.And(*ok, value), z3.And(*ok, z3.Not(value)))


def all_ok(terms: tuple[Term, ...]) -> z3.BoolRef:
    return z3.And(*(t.ok for t in terms)) if terms else z3.BoolVal(True)


def both(a: BoolTerm, b: BoolTerm) -> BoolTerm:
    """CEL's &&: false wins over an error."""
    return BoolTerm(z3.And(a.true, b.true), z3.Or(a.false, b.false))


def either(a: BoolTerm, b: BoolTerm) -> BoolTerm:
    """CEL's ||: true wins over an error."""
    return BoolTerm(z3.Or(a.true, b.true), z3.And(a.false, b.false))


def equal(a: Term, b: Term) -> z3.BoolRef:
    """Whether two values are equal, if both are there. Raises: NotModelled."""
    if isinstance(a, BoolTerm) and isinstance(b, BoolTerm):
        return a.true == b.true
    if isinstance(a, IntTerm) and isinstance(b, IntTerm):
        return a.value == b.value
    if isinstance(a, DoubleTerm) and isinstance(b, DoubleTerm):
        return z3.And(z3.Not(a.nan), z3.Not(b.nan), a.value == b.value)
    if isinstance(a, StringTerm) and isinstance(b, StringTerm):
        return a.value == b.value
    return _equal_lists(a, b)


def _equal_lists(a: Term, b: Term) -> z3.BoolRef:
    if isinstance(a, Elements) and isinstance(b, Elements) and a.values is None and b.values is None:
        if len(a.items) != len(b.items):
            return z3.BoolVal(False)
        return z3.And(*(equal(x, y) for x, y in zip(a.items, b.items, strict=True)))
    for one, other in ((a, b), (b, a)):
        if isinstance(one, Members) and isinstance(other, Elements) and not other.items:
            return one.size == 0
    raise NotModelled("equality of lists or maps")


def less(a: Term, b: Term) -> z3.BoolRef:
    """Whether a < b, if both are there. Raises: NotModelled."""
    if isinstance(a, BoolTerm) and isinstance(b, BoolTerm):
        return z3.And(a.false, b.true)
    if isinstance(a, DoubleTerm) and isinstance(b, DoubleTerm):
        return z3.And(z3.Not(a.nan), z3.Not(b.nan), a.value < b.value)
    if (isinstance(a, IntTerm) and isinstance(b, IntTerm)) or (isinstance(a, StringTerm) and isinstance(b, StringTerm)):
        return a.value < b.value
    raise NotModelled("an order of these types")


def choose(condition: z3.BoolRef, a: Term, b: Term, ok: z3.BoolRef) -> Term:
    """`a` if the condition, else `b`; not there unless `ok`. Raises: NotModelled."""
    there = z3.And(ok, z3.If(condition, a.ok, b.ok))
    if isinstance(a, BoolTerm) and isinstance(b, BoolTerm):
        return BoolTerm(z3.And(ok, z3.If(condition, a.true, b.true)), z3.And(ok, z3.If(condition, a.false, b.false)))
    if isinstance(a, IntTerm) and isinstance(b, IntTerm):
        return IntTerm(z3.If(condition, a.value, b.value), there)
    if isinstance(a, StringTerm) and isinstance(b, StringTerm):
        return StringTerm(z3.If(condition, a.value, b.value), there)
    if isinstance(a, DoubleTerm) and isinstance(b, DoubleTerm):
        return DoubleTerm(z3.If(condition, a.value, b.value), z3.If(condition, a.nan, b.nan), there)
    raise NotModelled("a choice between these types")


def text_value(text: str) -> z3.SeqRef:
    """A string constant. z3 reads `\\u{…}` as an escape, so a backslash is written as one."""
    return z3.StringVal(text.replace("\\", "\\u{5c}"))


def python_text(value: z3.SeqRef) -> str:
    """The string of a constant, by its code points: `as_string` escapes some of them."""
    size = z3.Z3_get_string_length(value.ctx_ref(), value.as_ast())
    points = (ctypes.c_uint * size)()
    z3.Z3_get_string_contents(value.ctx_ref(), value.as_ast(), size, points)
    return "".join(map(chr, points))
