"""`rumbo catalogue test`: reads the cases of a catalogue, decides each, and says where the answer differs.

Meta-rule: every constraint in use must be the only denial of a journey in some case, and allow one in another.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from features.documents.files import FileUnfit, listed, misnamed, printable
from features.errors import RumboError
from service.catalogue.cases.answer import Difference, answer_of, check_names, decide, differences
from service.catalogue.cases.coverage import Coverage, constraints_in_use, coverage_of
from service.catalogue.cases.document import CaseDocument, CasesDocument
from service.catalogue.cases.facts import CaseInvalid
from service.catalogue.documents.problems import FaultClass, Problem
from service.catalogue.documents.source import read_file
from service.catalogue.terms import Terms
from service.decision.plan import Plan

CASES, DEFAULTS = "cases", "defaults.yaml"


class CasesUnreadable(RumboError):
    """Files of cases that are not what they must be: each fault with its place."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("the cases cannot be read:\n" + "\n".join(f"  {p}" for p in self.problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case with its defaults filled in, and the file it stands in."""

    file: str
    document: CaseDocument

    def __str__(self) -> str:
        return f"{self.file}: {self.document.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    case: Case
    differences: tuple[Difference, ...]
    coverage: Coverage = field(default_factory=Coverage)

    @property
    def is_met(self) -> bool:
        return not self.differences


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All results, and the constraints that no case shows to deny alone, or to allow."""

    results: tuple[CaseResult, ...]
    never_denies: tuple[str, ...]
    never_allows: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        return all(r.is_met for r in self.results) and not self.never_denies and not self.never_allows


def read_cases(folder: Path) -> tuple[Case, ...]:
    """The cases of a catalogue, in the order of files and lines. Raises: CasesUnreadable."""
    try:
        names = list(listed(folder, CASES))
    except FileUnfit as error:
        raise CasesUnreadable([f"{folder / CASES}: {error}"]) from error
    problems = [
        Problem(subject=printable(n), path=(), fault=FaultClass.FILE, text=t) for n in names if (t := misnamed(n))
    ]
    read: dict[str, CasesDocument] = {}
    for name in (name for name in names if not misnamed(name)):
        one = read_file(folder, name, CasesDocument)
        problems.extend(one.problems)
        if isinstance(one.document, CasesDocument):
            read[name] = one.document
    if problems or not names:
        raise CasesUnreadable(map(str, problems) if problems else [f"{folder / CASES}: no case (*.yaml) found"])
    company = read.get(f"{CASES}/{DEFAULTS}", CasesDocument()).defaults
    return tuple(
        Case(file=name, document=case.over(file.defaults.over(company)))
        for name, file in read.items()
        for case in file.cases
    )


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
    """What one case got. A case that speaks of what does not exist differs as a whole."""
    try:
        check_names(case.document, plan)
        decision = decide(case.document, plan, terms)
    except CaseInvalid as error:
        wrong = Difference(about="case", journey="", expected="a case that can be", found=str(error))
        return CaseResult(case=case, differences=(wrong,))
    found = tuple(differences(case.document, answer_of(decision)))
    return CaseResult(case=case, differences=found, coverage=coverage_of(decision))
