"""Every fault an outcome may have by itself, and the edges of its scales."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from service.decision.reports.events import FieldFault
from service.decision.reports.outcomes import fault_of
from service.decision.reports.rows import Outcome, OutcomeType
from tests.builders import NOW

INSTANT = timedelta(microseconds=1)
SHOWN = Outcome(
    outcome_id="o1",
    decision_id="d1",
    journey_id="news",
    type=OutcomeType.PRESENTED,
    value=None,
    occurred_at=NOW,
)


BOUGHT = replace(SHOWN, decision_id="", customer_id="1", type=OutcomeType.CONVERTED)


def scored(type_: OutcomeType, value: float | None) -> Outcome:
    return replace(SHOWN, type=type_, value=value)


@pytest.mark.parametrize("type_", list(OutcomeType))
def test_an_outcome_with_the_value_that_its_type_asks_for_has_no_fault(type_: OutcomeType) -> None:
    value = 5.0 if type_ in (OutcomeType.NPS, OutcomeType.CES) else None
    assert fault_of(scored(type_, value), NOW) is None


@pytest.mark.parametrize(
    ("outcome", "field", "code"),
    [
        (replace(SHOWN, outcome_id="o" * 129), "outcome_id", "TOO_LONG"),
        (replace(SHOWN, outcome_id="o\x00"), "outcome_id", "NUL_IN_TEXT"),
        (replace(SHOWN, decision_id="d" * 129), "decision_id", "TOO_LONG"),
        (replace(SHOWN, decision_id="\x00"), "decision_id", "NUL_IN_TEXT"),
        (replace(SHOWN, journey_id="j" * 129), "journey_id", "TOO_LONG"),
        (replace(SHOWN, journey_id="j\x00"), "journey_id", "NUL_IN_TEXT"),
        (replace(SHOWN, occurred_at=NOW + timedelta(minutes=5) + INSTANT), "occurred_at", "IN_THE_FUTURE"),
        (replace(SHOWN, occurred_at=datetime(1970, 1, 1, tzinfo=UTC) - INSTANT), "occurred_at", "OUT_OF_RANGE"),
        (scored(OutcomeType.CONVERTED, math.nan), "value", "NOT_FINITE"),
        (scored(OutcomeType.CONVERTED, math.inf), "value", "NOT_FINITE"),
        (scored(OutcomeType.NPS, -math.inf), "value", "NOT_FINITE"),
        (scored(OutcomeType.NPS, None), "value", "MISSING"),
        (scored(OutcomeType.CES, None), "value", "MISSING"),
        (scored(OutcomeType.NPS, -0.1), "value", "OUT_OF_SCALE"),
        (scored(OutcomeType.NPS, 10.1), "value", "OUT_OF_SCALE"),
        (scored(OutcomeType.CES, 0.9), "value", "OUT_OF_SCALE"),
        (scored(OutcomeType.CES, 7.1), "value", "OUT_OF_SCALE"),
        (replace(BOUGHT, customer_id="c" * 129), "customer_id", "TOO_LONG"),
        (replace(BOUGHT, customer_id="\x00"), "customer_id", "NUL_IN_TEXT"),
        (replace(BOUGHT, decision_id="d1"), "customer_id", "BOTH_SET"),
        (replace(BOUGHT, type=OutcomeType.PRESENTED), "type", "NEEDS_DECISION"),
        (replace(BOUGHT, type=OutcomeType.NOT_PRESENTED), "type", "NEEDS_DECISION"),
        (replace(BOUGHT, value=math.nan), "value", "NOT_FINITE"),
    ],
)
def test_a_fault_names_its_field_and_its_code(outcome: Outcome, field: str, code: str) -> None:
    assert fault_of(outcome, NOW) == FieldFault(field=field, code=code)


@pytest.mark.parametrize(
    "outcome",
    [
        replace(SHOWN, outcome_id="o" * 128, occurred_at=NOW + timedelta(minutes=5)),
        scored(OutcomeType.NPS, 0.0),
        scored(OutcomeType.NPS, 10.0),
        scored(OutcomeType.CES, 1.0),
        scored(OutcomeType.CES, 7.0),
        scored(OutcomeType.CONVERTED, 12.5),
        scored(OutcomeType.CONVERTED, 0.0),
        scored(OutcomeType.CONVERTED, -6.0),
        replace(BOUGHT, customer_id="c" * 128),
        replace(BOUGHT, type=OutcomeType.CES, value=7.0),
    ],
)
def test_at_the_edge_there_is_no_fault(outcome: Outcome) -> None:
    assert fault_of(outcome, NOW) is None
