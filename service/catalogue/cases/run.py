"""`rumbo catalogue test`: reads the cases of a catalogue, decides each, and says where the answer differs.

Meta-rule: every constraint in use must be the only denial of a journey in some case, and allow one in another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from features.documents.files import FileUnfit, listed, misnamed, printable
from features.documents.source import SourceFile, fault_line, place_in_text
from features.errors import RumboError
from service.catalogue.cases.answer import Difference, answer_of, decide, differences
from service.catalogue.cases.coverage import Coverage, constraints_in_use, coverage_of
from service.catalogue.cases.document import CaseDocument, CasesDocument
from service.catalogue.cases.facts import fact_faults
from service.catalogue.cases.invalid import CaseInvalid
from service.catalogue.cases.invalid import Path as FieldPath
from service.catalogue.cases.names import name_faults
from service.catalogue.documents.problems import Problem
from service.catalogue.documents.source import ParsedFile, read_file
from service.catalogue.terms import Terms
from service.decision.plan import Plan

CASES, DEFAULTS = "cases", "defaults.yaml"


class CasesUnreadable(RumboError):
    """Files of cases that are not what they must be: each fault with its place."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("the cases cannot be read:\n" + "\n".join(f"  {p}" for p in self.problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The part of a file from which a case has some of its fields."""

    file: SourceFile
    path: FieldPath

    def says(self, path: FieldPath) -> bool:
        return self.file.has((*self.path, *path))


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case with its defaults filled in. `parts`: where it is written, then its defaults, the nearer ones first."""

    document: CaseDocument
    parts: tuple[Part, ...] = field(compare=False, repr=False)

    @property
    def file(self) -> str:
        return self.parts[0].file.name

    def __str__(self) -> str:
        part = self.parts[0]
        place = part.file.place((*part.path, "name"))
        return f"{place.file}:{place.line}:{place.column}: {self.document.name}"

    def located(self, fault: CaseInvalid) -> str:
        """A fault in one line, with the place of the field that it is about."""
        part = next((part for part in self.parts if part.says(fault.path)), self.parts[0])
        return fault_line(part.file.place((*part.path, *fault.path)), fault.path, str(fault))


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """`faults`: why it could not be decided, each in one line with its place."""

    case: Case
    differences: tuple[Difference, ...] = ()
    faults: tuple[str, ...] = ()
    coverage: Coverage = field(default_factory=Coverage)

    @property
    def is_met(self) -> bool:
        return not self.differences and not self.faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All results, and the constraints that no case shows to deny alone, or to allow."""

    results: tuple[CaseResult, ...]
    never_denies: tuple[str, ...]
    never_allows: tuple[str, ...]

    @property
    def is_met(self) -> bool:
        """Whether each case got what it expects."""
        return all(r.is_met for r in self.results)

    @property
    def has_gaps(self) -> bool:
        return bool(self.never_denies or self.never_allows)


def read_cases(folder: Path) -> tuple[Case, ...]:
    """The cases of a catalogue, in the order of files and lines. Raises: CasesUnreadable."""
    try:
        names = list(listed(folder, CASES))
    except FileUnfit as error:
        raise CasesUnreadable([f"{folder / CASES}: {error}"]) from error
    faults = [f"{printable(n)}:1:1: {text}" for n in names if (text := misnamed(n))]
    read: dict[str, ParsedFile] = {}
    for name in (name for name in names if not misnamed(name)):
        read[name] = read_file(folder, name, CasesDocument)
        faults += [_located(read[name].file, problem) for problem in read[name].problems]
    if faults or not names:
        raise CasesUnreadable(faults or [f"{folder / CASES}: no case (*.yaml) found"])
    return tuple(_cases(read))


def _cases(read: Mapping[str, ParsedFile]) -> Iterator[Case]:
    """The cases of files that were read without a fault."""
    documents = {name: one.document for name, one in read.items() if isinstance(one.document, CasesDocument)}
    common = f"{CASES}/{DEFAULTS}"
    company = documents.get(common, CasesDocument()).defaults
    shared = [Part(file=read[common].file, path=("defaults",))] if common in read else []
    for name, document in documents.items():
        own = Part(file=read[name].file, path=("defaults",))
        for n, case in enumerate(document.cases):
            written = Part(file=read[name].file, path=("cases", n))
            yield Case(document=case.over(document.defaults.over(company)), parts=(written, own, *shared))


def _located(file: SourceFile, problem: Problem) -> str:
    place = place_in_text(file.name, problem.text) or file.place(problem.path)
    return fault_line(place, problem.path, problem.text)


def run(cases: Iterable[Case], plan: Plan, terms: Terms) -> Report:
    """Decides every case on the core."""
    results = tuple(run_case(case, plan, terms) for case in cases)
    in_use = constraints_in_use(plan)
    denied = {c for r in results for c in r.coverage.denies}
    allowed = {c for r in results for c in r.coverage.allows}
    return Report(
        results=results,
        never_denies=tuple(c for c in in_use if c not in denied),
        never_allows=tuple(c for c in in_use if c not in allowed),
    )


def run_case(case: Case, plan: Plan, terms: Terms) -> CaseResult:
    """What one case got; of one that speaks of what does not exist, all that is wrong with it."""
    faults = [*name_faults(case.document, plan), *fact_faults(case.document, plan, terms)]
    if faults:
        return CaseResult(case=case, faults=tuple(map(case.located, faults)))
    decision = decide(case.document, plan, terms)
    found = tuple(differences(case.document, answer_of(decision)))
    return CaseResult(case=case, differences=found, coverage=coverage_of(decision))
