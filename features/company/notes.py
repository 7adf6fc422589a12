"""What a company says of its features beside the registry: a file of notes, by feature."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import Field, RootModel, field_validator

from features.company.document import Name
from features.documents.durations import Duration
from features.documents.form import Document
from features.schema import FeatureSpec, PersonalData


class FeatureNote(Document):
    """What the registry does not say of a feature."""

    description: str | None = Field(default=None, description="What it means.")
    unit: str | None = Field(default=None, description="What a number counts, or how a text is to be read.")
    range: tuple[float, float] | None = Field(default=None, description="The least and the greatest that it can be.")
    levels: tuple[str, ...] | None = Field(default=None, description="All that a text can be.")
    owner: str | None = Field(default=None, description="Who answers for it.")
    personal_data: PersonalData | None = Field(default=None, strict=False, description="Its personal-data class.")
    max_age: Duration | None = Field(default=None, description="How old it may be; default: its view's own ttl.")

    @field_validator("range")
    @classmethod
    def _least_first(cls, ends: tuple[float, float] | None) -> tuple[float, float] | None:
        if ends is not None and ends[0] > ends[1]:
            raise ValueError(f"the least stands first: write [{ends[1]:.15g}, {ends[0]:.15g}]")
        return ends


class FeatureNotes(RootModel[dict[Name, FeatureNote]]):
    """The whole of features.yaml, by feature."""


def noted(spec: FeatureSpec, note: FeatureNote | None) -> FeatureSpec:
    """With what the note says, which goes before the registry; what is derived is as old as its source."""
    if note is None:
        return spec
    said: dict[str, Any] = {
        "description": note.description,
        "unit": note.unit,
        "owner": note.owner,
        "personal_data": note.personal_data,
        "max_age_s": None if note.max_age is None or spec.formula is not None else note.max_age.total_seconds(),
        "bounds": note.range,
        "levels": note.levels,
    }
    return replace(spec, **{name: value for name, value in said.items() if value is not None})
