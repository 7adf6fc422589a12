"""Comparisons with a value that the fact never has: a level that is none, a number out of its bounds. Errors.

Such a comparison decides nothing, whatever the rest of its condition says: with `==` it never holds, with `!=` always.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from features.schema import FeatureSchema
from service.catalogue.check.analysed_conditions import stated_conditions
from service.catalogue.check.under_check import CatalogueUnderCheck
from service.catalogue.conditions.tree import Call, Constant, ListOf, Name, Node, read, walk
from service.catalogue.documents.problems import FaultClass, Problems
from service.catalogue.possible_values import PossibleValues

_EQUALS = frozenset({"_==_", "_!=_"})
_COMPARES = _EQUALS | {"_<_", "_<=_", "_>_", "_>=_"}


def check_values(catalogue: CatalogueUnderCheck, schema: FeatureSchema, problems: Problems) -> bool:
    """Whether every value can be: only then is it of use to ask whether conditions can hold."""
    possible = {f"customer.{spec.name}": PossibleValues.of(spec) for spec in schema.features}
    for stated in stated_conditions(catalogue):
        for text, offset in _never(read(catalogue.answers.expression(stated.text)), possible):
            problems.add(stated.subject, stated.path, FaultClass.VALUE, text, offset)
    return all(problem.fault is not FaultClass.VALUE for problem in problems.found)


def _never(tree: Node, possible: Mapping[str, PossibleValues]) -> Iterator[tuple[str, int]]:
    """What is wrong with each constant that what it is compared with never is, and where it stands."""
    for node in walk(tree):
        for name, constant in _compared(node):
            known = possible.get(name)
            value = constant.value
            text = "" if known is None or isinstance(value, bytes) else known.never(name, value)
            if text:
                yield text, max(constant.offset, 0)


def _compared(node: Node) -> Iterator[tuple[str, Constant]]:
    """The names in a node, each with a constant that it is compared with; no text that others come before or after."""
    if not isinstance(node, Call) or len(node.args) != 2:
        return
    left, right = node.args
    if node.function == "@in":
        listed = right.elements if isinstance(right, ListOf) else ()
        yield from ((_named(left), entry) for entry in listed if isinstance(entry, Constant))
    elif node.function in _COMPARES:
        pairs = [(_named(a), b) for a, b in ((left, right), (right, left)) if isinstance(b, Constant)]
        yield from (pair for pair in pairs if node.function in _EQUALS or not isinstance(pair[1].value, str))


def _named(node: Node) -> str:
    """The variable; empty for anything else."""
    return node.name if isinstance(node, Name) else ""
