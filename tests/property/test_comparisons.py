"""What the comparisons say of a condition all at once is what CEL says of it alone."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from service.catalogue.conditions.compile import CelCondition, ConditionCompiler
from service.decision.variables import Variables

TYPES = {"x": "double", "y": "double", "i": "int", "j": "int", "b": "bool", "c": "bool", "s": "string", "u": "string"}
DOUBLES = (0.0, -0.0, 1.0, 0.1, -2.5, 5e-324, 2.0**53, 2.0**63, 1.7976931348623157e308)
INTS = (0, 1, -1, 3, -7, 2**53 - 1, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63))
TEXTS = ("", "a", "b", "é😀")
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "double": st.sampled_from([*DOUBLES, float("inf"), -float("inf")]),
    "int": st.sampled_from(INTS),
    "bool": st.booleans(),
    "string": st.sampled_from([*TEXTS, "never written"]),
}
STRANGE = st.sampled_from([1, 2**70, "a", True, 0.5, None])
WRITTEN = {
    "double": st.sampled_from([repr(value) for value in DOUBLES]),
    "int": st.sampled_from([str(value) for value in INTS]),
    "bool": st.sampled_from(["true", "false"]),
    "string": st.sampled_from([f'"{text}"' for text in TEXTS]),
}
OPERATORS = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])


@st.composite
def _compared(draw: st.DrawFn) -> str:
    name, type_name = draw(st.sampled_from(list(TYPES.items())))
    sides = [name, draw(WRITTEN[type_name] | st.sampled_from([n for n, t in TYPES.items() if t == type_name]))]
    left, right = draw(st.permutations(sides))
    return f"{left} {draw(OPERATORS)} {right}"


LEAVES = _compared() | st.sampled_from(["b", "c", "true", "false", "i in [1, 3]", "1 / i > 0", "s.startsWith('a')"])
CONDITIONS = st.recursive(
    LEAVES,
    lambda below: st.one_of(
        below.map("!({})".format),
        st.tuples(below, below).map(lambda both: "({}) && ({})".format(*both)),
        st.tuples(below, below).map(lambda both: "({}) || ({})".format(*both)),
        st.tuples(below, below, below).map(lambda three: "({}) ? ({}) : ({})".format(*three)),
    ),
    max_leaves=6,
)


@st.composite
def _known(draw: st.DrawFn) -> Variables:
    known = {name: draw(VALUES[t]) for name, t in TYPES.items() if draw(st.booleans())}
    if draw(st.integers(0, 9)) == 0:
        known[draw(st.sampled_from(list(TYPES)))] = draw(STRANGE)
    return Variables(known)


@given(st.lists(CONDITIONS, min_size=1, max_size=6), st.lists(_known(), min_size=1, max_size=4))
def test_conditions_asked_together_say_what_each_says_alone(texts: list[str], customers: list[Variables]) -> None:
    compiler = ConditionCompiler(TYPES)
    conditions = [compiler.compile(text) for text in texts]
    for known in customers:
        assert _together(conditions, known) == [condition.by_cel(known.known) for condition in conditions]


def _together(conditions: list[CelCondition], known: Variables) -> list[bool | None]:
    return [condition.holds(known) for condition in conditions]
