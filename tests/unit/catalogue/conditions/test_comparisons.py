"""Which parts of a condition are comparisons that columns can hold."""

from __future__ import annotations

import pytest

from service.catalogue.conditions.comparisons import Comparison, Conjunction, conjunction_of
from service.catalogue.conditions.compile import ConditionCompiler
from service.catalogue.conditions.tree import read

TYPES = {"x": "double", "i": "int", "b": "bool", "s": "string", "now": "timestamp"}
COMPILER = ConditionCompiler(TYPES)
OVER_ONE = Comparison("x", "double", "_>_", 1.0)


def found(text: str) -> Conjunction | None:
    return conjunction_of(read(COMPILER.compile(text).expression))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x > 1.0", [OVER_ONE]),
        ("1.0 < x", [OVER_ONE]),
        ("!(x <= 1.0)", [OVER_ONE]),
        ("!(x <= 1.0 || b)", [OVER_ONE, Comparison("b", "bool", "_!=_", 1.0)]),
        ('3 <= i && (b && s != "a")', [
            Comparison("i", "int", "_>=_", 3.0),
            Comparison("b", "bool", "_==_", 1.0),
            Comparison("s", "string", "_!=_", "a"),
        ]),
    ],
)  # fmt: skip
def test_a_condition_of_comparisons_is_held_whole(text: str, expected: list[Comparison]) -> None:
    assert found(text) == Conjunction(tuple(expected), is_whole=True)


@pytest.mark.parametrize("text", ["x > 1.0 && i % 2 == 0", "i in [1] && x > 1.0", "x > 1.0 && i < 9007199254740992"])
def test_what_else_a_condition_says_is_left_to_cel(text: str) -> None:
    assert found(text) == Conjunction((OVER_ONE,), is_whole=False)


@pytest.mark.parametrize("text", ["b || x > 1.0", 's < "a"', "x > double(i)", "now > timestamp(0)", "true"])
def test_a_condition_without_such_a_part_is_left_to_cel(text: str) -> None:
    assert found(text) is None
