"""What a closure says of a condition is what CEL says, whatever is known, unknown or out of bounds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from service.catalogue.conditions.closures import NotAsDeclared, closure_of
from service.catalogue.conditions.compile import ConditionCompiler
from service.catalogue.conditions.tree import read
from service.decision.variables import Variables
from tests.property.test_comparisons import DOUBLES, INTS, STRANGE, TEXTS, VALUES

TYPES = {
    **dict.fromkeys(("x", "y"), "double"),
    **dict.fromkeys(("i", "j"), "int"),
    **dict.fromkeys(("b", "c"), "bool"),
    "s": "string",
    "t": "timestamp",
    "now": "timestamp",
    "l": "list<string>",
}
MADRID = ZoneInfo("Europe/Madrid")
INSTANTS = (
    datetime(2018, 1, 3, 12, tzinfo=UTC),
    datetime(2018, 1, 3, 12, 0, 0, 1, tzinfo=timezone(timedelta(hours=1))),
    datetime(2017, 10, 29, 2, 30, tzinfo=MADRID),
    datetime(2017, 10, 29, 2, 30, tzinfo=MADRID, fold=1),
    datetime(2017, 10, 29, 0, 30, tzinfo=UTC),
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(1709, 4, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
)
KNOWN: dict[str, st.SearchStrategy[Any]] = {
    **VALUES,
    "timestamp": st.sampled_from(INSTANTS),
    "list<string>": st.lists(st.sampled_from(TEXTS), max_size=3),
}
PARTS = {
    "double": st.sampled_from(["x", "y", *map(repr, DOUBLES), "x + y", "x - y", "x * y", "x / y", "-x", "x / 0.0"]),
    "int": st.sampled_from(["i", "j", *map(str, INTS), "i + j", "i - j", "i * j", "-i", "(b ? i : 3)"]),
    "timestamp": st.sampled_from(["t", "now", "now + duration('168h')", "t - duration('1h30m5s')"]),
    "duration": st.sampled_from(["duration('24h')", "duration('0s')", "now - t", "t - now", "duration('90m')"]),
}
ORDER = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
CLAIMS = st.one_of(
    *(st.tuples(parts, ORDER, parts).map(" ".join) for parts in PARTS.values()),
    st.sampled_from(["b", "!c", "b == c", "s == 'a'", "s != 'é😀'", "s in ['a', '']", "i in [1, 3]", "i in []"]),
    st.sampled_from(["'a' in l", "!('' in l)", "s in l", "true", "false", "(b ? x > 1.0 : s in l)"]),
)
CONDITIONS = st.recursive(
    CLAIMS,
    lambda below: st.one_of(
        below.map("!({})".format),
        st.tuples(below, below).map(lambda both: "({}) && ({})".format(*both)),
        st.tuples(below, below).map(lambda both: "({}) || ({})".format(*both)),
        st.tuples(below, below, below).map(lambda three: "({}) ? ({}) : ({})".format(*three)),
    ),
    max_leaves=5,
)
COMPILER = ConditionCompiler(TYPES, is_kept=True)
LEFT_TO_CEL = ("s < 'b'", "s.startsWith('a')", "l.exists(e, e == s)", "size(l) > 1", "i / j > 0", "i % 2 == 0")
"""What means something of its own in CEL, or fails there as nowhere else."""


@st.composite
def _variables(draw: st.DrawFn) -> Variables:
    known = {name: draw(KNOWN[t]) for name, t in TYPES.items() if draw(st.integers(0, 3))}
    if draw(st.integers(0, 9)) == 0:
        known[draw(st.sampled_from(list(TYPES)))] = draw(STRANGE)
    return Variables(known)


@given(CONDITIONS, st.lists(_variables(), min_size=1, max_size=5))
def test_a_closure_says_what_cel_says(text: str, customers: list[Variables]) -> None:
    condition = COMPILER.compile(text)
    closure = closure_of(read(condition.expression))
    assert closure is not None
    for variables in customers:
        try:
            told = closure(variables.known)
        except NotAsDeclared:
            continue
        assert told == condition.by_cel(variables.known)


@given(CONDITIONS | st.sampled_from(LEFT_TO_CEL), _variables())
def test_a_condition_alone_says_what_cel_says(text: str, variables: Variables) -> None:
    condition = COMPILER.compile(text)
    assert condition.holds_alone(variables) == condition.by_cel(variables.known)


def test_what_the_languages_tell_apart_is_left_to_cel() -> None:
    for text in LEFT_TO_CEL:
        assert closure_of(read(COMPILER.compile(text).expression)) is None, text
