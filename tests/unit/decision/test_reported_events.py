"""Every fault an event may have, and the edges at which it has none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from features.values import Scalar
from service.decision.reports.event_types import BUILT_IN
from service.decision.reports.events import FieldFault, fault_of
from service.decision.reports.rows import CustomerEvent
from tests.builders import NOW

INSTANT = timedelta(microseconds=1)
FIVE_MINUTES = timedelta(minutes=5)
FAR = datetime(9999, 12, 31, tzinfo=UTC)
OPENED = CustomerEvent(
    event_id="e1",
    customer_id="1",
    source="ticketing",
    type="incident.opened",
    occurred_at=NOW,
    attributes={"incident_id": "i1"},
)
ATTRIBUTES: dict[str, dict[str, Scalar]] = {
    "incident.opened": {"incident_id": "i1", "class": "delivery", "severity": "high"},
    "incident.resolved": {"incident_id": "i1"},
    "consent.granted": {"purpose": "marketing", "channel": "email"},
    "consent.withdrawn": {"purpose": "marketing", "channel": "email"},
    "purchase": {"amount": 9.99},
    "journey.entered": {"journey_id": "news", "stage": "need"},
    "journey.advanced": {"journey_id": "news", "stage": "use"},
    "journey.exited": {"journey_id": "news"},
    "feed.heartbeat": {},
}
"""Every event type with all the attributes it knows."""


def stages(journey_id: str, stage: str | None) -> str | None:
    """One journey, `news`, with the stages need and use."""
    if journey_id != "news":
        return "journey_id"
    return None if stage in (None, "need", "use") else "stage"


def fault(event: CustomerEvent) -> FieldFault | None:
    return fault_of(event, BUILT_IN, NOW, stages)


def of_type(type_: str, **changed: Scalar | None) -> CustomerEvent:
    """An event with all its attributes, some changed; None leaves one out. `class_` stands for `class`."""
    named = {name.rstrip("_"): value for name, value in changed.items()}
    merged = {**ATTRIBUTES[type_], **named}
    attributes = {name: value for name, value in merged.items() if value is not None}
    return replace(OPENED, type=type_, attributes=attributes)


def test_every_event_type_is_tried_here() -> None:
    assert set(ATTRIBUTES) == set(BUILT_IN.by_name)


@pytest.mark.parametrize("type_", sorted(ATTRIBUTES))
def test_an_event_with_all_its_attributes_has_no_fault(type_: str) -> None:
    assert fault(of_type(type_)) is None


@pytest.mark.parametrize(
    ("type_", "name"),
    [
        ("incident.opened", "class"),
        ("incident.opened", "severity"),
        ("consent.withdrawn", "purpose"),
        ("consent.withdrawn", "channel"),
    ],
)
def test_an_optional_attribute_may_be_absent(type_: str, name: str) -> None:
    assert fault(of_type(type_, **{name: None})) is None


def test_an_attribute_that_the_type_does_not_know_is_no_fault() -> None:
    assert fault(of_type("purchase", store_id=367, is_gift=True, note="x" * 65536)) is None


@pytest.mark.parametrize(
    ("event", "field", "code"),
    [
        (replace(OPENED, type="incident.reopened"), "type", "UNKNOWN_TYPE"),
        (replace(OPENED, type="INCIDENT.OPENED"), "type", "UNKNOWN_TYPE"),
        (replace(OPENED, event_id="e" * 129), "event_id", "TOO_LONG"),
        (replace(OPENED, event_id="e\x00"), "event_id", "NUL_IN_TEXT"),
        (replace(OPENED, customer_id="c" * 129), "customer_id", "TOO_LONG"),
        (replace(OPENED, customer_id="\x00"), "customer_id", "NUL_IN_TEXT"),
        (replace(OPENED, source="s" * 129), "source", "TOO_LONG"),
        (replace(OPENED, source="a\x00b"), "source", "NUL_IN_TEXT"),
        (replace(of_type("feed.heartbeat"), source=""), "source", "MISSING"),
        (replace(OPENED, occurred_at=datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)), "occurred_at", "OUT_OF_RANGE"),
        (replace(OPENED, occurred_at=datetime(1, 1, 1, tzinfo=UTC)), "occurred_at", "OUT_OF_RANGE"),
        (of_type("incident.opened", incident_id=None), "attributes.incident_id", "MISSING"),
        (of_type("incident.resolved", incident_id=None), "attributes.incident_id", "MISSING"),
        (of_type("incident.opened", incident_id=""), "attributes.incident_id", "NOT_TEXT"),
        (of_type("incident.opened", incident_id=7), "attributes.incident_id", "NOT_TEXT"),
        (of_type("incident.opened", incident_id="i" * 129), "attributes.incident_id", "TOO_LONG"),
        (of_type("incident.opened", incident_id="i\x00"), "attributes.incident_id", "NUL_IN_TEXT"),
        (of_type("incident.opened", class_=3.5), "attributes.class", "NOT_TEXT"),
        (of_type("incident.opened", class_=""), "attributes.class", "NOT_TEXT"),
        (of_type("incident.opened", severity=True), "attributes.severity", "NOT_TEXT"),
        (of_type("incident.opened", severity="s\x00"), "attributes.severity", "NUL_IN_TEXT"),
        (of_type("consent.granted", purpose=None), "attributes.purpose", "MISSING"),
        (of_type("consent.granted", channel=None), "attributes.channel", "MISSING"),
        (of_type("consent.granted", purpose=""), "attributes.purpose", "NOT_TEXT"),
        (of_type("consent.granted", purpose="*"), "attributes.purpose", "NOT_SPECIFIC"),
        (of_type("consent.granted", channel="*"), "attributes.channel", "NOT_SPECIFIC"),
        (of_type("consent.withdrawn", channel=""), "attributes.channel", "NOT_TEXT"),
        (of_type("consent.withdrawn", purpose=1), "attributes.purpose", "NOT_TEXT"),
        (of_type("purchase", amount="12"), "attributes.amount", "NOT_A_NUMBER"),
        (of_type("purchase", amount=True), "attributes.amount", "NOT_A_NUMBER"),
        (of_type("purchase", amount=-20), "attributes.amount", "OUT_OF_RANGE"),
        (of_type("purchase", amount=-5e-324), "attributes.amount", "OUT_OF_RANGE"),
        (of_type("purchase", amount=float("nan")), "attributes.amount", "NOT_FINITE"),
        (of_type("purchase", amount=float("-inf")), "attributes.amount", "NOT_FINITE"),
        (of_type("purchase", note="x" * 65537), "attributes.note", "TOO_LARGE"),
        (of_type("purchase", note="ñ" * 32769), "attributes.note", "TOO_LARGE"),
        (of_type("purchase", **{"n" * 129: 1}), "attributes." + "n" * 64, "TOO_LARGE"),
        (of_type("purchase", note="a\x00b"), "attributes.note", "NUL_IN_TEXT"),
        (of_type("purchase", **{"n\x00": 1}), "attributes.n\x00", "NUL_IN_TEXT"),
        (of_type("journey.entered", stage=None), "attributes.stage", "MISSING"),
        (of_type("journey.advanced", journey_id=None), "attributes.journey_id", "MISSING"),
        (of_type("journey.exited", journey_id=None), "attributes.journey_id", "MISSING"),
        (of_type("journey.entered", journey_id="olds"), "attributes.journey_id", "UNKNOWN"),
        (of_type("journey.exited", journey_id="olds"), "attributes.journey_id", "UNKNOWN"),
        (of_type("journey.entered", stage="recommend"), "attributes.stage", "UNKNOWN"),
        (of_type("journey.advanced", stage="nowhere"), "attributes.stage", "UNKNOWN"),
        (of_type("journey.exited", stage=4), "attributes.stage", "UNKNOWN"),
    ],
)
def test_a_fault_names_its_field_and_its_code(event: CustomerEvent, field: str, code: str) -> None:
    assert fault(event) == FieldFault(field=field, code=code)


ONLY_CLOSES = {"incident.opened", "consent.withdrawn"}


@pytest.mark.parametrize("at", [NOW + FIVE_MINUTES + INSTANT, NOW + timedelta(hours=1), FAR], ids=str)
@pytest.mark.parametrize("type_", sorted(ATTRIBUTES))
def test_only_what_can_do_nothing_but_close_a_gate_may_be_far_ahead(type_: str, at: datetime) -> None:
    """All else may open one: a grant, a resolution, a heartbeat, but also a place in a journey or a purchase."""
    expected = None if type_ in ONLY_CLOSES else FieldFault(field="occurred_at", code="IN_THE_FUTURE")
    assert fault(replace(of_type(type_), occurred_at=at)) == expected
    assert fault(replace(of_type(type_), occurred_at=NOW + FIVE_MINUTES)) is None


@pytest.mark.parametrize(
    "event",
    [
        replace(OPENED, event_id="e" * 128, customer_id="c" * 128, source=""),
        replace(OPENED, occurred_at=NOW + FIVE_MINUTES),
        replace(OPENED, occurred_at=datetime(1970, 1, 1, tzinfo=UTC)),
        replace(of_type("feed.heartbeat"), customer_id=""),
        of_type("consent.withdrawn", purpose="*", channel="*"),
        of_type("purchase", amount=3, note="ñ" * 32768),
        of_type("purchase", amount=0.0),
        of_type("purchase", amount=1.7e308),
        of_type("purchase", amount=1, refund=-20),
    ],
    ids=[
        "longest-ids",
        "five-minutes-ahead",
        "1970",
        "heartbeat",
        "withdrawal-of-all",
        "largest-attribute",
        "for-nothing",
        "largest-amount",
        "another-number-below-0",
    ],
)
def test_at_the_edge_there_is_no_fault(event: CustomerEvent) -> None:
    assert fault(event) is None
