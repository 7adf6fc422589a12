"""The names a condition may use: what is not known has no entry."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import pytest

from features.values import FeatureStatus, FeatureValue
from service.decision.facts import Enrolment, Incident, OpenIncidents, Situation
from service.decision.journey import Stage
from service.decision.variables import SITUATION_TYPES
from tests.builders import NOW, contact, facts, feature

HOUR = timedelta(hours=1)
OPEN = (
    Incident(incident_id="i1", opened_at=NOW, incident_class="delivery"),
    Incident(incident_id="i2", opened_at=NOW),
    Incident(incident_id="i3", opened_at=NOW, incident_class="delivery"),
)


@pytest.mark.parametrize(
    ("value", "is_bound"),
    [
        (feature("spend", 3.5), True),
        (feature("spend", 0.0), True),
        (feature("spend", math.inf), True),
        (feature("spend", math.nan), False),
        (feature("spend", 3.5, FeatureStatus.STALE), False),
        (feature("spend", None, FeatureStatus.NULL), False),
        (feature("spend", None, FeatureStatus.NOT_FOUND), False),
        (feature("spend", None, FeatureStatus.UNAVAILABLE), False),
    ],
)
def test_a_feature_has_an_entry_only_while_it_is_present_and_tells_something(
    value: FeatureValue, is_bound: bool
) -> None:
    assert ("customer.spend" in facts(features=[value]).variables) is is_bound


def test_what_the_caller_says_is_bound_and_what_was_not_said_is_not() -> None:
    said = facts(channel="app", placement="home", context={"basket": 12.5}).variables
    unsaid = facts(channel="app", context={"basket": math.nan}, is_known=None).variables
    assert {n: said[n] for n in ("now", "channel", "placement", "context.basket", "customer.is_known")} == {
        "now": NOW,
        "channel": "app",
        "placement": "home",
        "context.basket": 12.5,
        "customer.is_known": True,
    }
    assert unsaid.keys() & {"placement", "context.basket", "customer.is_known"} == set()


@pytest.mark.parametrize(
    ("incidents", "expected"),
    [
        (OpenIncidents(), {"has_open_incident": False, "open_incidents": 0, "open_incident_classes": []}),
        (
            OpenIncidents(known=OPEN, last_resolved_at=NOW - HOUR),
            {
                "has_open_incident": True,
                "open_incidents": 3,
                "open_incident_classes": ["", "delivery"],
                "last_incident_resolved_at": NOW - HOUR,
            },
        ),
        # others may be open that are not known: that one is, stays true; how many, and which, cannot be told
        (OpenIncidents(known=OPEN, status=FeatureStatus.UNAVAILABLE), {"has_open_incident": True}),
        (OpenIncidents(status=FeatureStatus.UNAVAILABLE, last_resolved_at=NOW), {}),
    ],
)
def test_what_can_be_told_of_incidents_depends_on_whether_all_are_known(
    incidents: OpenIncidents, expected: dict[str, Any]
) -> None:
    variables = facts(situation=Situation(incidents=incidents)).variables
    told = {n: v for n, v in variables.items() if "incident" in n}
    assert told == {"situation." + name: value for name, value in expected.items()}


def test_enrolments_are_bound_by_journey_with_their_stage() -> None:
    enrolments = {j: Enrolment(journey_id=j, stage=s, since=NOW) for j, s in (("b", Stage.USE), ("a", Stage.NEED))}
    variables = facts(situation=Situation(enrolments=enrolments)).variables
    assert variables["situation.journeys"] == ["a", "b"]
    assert variables["situation.stages"] == {"a": "need", "b": "use"}


def test_contacts_are_counted_until_they_are_given_back_also_when_they_change() -> None:
    contacts = (contact(), contact(counts_until=NOW + HOUR), contact(counts_until=NOW))
    known = facts(situation=Situation(contacts=contacts))
    assert known.variables["situation.contacts"] == 2
    assert known.with_contacts([*contacts, contact()]).variables["situation.contacts"] == 3
    assert known.variables["situation.contacts"] == 2


def test_every_name_of_the_situation_is_declared_with_its_type() -> None:
    incidents = OpenIncidents(known=OPEN, last_resolved_at=NOW)
    variables = facts(situation=Situation(incidents=incidents)).variables
    assert {n for n in variables if n.startswith("situation.")} == SITUATION_TYPES.keys()
