"""The record in a row of the decisions; its number says which form it has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from service.decision.facts_record import Json
from service.decision.record import FORMAT
from service.state.port import RecordFormatUnknown


def record_of(decision: Mapping[str, Any]) -> Json:
    """The document in a row. One without a number, as those of the time before numbers are, is of form 1.

    Raises: RecordFormatUnknown, with the decision and the number, for what a later program recorded.
    """
    record: Json = json.loads(decision["record"])
    found = record.get("format", 1)
    if found not in range(1, FORMAT + 1):
        raise RecordFormatUnknown(
            f"decision {decision['decision_id']} is recorded in format {found}, this program knows 1 to {FORMAT}:"
            " use the later program"
        )
    return record
