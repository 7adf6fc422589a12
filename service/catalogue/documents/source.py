"""Reads a catalogue's files as YAML, keeping where everything stands, so that faults have a line and a column."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from service.catalogue.documents.files import (
    FileUnfit,
    Stamp,
    Stamps,
    content_of,
    listed,
    misnamed,
    printable,
    stamp_of,
)
from service.catalogue.documents.journey import JourneyDocument
from service.catalogue.documents.nodes import MAX_BYTES, NotReadable, compose, decoded, value_of
from service.catalogue.documents.patience import GoOn, always
from service.catalogue.documents.policies import PoliciesDocument
from service.catalogue.documents.problems import JOURNEYS, POLICIES, FaultClass, Problem, Problems

MAX_CATALOGUE_BYTES = 16 * 1024 * 1024
_MAX_FORM_FAULTS, _MAX_SHOWN = 100, 60
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


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueSource:
    """The documents of a catalogue's folder. `files` by file name within it; `file_of`: the file name by journey id."""

    policies: PoliciesDocument | None
    journeys: tuple[JourneyDocument, ...]
    files: Mapping[str, SourceFile]
    file_of: Mapping[str, str]
    problems: tuple[Problem, ...] = field(default=())

    def place(self, problem: Problem) -> Place:
        name = self.file_of.get(problem.subject, problem.subject)
        in_text = _IN_TEXT.search(problem.text) if problem.fault is FaultClass.FILE else None
        if in_text is not None:
            return Place(file=name, line=int(in_text["line"]), column=int(in_text["column"]))
        return self.files.get(name, SourceFile(name=name)).place(problem.path, problem.column)

    def located(self, problem: Problem) -> str:
        """The problem with its place, in one line."""
        place = self.place(problem)
        where = f"{place.file}:{place.line}:{place.column}"
        return ": ".join(filter(None, (where, ".".join(map(str, problem.path)), without_place(problem.text))))


def without_place(text: str) -> str:
    """What a fault of a file says, without the place at its end."""
    return _IN_TEXT.sub("", text)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedFile:
    """The result of reading one file: its document, or why there is none."""

    file: SourceFile
    document: BaseModel | None = None
    problems: tuple[Problem, ...] = ()


def read(folder: Path) -> CatalogueSource:
    """Reads every file and keeps all faults; nothing is raised for a bad one."""
    return Reader(folder).read()


