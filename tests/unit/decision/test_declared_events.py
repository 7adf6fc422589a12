"""Events of types that a company declares: what their attributes must be, and what each of them does."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from features.values import Scalar
from service.decision.facts import ANY, FactKind
from service.decision.reports.effects import (
    ConsentGranted,
    ConsentWithdrawn,
    Effect,
    FeedAlive,
    Happened,
    IncidentOpened,
    IncidentResolved,
    Moved,
    kinds_of,
    known_event,
)
from service.decision.reports.event_types import (
    BUILT_IN,
    Attribute,
    AttributeType,
    EventType,
    EventTypes,
    Move,
    OpensIncident,
    ResolvesIncident,
    name_attribute,
)
from service.decision.reports.events import FieldFault, Names, fault_of, names_in
from service.decision.reports.rows import CustomerEvent
from tests.builders import NOW

OPTIONAL = {kind.value: Attribute(type=kind) for kind in AttributeType}
ID = {"incident_id": name_attribute(is_required=True)}
TYPES = EventTypes(
    {
        **BUILT_IN.by_name,
        "typed": EventType(attributes=OPTIONAL),
        "card.renewed": EventType(latest="last_renewed_at"),
        "claim.opened": EventType(
            attributes={**ID, "severity": name_attribute()}, meaning=OpensIncident(incident_class="claims")
        ),
        "claim.closed": EventType(attributes=ID, meaning=ResolvesIncident(), latest="last_closed_at"),
        "case.opened": EventType(
            attributes={"area": name_attribute(), "case_id": name_attribute(is_required=True)},
            meaning=OpensIncident(id_from="case_id", class_from="area"),
        ),
        "case.closed": EventType(
            attributes={"case_id": name_attribute(is_required=True)}, meaning=ResolvesIncident(id_from="case_id")
        ),
    }
)


def told(type_: str, at: datetime = NOW, **attributes: Scalar) -> CustomerEvent:
    named = {name.rstrip("_"): value for name, value in attributes.items()}
    return CustomerEvent(event_id="e1", customer_id="1", source="core", type=type_, occurred_at=at, attributes=named)


def fault(event: CustomerEvent) -> FieldFault | None:
    return fault_of(event, TYPES, NOW, lambda journey_id, stage: None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("string", "a"),
        ("string", ""),
        ("string", "x" * 1000),
        ("double", 1.5),
        ("double", -1.5),
        ("double", 3),
        ("int", 3),
        ("int", -(2**63)),
        ("bool", False),
        ("timestamp", "2026-12-31T08:00:00Z"),
        ("timestamp", "2026-12-31T08:00:00.123456+01:00"),
        ("timestamp", datetime(2026, 12, 31, tzinfo=UTC)),
        ("of no type", object.__name__),
        ("of no type", 3.5),
    ],
)
def test_a_value_of_its_type_is_no_fault_and_what_is_not_declared_is_kept(name: str, value: Scalar) -> None:
    assert fault(told("typed", NOW, **{name: value})) is None


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("string", 1, "NOT_TEXT"),
        ("string", True, "NOT_TEXT"),
        ("double", "1.5", "NOT_A_NUMBER"),
        ("double", True, "NOT_A_NUMBER"),
        ("int", 3.0, "NOT_WHOLE"),
        ("int", "3", "NOT_WHOLE"),
        ("int", True, "NOT_WHOLE"),
        ("bool", 1, "NOT_A_BOOL"),
        ("bool", "true", "NOT_A_BOOL"),
        ("timestamp", "2026-12-31", "NOT_A_TIME"),
        ("timestamp", "2026-12-31T08:00:00", "NOT_A_TIME"),
        ("timestamp", "yesterday", "NOT_A_TIME"),
        ("timestamp", 20261231, "NOT_A_TIME"),
        ("timestamp", "0001-01-01T00:00:00+14:00", "NOT_A_TIME"),
    ],
)
def test_a_value_of_another_type_is_named_by_the_type_that_is_declared(name: str, value: Scalar, code: str) -> None:
    assert fault(told("typed", NOW, **{name: value})) == FieldFault(field=f"attributes.{name}", code=code)


@pytest.mark.parametrize(
    ("event", "field", "code"),
    [
        (told("claim.opened"), "incident_id", "MISSING"),
        (told("claim.opened", incident_id=7), "incident_id", "NOT_TEXT"),
        (told("claim.opened", incident_id=""), "incident_id", "NOT_TEXT"),
        (told("claim.opened", incident_id="i" * 129), "incident_id", "TOO_LONG"),
        (told("claim.opened", incident_id="i1", severity=3), "severity", "NOT_TEXT"),
        (told("case.opened", incident_id="i1"), "case_id", "MISSING"),
        (told("case.opened", case_id="c1", area=""), "area", "NOT_TEXT"),
        (told("case.closed", incident_id="i1"), "case_id", "MISSING"),
    ],
)
def test_what_tells_of_an_incident_names_it(event: CustomerEvent, field: str, code: str) -> None:
    assert fault(event) == FieldFault(field=f"attributes.{field}", code=code)


@pytest.mark.parametrize(
    ("event", "is_kept"),
    [
        (told("claim.opened", incident_id="i1"), True),
        (told("case.opened", case_id="c1"), True),
        (told("claim.closed", incident_id="i1"), False),
        (told("case.closed", case_id="c1"), False),
        (told("card.renewed"), False),
        (told("typed"), False),
    ],
    ids=lambda value: str(getattr(value, "type", value)),
)
def test_only_what_opens_an_incident_may_be_far_ahead(event: CustomerEvent, is_kept: bool) -> None:
    def at(ahead: timedelta) -> CustomerEvent:
        return told(event.type, NOW + ahead, **event.attributes)

    expected = None if is_kept else FieldFault(field="occurred_at", code="IN_THE_FUTURE")
    assert fault(at(timedelta(minutes=5, microseconds=1))) == expected
    assert fault(at(timedelta(minutes=5))) is None


CONSENT = {"purpose": "marketing", "channel": "email"}
DOES: tuple[tuple[str, Mapping[str, Scalar], tuple[Effect, ...], set[FactKind]], ...] = (
    (
        "incident.opened",
        {"incident_id": "i1", "class": "delivery", "severity": "high"},
        (IncidentOpened(incident_id="i1", incident_class="delivery", severity="high"),),
        {FactKind.INCIDENTS},
    ),
    (
        "incident.opened",
        {"incident_id": "i1"},
        (IncidentOpened(incident_id="i1", incident_class=None, severity=None),),
        {FactKind.INCIDENTS},
    ),
    ("incident.resolved", {"incident_id": "i1"}, (IncidentResolved(incident_id="i1"),), {FactKind.INCIDENTS}),
    ("consent.granted", CONSENT, (ConsentGranted(purpose="marketing", channel="email"),), {FactKind.CONSENTS}),
    ("consent.withdrawn", {}, (ConsentWithdrawn(purpose=ANY, channel=ANY),), {FactKind.CONSENTS}),
    ("purchase", {"amount": 3.0}, (), {FactKind.EVENTS}),
    (
        "journey.entered",
        {"journey_id": "news", "stage": "need"},
        (Moved(journey_id="news", move=Move.ENTERED, stage="need"),),
        {FactKind.PLACES},
    ),
    (
        "journey.advanced",
        {"journey_id": "news", "stage": "use"},
        (Moved(journey_id="news", move=Move.ADVANCED, stage="use"),),
        {FactKind.PLACES},
    ),
    (
        "journey.exited",
        {"journey_id": "news"},
        (Moved(journey_id="news", move=Move.EXITED, stage=""),),
        {FactKind.PLACES},
    ),
    ("feed.heartbeat", {}, (FeedAlive(source="core"),), {FactKind.EVENTS}),
    ("typed", {"int": 3}, (), {FactKind.EVENTS}),
    ("card.renewed", {}, (Happened(latest="last_renewed_at"),), {FactKind.EVENTS}),
    (
        "claim.opened",
        {"incident_id": "i1", "class": "none of its own", "severity": "high"},
        (IncidentOpened(incident_id="i1", incident_class="claims", severity="high"),),
        {FactKind.INCIDENTS},
    ),
    (
        "claim.closed",
        {"incident_id": "i1"},
        (IncidentResolved(incident_id="i1"), Happened(latest="last_closed_at")),
        {FactKind.INCIDENTS, FactKind.EVENTS},
    ),
    (
        "case.opened",
        {"case_id": "c1", "incident_id": "another", "area": "billing"},
        (IncidentOpened(incident_id="c1", incident_class="billing", severity=None),),
        {FactKind.INCIDENTS},
    ),
    (
        "case.opened",
        {"case_id": "c1"},
        (IncidentOpened(incident_id="c1", incident_class=None, severity=None),),
        {FactKind.INCIDENTS},
    ),
    ("case.closed", {"case_id": "c1"}, (IncidentResolved(incident_id="c1"),), {FactKind.INCIDENTS}),
)


@pytest.mark.parametrize(("type_", "attributes", "effects", "kinds"), DOES)
def test_an_event_does_what_its_type_says(
    type_: str, attributes: Mapping[str, Scalar], effects: tuple[Effect, ...], kinds: set[FactKind]
) -> None:
    known = known_event(told(type_, NOW, **attributes), TYPES)
    assert known.effects == effects
    assert kinds_of(known.effects) == kinds
    assert known.is_of_customer == (type_ != "feed.heartbeat")


def test_every_type_is_tried_here() -> None:
    assert {type_ for type_, *_ in DOES} == set(TYPES.by_name)


def test_only_consents_and_heartbeats_speak_of_what_a_catalogue_declares() -> None:
    assert names_in(told("consent.withdrawn", purpose="marketing"), TYPES) == Names(purposes=frozenset({"marketing"}))
    assert names_in(told("feed.heartbeat"), TYPES) == Names(sources=frozenset({"core"}))
    for type_ in ("claim.opened", "typed", "of no type"):
        assert names_in(told(type_, purpose="sales", channel="fax"), TYPES) == Names()
