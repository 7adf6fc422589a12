"""Reads a catalogue's files as YAML, keeping where everything stands, so that faults have a line and a column."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from service.catalogue.policy_schema import PoliciesDocument
from service.catalogue.problems import POLICIES, Fault, Problem, Problems
from service.catalogue.schema import JourneyDocument

JOURNEYS = "journeys"
_ENDING, _WRONG_ENDING = ".yaml", ".yml"
_Loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


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
            return None if self.text is None else _read_yaml(self.text)[0]
        except yaml.YAMLError:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a folder holds. `files` by file name within the catalogue; `file_of` gives it for a journey's id."""

    policies: PoliciesDocument | None
    journeys: tuple[JourneyDocument, ...]
    files: Mapping[str, SourceFile]
    file_of: Mapping[str, str]
    problems: tuple[Problem, ...] = field(default=())

    def place(self, problem: Problem) -> Place:
        name = self.file_of.get(problem.subject, problem.subject)
        return self.files.get(name, SourceFile(name=name)).place(problem.path, problem.column)


Stamp = tuple[int, int, int] | None
"""When a file was changed, its size and its identity; None if it is not there."""
Stamps = frozenset[tuple[str, Stamp]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRead:
    """One file, read: its document, or why there is none."""

    file: SourceFile
    document: BaseModel | None = None
    problems: tuple[Problem, ...] = ()


def read(folder: Path) -> Source:
    """Reads every file and keeps all faults; nothing is raised for a bad one."""
    return Reader(folder).read()


class Reader:
    """Reads a folder again and again: a document stays the same object until the text of its file is another."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: dict[str, tuple[Stamp, FileRead]] = {}

    def stamp(self) -> Stamps:
        """Differs as soon as a file of the catalogue was changed, added or removed."""
        return frozenset(self._stamps().items())

    def read(self) -> Source:
        problems, stamps = Problems(), self._stamps()
        names = [name for name in stamps if name.endswith(_ENDING)]
        journeys = {name: self._file(name, stamps[name], JourneyDocument) for name in names if name != POLICIES}
        if not journeys:
            problems.add(JOURNEYS, (), Fault.FILE, "no journey (*.yaml) found")
        for name in (name for name in stamps if not name.endswith(_ENDING)):
            problems.add(name, (), Fault.FILE, "name it *.yaml")
        policies = self._file(POLICIES, stamps[POLICIES], PoliciesDocument)
        found = [p for one in (policies, *journeys.values()) for p in one.problems]
        valid = [(name, one.document) for name, one in journeys.items() if isinstance(one.document, JourneyDocument)]
        self._kept = {name: self._kept[name] for name in names}
        return Source(
            policies=policies.document if isinstance(policies.document, PoliciesDocument) else None,
            journeys=tuple(sorted((j for _, j in valid), key=lambda j: j.journey)),
            files={one.file.name: one.file for one in (policies, *journeys.values())},
            file_of={j.journey: name for name, j in reversed(valid)},
            problems=(*problems.found, *found),
        )

    def _file(self, name: str, stamp: Stamp, form: type[BaseModel]) -> FileRead:
        kept = self._kept.get(name)
        if kept is None or kept[0] != stamp:
            kept = self._kept[name] = (stamp, read_file(self._folder, name, form, None if kept is None else kept[1]))
        return kept[1]

    def _stamps(self) -> dict[str, Stamp]:
        """Of the policies and of every journey, in the order of their names; of what is misnamed too."""
        stamps: dict[str, Stamp] = {POLICIES: _stamp(self._folder / POLICIES)}
        try:
            with os.scandir(self._folder / JOURNEYS) as entries:
                journeys = [e for e in entries if e.name.endswith((_ENDING, _WRONG_ENDING))]
        except OSError:
            return stamps
        for entry in sorted(journeys, key=lambda e: e.name):
            stamps[f"{JOURNEYS}/{entry.name}"] = _stamp(entry)
        return stamps


def _stamp(file: Path | os.DirEntry[str]) -> Stamp:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _refuse_twice(node: yaml.Node | None) -> None:
    """Plain YAML would keep the last of two equal keys without a word. Raises: ConstructorError at the second."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_twice(item)
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                problem = f"'{key.value}' is given twice"
                raise yaml.constructor.ConstructorError(problem=problem, problem_mark=key.start_mark)
            seen.add(str(key.value))
            _refuse_twice(value)


def _read_yaml(text: str) -> tuple[yaml.Node | None, Any]:
    """The nodes, with their places, and the plain values; both from one reading, by the C parser where there is one."""
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        _refuse_twice(root)
        return root, None if root is None else loader.construct_document(root)
    finally:
        loader.dispose()


def read_file(folder: Path, name: str, form: type[BaseModel], kept: FileRead | None = None) -> FileRead:
    """`kept`: what was read of it before, which is returned if the text is still the same."""
    try:
        text = (folder / name).read_text(encoding="utf-8")
    except FileNotFoundError:
        return _unread(SourceFile(name=name), "the file is missing")
    except (UnicodeDecodeError, OSError) as error:
        return _unread(SourceFile(name=name), f"not YAML: {error}")
    if kept is not None and kept.file.text == text:
        return kept
    return _parsed(SourceFile(name=name, text=text), text, form)


def _parsed(file: SourceFile, text: str, form: type[BaseModel]) -> FileRead:
    try:
        return FileRead(file=file, document=form.model_validate(_read_yaml(text)[1]))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = "" if mark is None else f" (line {mark.line + 1}, column {mark.column + 1})"
        return _unread(file, f"not YAML: {error.problem}{where}")
    except yaml.YAMLError as error:
        return _unread(file, f"not YAML: {error}")
    except ValidationError as error:
        return FileRead(file=file, problems=tuple(form_problems(file.name, error)))


def _unread(file: SourceFile, text: str) -> FileRead:
    return FileRead(file=file, problems=(Problem(subject=file.name, path=(), fault=Fault.FILE, text=text),))


def form_problems(name: str, error: ValidationError) -> Iterator[Problem]:
    """One problem for each field that is not what it must be."""
    for fault in error.errors(include_url=False):
        text = fault["msg"].removeprefix("Value error, ")
        yield Problem(subject=name, path=tuple(fault["loc"]), fault=Fault.FORM, text=text)


def _child(node: yaml.Node | None, part: str | int) -> tuple[yaml.Node | None, yaml.Node] | None:
    """(key, value) of a mapping's entry, or an item of a sequence; None for a part that is not in the file."""
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == part), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return None, node.value[part]
    return None
