"""Reads a catalogue folder: `policies.yaml` and `journeys/*.yaml`. A content hash names the version."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from features.errors import RumboError
from features.schema import FeatureSchema
from service.catalogue.bind import bind
from service.catalogue.schema import CatalogueDocument, JourneyDocument, PoliciesDocument
from service.decision.plan import Plan

Form = TypeVar("Form", bound=BaseModel)
EXAMPLE = Path(__file__).parent / "examples" / "complete_journey"


class CatalogueInvalid(RumboError):
    """A catalogue that may not be used. `problems` has one line for each fault: place and cause."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("the catalogue is invalid:\n" + "\n".join(f"  {p}" for p in problems))
        self.problems = tuple(problems)


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
    """A catalogue from a folder, by way of its source: so replay, which has the source alone, binds the same plan.

    Raises: CatalogueInvalid with every fault found in the folder.
    """
    problems: list[str] = []
    policies = _document(folder / "policies.yaml", PoliciesDocument, problems)
    files = sorted((folder / "journeys").glob("*.yaml"))
    if not files:
        problems.append(f"{folder.name}/journeys: no journey (*.yaml) found")
    problems.extend(f"{file.name}: name it *.yaml" for file in sorted((folder / "journeys").glob("*.yml")))
    journeys = [j for file in files if (j := _document(file, JourneyDocument, problems)) is not None]
    if problems or policies is None:
        raise CatalogueInvalid(problems)
    journeys.sort(key=lambda j: j.journey)
    fields = CatalogueDocument(policies=policies, journeys=tuple(journeys)).model_dump(mode="json", by_alias=True)
    return parse(json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False), schema)


def parse(source: str, schema: FeatureSchema) -> Catalogue:
    """A catalogue from its canonical text. Raises: CatalogueInvalid."""
    try:
        document = CatalogueDocument.model_validate_json(source)
    except ValidationError as error:
        raise CatalogueInvalid(list(_faults("source", error))) from error
    version = hashlib.sha256(source.encode()).hexdigest()[:16]
    plan, problems = bind(document, schema, version)
    if problems:
        raise CatalogueInvalid(problems)
    return Catalogue(plan=plan, document=document, source=source)


class _UniqueKeys(yaml.SafeLoader):
    """Safe YAML in which no key is given twice: plain YAML would keep the last without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"'{key.value}' is given twice", key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def _document(file: Path, form: type[Form], problems: list[str]) -> Form | None:
    try:
        content: Any = yaml.load(file.read_text(encoding="utf-8"), Loader=_UniqueKeys)
        return form.model_validate(content)
    except FileNotFoundError:
        problems.append(f"{file.name}: the file is missing")
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        problems.append(f"{file.name}: not YAML: {error}")
    except ValidationError as error:
        problems.extend(_faults(file.name, error))
    return None


def _faults(name: str, error: ValidationError) -> Iterator[str]:
    for fault in error.errors(include_url=False):
        place = ".".join(str(part) for part in fault["loc"])
        yield f"{name}: {place}: {fault['msg']}" if place else f"{name}: {fault['msg']}"
