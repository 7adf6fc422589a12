"""One file and where everything stands in it, so that faults have a line and a column."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import yaml

from features.documents.nodes import NotReadable, compose

_BLOCK, _WHITE = ("|", ">"), " \t\r\n"
_WRITTEN_TWICE = {"'": ("'",), '"': ('"', "\\")}
"""By the quotes of a text: the characters that take two in the file."""
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

    def has(self, path: Iterable[str | int]) -> bool:
        """Whether the field at `path` is in the file."""
        node = self.root
        for part in path:
            found = _child(node, part)
            if found is None:
                return False
            node = found[1]
        return node is not None

    def place(self, path: Iterable[str | int], column: int | None = None) -> Place:
        """Where the field at `path` stands; of a field that is missing, the part that lacks it.

        `column`, 0-based, is a place inside its text.
        """
        node, key = self.root, None
        for part in path:
            found = _child(node, part)
            if found is not None:
                key, node = found
        if node is None:
            return Place(file=self.name, line=1, column=1)
        if isinstance(node, yaml.ScalarNode) and column is not None:
            return self._within(node, column)
        mark = node.start_mark if key is None else key.start_mark
        return Place(file=self.name, line=mark.line + 1, column=mark.column + 1)

    def _within(self, node: yaml.ScalarNode, column: int) -> Place:
        if node.start_mark.line != node.end_mark.line:
            found = _place_in_lines(self.name, self.text or "", node, column)
            if found is not None:
                return found
        written_twice = sum(node.value.count(sign, 0, column) for sign in _WRITTEN_TWICE.get(node.style or "", ()))
        before = column + written_twice + (1 if node.style in _WRITTEN_TWICE else 0)
        return Place(file=self.name, line=node.start_mark.line + 1, column=node.start_mark.column + 1 + before)


def _place_in_lines(file: str, raw: str, node: yaml.ScalarNode, column: int) -> Place | None:
    """The place of the character at `column` of a text of several lines; None if there is none.

    YAML folds and indents only by white space, so the character is found by counting those that are none.
    """
    lines = raw.splitlines()
    line, at = node.start_mark.line, node.start_mark.column
    if node.style in _BLOCK:
        line, at = line + 1, 0
    elif node.style in _WRITTEN_TWICE:
        at += 1
    ahead = sum(1 for character in node.value[:column] if character not in _WHITE)
    for number in range(line, len(lines)):
        for k in range(at, len(lines[number])):
            if lines[number][k] in _WHITE:
                continue
            if ahead == 0:
                return Place(file=file, line=number + 1, column=k + 1)
            ahead -= 1
        at = 0
    return None


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
