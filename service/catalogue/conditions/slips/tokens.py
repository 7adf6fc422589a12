"""The words and signs of a condition, whether or not it is one, and what stands on either side of an operator."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """`OPEN_TEXT` lacks its second quote; `OTHER` is a character that no condition has outside of texts."""

    TEXT = "text"
    OPEN_TEXT = "open_text"
    NUMBER = "number"
    NAME = "name"
    OPERATOR = "operator"
    BRACKET = "bracket"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Token:
    """`start` counts characters from the beginning of the condition. A dotted name is one token."""

    kind: Kind
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


_FORM = re.compile(
    r"(?P<skipped>[ \t\r\n\f]+|//[^\n]*)"
    r"|(?P<text>[rRbB]{0,2}(?:\"{3}[\s\S]*?\"{3}|'{3}[\s\S]*?'{3})"
    r"|(?:[bB]?[rR][bB]?)(?:\"[^\"\n]*\"|'[^'\n]*')"
    r"|[bB]?(?:\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'))"
    r"|(?P<open_text>[\"'][^\n]*)"
    r"|(?P<number>0[xX][0-9a-fA-F]+[uU]?|(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?:[uU](?!\w))?)"
    r"|(?P<name>[^\W\d]\w*(?:\.[^\W\d]\w*)*)"
    r"|(?P<operator>===|!==|&&&|==|!=|<=|>=|=>|=<|<>|&&|\|\||\*\*|\+\+|->|[-&|=<>!+*/%?:,.])"
    r"|(?P<bracket>[()\[\]{}])"
    r"|(?P<other>[\s\S])"
)
OPENS = {"(": ")", "[": "]", "{": "}"}
"""By the bracket that opens, the one that closes it."""
CLOSES = {closing: opening for opening, closing in OPENS.items()}
RELATIONS = frozenset({"==", "!=", "<", "<=", ">", ">=", "in"})
BINDING = {
    "?": 0,
    ":": 0,
    "||": 1,
    "&&": 2,
    **dict.fromkeys(RELATIONS, 3),
    "+": 4,
    "-": 4,
    "*": 5,
    "/": 5,
    "%": 5,
}
"""How tightly each operator binds what stands beside it."""
_TIGHTEST = 6


def tokens_of(condition: str) -> tuple[Token, ...]:
    """All of it but white space and comments."""
    return tuple(
        Token(Kind(match.lastgroup), match[0], match.start())
        for match in _FORM.finditer(condition)
        if match.lastgroup is not None and match.lastgroup != "skipped"
    )


def is_operand_end(token: Token) -> bool:
    """Whether what ends here can be reckoned with or compared."""
    if token.kind is Kind.BRACKET:
        return token.text in CLOSES
    return token.kind in (Kind.TEXT, Kind.NUMBER) or (token.kind is Kind.NAME and token.text != "in")


def is_operand_start(token: Token) -> bool:
    if token.kind is Kind.BRACKET:
        return token.text in OPENS
    return token.kind in (Kind.TEXT, Kind.NUMBER) or (token.kind is Kind.NAME and token.text != "in")


@dataclass(frozen=True, slots=True)
class Condition:
    """A text with its tokens."""

    text: str
    tokens: tuple[Token, ...]

    @classmethod
    def of(cls, text: str) -> Condition:
        return cls(text, tokens_of(text))

    def at(self, offset: int) -> int | None:
        """The index of the token that covers a place."""
        return next((i for i, token in enumerate(self.tokens) if token.start <= offset < token.end), None)

    def shown(self, tokens: Sequence[Token]) -> str:
        """A part of the condition as it is written."""
        return self.text[tokens[0].start : tokens[-1].end] if tokens else ""

    def before(self, index: int) -> tuple[Token, ...]:
        """The left operand of the operator at `index`."""
        own = BINDING.get(self.tokens[index].text, _TIGHTEST)
        taken = self._taken(range(index - 1, -1, -1), lambda binding: binding < own, CLOSES, OPENS)
        return tuple(taken)[::-1]

    def after(self, index: int) -> tuple[Token, ...]:
        """The right operand of the operator at `index`, or what the sign there stands before."""
        own = BINDING.get(self.tokens[index].text, _TIGHTEST) if self.is_between(index) else _TIGHTEST
        return tuple(self._taken(range(index + 1, len(self.tokens)), lambda binding: binding <= own, OPENS, CLOSES))

    def clause(self, index: int) -> tuple[Token, ...]:
        """What stands after the token at `index`, up to the next `&&` or `||`."""
        ends = BINDING["&&"]
        return tuple(self._taken(range(index + 1, len(self.tokens)), lambda binding: binding <= ends, OPENS, CLOSES))

    def closing(self, index: int) -> int:
        """The index of the bracket that closes the one at `index`; that of the last token if none does."""
        depth = 0
        for i in range(index, len(self.tokens)):
            if self.tokens[i].kind is Kind.BRACKET:
                depth += 1 if self.tokens[i].text in OPENS else -1
                if depth == 0:
                    return i
        return len(self.tokens) - 1

    def is_between(self, index: int) -> bool:
        """Whether the token at `index` is an operator between two operands, and no sign before one."""
        token = self.tokens[index]
        is_operator = token.kind is Kind.OPERATOR or (token.kind is Kind.NAME and token.text == "in")
        return is_operator and token.text in BINDING and index > 0 and is_operand_end(self.tokens[index - 1])

    def _taken(
        self, indices: range, ends: Callable[[int], bool], enters: Container[str], leaves: Container[str]
    ) -> Iterator[Token]:
        """The tokens up to an operator that binds less, a comma, or a bracket that belongs to something larger."""
        depth = 0
        for i in indices:
            token = self.tokens[i]
            is_bracket = token.kind is Kind.BRACKET
            if depth == 0 and (token.text == "," or (is_bracket and token.text in leaves)):
                return
            if depth == 0 and self.is_between(i) and ends(BINDING[token.text]):
                return
            if is_bracket:
                depth += 1 if token.text in enters else -1
            yield token
