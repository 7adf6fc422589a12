"""The table of what was denied: a row for each candidate that a decision did not let through, with every code.

It lies beside the decisions in `_denials`, a name that readers of a folder of Parquet pass over.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from service.decision.facts_record import Json
from service.state.engines.session import Row
from service.state.export.fields import TIME, field, listed
from service.state.export.kept import KeptJourney, Objectives, Read
from service.state.export.rows import Cells
from service.state.port import IMPORTED

_THEN = "by the catalogue of then; null if that is no longer kept"


def denials_schema() -> pa.Schema:
    """The table's columns, in their order."""
    return pa.schema([*_asked(), *_denied()])


def denials_of(decision: Row, record: Json, objectives: Objectives, read: Read) -> Iterator[Cells]:
    """One row for each denied candidate of a decision, by journey. An imported decision tells of none."""
    if IMPORTED in record:
        return
    given = record["input"]
    asked = (
        decision["decision_id"],
        decision["customer_id"],
        decision["decided_at"],
        given["channel"],
        given["placement"],
    )
    for journey_id, codes in sorted(record["output"]["rejected"].items()):
        journey = objectives.journey_of(read, given["catalogue_version"], journey_id)
        yield (*asked, journey_id, codes, *_terms(journey))


def _terms(journey: KeptJourney | None) -> Cells:
    if journey is None:
        return None, None, None, None
    return journey.kind, journey.tier, journey.value, journey.prior


def _asked() -> Iterator[pa.Field]:
    text = pa.string()
    yield field("decision_id", text, "The decision; its rows stand together, by journey.")
    yield field("customer_id", text, "The customer, exactly as given.")
    yield field("decided_at", TIME, "When it was decided.", "UTC")
    yield field("channel", text, "The channel that asked.")
    yield field("placement", text, "The place on the channel, if one was named.", nullable=True)


def _denied() -> Iterator[pa.Field]:
    text, real = pa.string(), pa.float64()
    yield field("journey_id", text, "A journey that could have been shown on the channel, and was denied.")
    yield field(
        "codes",
        listed(text),
        "The code of every reason against it, as recorded; what was allowed, and denied by an earlier slot or by what "
        "another decision took meanwhile, is DENIED_AT_SELECT in `eligible` of the decision's own rows.",
    )
    yield field("kind", text, f"The journey's kind, {_THEN}.", nullable=True)
    yield field("tier", pa.int32(), f"The journey's tier, {_THEN}; 1 is placed first.", nullable=True)
    yield field(
        "value",
        real,
        f"What meeting the objective is worth, {_THEN}, and where it is learned, for then it is the customer's own.",
        "company's unit of value",
        nullable=True,
    )
    yield field("prior", real, f"P(objective met | shown) before evidence, {_THEN}.", "probability", nullable=True)
