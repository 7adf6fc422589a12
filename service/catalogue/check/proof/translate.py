"""A checked tree as terms of the solver, each function by the overload that CEL's checker chose."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import z3

from service.catalogue.check.proof import instants, lists
from service.catalogue.check.proof.bounds import Bounds
from service.catalogue.check.proof.doubles import Doubles
from service.catalogue.check.proof.operators import OPERATORS
from service.catalogue.check.proof.terms import (
    INT_MAX,
    INT_MIN,
    BoolTerm,
    Elements,
    IntTerm,
    NotModelled,
    StringTerm,
    Term,
    UnknownTerm,
    all_ok,
    bool_term,
    both,
    choose,
    either,
    equal,
    text_value,
)
from service.catalogue.check.proof.variables import Variables
from service.catalogue.conditions.slips.values import as_written
from service.catalogue.conditions.tree import (
    Call,
    Comprehension,
    Constant,
    FieldOf,
    ListOf,
    MapOf,
    Name,
    Node,
    Unsupported,
    names,
    walk,
)

TRUE = z3.BoolVal(True)


@dataclass(frozen=True, slots=True)
class Gap:
    """Something without a formula, and where it is."""

    what: str
    offset: int


@dataclass(slots=True)
class Translation:
    """Conditions over the same facts. Equal subterms are one term, so what is unknown of them is unknown alike."""

    types: Mapping[str, str]
    bounds: Mapping[str, Bounds]
    gaps: list[Gap] = field(default_factory=list)
    doubles: Doubles = field(default_factory=Doubles)
    calendar: instants.CalendarTerms = field(default_factory=instants.CalendarTerms)
    assumptions: list[z3.BoolRef] = field(default_factory=list)
    variables: Variables = field(init=False)
    constants: list[str] = field(default_factory=list)
    _bound: dict[str, tuple[int, Term]] = field(default_factory=dict)
    _bindings: int = 0
    _memo: dict[tuple[str, tuple[int, ...]], Term] = field(default_factory=dict)

    def claims(self, nodes: Iterable[Node]) -> list[BoolTerm]:
        """The conditions; their names are declared first."""
        nodes = list(nodes)
        self.variables = Variables(self.types, self.bounds, self.doubles)
        self.variables.declare(frozenset().union(*(names(node) for node in nodes)))
        texts = {n.value: None for node in nodes for n in walk(node) if isinstance(n, Constant) and n.type == "string"}
        self.constants = [text for text in texts if isinstance(text, str)]
        return [self.claim(node) for node in nodes]

    def known(self) -> list[z3.BoolRef]:
        """All that holds of the facts and of the terms made so far."""
        closing = [*self.variables.close(), *self.doubles.orders()]
        return [
            *self.assumptions,
            *self.variables.assumptions,
            *self.doubles.assumptions,
            *self.calendar.assumptions,
            *closing,
        ]

    def wishes(self) -> list[z3.BoolRef]:
        return [*self.variables.wishes, *self.calendar.wishes, *self.doubles.is_exact()]

    def claim(self, node: Node) -> BoolTerm:
        term = self.term(node)
        if isinstance(term, BoolTerm):
            return term
        opaque = self._opaque(node, "a bool of unknown kind", ok=term.ok)  # dyn, for instance
        return opaque if isinstance(opaque, BoolTerm) else BoolTerm(z3.FreshBool("true"), z3.BoolVal(False))

    def term(self, node: Node) -> Term:
        key = (repr(node), tuple(serial for serial, _ in self._bound.values()))
        if key not in self._memo:
            try:
                self._memo[key] = self._translate(node)
            except NotModelled as gap:
                self._memo[key] = self._opaque(node, str(gap))
        return self._memo[key]

    def with_bound(self, name: str, term: Term, body: Node) -> BoolTerm:
        """The body of a macro for one element."""
        before = self._bound
        self._bindings += 1
        self._bound = {**before, name: (self._bindings, term)}
        try:
            return self.claim(body)
        finally:
            self._bound = before

    def _translate(self, node: Node) -> Term:
        if isinstance(node, Constant):
            return self._constant(node)
        if isinstance(node, Name):
            return self._bound[node.name][1] if node.name in self._bound else self.variables.term(node.name)
        if isinstance(node, ListOf) and _is_uniform(node.elements):
            items = tuple(self.term(e) for e in node.elements)
            return Elements(items, all_ok(items))
        if isinstance(node, MapOf) and _is_uniform(node.keys) and _is_uniform(node.values):
            return lists.written_map(tuple(map(self.term, node.keys)), tuple(map(self.term, node.values)))
        if isinstance(node, FieldOf):
            return lists.field_of(self.term(node.operand), node.field_name, is_test=node.is_test)
        if isinstance(node, Comprehension):
            return lists.macro(self, node)
        if isinstance(node, Call):
            return self._call(node)
        raise NotModelled(node.what if isinstance(node, Unsupported) else node.type)

    def _constant(self, node: Constant) -> Term:
        value = node.value
        if isinstance(value, bool):
            return BoolTerm(z3.BoolVal(value), z3.BoolVal(not value))
        if isinstance(value, float):
            return self.doubles.constant(value)
        if isinstance(value, int) and node.type == "int":
            return IntTerm(z3.IntVal(value), TRUE)
        if isinstance(value, str) and all(ord(c) <= 0xFFFF for c in value):
            return StringTerm(text_value(value), TRUE)
        raise NotModelled(f"a constant of type {node.type}")

    def _call(self, node: Call) -> Term:
        if node.overload in _LAZY:
            return _LAZY[node.overload](self, node)
        args = tuple(self.term(arg) for arg in node.args)
        try:
            if node.overload not in OPERATORS:
                raise NotModelled(f"`{as_written(node.function)}`")
            return OPERATORS[node.overload](self, node, args)
        except NotModelled as gap:
            return self._opaque(node, str(gap), ok=all_ok(args))

    def _opaque(self, node: Node, what: str, ok: z3.BoolRef = TRUE) -> Term:
        """Any value of the node's type, or none; never one where an argument has none."""
        self.gaps.append(Gap(what, node.offset))
        there = z3.And(ok, z3.FreshBool("there"))
        if node.type == "bool":
            return bool_term(z3.FreshBool("claim"), there)
        if node.type in ("int", "timestamp", "duration"):
            value = z3.FreshInt(node.type)
            if node.type == "int":
                self.assumptions += [value >= INT_MIN, value <= INT_MAX]
            return IntTerm(value, there)
        if node.type == "double":
            return self.doubles.unknown(there)
        return (
            StringTerm(z3.FreshConst(z3.StringSort(), "text"), there) if node.type == "string" else UnknownTerm(there)
        )


