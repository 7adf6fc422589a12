"""Slips of writing: what keeps a condition from being read at all. Most are words and signs of other languages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise, takewhile

from service.catalogue.conditions.slips.numerals import is_listed, numeral_slips
from service.catalogue.conditions.slips.slip import NO_NULL, NULLS, Slip, short
from service.catalogue.conditions.slips.tokens import (
    BINDING,
    CLOSES,
    OPENS,
    Condition,
    Kind,
    Token,
    is_operand_end,
    is_operand_start,
)

_ENDS = 3
"""Words of `10 and 20`."""
NO_SECOND = "the text that begins here has no second"
_SIGNS: Mapping[str, str] = {
    "=": "==",
    "===": "==",
    "!==": "!=",
    "<>": "!=",
    "=>": ">=",
    "=<": "<=",
    "&": "&&",
    "&&&": "&&",
    "|": "||",
    "\u2265": ">=",
    "\u2264": "<=",
    "\u2260": "!=",
    "\u2013": "-",
    "\u2014": "-",
    "\u2212": "-",
    "\u00d7": "*",
    "\u00f7": "/",
}
"""What stands for an operator elsewhere, signs of print and of mathematics among them."""
_WORDS: Mapping[str, str] = {"and": "&&", "or": "||", "is": "==", "equals": "==", "eq": "=="}
_IN_CAPITALS = frozenset({"IN", "In"})
_WORDLESS = frozenset({"if", "then", "else", "elif", "when", "where", "select", "case", "end", "let", "for", "return"})
_CURLED = "\u201c\u201d\u201e\u00ab\u00bb\u201f\u2018\u2019\u201a\u2039\u203a\u0060\u00b4"
"""Quotes of languages and word processors."""
_MATCHES = frozenset({"like", "matches", "contains", "startswith", "endswith", "includes", "has"})
_BACKSLASH = re.compile(
    r"(?<!\\)(?:\\\\)*\\(?![abfnrtv\\?\"'`]|[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2})"
)
"""One that begins nothing that a text may hold."""


def writing_slips(condition: Condition) -> tuple[Slip, ...]:
    """The slips that are recognised, in the order of the text; empty if none is."""
    for rules in _TIERS:
        found: dict[int, Slip] = {}
        for slip in (slip for rule in rules for slip in rule(condition)):
            found.setdefault(slip.offset, slip)
        if found:
            return tuple(found[offset] for offset in sorted(found))
    return ()


def unread(condition: Condition, offset: int) -> Slip:
    """What is said of a text that nobody can read, where reading it stopped."""
    if not condition.tokens:
        return Slip("the condition is empty: write one, or leave the field out", 0)
    index = condition.at(offset)
    if index is None:
        last = condition.tokens[-1]
        return Slip(f"something is missing after `{short(last.text)}`", last.start)
    token = condition.tokens[index]
    before = f" after `{short(condition.tokens[index - 1].text)}`" if index else ""
    text = f"`{short(token.text)}` cannot stand here{before}: something before it is missing or too much"
    return Slip(text, token.start)


def _texts(condition: Condition) -> Iterator[Slip]:
    for token in condition.tokens:
        if token.kind is Kind.OTHER and token.text in _CURLED:
            yield Slip(f'`{token.text}` is no quote here: texts stand in straight quotes, such as "gold"', token.start)
            return
    for before, token in pairwise(condition.tokens):
        if before.kind is Kind.TEXT and before.end == token.start and token.kind in (Kind.NAME, Kind.NUMBER, Kind.TEXT):
            quote = before.text[-1]
            yield Slip(f"the text ended at this {quote}: within it write \\{quote}", before.end - 1)
            return
    for token in condition.tokens:
        if token.kind is Kind.OPEN_TEXT:
            yield _open_text(token)
    for token in condition.tokens:
        if token.kind is Kind.TEXT and not re.match("[bB]?[rR]", token.text) and _BACKSLASH.search(token.text):
            yield Slip(r"a backslash in a text is written twice: `\\`", token.start)


def _open_text(token: Token) -> Slip:
    quote, other = token.text[0], {"'": '"', '"': "'"}[token.text[0]]
    if other in token.text[1:]:
        text = f"the text that begins with {quote} ends with {other}: write the same quote at both ends"
        return Slip(text, token.start)
    return Slip(f"{NO_SECOND} {quote}", token.start)


def _signs(condition: Condition) -> Iterator[Slip]:
    for i, token in enumerate(condition.tokens):
        if token.kind in (Kind.OPERATOR, Kind.OTHER) and token.text in _SIGNS:
            yield Slip(f"`{token.text}` is written `{_SIGNS[token.text]}`", token.start)
        elif token.text in ("++", "**", "->"):
            yield Slip(f"there is no `{token.text}` in a condition", token.start)
        elif token.text == "{" and [t.kind for t in condition.tokens[i + 1 : i + 3]] == [Kind.NAME, Kind.BRACKET]:
            yield Slip(f"a name stands without braces: write `{condition.tokens[i + 1].text}`", token.start)
        elif token.text == "+" and not condition.is_between(i):
            yield Slip("a number has no `+` before it: leave it out", token.start)


def _words(condition: Condition) -> Iterator[Slip]:
    tokens = condition.tokens
    for i, token in enumerate(tokens):
        if token.kind is not Kind.NAME:
            continue
        word = token.text.lower()
        follows = i > 0 and is_operand_end(tokens[i - 1]) and not _is_word(tokens[i - 1])
        after = tokens[i + 1] if i + 1 < len(tokens) else None
        if word == "not" and after is not None:
            yield _not(condition, i, follows=follows)
        elif follows:
            yield from _joining(condition, i, word)


def _is_word(token: Token) -> bool:
    """Whether it is a word that stands for an operator."""
    return token.kind is Kind.NAME and token.text.lower() in {"not", "in", *_WORDS}


def _not(condition: Condition, index: int, *, follows: bool) -> Slip:
    tokens = condition.tokens
    token, after = tokens[index], tokens[index + 1]
    if follows and after.text.lower() == "in":
        left, right = condition.shown(condition.before(index)), condition.shown(condition.after(index + 1))
        return Slip(f"`not in` is written with `!` before it all: `!({left} in {right or '[…]'})`", token.start)
    if index > 0 and tokens[index - 1].text.lower() == "is":
        text = NO_NULL if after.text.lower() in NULLS else "`is not` is written `!=`"
        return Slip(text, tokens[index - 1].start)
    if follows:
        text = "`not` cannot stand between two values: write `!=`, or `!(…)` before a whole comparison"
        return Slip(text, token.start)
    clause = tuple(takewhile(lambda one: one.text == "in" or not _is_word(one), condition.clause(index)))
    is_bracketed = after.text == "(" and condition.closing(index + 1) == index + len(clause)
    negated, is_whole = condition.shown(clause), len(clause) == 1 or is_bracketed
    return Slip(f"`not` is written `!`: `!{negated if is_whole else f'({negated})'}`", token.start)


def _joining(condition: Condition, index: int, word: str) -> Iterator[Slip]:
    """A word where an operator is to stand."""
    token, tokens = condition.tokens[index], condition.tokens
    is_followed = index + 1 < len(tokens)
    following = tokens[index + 1].text.lower() if is_followed else ""
    if word == "is" and following == "not":
        return
    if word == "is" and following in NULLS:
        yield Slip(NO_NULL, token.start)
    elif word in _WORDS and not (index > 1 and tokens[index - 2].text.lower() == "between"):
        yield Slip(f"`{token.text}` is written `{_WORDS[word]}`", token.start)
    elif token.text in _IN_CAPITALS:
        yield Slip(f"`{token.text}` is written `in`", token.start)
    elif word == "between":
        name, ends = condition.shown(condition.before(index)) or "X", tokens[index + 1 : index + 4]
        is_whole = len(ends) == _ENDS and ends[1].text.lower() == "and"
        least, greatest = (ends[0].text, ends[2].text) if is_whole else ("…", "…")
        text = f"`between` is written as two comparisons: `{name} >= {least} && {name} <= {greatest}`"
        yield Slip(text, token.start)
    elif word in _MATCHES:
        name = condition.shown(condition.before(index)) or "X"
        text = f'`{token.text}` is written as a call, such as `{name}.contains("…")` or `{name}.startsWith("…")`'
        yield Slip(text, token.start)


def _wordless(condition: Condition) -> Iterator[Slip]:
    for token in condition.tokens:
        if token.kind is Kind.NAME and token.text.lower() in _WORDLESS:
            text = (
                f"`{token.text}` is no word of a condition: write what must hold, comparisons joined by `&&` and `||`"
            )
            yield Slip(text, token.start)
            return


def _lists(condition: Condition) -> Iterator[Slip]:
    """`in (…)` and `in {…}`: a list stands in square brackets."""
    tokens = condition.tokens
    for i, token in enumerate(tokens[:-1]):
        opening = tokens[i + 1]
        if token.kind is Kind.NAME and token.text.lower() == "in" and opening.text in "({":
            inside = tokens[i + 2 : condition.closing(i + 1)]
            if "," in {t.text for t in inside}:
                yield Slip(f"a list stands in square brackets: `[{condition.shown(inside)}]`", opening.start)


def _brackets(condition: Condition) -> Iterator[Slip]:
    """The first bracket that lacks its other."""
    opened: list[Token] = []
    for token in condition.tokens:
        if token.kind is not Kind.BRACKET:
            continue
        if token.text in OPENS:
            opened.append(token)
        elif opened and OPENS[opened[-1].text] == token.text:
            opened.pop()
        elif opened:
            text = f"the bracket `{opened[-1].text}` is closed by `{token.text}`: write `{OPENS[opened[-1].text]}`"
            yield Slip(text, token.start)
            return
        else:
            yield Slip(
                f"the bracket `{token.text}` closes none: write `{CLOSES[token.text]}` before, or leave it out",
                token.start,
            )
            return
    if opened:
        yield Slip(f"the bracket `{opened[-1].text}` is not closed: write `{OPENS[opened[-1].text]}`", opened[-1].start)


def _characters(condition: Condition) -> Iterator[Slip]:
    for token in condition.tokens:
        if token.kind is Kind.OTHER and (token.text.isspace() or not token.text.isprintable()):
            yield Slip(f"a character that cannot be seen (U+{ord(token.text):04X}): write a plain space", token.start)
            return
        if token.kind is Kind.OTHER and token.text not in _CURLED:
            yield Slip(f"`{token.text}` has no meaning in a condition: leave it out", token.start)
            return


def _gaps(condition: Condition) -> Iterator[Slip]:
    """The first place where an operand or an operator is missing."""
    tokens = condition.tokens
    for i, token in enumerate(tokens):
        before = tokens[i - 1] if i else None
        begins = is_operand_start(token) or token.text == "!"
        if before is not None and is_operand_end(before) and begins and not _is_call(before, token):
            text = (
                f"something is missing between `{short(before.text)}` and `{short(token.text)}`: perhaps `&&` or `||`"
            )
            yield Slip(text, token.start)
            return
        if token.text == "," and not is_listed(condition, i):
            yield Slip("`,` joins nothing here: write `&&` or `||`", token.start)
            return
        if token.text == "." and (i + 1 == len(tokens) or tokens[i + 1].kind is not Kind.NAME):
            yield Slip("a name is missing after `.`", token.start)
            return
        is_joint = token.text in BINDING and token.text != "-" and token.kind is not Kind.TEXT
        if is_joint and (before is None or not is_operand_end(before)):
            yield Slip(f"something is missing before `{token.text}`", token.start)
            return
        if (token.text in BINDING or token.text in ("!", ".")) and i + 1 == len(tokens):
            yield Slip(f"something is missing after `{token.text}`", token.start)
            return


def _is_call(before: Token, bracket: Token) -> bool:
    """`name(`, `name[` or `…)[`, which belong together."""
    return bracket.text == "[" or (bracket.text == "(" and before.kind is Kind.NAME)


_Rule = Callable[[Condition], Iterator[Slip]]


_TIERS: tuple[tuple[_Rule, ...], ...] = (
    (_texts,),
    (_signs, _words, _wordless, numeral_slips, _lists),
    (_brackets,),
    (_characters,),
    (_gaps,),
)
"""What is found in one of them makes what the next would find doubtful."""
