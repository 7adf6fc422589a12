"""A catalogue that may be used: `policies.yaml` and `journeys/*.yaml`, checked and bound. A content hash names it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, ValidationError

from features.errors import RumboError
from features.schema import FeatureSchema
from service.catalogue.bind import bind
from service.catalogue.policy_schema import PoliciesDocument
from service.catalogue.problems import Problem
from service.catalogue.schema import CatalogueDocument
from service.catalogue.source import Source, form_problems, read
from service.decision.plan import Plan

EXAMPLE = Path(__file__).parent / "examples" / "complete_journey"


class CatalogueInvalid(RumboError):
    """A catalogue that may not be used. `problems` has one line for each fault: place and cause."""

    def __init__(self, found: Iterable[Problem]) -> None:
        self.found = tuple(found)
        self.problems = tuple(map(str, self.found))
        super().__init__("the catalogue is invalid:\n" + "\n".join(f"  {p}" for p in self.problems))


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


def load(folder: Path, schema: FeatureSchema) -> Catalogue:
    """A catalogue from a folder.

    Its policies go by way of their canonical text, whose order replay, which has that text alone, finds again.

    Raises: CatalogueInvalid with every fault found in the folder.
    """
    return load_source(read(folder), schema)


def load_source(source: Source, schema: FeatureSchema) -> Catalogue:
    """As `load`, of what was read already."""
    if source.problems or source.policies is None:
        raise CatalogueInvalid(source.problems)
    policies = PoliciesDocument.model_validate_json(_canonical(source.policies))
    document = CatalogueDocument.model_construct(policies=policies, journeys=source.journeys)
    return _bound(document, _canonical(document), schema)


def parse(source: str, schema: FeatureSchema) -> Catalogue:
    """A catalogue from its canonical text. Raises: CatalogueInvalid."""
    try:
        document = CatalogueDocument.model_validate_json(source)
    except ValidationError as error:
        raise CatalogueInvalid(form_problems("source", error)) from error
    return _bound(document, source, schema)


def _bound(document: CatalogueDocument, source: str, schema: FeatureSchema) -> Catalogue:
    version = hashlib.sha256(source.encode()).hexdigest()[:16]
    plan, problems = bind(document, schema, version)
    if problems:
        raise CatalogueInvalid(problems)
    return Catalogue(plan=plan, document=document, source=source)


def _canonical(document: BaseModel) -> str:
    """One text for one content: sorted keys, no spaces."""
    fields = document.model_dump(mode="json", by_alias=True)
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
