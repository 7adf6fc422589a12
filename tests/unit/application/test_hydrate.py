"""P3: whichever store knows of an incident or a withdrawal closes the gate; what Feast alone says never opens one."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from features.reading import ViewFault
from features.values import FeatureStatus
from service.decision.decide import Degradation
from service.decision.facts import Consents, OpenIncidents, ResolvedIncident
from service.state.port import StateReading
from tests.unit.application.readings import (
    T1,
    T2,
    T3,
    UNAVAILABLE,
    consents,
    incident,
    incident_fact,
    incidents,
    merged,
    over,
    state,
    value,
)


@pytest.mark.parametrize(
    ("own", "feast", "is_open"),
    [
        (state(), None, False),
        (state(), ("open", T1), True),
        (state(), ("resolved", T1), False),
        (state(incident(T2)), None, True),
        (state(incident(T2)), ("open", T1), True),
        (state(incident(T2)), ("resolved", T1), True),
        (state(incident(T2)), ("resolved", T2), True),
        (state(incident(T2)), ("resolved", T3), True),
        (state(heard={"i1": T2}), ("open", T1), False),
        (state(heard={"i1": T2}), ("open", T2), False),
        (state(heard={"i1": T2}), ("open", T3), True),
        (state(heard={"i1": T2}), ("resolved", T3), False),
    ],
    ids=[
        "nobody-knows-of-one",
        "feast-alone-knows-it-open",
        "feast-alone-knows-it-resolved",
        "state-alone-knows-it-open",
        "state-open-newer-than-feast-open",
        "state-open-newer-than-feast-resolved",
        "feast-resolved-at-the-same-instant-never-opens",
        "feast-resolved-later-never-opens",
        "state-resolved-newer-than-feast-open",
        "state-resolved-at-the-instant-of-feast-open",
        "feast-open-newer-than-state-resolved",
        "both-resolved",
    ],
)
def test_an_incident_is_open_if_either_store_says_so_and_the_state_store_has_heard_nothing_newer(
    own: StateReading, feast: tuple[str, datetime] | None, is_open: bool
) -> None:
    values = [] if feast is None else [incidents(incident_fact(feast[1], feast[0]))]
    found = merged(own, *values).facts
    assert [i.incident_id for i in found.situation.incidents.known] == (["i1"] if is_open else [])
    assert found.variables["situation.has_open_incident"] is is_open


def test_incidents_of_both_stores_are_listed_together_by_id() -> None:
    found = merged(
        state(incident(T2, "b")),
        incidents(incident_fact(T1, "open", "c", class_="delivery", severity="high"), incident_fact(T1, "open", "a")),
    )
    assert found.facts.situation.incidents.known == (
        incident(T1, "a"),
        incident(T2, "b"),
        incident(T1, "c", class_="delivery", severity="high"),
    )


@pytest.mark.parametrize(
    ("feast_class", "expected"), [("delivery", "delivery"), ("safety", None), (None, None)], ids=str
)
def test_where_the_stores_disagree_on_the_class_it_is_unknown_which_is_the_strictest(
    feast_class: str | None, expected: str | None
) -> None:
    """Feast has heard later, but may not open what the state's class closes, nor the other way round."""
    fact = replace(incident_fact(T2, "open"), incident_class=feast_class)
    found = merged(state(incident(T1, class_="delivery")), incidents(fact))
    assert [i.incident_class for i in found.facts.situation.incidents.known] == [expected]


def test_a_class_that_feast_heard_of_earlier_does_not_count() -> None:
    own = incident(T2, class_="delivery", severity="low")
    found = merged(state(own), incidents(incident_fact(T1, "open", class_="safety", severity="high")))
    assert found.facts.situation.incidents.known == (own,)


OWN = over(T2, "delivery", "low")


@pytest.mark.parametrize(
    ("own", "feast", "resolved"),
    [
        (state(), ("resolved", T1), (over(T1, "safety", "high"),)),
        (state(), ("open", T1), ()),
        (state(incident(T2)), ("resolved", T1), ()),
        (state(incident(T2)), ("resolved", T3), ()),
        (state(resolved=(OWN,), heard={"i1": T2}), None, (OWN,)),
        (state(resolved=(OWN,), heard={"i1": T2}), ("resolved", T1), (OWN,)),
        (state(resolved=(OWN,), heard={"i1": T2}), ("resolved", T2), (OWN,)),
        (state(resolved=(OWN,), heard={"i1": T2}), ("resolved", T3), (OWN, over(T3, "safety", "high"))),
        (state(resolved=(OWN,), heard={"i1": T2}), ("open", T3), (OWN,)),
        (state(resolved=(OWN,), heard={"i2": T2}), ("resolved", T1), (OWN, over(T1, "safety", "high"))),
    ],
    ids=[
        "feast-alone-knows-it-resolved",
        "feast-alone-knows-it-open",
        "the-state-opened-it-later",
        "open-in-the-state-it-never-counts-as-over",
        "the-state-alone-knows-it",
        "the-state-heard-later",
        "at-the-same-instant-the-state-wins",
        "feast-heard-later",
        "feast-says-that-it-was-opened-again",
        "another-one",
    ],
)
def test_what_feast_knows_to_be_over_adds_a_time_of_grace_and_takes_none_away(
    own: StateReading, feast: tuple[str, datetime] | None, resolved: tuple[ResolvedIncident, ...]
) -> None:
    """A grace only closes, so what Feast heard later stands beside what the state store says, as Feast calls it."""
    values = [] if feast is None else [incidents(incident_fact(feast[1], feast[0], class_="safety", severity="high"))]
    assert merged(own, *values).facts.situation.incidents.resolved == resolved


