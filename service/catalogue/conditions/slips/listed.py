"""Lists in which `in` could never find a value, since it is of another kind: CEL lets them pass."""

from __future__ import annotations

from collections.abc import Iterator

from service.catalogue.conditions.slips.slip import Slip
from service.catalogue.conditions.slips.tokens import Condition
from service.catalogue.conditions.slips.values import called, checked_type, rewritten
from service.catalogue.conditions.tree import Call, ListOf, Node, walk

_KINDS = frozenset({"string", "int", "double", "bool", "timestamp"})


def listed_slips(tree: Node, text: str) -> Iterator[Slip]:
    """Every entry of a list that is of another kind than what is looked for in it."""
    condition = Condition.of(text)
    for node in walk(tree):
        if isinstance(node, Call) and node.function == "@in" and isinstance(node.args[1], ListOf):
            looked_for = node.args[0].type
            for entry in node.args[1].elements:
                if looked_for in _KINDS and entry.type in _KINDS and entry.type != looked_for:
                    yield _slip(condition, entry, looked_for)


def _slip(condition: Condition, entry: Node, wanted: str) -> Slip:
    index = condition.at(entry.offset)
    if index is None:
        return Slip(f"this list is not of {called(checked_type(wanted.upper()))} alone", max(entry.offset, 0))
    token, kind = condition.tokens[index], checked_type(wanted.upper())
    written = rewritten(token.text, kind)
    hint = "" if written is None else f": write `{written}`"
    said = f"`{token.text}` is {called(checked_type(entry.type.upper()))}, and `in` looks for {called(kind)} here"
    return Slip(said + hint, token.start)
