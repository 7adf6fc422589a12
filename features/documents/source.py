"""One file and where everything stands in it, so that faults have a line and a column."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import yaml

from features.documents.nodes import NotReadable, compose

_IN_TEXT = re.compile(r" \(line (?P<line>\d+), column (?P<column>\d+)\)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in a file; both count from 1, as editors do."""

    file: str
    line: int
    column: int


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """One file: its name within the catalogue, and its text (None if it cannot be read)."""

    name: str
    text: str | None = None

    @cached_property
    def root(self) -> yaml.Node | None:
        """Its nodes, None if it is no YAML. Made when a place is asked for, since they are many times the text."""
        try:
            return None if self.text is None else compose(self.text)
        except NotReadable:
            return None

    def place(self, path: Iterable[str | int], column: int | None = None) -> Place:
        """Where the field at `path` stands; of a field that is missing, the part that lacks it.

        `column`, 0-based, is a place inside a text of one line.
        """
        node, key = self.root, None
        for part in path:
            found = _child(node, part)
            if found is not None:
                key, node = found
        if node is None:
            return Place(file=self.name, line=1, column=1)
        is_text = isinstance(node, yaml.ScalarNode) and column is not None
        mark = node.start_mark if is_text or key is None else key.start_mark
        inside = (column or 0) + (1 if isinstance(node, yaml.ScalarNode) and node.style in ("'", '"') else 0)
        return Place(file=self.name, line=mark.line + 1, column=mark.column + 1 + (inside if is_text else 0))


def place_in_text(file: str, text: str) -> Place | None:
    """The place that a fault of a file ends with, if it does."""
    found = _IN_TEXT.search(text)
    return None if found is None else Place(file=file, line=int(found["line"]), column=int(found["column"]))


def fault_line(place: Place, path: Iterable[str | int], text: str) -> str:
    """A fault with its place, in one line."""
    where = f"{place.file}:{place.line}:{place.column}"
    return ": ".join(filter(None, (where, ".".join(map(str, path)), without_place(text))))


def without_place(text: str) -> str:
    """What a fault of a file says, without the place at its end."""
    return _IN_TEXT.sub("", text)


def _child(node: yaml.Node | None, part: str | int) -> tuple[yaml.Node | None, yaml.Node] | None:
    """(key, value) of a mapping's entry, or an item of a sequence; None for a part that is not in the file."""
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == part), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return None, node.value[part]
    return None
