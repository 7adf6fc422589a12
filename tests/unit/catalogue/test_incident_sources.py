"""Incidents that features tell of: open while a condition holds, as good as open while nobody can tell."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given

from features.company.company import CompanyInvalid, load_company
from features.schema import FeatureSchema
from features.values import FeatureStatus, FeatureValue
from service.catalogue.conditions.compile import ConditionInvalid
from service.catalogue.incident_sources import incident_sources, incident_sources_of, with_incidents
from service.decision.facts import Facts, Incident, OpenIncidents, Situation, UntoldIncident
from tests.builders import NOW, SCHEMA, facts, feature
from tests.strategies import KNOWN

SOURCES = incident_sources({"claims": "customer.visits > 2"}, SCHEMA)
DAY = timedelta(days=1)


def told(*features: FeatureValue, when: str = "customer.visits > 2", is_known: bool | None = True) -> OpenIncidents:
    known = facts(features=features, is_known=is_known)
    return with_incidents(known, incident_sources({"claims": when}, SCHEMA)).situation.incidents


def test_an_incident_is_open_while_the_condition_holds_since_its_latest_fact() -> None:
    visits, seen = feature("visits", 3, at=NOW - 2 * DAY), feature("seen_at", NOW, at=NOW - 3 * DAY)
    opened = Incident(incident_id="features:claims", opened_at=NOW - 2 * DAY, incident_class="claims")
    assert told(visits) == OpenIncidents(known=(opened,))
    both = 'customer.visits > 2 && customer.seen_at > timestamp("2000-01-01T00:00:00Z")'
    assert told(visits, seen, when=both) == OpenIncidents(known=(opened,))


def test_a_fact_that_is_ahead_of_the_clock_opens_it_now() -> None:
    (incident,) = told(feature("visits", 3, at=NOW + DAY)).known
    assert incident.opened_at == NOW


def test_none_is_open_while_the_condition_does_not_hold() -> None:
    assert told(feature("visits", 2)) == OpenIncidents()


@pytest.mark.parametrize("status", [s for s in FeatureStatus if s is not FeatureStatus.PRESENT])
def test_while_a_fact_is_lacking_nobody_can_tell(status: FeatureStatus) -> None:
    kept = 0 if status is FeatureStatus.STALE else None
    untold = UntoldIncident(incident_class="claims", fact="customer.visits", status=status.value)
    assert told(feature("visits", kept, status)) == OpenIncidents(untold=(untold,))


def test_a_fact_that_settles_it_is_enough() -> None:
    assert told(feature("visits", 3), when="customer.spend > 9.0 || customer.visits > 2").known
    assert told(feature("visits", 3), when="customer.spend > 9.0 && customer.visits > 3") == OpenIncidents()


@pytest.mark.parametrize(("is_known", "is_untold"), [(False, False), (True, True), (None, True)])
def test_a_company_may_say_that_it_knows_of_no_incident_of_a_stranger(is_known: bool | None, is_untold: bool) -> None:
    found = told(when="customer.is_known && customer.visits > 2", is_known=is_known)
    assert bool(found.untold) is is_untold
    assert told(is_known=False).untold, "unless it says so, unknown is not permission"


def test_a_condition_that_fails_does_not_tell() -> None:
    when = "10 / customer.visits > 2"
    assert told(feature("visits", 0), when=when).untold == (
        UntoldIncident(incident_class="claims", fact=when, status="ERROR"),
    )


@given(KNOWN)
def test_what_features_tell_takes_no_incident_away_and_adds_no_certainty(known: Facts) -> None:
    found = with_incidents(known, SOURCES).situation.incidents
    before = known.situation.incidents
    assert {i.incident_id for i in before.known} <= {i.incident_id for i in found.known}
    assert (found.resolved, found.status, found.is_truncated) == (before.resolved, before.status, before.is_truncated)
    assert before.is_complete or not found.is_complete


def test_an_incident_of_the_same_name_stays_beside_it() -> None:
    own = Incident(incident_id="features:claims", opened_at=NOW, incident_class="safety")
    known = facts(features=[feature("visits", 3)], situation=Situation(incidents=OpenIncidents(known=(own,))))
    assert {i.incident_class for i in with_incidents(known, SOURCES).situation.incidents.known} == {"safety", "claims"}


def test_conditions_of_journeys_see_it() -> None:
    known = with_incidents(facts(features=[feature("visits", 3)]), SOURCES)
    assert known.variables["situation.open_incident_classes"] == ["claims"]
    assert known.variables["situation.has_open_incident"] is True
    untold = with_incidents(facts(), SOURCES)
    assert [name for name in untold.variables if "incident" in name] == []


def test_without_sources_the_facts_are_as_they_were() -> None:
    plain = facts(features=[feature("visits", 3)])
    assert with_incidents(replace(plain, variables={}), ()) == plain


COMPANY = """\
company: mybank
customer: {entity: holder}
situation:
  incidents:
    claims: {when: "WHEN"}
    fraud:
      when: customer.visits > 0
"""


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("customer.visit > 2", "5:21: situation.incidents.claims.when: unknown name `customer.visit`, did you mean"),
        ("customer.visits >", "situation.incidents.claims.when: "),
        (
            "customer.visits",
            "5:21: situation.incidents.claims.when: a condition is true or false, this is a whole number",
        ),
        ("1 < 2 && now > now", "5:30: situation.incidents.claims.when: unknown name `now`"),
        ("situation.has_open_incident", "5:21: situation.incidents.claims.when: unknown name `situation.has_open"),
        ("context.basket > 2.0", "5:21: situation.incidents.claims.when: unknown name `context.basket`"),
    ],
)
def test_a_condition_that_is_not_to_be_used_is_named_by_its_place(when: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "rumbo.yaml").write_text(COMPANY.replace("WHEN", when), encoding="utf-8")
    with pytest.raises(CompanyInvalid) as caught:
        incident_sources_of(load_company(tmp_path), SCHEMA)
    assert any(expected in fault for fault in caught.value.faults), caught.value.faults


def test_the_sources_of_a_company_are_those_that_its_file_names(tmp_path: Path) -> None:
    (tmp_path / "rumbo.yaml").write_text(COMPANY.replace("WHEN", "customer.visits > 2"), encoding="utf-8")
    found = incident_sources_of(load_company(tmp_path), SCHEMA)
    assert [(s.incident_class, s.condition.text) for s in found] == [
        ("claims", "customer.visits > 2"),
        ("fraud", "customer.visits > 0"),
    ]
    (tmp_path / "rumbo.yaml").write_text("company: small\ncustomer: {entity: client}\n", encoding="utf-8")
    assert incident_sources_of(load_company(tmp_path), SCHEMA) == ()


def test_a_list_that_the_situation_is_told_by_is_no_variable() -> None:
    lists = replace(SCHEMA.by_name["segment"], name="incidents_json", is_situation=True)
    with pytest.raises(ConditionInvalid, match=r"unknown name `customer\.incidents_json`"):
        incident_sources({"claims": 'customer.incidents_json != ""'}, FeatureSchema((*SCHEMA.features, lists)))
