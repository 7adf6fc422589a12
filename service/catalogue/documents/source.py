"""Reads a catalogue's files as YAML, keeping where everything stands, so that faults have a line and a column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ValidationError

from features.documents.files import (
    FileUnfit,
    Stamp,
    Stamps,
    content_of,
    listed,
    misnamed,
    printable,
    stamp_of,
)
from features.documents.form import form_faults, parsed
from features.documents.nodes import MAX_BYTES, NotReadable, decoded
from features.documents.source import Place, SourceFile, fault_line, place_in_text
from service.catalogue.documents.journey import JourneyDocument
from service.catalogue.documents.patience import GoOn, always
from service.catalogue.documents.policies import PoliciesDocument
from service.catalogue.documents.problems import JOURNEYS, POLICIES, FaultClass, Problem, Problems

MAX_CATALOGUE_BYTES = 16 * 1024 * 1024


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
        in_text = place_in_text(name, problem.text) if problem.fault is FaultClass.FILE else None
        if in_text is not None:
            return in_text
        return self.files.get(name, SourceFile(name=name)).place(problem.path, problem.column)

    def located(self, problem: Problem) -> str:
        """The problem with its place, in one line."""
        return fault_line(self.place(problem), problem.path, problem.text)


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
    try:
        return ParsedFile(file=file, document=parsed(text, form))
    except NotReadable as error:
        return _unread(file, str(error))
    except ValidationError as error:
        return ParsedFile(file=file, problems=tuple(form_problems(file.name, error, form)))


def _unread(file: SourceFile, text: str) -> ParsedFile:
    return ParsedFile(file=file, problems=(Problem(subject=file.name, path=(), fault=FaultClass.FILE, text=text),))


def form_problems(name: str, error: ValidationError, form: type[BaseModel]) -> Iterator[Problem]:
    """One problem for each field that is not what it must be; of very many, the first."""
    for fault in form_faults(error, form):
        yield Problem(subject=name, path=fault.path, fault=FaultClass.FORM, text=fault.text)
