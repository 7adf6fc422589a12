"""The form of the YAML files as JSON Schema, so that editors complete and check them while they are written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from features.company.document import CompanyDocument
from features.company.notes import FeatureNotes
from features.files import write_text
from service.catalogue.cases.document import CasesDocument
from service.catalogue.documents.journey import JourneyDocument
from service.catalogue.documents.policies import PoliciesDocument

FOLDER = Path(__file__).parents[1] / "json_schema"
FORMS: dict[str, type[BaseModel]] = {
    "journey.json": JourneyDocument,
    "policies.json": PoliciesDocument,
    "cases.json": CasesDocument,
    "rumbo.json": CompanyDocument,
    "features.json": FeatureNotes,
}


def json_schema(name: str) -> dict[str, Any]:
    """The schema of one form, by file name."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **FORMS[name].model_json_schema(by_alias=True)}


def written(name: str) -> str:
    """The content of its file."""
    return json.dumps(json_schema(name), indent=1, ensure_ascii=False) + "\n"


def write(folder: Path = FOLDER) -> Iterator[Path]:
    """Writes every schema; gives the files that changed."""
    for name in FORMS:
        file, content = folder / name, written(name)
        if not file.is_file() or file.read_text(encoding="utf-8") != content:
            write_text(file, content)
            yield file
