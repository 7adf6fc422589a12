"""Slips of writing in numbers: units, per cents, separators, and instants that are not written as such."""

from __future__ import annotations

import re
from collections.abc import Iterator

from service.catalogue.conditions.slips.lengths import as_duration
from service.catalogue.conditions.slips.slip import Slip
from service.catalogue.conditions.slips.tokens import OPENS, Condition, Kind, Token, is_operand_start
from service.catalogue.conditions.slips.values import INSTANT, rewritten

_CURRENCIES = frozenset("€$£¥")
_INSTANT = re.compile(r"(?<![\w\"'])[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?Z?")


def numeral_slips(condition: Condition) -> Iterator[Slip]:
    tokens, instants = condition.tokens, [match.span() for match in _INSTANT.finditer(condition.text)]
    for i, token in enumerate(tokens):
        span = next((span for span in instants if span[0] <= token.start < span[1]), None)
        if span is not None and token.start == span[0]:
            written = rewritten(condition.text[slice(*span)], INSTANT) or 'timestamp("2026-12-31T00:00:00Z")'
            yield Slip(f"an instant is written `{written}`", token.start)
        elif span is not None:
            continue
        elif token.kind is Kind.NUMBER:
            yield from _number(condition, i)
        elif token.text in _CURRENCIES and i + 1 < len(tokens) and tokens[i + 1].kind is Kind.NUMBER:
            yield Slip(f"`{token.text}` is not read: a number stands alone", token.start)


def _number(condition: Condition, index: int) -> Iterator[Slip]:
    token, following = condition.tokens[index], condition.tokens[index + 1 : index + 5]
    after = following[0] if following else None
    if after is None:
        return
    beside = after.start == token.end
    if beside and after.kind is Kind.NAME:
        yield from _with_unit(condition, index, after)
    elif beside and after.text == "," and len(following) > 1 and _is_beside(following[1], after, Kind.NUMBER):
        if not is_listed(condition, index):
            written = f"{token.text.replace('.', '')}.{following[1].text}"
            yield Slip(f"a decimal point is a point: write `{written}`", token.start)
    elif after.text == "%" and (len(following) == 1 or not is_operand_start(following[1])):
        yield Slip(f"`{token.text}%` is written `{float(token.text) / 100:g}`", token.start)
    elif beside and after.text == ".":
        yield Slip(f"a number does not end with a point: write `{token.text}.0`", token.start)


def _with_unit(condition: Condition, index: int, unit: Token) -> Iterator[Slip]:
    token = condition.tokens[index]
    written = condition.text[token.start : unit.end]
    if re.fullmatch(r"_[0-9_]+", unit.text):
        yield Slip(f"a number has no `_` in it: write `{written.replace('_', '')}`", token.start)
        return
    length = as_duration(written)
    hint = "a number stands alone, without a unit" if length is None else f"a length of time is written `{length}`"
    if length is not None and _is_of_days(condition, index):
        hint += f", a number of days is written `{float(token.text)}`"
    yield Slip(f"`{written}` is no number: {hint}", token.start)


def _is_of_days(condition: Condition, index: int) -> bool:
    """Whether what it is compared with is named as days."""
    if index < 2 or not condition.is_between(index - 1):
        return False
    return condition.shown(condition.before(index - 1)).endswith("days")


def _is_beside(token: Token, before: Token, kind: Kind) -> bool:
    return token.kind is kind and token.start == before.end


def is_listed(condition: Condition, index: int) -> bool:
    """Whether it stands in a list or among the arguments of a call, where commas are."""
    opened = 0
    for token in reversed(condition.tokens[:index]):
        if token.kind is Kind.BRACKET:
            opened += 1 if token.text in OPENS else -1
            if opened > 0:
                return True
    return False
