"""The names that a condition may use, and their values for one request."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from features.values import FeatureStatus, Scalar
from service.decision.facts import CONTACTS_VARIABLE, Facts, Situation

Result = TypeVar("Result")

CEL_PYTHON_TYPES: Mapping[str, type[Any]] = {"string": str, "double": float, "int": int, "bool": bool}
"""The Python type of each plain type of a condition, by the name that a catalogue gives it."""
SITUATION_TYPES: Mapping[str, str] = {
    "situation.has_open_incident": "bool",
    "situation.open_incidents": "int",
    "situation.open_incident_classes": "list<string>",
    "situation.last_incident_resolved_at": "timestamp",
    "situation.stages": "map<string, string>",
    "situation.journeys": "list<string>",
    CONTACTS_VARIABLE: "int",
}
"""The variables that follow from the customer's events and contacts, with their types."""


_VARIABLES: dict[str, str] = {}
"""The variables of features, by their names."""
MOST_NAMES = 10_000
"""So many names are kept; then they are made anew."""


class Variables:
    """The values of variables by name, and what was computed of them, so that no condition computes it again.

    What is not known has no entry. They never change: other values are other `Variables`.
    """

    __slots__ = ("_computed", "known")

    def __init__(self, known: Mapping[str, Any]) -> None:
        self.known = known
        self._computed: dict[Callable[[Mapping[str, Any]], Any], Any] = {}

    def once(self, compute: Callable[[Mapping[str, Any]], Result]) -> Result:
        """What this function (or bound method) makes of the values; asked again, it is not called again."""
        try:
            result: Result = self._computed[compute]
        except KeyError:
            result = self._computed[compute] = compute(self.known)
        return result

    def has(self, compute: Callable[[Mapping[str, Any]], Any]) -> bool:
        """Whether it is known already."""
        return compute in self._computed

    def keep(self, compute: Callable[[Mapping[str, Any]], Result], result: Result) -> None:
        """What the function would make of the values, by whoever made it of several at once."""
        self._computed[compute] = result


def with_variables(facts: Facts) -> Facts:
    """The same facts, with `variables` made from them. What is not known has no entry, and a NaN tells nothing."""
    bound: dict[str, Any] = {"now": facts.now, "channel": facts.channel}
    if facts.placement is not None:
        bound["placement"] = facts.placement
    for name, value in facts.context.items():
        if not _is_nan(value):
            bound["context." + name] = value
    for name, feature in facts.features.items():
        if feature.status is FeatureStatus.PRESENT and feature.value == feature.value:  # a NaN is not itself
            bound[_VARIABLES.get(name) or _variable(name)] = feature.value
    if facts.is_known is not None:
        bound["customer.is_known"] = facts.is_known
    bound.update(_situation(facts.situation, facts.now))
    return replace(facts, variables=bound)


def feature_variables(present: Iterable[tuple[str, Scalar | None]]) -> dict[str, Any]:
    """Of the features that are PRESENT, by name and value."""
    return {_variable(name): value for name, value in present if not _is_nan(value)}


def _variable(feature: str) -> str:
    """One text for each feature, so that it is hashed once."""
    if len(_VARIABLES) >= MOST_NAMES:
        _VARIABLES.clear()
    return _VARIABLES.setdefault(feature, "customer." + feature)


def _is_nan(value: Scalar | None) -> bool:
    """A NaN compares as false, so that its negation would hold: no condition may see one."""
    return isinstance(value, float) and math.isnan(value)


def _situation(situation: Situation, now: datetime) -> dict[str, Any]:
    """The variables of a situation; none if it could not be read in full."""
    if situation.unread:
        return {}
    incidents = situation.incidents
    bound: dict[str, Any] = {
        "situation.stages": {e.journey_id: e.stage.value for e in situation.enrolments.values()},
        "situation.journeys": sorted(situation.enrolments),
        CONTACTS_VARIABLE: situation.count_contacts(now),
    }
    if incidents.known:
        bound["situation.has_open_incident"] = True
    if incidents.is_complete:
        bound["situation.has_open_incident"] = bool(incidents.known)
        bound["situation.open_incidents"] = len(incidents.known)
        bound["situation.open_incident_classes"] = sorted({i.incident_class or "" for i in incidents.known})
        if incidents.last_resolved_at is not None:
            bound["situation.last_incident_resolved_at"] = incidents.last_resolved_at
    return bound
