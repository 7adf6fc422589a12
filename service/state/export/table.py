"""The table of decisions and what became of them: one row for each ranked journey, as `rumbo state export` writes it.

The features come last, as `feature_<name>`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow as pa

from features.schema import FeatureSchema, FeatureSpec, FeatureType
from service.state.export.fields import TIME, field, listed

FEATURE = "feature_"
REQUIRED = ("customer_id", "decided_at", "journey_id", "propensity", "reward")
"""Enough for a history; `rumbo state import` has a default for every other column."""
_TYPES: Mapping[FeatureType, pa.DataType] = {
    FeatureType.STRING: pa.string(),
    FeatureType.DOUBLE: pa.float64(),
    FeatureType.INT: pa.int64(),
    FeatureType.BOOL: pa.bool_(),
    FeatureType.TIMESTAMP: TIME,
}
_VALUE = "of the objective's value"

ELIGIBLE = pa.struct(
    [
        pa.field("journey_id", pa.string(), nullable=False),
        pa.field("place", pa.string(), nullable=False),  # RANKED, ELIGIBLE, DENIED_AT_SELECT
        pa.field("rank", pa.int32()),
        pa.field("p_outcome", pa.float64()),
        pa.field("score_source", pa.string()),
        pa.field("propensity", pa.float64()),
    ]
)
OUTCOME = pa.struct(
    [
        pa.field("outcome_id", pa.string(), nullable=False),
        pa.field("type", pa.string(), nullable=False),
        pa.field("value", pa.float64()),
        pa.field("occurred_at", TIME, nullable=False),
        pa.field("is_late", pa.bool_(), nullable=False),
    ]
)


def export_schema(features: FeatureSchema) -> pa.Schema:
    """The table's columns, in their order."""
    return pa.schema([*_decided(), *_score(), *_choice(), *_followed(), *_served(features)])


def feature_specs(features: FeatureSchema) -> tuple[FeatureSpec, ...]:
    """The features that have a column: not those that tell the situation."""
    return tuple(spec for spec in features.features if not spec.is_situation)


def _decided() -> Iterator[pa.Field]:
    text = pa.string()
    yield field("decision_id", text, "The decision; its rows stand together, by rank.")
    yield field("customer_id", text, "The customer, exactly as given.")
    yield field("decided_at", TIME, "When it was decided.", "UTC")
    yield field("valid_until", TIME, "When a reservation that nobody reports on ends.", "UTC")
    yield field("channel", text, "The channel that asked.")
    yield field("placement", text, "The place on the channel, if one was named.", nullable=True)
    yield field("rank", pa.int32(), "The slot, from 1.")
    yield field("journey_id", text, "The journey that fills it.")
    yield field("kind", text, "The journey's kind.")
    yield field("stage", text, "The stage of the customer in it.")
    yield field("action_id", text, "What is proposed.")
    yield field("tone", text, "How it is said.")
    yield field("is_offer", pa.bool_(), "Whether the action is an offer, which counts as promotional.")
    yield field("tier", pa.int32(), "The journey's tier; 1 is placed first.")
    yield field(
        "attributes",
        pa.map_(text, text),
        "What a model knows of the journey beside its id, by the catalogue of then; null if not known.",
        nullable=True,
    )
    yield field(
        "expects",
        text,
        "What the action expects of the customer, by the catalogue of then; null if not known.",
        nullable=True,
    )


def _score() -> Iterator[pa.Field]:
    real = pa.float64()
    yield field("p_outcome", real, "P(objective met within its window | shown).", "probability", nullable=True)
    yield field("score_source", pa.string(), "MODEL, or PRIOR for the owner's expectation.", nullable=True)
    yield field("value", real, "What meeting the objective is worth.", "company's unit of value", nullable=True)
    yield field(
        "value_source",
        pa.string(),
        "FIXED, of everybody by the catalogue; of a learned value MODEL, the customer's own, or PRIOR, before any.",
        nullable=True,
    )
    yield field("lever", real, "The business weight.", "factor", nullable=True)
    yield field("context_weight", real, "The weight of the moment.", "factor", nullable=True)
    yield field("cost", real, "Of the action.", _VALUE, nullable=True)
    yield field("priority", real, "p_outcome × value × context_weight × lever − cost.", _VALUE, nullable=True)


def _choice() -> Iterator[pa.Field]:
    yield field("propensity", pa.float64(), "P(this journey in this slot), as it was drawn.", "probability")
    yield field(
        "eligible",
        listed(ELIGIBLE),
        "What the slots were filled from: every journey that was allowed and scored, with its propensity (null: not "
        "recorded) and its place: RANKED, ELIGIBLE, or DENIED_AT_SELECT by an earlier slot or by what another decision "
        "took meanwhile.",
    )
    yield field("model_version", pa.string(), "The model that scored; empty without one.")
    yield field("catalogue_version", pa.string(), "The hash of the catalogue in force; empty if not known.")


def _followed() -> Iterator[pa.Field]:
    real = pa.float64()
    yield field(
        "contact_state",
        pa.string(),
        "RESERVED, PRESENTED, RELEASED or EXPIRED at the export; null once the contact is no longer kept.",
        nullable=True,
    )
    yield field("counts_until", TIME, "When the contact stops to count unless presented.", "UTC", nullable=True)
    yield field("presented_at", TIME, "When it was first presented; null if it was not.", "UTC", nullable=True)
    yield field("outcomes", listed(OUTCOME), "All that was reported of it, by time.")
    yield field("window_ends_at", TIME, "presented_at + the objective's window.", "UTC", nullable=True)
    yield field(
        "reward",
        real,
        "If the objective was met from presented_at to window_ends_at what a CONVERTED or, where the value is learned, "
        "the event itself says (0 or more), else the value that was served; 0 if not. An event counts for the contact "
        "of the journey presented last by then. Null while is_censored, for what was not presented, and if an event "
        "would tell and those of the time are no longer kept.",
        "company's unit of value",
        nullable=True,
    )
    yield field("is_censored", pa.bool_(), "The window is open, or the reservation is: no success and no failure yet.")


def _served(features: FeatureSchema) -> Iterator[pa.Field]:
    yield field("context", pa.string(), "What the caller told of the moment.", "JSON object")
    yield field(
        "absent_features",
        pa.map_(pa.string(), pa.string()),
        "Why a feature is null: NULL, NOT_FOUND, STALE or UNAVAILABLE, by its name. One that it does not name was "
        "PRESENT; if it is null all the same, there was none of this name and type then.",
    )
    for spec in feature_specs(features):
        kind = _TYPES[spec.type]
        yield field(FEATURE + spec.name, kind, f"As served: {spec.description}", spec.unit, nullable=True)
