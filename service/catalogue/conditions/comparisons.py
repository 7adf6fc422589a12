"""The comparisons of a catalogue's conditions, as columns: one pass settles what CEL would be asked one by one.

Most conditions are `&&` of comparisons of one variable with one constant. The comparisons of all conditions stand in
arrays, and a request compares all of them at once. A condition that says more is settled here only if one of its
comparisons is false; else CEL is asked. The meaning is CEL's: false wins over unknown, unknown wins over true.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from service.catalogue.conditions.tree import Call, Constant, Name, Node
from service.decision.constraints.rule import Told
from service.decision.variables import CEL_PYTHON_TYPES, Variables

Scalars = Mapping[str, Any]
Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
States = npt.NDArray[np.int8]

EXACT_INT = 2**53
"""Whole numbers below it are exact as doubles, so that any int64 compares with them as it should."""
NOWHERE = -1.0
"""The code of a text that no condition names."""
_COMPARE: Mapping[str, Callable[..., Any]] = {
    "_==_": np.equal,
    "_!=_": np.not_equal,
    "_<_": np.less,
    "_<=_": np.less_equal,
    "_>_": np.greater,
    "_>=_": np.greater_equal,
}
_MIRRORED = {"_==_": "_==_", "_!=_": "_!=_", "_<_": "_>_", "_<=_": "_>=_", "_>_": "_<_", "_>=_": "_<=_"}
_NEGATED = {"_==_": "_!=_", "_!=_": "_==_", "_<_": "_>=_", "_<=_": "_>_", "_>_": "_<=_", "_>=_": "_<_"}


class State(IntEnum):
    """What the comparisons of a condition say of it."""

    FALSE = 0
    TRUE = 1
    UNKNOWN = 2
    OPEN = 3  # they do not settle it


FALSE = np.int8(State.FALSE)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`name operator constant`; `type` is double, int, bool or string."""

    name: str
    type: str
    operator: str
    constant: float | str


@dataclass(frozen=True, slots=True)
class Conjunction:
    """What must all hold; `is_whole` if the condition says nothing else."""

    comparisons: tuple[Comparison, ...]
    is_whole: bool


def conjunction_of(tree: Node) -> Conjunction | None:
    """The comparisons that a condition cannot hold without; None if there is none."""
    parts = list(_conjuncts(tree, is_negated=False))
    found = tuple(part for part in parts if part is not None)
    return Conjunction(found, len(found) == len(parts)) if found else None


class Comparisons:
    """Conjunctions by row. Columns are made when they are first asked after a row was added."""

    def __init__(self) -> None:
        self._rows: list[Conjunction] = []
        self._columns: _Columns | None = None  # of all rows

    def add(self, conjunction: Conjunction) -> int:
        """Returns: its row."""
        self._rows.append(conjunction)
        self._columns = None
        return len(self._rows) - 1

    def conjunction(self, row: int) -> Conjunction:
        return self._rows[row]

    def lay_out(self) -> _Columns:
        """Makes the columns of all rows, which the first question would wait for."""
        self._columns = _Columns(self._rows)
        return self._columns

    def over(self, variables: Variables) -> States:
        """The `State` of each row."""
        return variables.once((self._columns or self.lay_out()).states)

    def prefetch(self, customers: Sequence[Variables]) -> None:
        """Makes the comparisons of several customers in one pass; who asks later is told of them."""
        columns = self._columns or self.lay_out()
        new = [variables for variables in customers if not variables.has(columns.states)]
        if not new:
            return
        for variables, states in zip(new, columns.states_of([v.known for v in new]), strict=True):
            variables.keep(columns.states, states)

    def panel(self, rows: Sequence[int]) -> Panel:
        """Some of the conditions, by their rows."""
        return Panel(self, np.array(rows, dtype=np.intp))


class Panel:
    """Conditions that are asked together; each goes by its place among them."""

    def __init__(self, comparisons: Comparisons, rows: npt.NDArray[np.intp]) -> None:
        self._comparisons = comparisons
        self._rows = rows

    def told(self, variables: Variables) -> Told:
        """What the comparisons say of those that are not simply true."""
        states = self._comparisons.over(variables)[self._rows]
        places = np.flatnonzero(states != State.TRUE)
        others = states[places]
        is_false = others == State.FALSE
        if is_false.all():
            return Told(places.tolist(), [], [])
        is_unknown = others == State.UNKNOWN
        is_open = ~(is_false | is_unknown)
        return Told(places[is_false].tolist(), places[is_unknown].tolist(), places[is_open].tolist())