def test_when_the_last_incident_was_resolved_is_what_the_state_store_says() -> None:
    found = merged(state(heard={"i1": T2}, last_resolved_at=T2), incidents(incident_fact(T3, "resolved", "i2")))
    assert found.facts.situation.incidents.last_resolved_at == T2


@pytest.mark.parametrize("status", [FeatureStatus.NOT_FOUND, FeatureStatus.NULL])
def test_no_row_in_feast_is_no_incident_and_no_withdrawal(status: FeatureStatus) -> None:
    found = merged(state(), value("incidents_json", None, status), value("consents_json", None, status))
    assert found.facts.situation.incidents == OpenIncidents()
    assert found.facts.situation.consents == Consents()
    assert found.degraded == ()


@pytest.mark.parametrize("status", [UNAVAILABLE, FeatureStatus.STALE])
def test_lists_that_cannot_be_relied_on_leave_what_the_state_store_knows_and_say_so(status: FeatureStatus) -> None:
    own = state(incident(T1), consents=Consents(granted_at={("marketing", "web"): T1}))
    faults = tuple(ViewFault(view=v, status=status, cause="test") for v in ("incidents", "consents"))
    lists = (value("incidents_json", None, status), value("consents_json", None, status))
    found = merged(own, *lists, faults=faults)
    assert found.facts.situation.incidents == OpenIncidents(known=(incident(T1),), status=status)
    assert found.facts.situation.consents == Consents(granted_at={("marketing", "web"): T1}, status=status)
    assert found.degraded == tuple(
        Degradation(what=f"features.{v}", status=status, effect="GATES_CLOSED") for v in ("incidents", "consents")
    )


UNREADABLE = [
    "",
    "no json",
    "{}",
    "[1]",
    '[{"incident_id": "i1"}]',
    '[{"incident_id": "i1", "status": "opened", "at": "2018-01-03T12:00:00Z"}]',
    '[{"incident_id": "i1", "status": "open", "at": "2018-01-03T12:00:00"}]',
    '[{"incident_id": 7, "status": "open", "at": "2018-01-03T12:00:00Z"}]',
]


@pytest.mark.parametrize("text", UNREADABLE)
def test_a_list_of_incidents_that_nobody_understands_is_unavailable_and_says_so(text: str) -> None:
    """P11: the reader took it for a value, so no fault of a view says so."""
    found = merged(state(), value("incidents_json", text))
    assert found.facts.situation.incidents == OpenIncidents(status=UNAVAILABLE)
    assert "situation.has_open_incident" not in found.facts.variables
    assert found.degraded == (Degradation(what="features.incidents", status=UNAVAILABLE, effect="GATES_CLOSED"),)


def test_a_list_of_consents_that_nobody_understands_is_unavailable_and_says_so() -> None:
    found = merged(state(), value("consents_json", '[{"purpose": "marketing"}]'))
    assert found.facts.situation.consents == Consents(status=UNAVAILABLE)
    assert found.degraded == (Degradation(what="features.consents", status=UNAVAILABLE, effect="GATES_CLOSED"),)


@pytest.mark.parametrize(
    ("own", "feast", "holds"),
    [
        (Consents(granted_at={("marketing", "web"): T2}), None, True),
        (Consents(granted_at={("marketing", "web"): T2}), ("marketing", "web", "withdrawn", T1), True),
        (Consents(granted_at={("marketing", "web"): T2}), ("marketing", "web", "withdrawn", T2), True),
        (Consents(granted_at={("marketing", "web"): T2}), ("marketing", "web", "withdrawn", T3), False),
        (Consents(granted_at={("marketing", "web"): T2}), ("*", "*", "withdrawn", T1), True),
        (Consents(granted_at={("marketing", "web"): T2}), ("*", "*", "withdrawn", T2), False),
        (Consents(granted_at={("marketing", "web"): T2}), ("*", "web", "withdrawn", T3), False),
        (Consents(granted_at={("marketing", "web"): T2}), ("marketing", "*", "withdrawn", T3), False),
        (Consents(granted_at={("marketing", "web"): T2}), ("surveys", "web", "withdrawn", T3), True),
        (Consents(), ("marketing", "web", "granted", T3), False),
        (Consents(withdrawn_at={("marketing", "web"): T1}), ("marketing", "web", "granted", T3), False),
        (
            Consents(granted_at={("marketing", "web"): T1}, withdrawn_at={("marketing", "web"): T2}),
            ("marketing", "web", "granted", T3),
            False,
        ),
        (
            Consents(granted_at={("marketing", "web"): T2}, withdrawn_at={("*", "*"): T1}),
            ("*", "*", "withdrawn", T3),
            False,
        ),
    ],
    ids=[
        "feast-knows-nothing",
        "the-state-knows-a-newer-grant",
        "at-the-same-instant-the-state-wins",
        "a-newer-withdrawal",
        "an-older-withdrawal-of-all",
        "a-withdrawal-of-all-at-the-instant-of-the-grant",
        "a-newer-withdrawal-from-the-channel",
        "a-newer-withdrawal-of-the-purpose",
        "a-withdrawal-of-another-purpose",
        "a-grant-that-feast-alone-knows",
        "a-grant-newer-than-the-withdrawal",
        "a-grant-newer-than-both",
        "a-withdrawal-of-all-repeated-later",
    ],
)
def test_feast_may_withdraw_a_consent_but_never_give_one(
    own: Consents, feast: tuple[str, str, str, datetime] | None, holds: bool
) -> None:
    found = merged(state(consents=own), *([] if feast is None else [consents(feast)]))
    assert found.facts.situation.consents.holds("marketing", "web") is holds