class Reader:
    """Reads a folder again and again: a document stays the same object until the text of its file is another."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: dict[str, tuple[Stamp, ParsedFile]] = {}

    def stamp(self) -> Stamps:
        """Differs as soon as a file of the catalogue was changed, added or removed."""
        return frozenset(self._stamps(Problems()).items())

    def read(self, go_on: GoOn = always) -> CatalogueSource:
        """`go_on` is asked before each file. Raises: what that raises."""
        problems = Problems()
        stamps = self._stamps(problems)
        wrong = {name: text for name in stamps if name != JOURNEYS and (text := misnamed(name))}
        names = [name for name in stamps if name != JOURNEYS and name not in wrong]
        journeys = {n: self._file(n, stamps[n], JourneyDocument, go_on) for n in names if n != POLICIES}
        if not journeys and not problems.found:
            problems.add(JOURNEYS, (), FaultClass.FILE, "no journey (*.yaml) found")
        for name, text in wrong.items():
            problems.add(printable(name), (), FaultClass.FILE, text)
        policies = self._file(POLICIES, stamps[POLICIES], PoliciesDocument, go_on)
        found = [p for one in (policies, *journeys.values()) for p in one.problems]
        valid = [(name, one.document) for name, one in journeys.items() if isinstance(one.document, JourneyDocument)]
        self._kept = {name: self._kept[name] for name in names}
        return CatalogueSource(
            policies=policies.document if isinstance(policies.document, PoliciesDocument) else None,
            journeys=tuple(sorted((j for _, j in valid), key=lambda j: j.journey)),
            files={one.file.name: one.file for one in (policies, *journeys.values())},
            file_of={j.journey: name for name, j in reversed(valid)},
            problems=(*problems.found, *found),
        )

    def _file(self, name: str, stamp: Stamp, form: type[BaseModel], go_on: GoOn) -> ParsedFile:
        kept = self._kept.get(name)
        if kept is None or kept[0] != stamp:
            go_on()
            kept = self._kept[name] = (stamp, read_file(self._folder, name, form, None if kept is None else kept[1]))
        return kept[1]

    def _stamps(self, problems: Problems) -> dict[str, Stamp]:
        """Of the policies and of every journey, in the order of their names; of what is misnamed too.

        Of the folder of journeys itself, if they are too many or too much to be read.
        """
        policies = {POLICIES: stamp_of(self._folder / POLICIES)}
        try:
            stamps = policies | listed(self._folder, JOURNEYS)
            sizes = (stamp[1] for stamp in stamps.values() if stamp is not None)
            if sum(size for size in sizes if size <= MAX_BYTES) > MAX_CATALOGUE_BYTES:  # larger ones are named alone
                raise FileUnfit(f"more than {MAX_CATALOGUE_BYTES // 1024**2} MB in all")
        except FileUnfit as error:
            problems.add(JOURNEYS, (), FaultClass.FILE, str(error))
            return policies | {JOURNEYS: stamp_of(self._folder / JOURNEYS)}
        return stamps


def read_file(folder: Path, name: str, form: type[BaseModel], kept: ParsedFile | None = None) -> ParsedFile:
    """`kept`: what was read of it before, which is returned if the text is still the same."""
    try:
        text = decoded(content_of(folder, name))
    except (FileUnfit, NotReadable) as error:
        return _unread(SourceFile(name=name), str(error))
    if kept is not None and kept.file.text == text:
        return kept
    return _parsed(SourceFile(name=name, text=text), text, form)


def _parsed(file: SourceFile, text: str, form: type[BaseModel]) -> ParsedFile:
    """By way of JSON, whose types are those of the files: nothing is turned into what it is not."""
    try:
        values = value_of(compose(text))
    except NotReadable as error:
        return _unread(file, str(error))
    try:
        return ParsedFile(file=file, document=form.model_validate_json(json.dumps(values)))
    except ValidationError as error:
        return ParsedFile(file=file, problems=tuple(form_problems(file.name, error)))


def _unread(file: SourceFile, text: str) -> ParsedFile:
    return ParsedFile(file=file, problems=(Problem(subject=file.name, path=(), fault=FaultClass.FILE, text=text),))


def form_problems(name: str, error: ValidationError) -> Iterator[Problem]:
    """One problem for each field that is not what it must be; of very many, the first."""
    faults = error.errors(include_url=False, include_context=False)
    for fault in faults[:_MAX_FORM_FAULTS]:
        yield Problem(subject=name, path=tuple(fault["loc"]), fault=FaultClass.FORM, text=_error_text(fault))
    if len(faults) > _MAX_FORM_FAULTS:
        text = f"and {len(faults) - _MAX_FORM_FAULTS} more faults of form"
        yield Problem(subject=name, path=(), fault=FaultClass.FORM, text=text)


def _error_text(fault: ErrorDetails) -> str:
    """What is wrong and, where a scalar is of another type, how to write it."""
    expected, value = _EXPECTED.get(fault["type"]), fault["input"]
    if expected is None or isinstance(value, dict | list):
        return fault["msg"].removeprefix("Value error, ")
    shown = value if isinstance(value, str) else json.dumps(value)
    hint = "" if value is None or fault["type"] != "string_type" else ": put it in quotes"
    return f"expected {expected}, not `{shown[:_MAX_SHOWN]}`{hint}"


_NUMBER, _WHOLE = "a number in plain decimals such as 3 or 0.5", "a whole number in plain decimals such as 500"
_EXPECTED: Mapping[str, str] = {
    "bool_type": "true or false",
    "float_type": _NUMBER,
    "int_type": _WHOLE,
    "int_from_float": _WHOLE,
    "string_type": "a text",
}


def _child(node: yaml.Node | None, part: str | int) -> tuple[yaml.Node | None, yaml.Node] | None:
    """(key, value) of a mapping's entry, or an item of a sequence; None for a part that is not in the file."""
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == part), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return None, node.value[part]
    return None
