"""Reads a catalogue's files as YAML, keeping where everything stands, so that faults have a line and a column."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from service.catalogue.policy_schema import PoliciesDocument
from service.catalogue.problems import POLICIES, Fault, Problem, Problems
from service.catalogue.schema import JourneyDocument

JOURNEYS = "journeys"
_Loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in a file; both count from 1, as editors do."""

    file: str
    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """One file: its name within the catalogue, and its nodes (None if it is no YAML)."""

    name: str
    root: yaml.Node | None = None

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
    """Reads a folder again and again: only files that changed are read anew."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: dict[str, tuple[Stamp, FileRead]] = {}

    def stamp(self) -> Stamps:
        """Differs as soon as a file of the catalogue was changed, added or removed."""
        return frozenset((name, self._stamp(name)) for name in (POLICIES, *self._names(), *self._misnamed()))

    def read(self) -> Source:
        problems = Problems()
        names = self._names()
        if not names:
            problems.add(JOURNEYS, (), Fault.FILE, "no journey (*.yaml) found")
        for name in self._misnamed():
            problems.add(name, (), Fault.FILE, "name it *.yaml")
        policies = self._file(POLICIES, PoliciesDocument)
        journeys = {name: self._file(name, JourneyDocument) for name in names}
        found = [p for one in (policies, *journeys.values()) for p in one.problems]
        valid = [(name, one.document) for name, one in journeys.items() if isinstance(one.document, JourneyDocument)]
        self._kept = {name: kept for name, kept in self._kept.items() if name in journeys or name == POLICIES}
        return Source(
            policies=policies.document if isinstance(policies.document, PoliciesDocument) else None,
            journeys=tuple(sorted((j for _, j in valid), key=lambda j: j.journey)),
            files={one.file.name: one.file for one in (policies, *journeys.values())},
            file_of={j.journey: name for name, j in reversed(valid)},
            problems=(*problems.found, *found),
        )

    def _file(self, name: str, form: type[BaseModel]) -> FileRead:
        stamp = self._stamp(name)
        kept = self._kept.get(name)
        if kept is None or kept[0] != stamp:
            kept = self._kept[name] = (stamp, read_file(self._folder, name, form))
        return kept[1]

    def _names(self) -> list[str]:
        return sorted(f"{JOURNEYS}/{file.name}" for file in (self._folder / JOURNEYS).glob("*.yaml"))

    def _misnamed(self) -> list[str]:
        return sorted(f"{JOURNEYS}/{file.name}" for file in (self._folder / JOURNEYS).glob("*.yml"))

    def _stamp(self, name: str) -> Stamp:
        try:
            status = (self._folder / name).stat()
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


def read_file(folder: Path, name: str, form: type[BaseModel]) -> FileRead:
    file = SourceFile(name=name)
    try:
        root, content = _read_yaml((folder / name).read_text(encoding="utf-8"))
        file = SourceFile(name=name, root=root)
        return FileRead(file=file, document=form.model_validate(content))
    except FileNotFoundError:
        text = "the file is missing"
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = "" if mark is None else f" (line {mark.line + 1}, column {mark.column + 1})"
        text = f"not YAML: {error.problem}{where}"
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        text = f"not YAML: {error}"
    except ValidationError as error:
        return FileRead(file=file, problems=tuple(form_problems(name, error)))
    return FileRead(file=file, problems=(Problem(subject=name, path=(), fault=Fault.FILE, text=text),))


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
