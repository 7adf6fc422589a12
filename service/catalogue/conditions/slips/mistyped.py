"""What is said where the kinds of two values do not go together: which they are, and what to write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from service.catalogue.conditions.slips.slip import NO_NULL, Slip, short
from service.catalogue.conditions.slips.tokens import RELATIONS, Condition, Kind, Token
from service.catalogue.conditions.slips.values import (
    DECIMAL,
    FLAG,
    INSTANT,
    LENGTH,
    NULL,
    TEXT,
    WHOLE,
    called,
    literal_type,
    rewritten,
    several,
)

_SUCH_AS = {
    WHOLE: "{} > 0",
    DECIMAL: "{} > 0.0",
    TEXT: '{} == "…"',
    INSTANT: "{} < now",
    LENGTH: '{} > duration("24h")',
}
"""How something of each kind is made true or false."""
_NUMBERS = (WHOLE, DECIMAL)


@dataclass(frozen=True, slots=True)
class _Side:
    text: str
    type: str

    def __str__(self) -> str:
        return f"`{short(self.text)}` is {called(self.type)}"

    @property
    def is_literal(self) -> bool:
        return literal_type(self.text) is not None


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two values with an operator between them."""

    condition: Condition
    index: int
    left: _Side
    right: _Side

    @property
    def sign(self) -> str:
        return self.condition.tokens[self.index].text

    @property
    def kinds(self) -> set[str]:
        return {self.left.type, self.right.type}

    @property
    def both(self) -> str:
        return f"{self.left}, {self.right}"


def type_slip(condition: Condition, function: str, types: Sequence[str], offset: int) -> Slip:
    """`function` is CEL's name of an operator or a function, `types` are those that it was given."""
    index = condition.at(offset)
    if index is None:
        return Slip("the kinds of two values do not go together here", min(offset, len(condition.text)))
    token = condition.tokens[index]
    if len(types) == 1 and function in ("!_", "-_"):
        return Slip(_sign(condition, index, types[0]), token.start)
    if len(types) == 2 and (function == "@in" or (condition.is_between(index) and function.startswith("_"))):
        left, right = (condition.shown(side) for side in (condition.before(index), condition.after(index)))
        return Slip(_of_pair(_Pair(condition, index, _Side(left, types[0]), _Side(right, types[1]))), token.start)
    if function == "_[_]":
        return Slip(_picked(_Side(condition.shown(condition.before(index)), types[0])), token.start)
    if function == "_?_:_":
        return Slip(_choice(types), token.start)
    return _call(condition, index, function, types)


def _of_pair(pair: _Pair) -> str:
    if pair.sign in ("&&", "||"):
        return _joined(pair)
    if pair.sign == "in":
        return _looked_for(pair)
    if pair.sign in RELATIONS:
        return NO_NULL if NULL in pair.kinds else _chained(pair) or _compared(pair)
    return _reckoned(pair)


def _compared(pair: _Pair) -> str:
    left, right = pair.left, pair.right
    if left.type == right.type:
        return f"`{pair.sign}` does not compare {several(left.type)}"
    for listed, one in ((left, right), (right, left)):
        if listed.type == f"list({one.type})" and pair.sign in ("==", "!="):
            looked_for = f"{one.text} in {listed.text}"
            return f"{pair.both}: write `{looked_for if pair.sign == '==' else f'!({looked_for})'}`"
    if left.text.endswith(".getDayOfWeek()") and right.type == TEXT:
        return f"{pair.both}: Sunday is 0, Monday 1, Saturday 6"
    return pair.both + _write(pair)


def _write(pair: _Pair) -> str:
    """What to write for one of the two, so that it is of the kind of the other; empty if that is not known."""
    left, right = pair.left, pair.right
    for side, other in ((right, left), (left, right)):
        written = rewritten(side.text, other.type)
        if written is not None:
            days = f" for {side.text} days" if other.type == LENGTH and literal_type(side.text) in _NUMBERS else ""
            return f": write `{written}`{days}"
    if pair.kinds == set(_NUMBERS):
        whole = left if left.type == WHOLE else right
        sides = (f"double({side.text})" if side is whole else side.text for side in (left, right))
        return f": write `{f' {pair.sign} '.join(sides)}`"
    if pair.kinds == {INSTANT, TEXT}:
        return ': an instant is written `timestamp("2026-12-31T00:00:00Z")`'
    return ""


def _chained(pair: _Pair) -> str | None:
    """`1 < x < 3`: the first of two comparisons, or the second."""
    condition, index = pair.condition, pair.index
    tokens = condition.tokens
    left, right = condition.before(index), condition.after(index)
    inner = next((i for i in _places(condition, left) if tokens[i].text in RELATIONS and condition.is_between(i)), None)
    end = index + 1 + len(right)
    if inner is not None and condition.closing(index - len(left)) != index - 1:
        middle = condition.shown(tokens[inner + 1 : index])
        return _both(condition.shown(left), f"{middle} {pair.sign} {pair.right.text}")
    if end < len(tokens) and tokens[end].text in RELATIONS and pair.right.type != FLAG:
        last = condition.shown(condition.after(end))
        return _both(f"{pair.left.text} {pair.sign} {pair.right.text}", f"{pair.right.text} {tokens[end].text} {last}")
    return None


def _both(first: str, second: str) -> str:
    return f"two comparisons are joined by `&&`: write `{first} && {second}`"


def _places(condition: Condition, operand: Sequence[Token]) -> range:
    """The indices of an operand that is not empty."""
    first = condition.tokens.index(operand[0]) if operand else 0
    return range(first, first + len(operand))


