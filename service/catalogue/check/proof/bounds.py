"""What is taken for granted about the facts a condition reads: their ranges, and how the variables hang together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from features.derived import Age
from features.schema import FeatureSchema, FeatureSpec, FeatureType
from service.decision.facts import CONTACTS_VARIABLE
from service.decision.journey import Stage

FactValue = bool | int | float | str | datetime | list[str] | dict[str, str]
Assignment = Mapping[str, FactValue]
"""A value for each name; a name that is left out stands for a fact that is missing."""

IS_KNOWN = "customer.is_known"
HAS_OPEN = "situation.has_open_incident"
OPEN_COUNT = "situation.open_incidents"
OPEN_CLASSES = "situation.open_incident_classes"
STAGES = "situation.stages"
JOURNEYS = "situation.journeys"

STAGE_NAMES = frozenset(stage.value for stage in Stage)

EARLIEST = datetime(1, 1, 1, tzinfo=UTC) + timedelta(microseconds=1)
LATEST = datetime(9999, 12, 31, 23, 59, 59, 999998, tzinfo=UTC)
"""The first and the last instant that a fact may be: CEL takes datetime.min and datetime.max for infinite."""

LARGEST = 1e12
"""No count of a customer's doings and no amount of money is larger."""
LONGEST_DAYS = 3_652_059.0
"""Days of the years 1 to 9999."""
_RANGE = re.compile(r"(?<![\w.])(-?\d+(?:\.\d+)?)?\.\.(-?\d+(?:\.\d+)?)?(?![\w.])")
_CURRENCY = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Both ends are possible values; None is no limit. `among`: a string is one of these (empty: any)."""

    low: float | datetime | None = None
    high: float | datetime | None = None
    among: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.among:
            return "{" + ", ".join(self.among) + "}"
        return "..".join("" if end is None else _shown(end) for end in (self.low, self.high))

    def allow(self, value: FactValue) -> bool:
        if isinstance(value, str):
            return not self.among or value in self.among
        if isinstance(value, datetime):
            return (self.low is None or _instant(self.low) <= value) and (
                self.high is None or value <= _instant(self.high)
            )
        if isinstance(value, int | float):
            return (self.low is None or _number(self.low) <= value) and (
                self.high is None or value <= _number(self.high)
            )
        return True


SITUATION_BOUNDS: Mapping[str, Bounds] = {
    OPEN_COUNT: Bounds(low=0, high=LARGEST),
    CONTACTS_VARIABLE: Bounds(low=0, high=LARGEST),
}


def bounds_of(schema: FeatureSchema) -> dict[str, Bounds]:
    """What is said of the values of each feature, by the name that conditions use: its bounds, or else its unit.

    A range in the unit counts ("share 0..1", "points -10..", "level ..5"). Else an int with a unit counts something,
    and days and money (a unit of three capitals) are not negative, but for days until an instant. Ranges are taken at
    their word: a share that its view rounds to 1.0000000000000002 lies outside.
    """
    found = {f"customer.{feature.name}": _noted_bounds(feature) for feature in schema.features}
    return {name: bounds for name, bounds in found.items() if bounds is not None}


def _noted_bounds(feature: FeatureSpec) -> Bounds | None:
    if feature.type is FeatureType.STRING:
        return None if not feature.levels else Bounds(among=feature.levels)
    if feature.bounds is None:
        return _unit_bounds(feature)
    return Bounds(low=feature.bounds[0], high=feature.bounds[1])


def _unit_bounds(feature: FeatureSpec) -> Bounds | None:
    if feature.type not in (FeatureType.INT, FeatureType.DOUBLE):
        return None
    if feature.formula is not None and feature.formula.function is Age.DAYS_UNTIL:
        return Bounds(low=-LONGEST_DAYS, high=LONGEST_DAYS)
    stated = _RANGE.search(feature.unit)
    if stated:
        low, high = (None if end is None else float(end) for end in stated.groups())
        return Bounds(low=low, high=high)
    if feature.unit == "days":
        return Bounds(low=0, high=LONGEST_DAYS)
    if (feature.type is FeatureType.INT and feature.unit) or _CURRENCY.fullmatch(feature.unit):
        return Bounds(low=0, high=LARGEST)
    return None


def is_possible(facts: Assignment, bounds: Mapping[str, Bounds]) -> bool:
    """Whether the facts keep to their bounds and to each other. The twin of `translate.Facts`."""
    if any(name in bounds and not bounds[name].allow(value) for name, value in facts.items()):
        return False
    if any(isinstance(v, datetime) and not EARLIEST <= v <= LATEST for v in facts.values()):
        return False
    if facts.get(IS_KNOWN) is False and any(n.startswith("customer.") and n != IS_KNOWN for n in facts):
        return False
    return _incidents_agree(facts) and _journeys_agree(facts)


def _incidents_agree(facts: Assignment) -> bool:
    """An incident is open iff there are some, iff there is a class; there are no more classes than incidents."""
    classes = facts.get(OPEN_CLASSES)
    count = facts.get(OPEN_COUNT)
    claims = [bool(facts[name]) for name in (HAS_OPEN, OPEN_COUNT, OPEN_CLASSES) if name in facts]
    if isinstance(classes, list) and isinstance(count, int) and len(classes) > count:
        return False
    return len(set(claims)) <= 1


def _journeys_agree(facts: Assignment) -> bool:
    """The customer is at a stage of exactly the journeys she is in."""
    stages, journeys = facts.get(STAGES), facts.get(JOURNEYS)
    if isinstance(stages, dict) and not set(stages.values()) <= STAGE_NAMES:
        return False
    return not (isinstance(stages, dict) and isinstance(journeys, list)) or sorted(stages) == sorted(journeys)


def _shown(end: float | datetime) -> str:
    return end.isoformat() if isinstance(end, datetime) else f"{end:g}"


def _instant(end: float | datetime) -> datetime:
    if not isinstance(end, datetime):
        raise TypeError(f"{end} bounds an instant")
    return end


def _number(end: float | datetime) -> float:
    if isinstance(end, datetime):
        raise TypeError(f"{end} bounds a number")
    return end