class _Columns:
    """The arrays. Comparisons are sorted by operator, so that each operator is one call over one slice."""

    def __init__(self, rows: Sequence[Conjunction]) -> None:
        listed = [(c, row) for row, conjunction in enumerate(rows) for c in conjunction.comparisons]
        listed.sort(key=lambda entry: entry[0].operator)
        names = dict.fromkeys((c.name, CEL_PYTHON_TYPES[c.type]) for c, _ in listed)
        self._names = tuple(names)
        places = {name: place for place, (name, _) in enumerate(self._names)}
        texts = dict.fromkeys(c.constant for c, _ in listed if isinstance(c.constant, str))
        self._codes: dict[str, float] = {text: float(code) for code, text in enumerate(texts)}
        self._places = np.array([places[c.name] for c, _ in listed], dtype=np.intp)
        self._constants: Numbers = np.array([self._coded(c.constant) for c, _ in listed], dtype=np.float64)
        self._slices = tuple(_slices([c.operator for c, _ in listed]))
        owners = np.array([row for _, row in listed], dtype=np.intp)
        self._by_row = np.argsort(owners, kind="stable")
        self._starts = np.searchsorted(owners[self._by_row], np.arange(len(rows)))
        whole = np.array([row.is_whole for row in rows], dtype=np.bool_)
        self._if_unknown: States = np.where(whole, State.UNKNOWN, State.OPEN).astype(np.int8)
        self._if_true: States = np.where(whole, State.TRUE, State.OPEN).astype(np.int8)
        self._nothing = [math.nan] * len(self._names)

    def states(self, variables: Scalars) -> States:
        """Of one customer."""
        told: States = self.states_of([variables])[0]
        return told

    def states_of(self, customers: Sequence[Scalars]) -> npt.NDArray[np.int8]:
        """(customers, rows)"""
        told = [self._values(variables) for variables in customers]
        if not self._starts.size:
            return np.empty((len(told), 0), dtype=np.int8)
        values: Numbers = np.array([self._nothing if v is None else v for v in told], dtype=np.float64)
        seen = values.reshape(len(told), -1)[:, self._places]
        holds: Flags = np.empty(seen.shape, dtype=np.bool_)
        for compare, part in self._slices:
            compare(seen[:, part], self._constants[part], out=holds[:, part])
        known = seen == seen
        is_false = np.logical_or.reduceat((known & ~holds)[:, self._by_row], self._starts, axis=1)
        is_unknown = np.logical_or.reduceat(~known[:, self._by_row], self._starts, axis=1)
        states = np.where(is_false, FALSE, np.where(is_unknown, self._if_unknown, self._if_true))
        for strange in (place for place, v in enumerate(told) if v is None):
            states[strange] = State.OPEN
        return states

    def _values(self, variables: Scalars) -> list[float] | None:
        """NaN stands for what is not known. None if a value is not of its declared type: CEL knows what follows."""
        values = self._nothing.copy()
        for place, (name, declared) in enumerate(self._names):
            value = variables.get(name)
            if value is None:
                continue
            if type(value) is not declared or (declared is int and not -(2**63) <= value < 2**63):
                return None
            values[place] = self._codes.get(value, NOWHERE) if declared is str else value
        return values

    def _coded(self, constant: float | str) -> float:
        return self._codes[constant] if isinstance(constant, str) else constant


def _slices(operators: Sequence[str]) -> Iterator[tuple[Callable[..., Any], slice]]:
    for name in dict.fromkeys(operators):
        first = operators.index(name)
        yield _COMPARE[name], slice(first, first + operators.count(name))


def _conjuncts(node: Node, *, is_negated: bool) -> Iterator[Comparison | None]:
    """The parts that must all hold; None for one that is no comparison."""
    if isinstance(node, Call) and node.function == "!_":
        yield from _conjuncts(node.args[0], is_negated=not is_negated)
    elif isinstance(node, Call) and node.function == ("_||_" if is_negated else "_&&_"):
        for arg in node.args:
            yield from _conjuncts(arg, is_negated=is_negated)
    else:
        yield _comparison(node, is_negated=is_negated)


def _comparison(node: Node, *, is_negated: bool) -> Comparison | None:
    if isinstance(node, Name) and node.type == "bool":
        return Comparison(node.name, "bool", "_!=_" if is_negated else "_==_", 1.0)
    if not isinstance(node, Call) or node.function not in _COMPARE:
        return None
    left, right = node.args
    compared = node.function
    if isinstance(left, Constant):
        left, right, compared = right, left, _MIRRORED[compared]
    if not isinstance(left, Name) or not isinstance(right, Constant):
        return None
    constant = _constant(left, right, compared)
    if constant is None:
        return None
    return Comparison(left.name, left.type, _NEGATED[compared] if is_negated else compared, constant)


def _constant(variable: Name, constant: Constant, compared: str) -> float | str | None:
    """The constant, if a comparison of this variable with it means the same on doubles."""
    value, is_equality = constant.value, compared in ("_==_", "_!=_")
    if variable.type != constant.type:
        return None
    if isinstance(value, str):
        return value if is_equality and variable.type == "string" else None
    if isinstance(value, bool):
        return float(value) if is_equality else None
    if isinstance(value, int):
        return float(value) if variable.type == "int" and abs(value) < EXACT_INT else None
    return value if isinstance(value, float) and value == value else None
