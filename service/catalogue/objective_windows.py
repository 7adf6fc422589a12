"""How long after a journey was presented its objective may be met, by the catalogues that a store keeps.

Only the windows are read of a catalogue's text, which may be long, for nobody decides meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from pydantic import BaseModel, ValidationError

from features.documents.durations import Duration


class _Objective(BaseModel):
    within: Duration


class _Journey(BaseModel):
    journey: str
    objective: _Objective


class _Catalogue(BaseModel):
    journeys: tuple[_Journey, ...]


class ObjectiveWindows:
    """The windows of the objectives, by version of a catalogue and journey; each version is read once."""

    def __init__(self) -> None:
        self._by_version: dict[str, Mapping[str, timedelta]] = {}

    def of(self, read: Callable[[str], str | None], version: str, journey_id: str) -> timedelta | None:
        """`read` gives the canonical text of a version, if it is kept. None if the window cannot be told."""
        if version not in self._by_version:
            source = read(version)
            if source is None:
                return None
            self._by_version[version] = _windows_in(source)
        return self._by_version[version].get(journey_id)


def _windows_in(source: str) -> Mapping[str, timedelta]:
    """None of a text that this program cannot read."""
    try:
        found = _Catalogue.model_validate_json(source)
    except ValidationError:
        return {}
    return {one.journey: one.objective.within for one in found.journeys}
