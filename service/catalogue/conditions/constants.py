"""Tries the constant parts of a condition when it is compiled, before any customer depends on them.

`duration("30d")`, a zone that is no place, a pattern that is no regular expression, a division by 0: each would leave
the condition unknown for ever, or stay unseen behind an `||`. Found wherever it stands, behind `&&`, in a branch or in
a macro too.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cel_expr_python import cel

from service.catalogue.conditions.slips.values import INSTANT, LENGTH, rewritten
from service.catalogue.conditions.tree import (
    Call,
    CheckedExpression,
    Comprehension,
    Constant,
    MapOf,
    Name,
    Node,
    below,
    names,
)
from service.decision.zones import zone_of

MAX_PATTERN, MAX_REPEATED = 256, 10_000
"""Characters of a pattern; these times what its repetitions add up to. Longer ones cost each decision milliseconds."""

_LAZY = frozenset({"_&&_", "_||_", "_?_:_", "@not_strictly_false"})
_BY_AN_INTEGER = frozenset({"divide_int64", "divide_uint64", "modulo_int64", "modulo_uint64"})
_OFFSET = re.compile(r"[+-]?[0-9]{2}:[0-9]{2}")
_REPEATED = re.compile(r"\{(?:[0-9]*,)?([0-9]+)")
_NO_NUMBER = "this is no number that a condition can reckon with"
_IS_NONE: Mapping[str, str] = {
    "duration": "this is no length of time",
    "timestamp": "this is no instant",
    "int": _NO_NUMBER,
    "uint": _NO_NUMBER,
    "double": _NO_NUMBER,
    "_[_]": "there is no such entry",
}
"""What is said of a call that fails, by function."""
_WANTED = {
    "duration": (LENGTH, "hours, minutes and seconds, such as 720h or 90m"),
    "timestamp": (INSTANT, "a time with its zone, such as 2026-12-31T00:00:00Z"),
}
"""By function: what it gives, and of what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantFault:
    """What can never be had, and where, counted from the start of the text; -1 if that is not known."""

    text: str
    offset: int


def constant_faults(env: cel.Env, checked: CheckedExpression) -> Iterator[ConstantFault]:
    """The faults in the order of the tree; what contains a fault is not reported again."""
    yield from _Trial(env, checked).faults(checked.root)


class _Trial:
    """Tries the parts of one condition."""

    def __init__(self, env: cel.Env, checked: CheckedExpression) -> None:
        self._env = env
        self._checked = checked
        self._nothing = env.Activation({})

    def faults(self, node: Node) -> Iterator[ConstantFault]:
        found = [fault for part in below(node) for fault in self.faults(part)]
        yield from found
        if not found:
            yield from self._own(node)

    def _own(self, node: Node) -> Iterator[ConstantFault]:
        """The faults of a node whose parts have none."""
        if isinstance(node, MapOf):
            yield from self._keys(node)
        elif isinstance(node, Comprehension) and not names(node) - {node.variable, node.accumulator}:
            yield from self._tried(node, node)
        elif isinstance(node, Call) and node.function not in _LAZY:
            yield from self._call(node)

    def _call(self, call: Call) -> Iterator[ConstantFault]:
        last = call.args[-1]
        if not _is_constant(last):
            return
        if call.overload.endswith("_with_tz"):
            yield from _zone(last, self._value(last))
        elif call.function == "matches":
            yield from self._pattern(last, self._value(last))
        elif call.overload in _BY_AN_INTEGER and self._value(last) == 0:
            yield ConstantFault(text="division by 0", offset=last.offset)
        elif call.overload == "index_list" and _is_negative(self._value(last)):
            yield ConstantFault(text="an index counts from 0", offset=last.offset)
        elif all(map(_is_constant, call.args)):
            is_of_last = len(call.args) == 1 or call.function == "_[_]"
            yield from self._tried(call, last if is_of_last else call)

    def _tried(self, node: Node, blamed: Node) -> Iterator[ConstantFault]:
        is_had, value = self._evaluated(node)
        if not is_had:
            function = node.function if isinstance(node, Call) else ""
            text = _IS_NONE.get(function, "this has no result that a condition can use")
            yield ConstantFault(text=text + self._to_write(node), offset=blamed.offset)
        elif isinstance(value, float) and not math.isfinite(value):
            yield ConstantFault(text="this is no finite number", offset=blamed.offset)

    def _keys(self, node: MapOf) -> Iterator[ConstantFault]:
        seen = set[object]()
        for key in filter(_is_constant, node.keys):
            value = self._value(key)
            if value in seen:
                yield ConstantFault(text="this key of the map is given twice", offset=key.offset)
            seen.add(value)

    def _pattern(self, node: Node, pattern: object) -> Iterator[ConstantFault]:
        if not isinstance(pattern, str):
            return
        repeated = len(pattern) * sum(map(int, _REPEATED.findall(pattern)))
        if len(pattern) > MAX_PATTERN or repeated > MAX_REPEATED:
            yield ConstantFault(text="this regular expression is too large", offset=node.offset)
            return
        result = self._env.compile(f"''.matches({_literal(pattern)})").eval(self._nothing)
        if _is_error(result):
            yield ConstantFault(text="this is no regular expression", offset=node.offset)

    def _value(self, node: Node) -> object:
        return node.value if isinstance(node, Constant) else self._evaluated(node)[1]

    def _evaluated(self, node: Node) -> tuple[bool, object]:
        """Whether it can be had, and the value."""
        try:
            result = self._env.deserialize(self._checked.part(node)).eval(self._nothing)
            return not _is_error(result), result.value()
        except RuntimeError:
            return False, None

    def _to_write(self, node: Node) -> str:
        """How a length or an instant is written, as the end of a sentence; empty of anything else."""
        if not isinstance(node, Call) or node.function not in _WANTED:
            return ""
        wanted, form = _WANTED[node.function]
        written = rewritten(f'"{self._value(node.args[-1])}"', wanted)
        return f": write {form if written is None else f'`{written}`'}"


def _is_constant(node: Node) -> bool:
    """Whether it reads nothing; the variables of a macro around it are read too."""
    if isinstance(node, Comprehension):
        return not names(node) - {node.variable, node.accumulator}
    return not isinstance(node, Name) and all(map(_is_constant, below(node)))


def _is_negative(value: object) -> bool:
    return isinstance(value, int) and value < 0


def _zone(node: Node, name: object) -> Iterator[ConstantFault]:
    if isinstance(name, str) and _OFFSET.fullmatch(name) is None and zone_of(name) is None:
        text = f"'{name}' is no time zone: write one such as Europe/Madrid, UTC or +02:00"
        yield ConstantFault(text=text, offset=node.offset)


def _literal(text: str) -> str:
    """A text as CEL writes it."""
    return "'" + "".join(f"\\U{ord(character):08x}" for character in text) + "'"


def _is_error(result: cel.Value) -> bool:
    return str(result.type().name()) == "ERROR"
