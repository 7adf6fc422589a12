"""A catalogue that may be used: `policies.yaml` and `journeys/*.yaml`, checked and bound. A content hash names it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from features.documents.files import Stamps
from features.errors import RumboError
from service.catalogue.bind.catalogue import CatalogueBinder
from service.catalogue.documents.journey import CatalogueDocument
from service.catalogue.documents.patience import GoOn, always
from service.catalogue.documents.policies import PoliciesDocument
from service.catalogue.documents.problems import Problem
from service.catalogue.documents.source import CatalogueSource, Reader, form_problems
from service.catalogue.terms import Terms
from service.decision.plan import Plan

_MAX_TOLD = 100


class CatalogueInvalid(RumboError):
    """A catalogue that may not be used. `problems` has one line for each fault: field and cause.

    `located` are the first of them with file, line and column, where they were read from files.
    """

    def __init__(self, found: Iterable[Problem], source: CatalogueSource | None = None) -> None:
        self.found = tuple(found)
        self.problems = tuple(map(str, self.found))
        shown = self.found[:_MAX_TOLD]
        self.located = self.problems[:_MAX_TOLD] if source is None else tuple(map(source.located, shown))
        more = len(self.found) - len(shown)
        lines = (*self.located, f"and {more} more") if more else self.located
        super().__init__("the catalogue is invalid:\n" + "\n".join(f"  {line}" for line in lines))


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """A catalogue that may be used. `source` is its canonical text, from which `parse` makes it again."""

    plan: Plan
    document: CatalogueDocument
    source: str

    @property
    def version(self) -> str:
        return self.plan.version

    @cached_property
    def stages(self) -> Mapping[str, frozenset[str]]:
        """The stages of each journey."""
        return {j.journey: frozenset(s.stage.value for s in j.stages) for j in self.document.journeys}


class CatalogueFolder:
    """A folder that is loaded again and again: only what changed is read, checked and bound anew."""

    def __init__(self, folder: Path, terms: Terms) -> None:
        self._reader = Reader(folder)
        self._binder = CatalogueBinder(terms)
        self._policies: tuple[PoliciesDocument, PoliciesDocument] | None = None
        self._last: Catalogue | None = None

    def renew(self, terms: Terms) -> None:
        """Binds by other terms whatever is loaded from now on. Not while anything is being loaded."""
        self._binder, self._last = CatalogueBinder(terms), None

    def stamp(self) -> Stamps:
        """Differs as soon as a file of the catalogue was changed, added or removed."""
        return self._reader.stamp()

    def load(self, go_on: GoOn = always) -> Catalogue:
        """What the folder holds now; the very catalogue of the last time, if its content is the same.

        Raises: CatalogueInvalid with every fault found in it; what `go_on` raises.
        """
        source = self._reader.read(go_on)
        if source.problems or source.policies is None:
            raise CatalogueInvalid(source.problems, source)
        policies = self._as_replayed(source.policies)
        document = CatalogueDocument.model_construct(policies=policies, journeys=source.journeys)
        if self._last is None or self._last.source != document.canonical:
            self._last = _bound(document, document.canonical, self._binder, go_on, source)
        return self._last

    def _as_replayed(self, read: PoliciesDocument) -> PoliciesDocument:
        """By way of their canonical text, whose order replay, which has that text alone, finds again."""
        if self._policies is None or self._policies[0] is not read:
            self._policies = read, PoliciesDocument.model_validate_json(read.canonical)
        return self._policies[1]


def load(folder: Path, terms: Terms) -> Catalogue:
    """A catalogue from a folder. Raises: CatalogueInvalid with every fault found in the folder."""
    return CatalogueFolder(folder, terms).load()


def parse(source: str, terms: Terms) -> Catalogue:
    """A catalogue from its canonical text. Raises: CatalogueInvalid."""
    try:
        document = CatalogueDocument.model_validate_json(source)
    except ValidationError as error:
        raise CatalogueInvalid(form_problems("source", error, CatalogueDocument)) from error
    return _bound(document, source, CatalogueBinder(terms, is_kept=True))


def rebound(catalogue: Catalogue, terms: Terms) -> Catalogue:
    """The same catalogue by other terms. Raises: CatalogueInvalid where it speaks of what they lack."""
    return _bound(catalogue.document, catalogue.source, CatalogueBinder(terms))


def _bound(
    document: CatalogueDocument,
    text: str,
    binder: CatalogueBinder,
    go_on: GoOn = always,
    source: CatalogueSource | None = None,
) -> Catalogue:
    version = hashlib.sha256(text.encode()).hexdigest()[:16]
    bound = binder.bind(document, version, go_on)
    if bound.problems:
        raise CatalogueInvalid(bound.problems, source)
    return Catalogue(plan=bound.plan, document=document, source=text)
