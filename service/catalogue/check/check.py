"""Checks a catalogue as an owner needs it: everything that is wrong, where it stands, and what may have been meant.

First what `source.read` and `bind` find: files, form, names, conditions. These are errors, and a catalogue with any of
them cannot be loaded. If there is none, the analysis follows, which takes a solver: see `service.catalogue.check`,
whose modules say what they look for and how severe it is. An ERROR is to keep a catalogue from being used, a WARNING
is surely not what was meant but does no harm, a NOTICE is worth knowing; what could not be decided is a notice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from importlib.util import find_spec
from pathlib import Path

import yaml

from features.documents.source import without_place
from features.documents.yaml_slips import quoted
from features.errors import RumboError
from service.catalogue.bind.catalogue import BoundCatalogue, bind
from service.catalogue.bind.policies import company_instant
from service.catalogue.check.analysed_conditions import check_conditions
from service.catalogue.check.bypasses import check_bypasses
from service.catalogue.check.caps import check_caps
from service.catalogue.check.expiry import check_expiry
from service.catalogue.check.faults import NearbyNames, node_at, with_suggestions
from service.catalogue.check.meaning import check_meaning
from service.catalogue.check.overlaps import check_overlaps
from service.catalogue.check.possible import check_possible
from service.catalogue.check.stranded import stranded
from service.catalogue.check.texts import check_texts
from service.catalogue.check.tones import check_tones
from service.catalogue.check.under_check import CatalogueUnderCheck, catalogue_under_check
from service.catalogue.check.uplift import check_uplift
from service.catalogue.check.values import check_values
from service.catalogue.conditions.slips.writing import NO_SECOND
from service.catalogue.documents.journey import CatalogueDocument
from service.catalogue.documents.problems import POLICIES, FaultClass, Problem, Problems, Severity
from service.catalogue.documents.source import CatalogueSource, read
from service.catalogue.terms import Terms
from service.state.port import StageCount

_ANOTHER = "another journey has this id"
_ORDER = list(Severity)


class SolverMissing(RumboError):
    """What only checking needs is not installed with the rest."""


def demand_solver() -> None:
    """Raises: SolverMissing."""
    if find_spec("z3") is None:
        raise SolverMissing("`rumbo catalogue check` needs the extra `check`: pip install 'rumbo[check]'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One problem where it stands. `file` is within the catalogue; lines and columns count from 1."""

    file: str
    line: int
    column: int
    severity: Severity
    fault: FaultClass
    text: str
    suggestion: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.severity.lower()}[{self.fault}]: {self.text}"

    def fields(self) -> dict[str, str | int]:
        return asdict(self)


def check(
    folder: Path,
    terms: Terms,
    now: datetime | date,
    against: Path | None = None,
    standing: Iterable[StageCount] = (),
) -> tuple[Finding, ...]:
    """All findings in the order of the files. `against`: an older catalogue, to find ids that changed their meaning.

    `now`, if it is a day, is the first instant of it in the catalogue's zone. `standing`: where customers of a service
    stand, to find those for whom there is no place any more.

    Raises: SolverMissing.
    """
    demand_solver()
    source = read(folder)
    bound = _bound(source, terms)
    problems = list(_unsound(source, bound, terms))
    if not problems and bound is not None:
        catalogue = catalogue_under_check(bound, terms, company_instant(now, bound.document.policies))
        problems = _analysed(catalogue, terms)
        problems += [] if against is None else _changed(against, bound.document)
        problems += stranded(catalogue, standing)
    located = {_located(source, problem): None for problem in problems}
    return tuple(sorted(located, key=lambda f: (f.file, f.line, f.column, _ORDER.index(f.severity), f.fault, f.text)))


def _bound(source: CatalogueSource, terms: Terms) -> BoundCatalogue | None:
    """The documents that can be read, bound even if others cannot; None without the company's."""
    if source.policies is None:
        return None
    return bind(CatalogueDocument(policies=source.policies, journeys=source.journeys), terms, "")


