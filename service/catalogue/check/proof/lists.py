"""Lists and maps: written out, or variables of strings; and the macros over them."""

from __future__ import annotations

from typing import Protocol

import z3

from service.catalogue.check.proof.terms import (
    BoolTerm,
    Elements,
    IntTerm,
    Members,
    NotModelled,
    StringTerm,
    Term,
    all_ok,
    bool_term,
    choose,
    either,
    equal,
    text_value,
)
from service.catalogue.conditions.tree import Call, Comprehension, Constant, Name, Node


class MacroContext(Protocol):
    """The part of the translation that macros use."""

    constants: list[str]
    assumptions: list[z3.BoolRef]

    def term(self, node: Node) -> Term: ...

    def with_bound(self, name: str, term: Term, body: Node) -> BoolTerm: ...


def written_map(keys: tuple[Term, ...], values: tuple[Term, ...]) -> Elements:
    """A map that is written out. CEL refuses a key given twice, so such keys are an error."""
    pairs = [(a, b) for i, a in enumerate(keys) for b in keys[:i]]
    distinct = [z3.Not(equal(a, b)) for a, b in pairs]
    return Elements(keys, z3.And(all_ok(keys + values), *distinct), values)


def contains(item: Term, among: Term) -> Term:
    """`item in among`; a map holds its keys."""
    if isinstance(among, Elements):
        return bool_term(z3.Or(*(equal(item, e) for e in among.items)), item.ok, among.ok)
    if isinstance(among, Members) and isinstance(item, StringTerm):
        return bool_term(among.contain(item.value), item.ok, among.ok)
    raise NotModelled("`in`")


def size(of: Term) -> Term:
    if isinstance(of, Elements):
        return IntTerm(z3.IntVal(len(of.items)), of.ok)
    if isinstance(of, Members):
        return IntTerm(of.size, of.ok)
    raise NotModelled("`size`")


def joined(a: Term, b: Term) -> Term:
    if isinstance(a, Elements) and isinstance(b, Elements):
        return Elements(a.items + b.items, z3.And(a.ok, b.ok))
    raise NotModelled("a sum of lists")


def at_key(among: Term, key: Term) -> Term:
    """`among[key]`: an error if the key is not in."""
    if isinstance(among, Members) and among.values is not None and isinstance(key, StringTerm):
        there = z3.And(among.ok, key.ok, among.contain(key.value))
        return StringTerm(z3.Select(among.values, key.value), there)
    if isinstance(among, Elements) and among.values:
        return _first(among, [equal(key, k) for k in among.items], among.values, key.ok)
    raise NotModelled("`[…]`")


def at_index(among: Term, index: Term) -> Term:
    """`among[index]` of a list that is written out; the order of the others is unknown."""
    if isinstance(among, Elements) and among.items and isinstance(index, IntTerm):
        return _first(among, [index.value == i for i in range(len(among.items))], among.items, index.ok)
    raise NotModelled("`[…]` of a list")


def _first(among: Elements, chosen: list[z3.BoolRef], values: tuple[Term, ...], ok: z3.BoolRef) -> Term:
    there = z3.And(among.ok, ok, z3.Or(*chosen))
    found = values[-1]
    for is_chosen, value in reversed(list(zip(chosen[:-1], values[:-1], strict=True))):
        found = choose(is_chosen, value, found, z3.BoolVal(True))
    return choose(z3.BoolVal(True), found, found, there)


def field_of(operand: Term, name: str, *, is_test: bool) -> Term:
    """`operand.name` of a map, or whether it is there."""
    key = StringTerm(text_value(name), z3.BoolVal(True))
    return contains(key, operand) if is_test else at_key(operand, key)


def macro(context: MacroContext, node: Comprehension) -> BoolTerm:
    """`exists` and `all`; the latter is that there is no element for which the body is false."""
    over, (body, is_all) = context.term(node.over), _body(node)

    def holds(element: Term) -> BoolTerm:
        found = context.with_bound(node.variable, element, body)
        return found.negated() if is_all else found

    if isinstance(over, Elements):
        some = _any([holds(item) for item in over.items], over)
    elif isinstance(over, Members):
        some = _some(context, over, holds)
    else:
        raise NotModelled("a macro")
    return some.negated() if is_all else some


def _body(node: Comprehension) -> tuple[Node, bool]:
    """What `exists` or `all` demands of each element, and whether it is `all`. Raises: NotModelled for other macros."""
    step, start = node.step, node.start
    if isinstance(step, Call) and isinstance(start, Constant) and isinstance(node.result, Name):
        accumulator = step.args[0]
        is_all = step.overload == "logical_and"
        is_known = is_all or step.overload == "logical_or"
        accumulates = isinstance(accumulator, Name) and accumulator.name == node.accumulator
        if is_known and accumulates and start.value is is_all:
            return step.args[1], is_all
    raise NotModelled("a macro other than `exists` and `all`")


def _any(claims: list[BoolTerm], over: Elements) -> BoolTerm:
    found = BoolTerm(z3.BoolVal(False), z3.BoolVal(True))
    for each in claims:
        found = either(found, each)
    return BoolTerm(z3.And(over.ok, found.true), z3.And(over.ok, found.false))


class _Holds(Protocol):
    def __call__(self, element: Term, /) -> BoolTerm: ...


def _some(context: MacroContext, over: Members, holds: _Holds) -> BoolTerm:
    """Whether a member fulfils it: if so there is a witness; if not, none of the strings we know of does."""
    true, false = z3.FreshBool("some"), z3.FreshBool("none")
    witness, odd = z3.FreshConst(z3.StringSort(), "witness"), z3.FreshConst(z3.StringSort(), "odd")
    is_error = z3.And(over.ok, z3.Not(true), z3.Not(false))
    context.assumptions.append(z3.And(z3.Not(z3.And(true, false)), z3.Implies(z3.Or(true, false), over.ok)))
    for text in (witness, odd, *map(text_value, context.constants)):
        found, is_in = holds(StringTerm(text, z3.BoolVal(True))), over.contain(text)
        context.assumptions.append(z3.Implies(z3.And(false, is_in), found.false))
        context.assumptions.append(z3.Implies(z3.And(is_error, is_in), z3.Not(found.true)))
        if text is witness:
            context.assumptions.append(z3.Implies(true, z3.And(is_in, found.true)))
        if text is odd:
            context.assumptions.append(z3.Implies(is_error, z3.And(is_in, z3.Not(found.ok))))
    return BoolTerm(true, false)
