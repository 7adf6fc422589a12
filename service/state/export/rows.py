"""Rows of the exported table, from a decision's record and what followed it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from features.schema import FeatureSpec, FeatureType
from features.values import FeatureStatus
from service.decision.arbitrate import ScoredCandidate, ValueSource
from service.decision.facts_record import Json, value_from_json
from service.decision.record import canonical
from service.state.engines.session import Row, micros, optional_micros
from service.state.export.histories import happened_at
from service.state.export.rewards import Met, Reward
from service.state.export.slots import ENTRY, MORE, EligibleSet, Slot, arm_of, number, slots_of
from service.state.port import IMPORTED
from service.state.rows.contact_row import state_of

Cells = tuple[Any, ...]
"""One row, in the order of the schema."""
_ABSENT = frozenset(FeatureStatus) - {FeatureStatus.PRESENT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """What the customer did since the decision that meets objectives of its catalogue, whatever was allowed or shown.

    `met`: by time, of each objective, by journey, the first; None until `windows_end_at`, when the last window is over,
    and where events of the time are no longer kept.
    """

    windows_end_at: datetime | None = None
    met: Sequence[tuple[str, Met]] | None = None


UNKNOWN_SINCE = Since()


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotResult:
    """The result of one row: its contact, if there was one and it is still kept, its outcomes by time, and its reward.

    `attributes`: the journey's, and what its action `expects` of the customer, in the catalogue that it was decided
    by; None if that is not known. `in_window`: whether what the objective asks for happened since the decision,
    whatever was shown. Of silence `silence_value` is what it was taken to be worth, and `reasons` why it was.
    """

    reward: Reward
    contact: Row | None = None
    outcomes: Sequence[Row] = ()
    attributes: Mapping[str, str] | None = None
    expects: str | None = None
    in_window: bool | None = None
    silence_value: float | None = None
    reasons: Sequence[str] | None = None
    since: Since = UNKNOWN_SINCE

    @property
    def presented_at(self) -> int | None:
        """Microseconds since 1970."""
        return presented_at(self.contact, self.outcomes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What followed a decision: by what its rows name, NO_JOURNEY among it; and of all that was allowed.

    `weighed`: what was scored, by journey, in the champion's order; none where the catalogue binds no longer.
    `in_window`: by journey that was scored. `is_open`: whether a window of any of them was open.
    """

    by_journey: Mapping[str, SlotResult]
    weighed: Mapping[str, ScoredCandidate] = field(default_factory=dict)
    in_window: Mapping[str, bool | None] = field(default_factory=dict)
    is_open: bool = False


def presented_at(contact: Row | None, outcomes: Iterable[Row]) -> int | None:
    """When a contact was first presented; None if it was not. Outcomes tell it when the contact is no longer kept."""
    if contact is not None:
        first: int | None = contact["presented_at"]
        return first
    return min((happened_at(o) for o in outcomes if o["type"] == "PRESENTED"), default=None)


def rows_of(
    decision: Row, record: Json, followed: Followed, features: Sequence[FeatureSpec], now: datetime
) -> Iterator[Cells]:
    """One row for each slot of a decision that was looked at, by rank: at least one."""
    given = record["input"]
    asked = (
        decision["decision_id"],
        decision["customer_id"],
        decision["decided_at"],
        decision["valid_until"],
        given["channel"],
        given["placement"],
    )
    arm, share = arm_of(record)
    versions = record["output"].get("model_version", given["model_version"]), given["catalogue_version"]
    served = (canonical(given["context"]), *_features(given["features"], features))
    eligible = None if IMPORTED in record else EligibleSet(record, followed.weighed, followed.in_window)
    for slot in slots_of(record):
        found = followed.by_journey[slot.journey_id]
        yield (
            *asked,
            *_journey(slot, found),
            *_score(record, slot, found),
            slot.propensity,
            *slot.drawn,
            arm,
            share,
            found.reasons,
            _imported_set(record, slot) if eligible is None else eligible.at(slot),
            *versions,
            *_followed(found, now),
            *served,
        )


def _journey(slot: Slot, found: SlotResult) -> Cells:
    told = slot.told or {}
    return (
        slot.rank,
        slot.journey_id,
        told.get("kind"),
        told.get("stage"),
        told.get("action_id"),
        told.get("tone"),
        told.get("is_offer"),
        told.get("tier"),
        None if found.attributes is None else sorted(found.attributes.items()),
        found.expects,
    )


def _score(record: Json, slot: Slot, found: SlotResult) -> Cells:
    """A record says where a value is from where it is learned."""
    told, contact = slot.told, found.contact
    if told is None:
        return None, None, None, found.silence_value, None, None, None, None, None
    return (
        number(told["p_outcome"]),
        told["source"],
        number(told.get("p_if_silent")),
        told["value"],
        told.get("value_source", None if IMPORTED in record else ValueSource.FIXED.value),
        told["lever"],
        told["context_weight"],
        told.get("cost") if contact is None else contact["cost"],
        number(told["priority"]),
    )


def _followed(found: SlotResult, now: datetime) -> Cells:
    contact, reward = found.contact, found.reward
    return (
        None if contact is None else state_of(contact, now).value,
        None if contact is None else contact["counts_until"],
        found.presented_at,
        [(o["outcome_id"], o["type"], o["value"], o["occurred_at"], bool(o["late"])) for o in found.outcomes],
        optional_micros(reward.window_ends_at),
        reward.amount,
        reward.is_censored,
        reward.is_met,
        found.in_window,
        None if found.since.met is None else [(j, micros(met.at), met.worth, met.by) for j, met in found.since.met],
        optional_micros(found.since.windows_end_at),
    )


def _imported_set(record: Json, slot: Slot) -> list[Cells]:
    """As given; what was given of the slot's own row where it differs from that of the first."""
    told = record[IMPORTED]
    given = told.get("eligible_of", {}).get(slot.journey_id, told["eligible"])
    return [_imported_entry(*entry) for entry in given]


def _imported_entry(*entry: Any) -> Cells:
    named = dict(zip((*ENTRY, *MORE), entry, strict=False))
    if named.get("attributes") is not None:
        named["attributes"] = sorted(named["attributes"].items())
    reals = ("p_outcome", "propensity", "value", "lever", "context_weight", "cost", "p_if_silent")
    named |= {name: number(named.get(name)) for name in reals}
    return tuple(named.get(name) for name in (*ENTRY, *MORE))


def _features(recorded: Mapping[str, Any], features: Sequence[FeatureSpec]) -> Iterator[Any]:
    """Why some are absent, then a value for each feature; one that is not PRESENT was served as absent."""
    yield [(name, status) for name, (status, _, _) in recorded.items() if status in _ABSENT]
    for spec in features:
        status, value, _ = recorded.get(spec.name, _NEVER)
        yield _typed(value, spec.type) if status == FeatureStatus.PRESENT else None


_NEVER = (FeatureStatus.NOT_FOUND, None, None)


def _typed(recorded: Any, kind: FeatureType) -> Any:
    """A recorded value as a cell of this type; None if the feature was of another type then."""
    if type(recorded) is _PLAIN[kind]:
        return recorded
    value = value_from_json(recorded)
    if kind is FeatureType.TIMESTAMP:
        return micros(value) if isinstance(value, datetime) else None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if kind is FeatureType.DOUBLE and is_number else None


_PLAIN: Mapping[FeatureType, type | None] = {
    FeatureType.STRING: str,
    FeatureType.DOUBLE: float,
    FeatureType.INT: int,
    FeatureType.BOOL: bool,
    FeatureType.TIMESTAMP: None,
}
"""What is recorded as it is."""