def _looked_for(pair: _Pair) -> str:
    left, right = pair.left, pair.right
    if right.type.startswith(("list", "map")):
        of = right.type[5:-1]
        kinds = f"`{short(left.text)}` is {called(left.type)}, and the list is of {several(of)}"
        items = [rewritten(t.text, left.type) for t in pair.condition.after(pair.index) if t.text not in "[],"]
        return kinds + (f": write `[{', '.join(map(str, items))}]`" if items and None not in items else "")
    if left.type.startswith("list"):
        return f"the list stands after `in`: write `{right.text} in {left.text}`"
    inside = right.text.removeprefix("(").removesuffix(")")
    return f"`in` looks in a list, {right}: write `{left.text} in [{inside}]`"


def _reckoned(pair: _Pair) -> str:
    left, right, sign = pair.left, pair.right, pair.sign
    if left.type == right.type:
        if left.type == DECIMAL:
            return f"`{sign}` is for whole numbers, {left}"
        return f"`{sign}` does not reckon with {several(left.type)}"
    if left.type == INSTANT:
        written = rewritten(right.text, LENGTH)
        if written is not None:
            days = f" for {right.text} days" if literal_type(right.text) in _NUMBERS else ""
            return f"{pair.both}: write `{written}`{days}"
    if TEXT in pair.kinds and sign != "+":
        text = left if left.type == TEXT else right
        return f"`{sign}` reckons with numbers, {text}"
    return pair.both + ("" if INSTANT in pair.kinds else _write(pair))


def _joined(pair: _Pair) -> str:
    side, other = (pair.right, pair.left) if pair.right.type != FLAG else (pair.left, pair.right)
    said = f"`{pair.sign}` joins what is true or false, {side}"
    compared = _last_compared(pair.condition, pair.index) if side is pair.right else None
    if side.is_literal and compared is not None:
        name, relation, value = compared
        written = f"{name} {relation} {side.text}"
        if pair.sign == "||" and relation == "==" and other.text == f"{name} == {value}":
            return f"{said}: write `{name} in [{value}, {side.text}]`"
        return f"{said}: write `{written}`"
    return said + such_as(side.text, side.type)


def such_as(text: str, kind: str) -> str:
    """How a value of this kind is made true or false, as the end of a sentence."""
    such = _SUCH_AS.get(kind)
    is_short = text.strip() == short(text.strip()) and "?" not in text
    has_sense = such is not None and is_short and literal_type(text.strip()) is None
    return f": compare it, such as `{(such or '').format(text.strip())}`" if has_sense else ""


def _last_compared(condition: Condition, index: int) -> tuple[str, str, str] | None:
    """The comparison before a `&&` or `||`: what, how, and with which value."""
    tokens = condition.tokens
    for i in range(index - 1, 0, -1):
        if tokens[i].text in RELATIONS and tokens[i].text != "in" and condition.is_between(i):
            return condition.shown(condition.before(i)), tokens[i].text, condition.shown(tokens[i + 1 : index])
    return None


def _sign(condition: Condition, index: int, kind: str) -> str:
    operand = condition.after(index)
    side, end = _Side(condition.shown(operand), kind), index + 1 + len(operand)
    if condition.tokens[index].text == "-":
        return f"`-` reckons with numbers, {side}"
    if end < len(condition.tokens) and condition.tokens[end].text in RELATIONS:
        whole = f"{side.text} {condition.tokens[end].text} {condition.shown(condition.after(end))}"
        return f"`!` before a comparison needs brackets around it: write `!({whole})`"
    return f"`!` goes before what is true or false, {side}{such_as(side.text, kind).replace('==', '!=')}"


def _picked(side: _Side) -> str:
    if side.type.startswith("list"):
        return f"{side}: a place in it is a whole number, from 0"
    if side.type.startswith("map"):
        return f"{side}: what is looked up in it is a text"
    return f"{side}: `[…]` picks from a list or a map"


def _choice(types: Sequence[str]) -> str:
    if types and types[0] != FLAG:
        return f"before `?` stands what is true or false, this is {called(types[0])}"
    first, second = (called(kind) for kind in types[1:3])
    return f"the values on both sides of `:` are of one kind, these are {first} and {second}: put brackets around each"


_TAKES_TEXT = frozenset({"contains", "startsWith", "endsWith", "matches"})


def _call(condition: Condition, index: int, function: str, types: Sequence[str]) -> Slip:
    """A function or method with values that it does not take; its bracket is at `index`."""
    tokens = condition.tokens
    name = tokens[index - 1] if index and tokens[index - 1].kind is Kind.NAME else tokens[index]
    start = max(name.end - len(function), name.start)
    target = name.text.removesuffix(function).removesuffix(".") or "it"
    arguments = condition.shown(tokens[index + 1 : condition.closing(index)])
    if function == "contains" and types[0].startswith("list"):
        return Slip(f"`in` looks in a list: write `{arguments} in {target}`", start)
    if function in _TAKES_TEXT and len(types) == 2:
        if types[0] != TEXT:
            return Slip(f"`{function}` is for texts, {_Side(target, types[0])}", start)
        written = rewritten(arguments, TEXT)
        hint = "" if written is None else f": write `{written}`"
        return Slip(f"`{function}` takes a text, {_Side(arguments, types[1])}{hint}", start)
    given = " and ".join(map(called, types)) or "nothing"
    word = function if function.isidentifier() else tokens[index].text
    return Slip(f"`{word}` does not take {given}", start)