def _is_uniform(nodes: tuple[Node, ...]) -> bool:
    """Whether they are of one type: an instant and an int look alike here, but are never equal."""
    return len({node.type for node in nodes}) <= 1


def _and(self: Translation, node: Call) -> Term:
    return both(self.claim(node.args[0]), self.claim(node.args[1]))


def _or(self: Translation, node: Call) -> Term:
    return either(self.claim(node.args[0]), self.claim(node.args[1]))


def _not(self: Translation, node: Call) -> Term:
    return self.claim(node.args[0]).negated()


def _conditional(self: Translation, node: Call) -> Term:
    condition = self.claim(node.args[0])
    return choose(condition.true, self.term(node.args[1]), self.term(node.args[2]), condition.ok)


def _equals(self: Translation, node: Call) -> Term:
    a, b = self.term(node.args[0]), self.term(node.args[1])
    return bool_term(equal(a, b), a.ok, b.ok)


def _not_equals(self: Translation, node: Call) -> Term:
    a, b = self.term(node.args[0]), self.term(node.args[1])
    return bool_term(equal(a, b), a.ok, b.ok).negated()


_LAZY: Mapping[str, Callable[[Translation, Call], Term]] = {
    "logical_and": _and,
    "logical_or": _or,
    "logical_not": _not,
    "conditional": _conditional,
    "equals": _equals,
    "not_equals": _not_equals,
}
