"""The table of decisions and what became of them: a row for each slot that was looked at, one at least a decision.

`rumbo state export` writes it. A slot that stayed empty is a row of NO_JOURNEY, the last of its decision.

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
_NOT = "; null of NO_JOURNEY."

ELIGIBLE = pa.struct(
    [
        pa.field("journey_id", pa.string(), nullable=False),
        pa.field("place", pa.string(), nullable=False),  # RANKED, ELIGIBLE, HELD_OUT, DENIED_AT_SELECT
        pa.field("rank", pa.int32()),
        pa.field("p_outcome", pa.float64()),
        pa.field("score_source", pa.string()),
        pa.field("propensity", pa.float64()),
        pa.field("kind", pa.string()),
        pa.field("tier", pa.int32()),
        pa.field("value", pa.float64()),
        pa.field("lever", pa.float64()),
        pa.field("context_weight", pa.float64()),
        pa.field("cost", pa.float64()),
        pa.field("attributes", pa.map_(pa.string(), pa.string())),
        pa.field("ranked_by", pa.string()),  # OUTCOME, UPLIFT
        pa.field("p_if_silent", pa.float64()),
        pa.field("outcome_in_window", pa.bool_()),
    ]
)
MET = pa.struct(
    [
        pa.field("journey_id", pa.string(), nullable=False),
        pa.field("at", TIME, nullable=False),
        pa.field("worth", pa.float64(), nullable=False),
        pa.field("by", pa.string()),  # EVENT, OUTCOME; null: not known
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
    yield field("journey_id", text, "The journey that fills it; NO_JOURNEY where it stayed empty.")
    yield field("kind", text, f"The journey's kind{_NOT}", nullable=True)
    yield field("stage", text, f"The stage of the customer in it{_NOT}", nullable=True)
    yield field("action_id", text, f"What is proposed{_NOT}", nullable=True)
    yield field("tone", text, f"How it is said{_NOT}", nullable=True)
    yield field(
        "is_offer", pa.bool_(), f"Whether the action is an offer, which counts as promotional{_NOT}", nullable=True
    )
    yield field("tier", pa.int32(), f"The journey's tier; 1 is placed first{_NOT}", nullable=True)
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
    yield field(
        "p_if_silent",
        real,
        "P(objective met within its window | nothing shown), where deciding asks for it and a model told it.",
        "probability",
        nullable=True,
    )
    yield field(
        "value",
        real,
        "What meeting the objective is worth; of NO_JOURNEY what saying nothing was taken to be worth.",
        "company's unit of value",
        nullable=True,
    )
    yield field(
        "value_source",
        pa.string(),
        "FIXED, of everybody by the catalogue; of a learned value MODEL, the customer's own, or PRIOR, before any.",
        nullable=True,
    )
    yield field("lever", real, "The business weight; 1 in the arm NO_LEVERS.", "factor", nullable=True)
    yield field("context_weight", real, "The weight of the moment.", "factor", nullable=True)
    yield field("cost", real, "Of the action.", _VALUE, nullable=True)
    yield field(
        "priority",
        real,
        "p × value × context_weight × lever − cost; p is p_outcome, less p_if_silent where ranked by uplift.",
        _VALUE,
        nullable=True,
    )


def _choice() -> Iterator[pa.Field]:
    real, flag = pa.float64(), pa.bool_()
    yield field(
        "propensity",
        real,
        "P(this fills the slot | the slots before, the customer's arm), as it was drawn.",
        "probability",
    )
    yield field(
        "propensity_over_arms",
        real,
        "P(this fills the slot | the slots before) over all arms by their shares; null if not known.",
        "probability",
        nullable=True,
    )
    yield field("is_exploration", flag, "Whether it is not what is best; null if not known.", nullable=True)
    yield field("is_forced", flag, "Whether nothing else could have filled the slot; null if not known.", nullable=True)
    yield field(
        "arm",
        pa.string(),
        "Of the customer: HOLDOUT, RANDOM, NO_LEVERS, CHALLENGER or CHAMPION, which all are without arms; null if not "
        "known.",
        nullable=True,
    )
    yield field("share", real, "Of customers who are in the arm; null if not known.", nullable=True)
    yield field(
        "reason_of_silence",
        listed(pa.string()),
        "Of NO_JOURNEY, the codes of why nothing was said; null of a journey, and if not known.",
        nullable=True,
    )
    yield field(
        "eligible",
        listed(ELIGIBLE),
        "What the slots were filled from: every journey that the constraints allowed, whatever the arm, by what the "
        "arm's model said of it. `place`: RANKED, ELIGIBLE, HELD_OUT by the arm HOLDOUT, or DENIED_AT_SELECT by an "
        "earlier slot or by what another decision took meanwhile. `propensity`: of filling this row's slot where slots "
        "are drawn, what is missing to 1 being silence; else of filling its own slot (null: not recorded). `lever`: "
        "that of the catalogue, in every arm. `outcome_in_window`: as the column, of each. By the catalogue of then: "
        "`kind`, `tier`, `lever`, `context_weight`, `cost` of its action, `attributes` and whether it was `ranked_by` "
        "OUTCOME or UPLIFT, p_outcome less p_if_silent; null if that is not known.",
    )
    yield field("model_version", pa.string(), "The model that ordered for the arm; empty without one.")
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
    yield field(
        "window_ends_at",
        TIME,
        "presented_at + the objective's window; of NO_JOURNEY decided_at + that of the best journey that could have "
        "filled the slot.",
        "UTC",
        nullable=True,
    )
    yield field(
        "reward",
        real,
        "If the objective was met from presented_at to window_ends_at what a CONVERTED or, where the value is learned, "
        "the event itself says (0 or more), else the value that was served; 0 if not. An event counts for the contact "
        "of the journey presented last by then. Null while is_censored, for what was not presented, and if an event "
        "would tell and those of the time are no longer kept. Of NO_JOURNEY 0 once its window is over, at once where "
        "nothing could have filled the slot.",
        "company's unit of value",
        nullable=True,
    )
    yield field("is_censored", pa.bool_(), "The window is open, or the reservation is: no success and no failure yet.")
    yield field(
        "is_met",
        pa.bool_(),
        "Whether the objective was met so; null where the reward is. False of NO_JOURNEY.",
        nullable=True,
    )
    yield field(
        "outcome_in_window",
        pa.bool_(),
        "Whether the event of the objective happened from decided_at on within its window, whatever was shown; null "
        "while that is open, and if events of the time are no longer kept. Where an outcome meets the objective, "
        "whether it was told of this contact; null of what was not presented. Of NO_JOURNEY that of the best journey "
        "that could have filled the slot.",
        nullable=True,
    )
    yield field(
        "met_in_windows",
        listed(MET),
        "What the customer did from decided_at on that meets the objective of a journey of the catalogue within its "
        "window, whatever was allowed or shown: of each the first, by time, `by` an EVENT or an OUTCOME of any contact "
        "of the journey. `worth`: what the event says where the value is learned, or a CONVERTED, else what the "
        "catalogue does; never what a model told. Null until windows_end_at, and if events of the time are no longer "
        "kept. The same in all rows of a decision.",
        nullable=True,
    )
    yield field(
        "windows_end_at",
        TIME,
        "decided_at + the longest of these windows; null where no journey was allowed, or the catalogue is not known.",
        "UTC",
        nullable=True,
    )


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