def _analysed(catalogue: CatalogueUnderCheck, terms: Terms) -> list[Problem]:
    problems = Problems()
    check_texts(catalogue, problems)
    check_expiry(catalogue, problems)
    check_uplift(catalogue, problems)
    check_caps(catalogue, problems)
    check_overlaps(catalogue, problems)
    check_bypasses(catalogue, problems)
    if check_values(catalogue, terms.schema, problems):
        check_conditions(catalogue, problems)
        check_tones(catalogue, problems)
        check_possible(catalogue, problems)
    return problems.found


def _changed(against: Path, document: CatalogueDocument) -> list[Problem]:
    """The ids that mean something else than in the older catalogue, a warning if that cannot be read."""
    old, problems = read(against), Problems()
    if old.policies is None or old.problems:
        text = "the older catalogue cannot be read, so ids were not compared"
        problems.add(POLICIES, (), FaultClass.FILE, f"{text}: {old.problems[0]}", None, Severity.WARNING)
        return problems.found
    check_meaning(CatalogueDocument(policies=old.policies, journeys=old.journeys), document, problems)
    return problems.found


def _unsound(source: CatalogueSource, bound: BoundCatalogue | None, terms: Terms) -> Iterator[Problem]:
    """What keeps the documents from being used at all."""
    found = list(source.problems)
    ids = _ids(source)
    if bound is not None:
        absent = {f"there is no journey '{journey}'" for journey in ids} | {_ANOTHER}
        found += [problem for problem in bound.problems if problem.text not in absent]
    roots = {name: file.root for name, file in source.files.items() if file.root is not None}
    roots |= {journey: roots[name] for journey, name in source.file_of.items() if name in roots}
    yield from with_suggestions(found, roots, _near(source, ids, terms))
    yield from _twice(ids)


def _ids(source: CatalogueSource) -> Mapping[str, Sequence[str]]:
    """The files of each journey id, those of files that are not of the right form among them."""
    found: dict[str, list[str]] = {}
    for name, file in source.files.items():
        node = node_at(file.root, ("journey",))
        if name != POLICIES and isinstance(node, yaml.ScalarNode):
            found.setdefault(node.value, []).append(name)
    return found


def _twice(ids: Mapping[str, Sequence[str]]) -> Iterator[Problem]:
    """At the second file, and each one after it."""
    for journey, files in ids.items():
        for name in files[1:]:
            text = f"the journey id '{journey}' is taken: {files[0]} has it"
            yield Problem(subject=name, path=("journey",), fault=FaultClass.NAME, text=text, column=0)


def _near(source: CatalogueSource, ids: Iterable[str], terms: Terms) -> NearbyNames:
    company = source.policies
    channels = {} if company is None else company.channels
    return NearbyNames(
        channels=frozenset(channels),
        placements=frozenset(placement for c in channels.values() for placement in c.placements or ()),
        purposes=frozenset(() if company is None else company.purposes),
        journeys=frozenset(ids),
        others=frozenset(terms.events.by_name),
    )


def _located(source: CatalogueSource, problem: Problem) -> Finding:
    place = source.place(problem)
    text = without_place(problem.text) if problem.fault is FaultClass.FILE else problem.text
    return Finding(
        file=place.file,
        line=place.line,
        column=place.column,
        severity=problem.severity,
        fault=problem.fault,
        text=text + (_comment_within(source, problem) if problem.fault is FaultClass.CONDITION else ""),
        suggestion=problem.suggestion,
    )


def _comment_within(source: CatalogueSource, problem: Problem) -> str:
    """What is said of a text in a condition that lacks its second quote, since a comment begins before it."""
    file = source.files.get(source.file_of.get(problem.subject, problem.subject))
    node = None if file is None else node_at(file.root, problem.path)
    if file is None or file.text is None or not isinstance(node, yaml.ScalarNode) or node.style:
        return ""
    line = file.text.split("\n")[node.end_mark.line]
    if NO_SECOND not in problem.text or not line[node.end_mark.column :].lstrip().startswith("#"):
        return ""
    return f", for ` #` begins a comment: put the whole in quotes, {quoted(line[node.start_mark.column :].rstrip())}"


def in_folder(findings: Iterable[Finding], folder: Path) -> tuple[Finding, ...]:
    """The findings with their files named from where the command was called."""
    return tuple(replace(finding, file=(folder / finding.file).as_posix()) for finding in findings)
