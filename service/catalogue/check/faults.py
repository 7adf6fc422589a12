"""Faults of form and of names, made more telling: the field that was meant, the place within the file.

What concerns a whole document is told at its first line. YAML's own faults carry their place in their words, and so
does a suggestion in those of a condition.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import yaml

from features.documents.form import meant
from service.catalogue.check.texts import LANGUAGES
from service.catalogue.documents.problems import FaultClass, Problem

_MEANT = re.compile(r"did you mean `(?P<name>[^`]+)`\?")
_UNDECLARED = re.compile(r"(?:channel|purpose|journey|placement) '(?P<name>[^']*)'|^'(?P<other>[^']*)' is no")
_OF_A_KIND = "lists the consent purpose"
_TWICE = "ids must differ"


@dataclass(frozen=True, slots=True, kw_only=True)
class NearbyNames:
    """The declared names that a fault may have meant, by what it says is missing."""

    channels: frozenset[str]
    placements: frozenset[str]
    purposes: frozenset[str]
    journeys: frozenset[str]
    others: frozenset[str]

    def of(self, text: str) -> Iterable[str]:
        listed = self.channels, self.placements, self.purposes, self.journeys
        for word, names in zip(("channel", "placement", "purpose", "journey"), listed, strict=True):
            if f"{word} '" in text:
                return names
        return self.others


def with_suggestions(
    problems: Sequence[Problem], roots: Mapping[str, yaml.Node], near: NearbyNames
) -> Iterator[Problem]:
    """The same faults. `roots`: the files' nodes by subject."""
    for problem in problems:
        root = roots.get(problem.subject)
        if problem.fault is FaultClass.FORM and root is not None:
            yield _form(problem, root)
        elif problem.fault is FaultClass.NAME:
            found = _UNDECLARED.search(problem.text)
            name = None if found is None else found["name"] or found["other"]
            yield problem if name is None else _suggesting(problem, name, near.of(problem.text))
        else:
            found = _MEANT.search(problem.text)
            yield problem if found is None else replace(problem, suggestion=found["name"])


def node_at(root: yaml.Node | None, path: Iterable[str | int]) -> yaml.Node | None:
    """The node at a path; parts that are not in the file are passed over."""
    node = root
    for part in path:
        if isinstance(node, yaml.MappingNode):
            node = next((value for key, value in node.value if key.value == part), node)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
    return node


def _form(problem: Problem, root: yaml.Node) -> Problem:
    node = node_at(root, problem.path)
    found = _MEANT.search(problem.text)
    path, suggestion = (*problem.path, *_within(problem.text, node)), "" if found is None else found["name"]
    return replace(problem, path=path, fault=_fault(problem), suggestion=suggestion)


def _suggesting(problem: Problem, name: str, names: Iterable[str]) -> Problem:
    hint = meant(name, names)
    found = _MEANT.search(hint)
    return problem if found is None else replace(problem, text=problem.text + hint, suggestion=found["name"])


def _fault(problem: Problem) -> FaultClass:
    """Missing languages and levers out of bounds are classes of their own."""
    if problem.path and problem.path[-1] in LANGUAGES:
        return FaultClass.TRANSLATION
    return FaultClass.LEVER if problem.path == ("lever", "weight") else FaultClass.FORM


def _within(text: str, node: yaml.Node | None) -> tuple[str | int, ...]:
    """The field that a fault of a whole mapping is about: by its first word, or where an id comes again."""
    if not isinstance(node, yaml.MappingNode):
        return ()
    keys = {key.value for key, _ in node.value}
    first = re.split(r"[\s:]", text, maxsplit=1)[0]
    if _TWICE in text:
        start = first if first in keys else "stages"
        ids = list(_ids(node_at(node, (start,)), (start,)))
        again = (path for i, (path, value) in enumerate(ids) if value in {earlier for _, earlier in ids[:i]})
        return next(again, (start,))
    if _OF_A_KIND in text:
        return ("kind",)
    return (first,) if first in keys else ()


def _ids(node: yaml.Node | None, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every `id` below a node, in the order of the file."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == "id":
                yield (*path, "id"), value.value
            else:
                yield from _ids(value, (*path, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for i, item in enumerate(node.value):
            yield from _ids(item, (*path, i))
