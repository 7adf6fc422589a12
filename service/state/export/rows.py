"""Rows of the exported table, from a decision's record and what followed it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from features.schema import FeatureSpec, FeatureType
from features.values import FeatureStatus
from service.decision.arbitrate import ValueSource
from service.decision.facts_record import Json, value_from_json
from service.decision.record import canonical
from service.state.engines.session import Row, micros, optional_micros
from service.state.export.rewards import Reward
from service.state.port import IMPORTED
from service.state.rows.contact_row import state_of

Cells = tuple[Any, ...]
"""One row, in the order of the schema."""
_ABSENT = frozenset(FeatureStatus) - {FeatureStatus.PRESENT}


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactResult:
    """The result of one ranked journey: its contact, if it is still kept, its outcomes by time, and its reward.

    `attributes`: the journey's, and what its action `expects` of the customer, in the catalogue that it was decided
    by; None if that is not known.
    """

    contact: Row | None
    outcomes: Sequence[Row]
    reward: Reward
    attributes: Mapping[str, str] | None = None
    expects: str | None = None

    @property
    def presented_at(self) -> int | None:
        """Microseconds since 1970."""
        return presented_at(self.contact, self.outcomes)


def presented_at(contact: Row | None, outcomes: Iterable[Row]) -> int | None:
    """When a contact was first presented; None if it was not. Outcomes tell it when the contact is no longer kept."""
    if contact is not None:
        first: int | None = contact["presented_at"]
        return first
    return min((happened_at(o) for o in outcomes if o["type"] == "PRESENTED"), default=None)


def happened_at(outcome: Row) -> int:
    """When what an outcome tells took place: not before its decision, nor after it came."""
    return int(min(outcome["at"], outcome["received_at"]))


def rows_of(
    decision: Row, record: Json, followed: Mapping[str, ContactResult], features: Sequence[FeatureSpec], now: datetime
) -> Iterator[Cells]:
    """One row for each ranked journey of a decision, by rank."""
    given, eligible = record["input"], _eligible(record)
    served = (canonical(given["context"]), *_features(given["features"], features))
    for ranked in record["output"]["ranked"]:
        found = followed[ranked["journey_id"]]
        yield (
            decision["decision_id"],
            decision["customer_id"],
            decision["decided_at"],
            decision["valid_until"],
            given["channel"],
            given["placement"],
            *_journey(ranked, found),
            *_ranked(record, ranked, found.contact),
            eligible,
            given["model_version"],
            given["catalogue_version"],
            *_followed(found, now),
            *served,
        )


def _journey(ranked: Json, found: ContactResult) -> Cells:
    return (
        ranked["rank"],
        ranked["journey_id"],
        ranked["kind"],
        ranked["stage"],
        ranked["action_id"],
        ranked["tone"],
        ranked["is_offer"],
        ranked["tier"],
        None if found.attributes is None else sorted(found.attributes.items()),
        found.expects,
    )


def _ranked(record: Json, ranked: Json, contact: Row | None) -> Cells:
    """A record says where a value is from where it is learned."""
    return (
        _number(ranked["p_outcome"]),
        ranked["source"],
        ranked["value"],
        ranked.get("value_source", None if IMPORTED in record else ValueSource.FIXED.value),
        ranked["lever"],
        ranked["context_weight"],
        ranked.get("cost") if contact is None else contact["cost"],
        _number(ranked["priority"]),
        ranked["selection_probability"],
    )


def _followed(found: ContactResult, now: datetime) -> Cells:
    contact, reward = found.contact, found.reward
    return (
        None if contact is None else state_of(contact, now).value,
        None if contact is None else contact["counts_until"],
        found.presented_at,
        [(o["outcome_id"], o["type"], o["value"], o["occurred_at"], bool(o["late"])) for o in found.outcomes],
        optional_micros(reward.window_ends_at),
        reward.amount,
        reward.is_censored,
    )


def _eligible(record: Json) -> list[Cells]:
    """Every journey that was allowed and scored, with where it ended; as given, of an imported decision.

    While each slot is filled for certain, what is not ranked had no chance; else its chance is not recorded here.
    """
    if IMPORTED in record:
        return [
            (*begin, _number(p_outcome), source, chance)
            for *begin, p_outcome, source, chance in record[IMPORTED]["eligible"]
        ]
    scores, output = record["input"]["scores"], record["output"]
    is_certain = all(ranked["selection_probability"] == 1.0 for ranked in output["ranked"])
    chance = 0.0 if is_certain else None
    listed = [
        (r["journey_id"], "RANKED", r["rank"], _number(r["p_outcome"]), r["source"], r["selection_probability"])
        for r in output["ranked"]
    ]
    listed += [_unranked(journey, "ELIGIBLE", scores, chance) for journey in output["eligible"]]
    denied = sorted(scores.keys() & output["rejected"].keys())
    listed += [_unranked(journey, "DENIED_AT_SELECT", scores, chance) for journey in denied]
    return listed


def _unranked(journey_id: str, place: str, scores: Mapping[str, Any], chance: float | None) -> Cells:
    p_outcome, source, *_ = scores[journey_id]
    return journey_id, place, None, _number(p_outcome), source, chance


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


def _number(recorded: float | str | None) -> float | None:
    """Numbers that are not finite are recorded by their names."""
    return None if recorded is None else float(recorded)
