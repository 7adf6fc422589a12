"""What rules may speak of: the types of events that a company declares, and the features that events tell of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from features.company.company import Company, CompanyInvalid, load_company
from features.derived import Age, Formula
from features.schema import FeatureSchema, FeatureSpec, FeatureType, PersonalData
from service.catalogue.terms import company_terms, terms_of
from service.decision.reports.event_types import (
    BUILT_IN,
    Attribute,
    AttributeType,
    OpensIncident,
    ResolvesIncident,
)

ACCOUNT = FeatureSpec(
    name="first_account_at",
    view="accounts",
    type=FeatureType.TIMESTAMP,
    unit="",
    description="",
    owner="",
    personal_data=PersonalData.PERSONAL,
    max_age_s=None,
)
CITY = replace(ACCOUNT, name="city", type=FeatureType.STRING)
AGE = replace(ACCOUNT, name="age_days", type=FeatureType.DOUBLE, formula=Formula(Age.DAYS_SINCE, "first_account_at"))
SCHEMA = FeatureSchema((ACCOUNT, CITY, AGE))
DECLARED = """\
company: mybank
customer: {entity: holder}
events:
  card.renewed:
    attributes: {fee: double, cards: int, by_app: bool, due: timestamp, city: string}
    latest: last_renewed_at
  card.replaced: {latest: last_renewed_at}
  account.opened: {latest: first_account_at}
  claim.opened: {opens_incident: claims}
  claim.closed: {resolves_incident: claims}
  case.opened: {opens_incident: {class_from: area, id_from: case_id}, attributes: {area: string, hours: int}}
  case.closed: {resolves_incident: {id_from: case_id}}
  alarm: {opens_incident: {id_from: alarm_id}}
  purchase: {latest: last_purchase_at}
"""


def company_of(folder: Path, text: str = DECLARED) -> Company:
    (folder / "rumbo.yaml").write_text(text, encoding="utf-8")
    return load_company(folder)


def test_built_in_types_are_there_without_a_word() -> None:
    assert terms_of(SCHEMA, {}).events.by_name == BUILT_IN.by_name
    assert terms_of(SCHEMA, {}).schema is SCHEMA


def test_declared_attributes_have_their_types_and_none_is_required(tmp_path: Path) -> None:
    known = company_terms(company_of(tmp_path), SCHEMA).events.by_name["card.renewed"]
    assert known.attributes == {
        "fee": Attribute(type=AttributeType.DOUBLE),
        "cards": Attribute(type=AttributeType.INT),
        "by_app": Attribute(type=AttributeType.BOOL),
        "due": Attribute(type=AttributeType.TIMESTAMP),
        "city": Attribute(type=AttributeType.STRING),
    }
    assert known.meaning is None
    assert not known.only_closes


NAME, ID = (Attribute(type=AttributeType.STRING, is_name=True, is_required=required) for required in (False, True))


@pytest.mark.parametrize(
    ("type_", "meaning", "attributes"),
    [
        ("claim.opened", OpensIncident(incident_class="claims"), {"incident_id": ID, "severity": NAME}),
        ("claim.closed", ResolvesIncident(), {"incident_id": ID}),
        (
            "case.opened",
            OpensIncident(class_from="area", id_from="case_id"),
            {
                "area": NAME,
                "hours": Attribute(type=AttributeType.INT),
                "incident_id": NAME,
                "severity": NAME,
                "case_id": ID,
            },
        ),
        ("case.closed", ResolvesIncident(id_from="case_id"), {"incident_id": NAME, "case_id": ID}),
        ("alarm", OpensIncident(id_from="alarm_id"), {"incident_id": NAME, "severity": NAME, "alarm_id": ID}),
    ],
)
def test_what_tells_of_an_incident_names_it(
    type_: str, meaning: OpensIncident | ResolvesIncident, attributes: dict[str, Attribute], tmp_path: Path
) -> None:
    known = company_terms(company_of(tmp_path), SCHEMA).events.by_name[type_]
    assert (known.meaning, dict(known.attributes)) == (meaning, attributes)
    assert known.only_closes == isinstance(meaning, OpensIncident)


def test_a_built_in_type_is_given_a_latest_and_stays_what_it_is(tmp_path: Path) -> None:
    known = company_terms(company_of(tmp_path), SCHEMA).events.by_name["purchase"]
    assert known == replace(BUILT_IN.by_name["purchase"], latest="last_purchase_at")


def test_what_events_alone_tell_is_a_feature_before_those_that_are_derived(tmp_path: Path) -> None:
    terms = company_terms(company_of(tmp_path), SCHEMA)
    assert [spec.name for spec in terms.schema.features] == [
        "first_account_at",
        "city",
        "last_purchase_at",
        "last_renewed_at",
        "age_days",
    ]
    renewed = terms.schema.by_name["last_renewed_at"]
    assert (renewed.type, renewed.max_age_s, renewed.is_event_time) == (FeatureType.TIMESTAMP, None, True)
    assert renewed.description == "When the latest card.renewed or card.replaced happened."
    assert terms.schema.by_name["first_account_at"] is ACCOUNT
    assert terms.events.latest == {"first_account_at", "last_renewed_at", "last_purchase_at"}


def test_the_feature_store_is_asked_for_none_of_them_also_if_it_has_a_view_called_events(tmp_path: Path) -> None:
    logins = replace(ACCOUNT, name="last_login_at", view="events")
    terms = company_terms(company_of(tmp_path), FeatureSchema((*SCHEMA.features, logins)))
    assert terms.schema.by_view == {"accounts": (ACCOUNT, CITY), "events": (logins,)}


FAULTS = (
    (
        "purchase: {latest: last_purchase_at}",
        "purchase: {attributes: {shop: string}}",
        "14:14: events.purchase.attributes: purchase is built in: nothing but `latest` may be added to it",
    ),
    (
        "purchase: {latest: last_purchase_at}",
        "purchase: {opens_incident: claims}",
        "14:14: events.purchase.opens_incident: purchase is built in",
    ),
    (
        "purchase: {latest: last_purchase_at}",
        "incident.opened: {resolves_incident: claims}",
        "14:21: events.incident.opened.resolves_incident: incident.opened is built in",
    ),
    (
        "purchase: {latest: last_purchase_at}",
        "feed.heartbeat: {latest: last_purchase_at}",
        "14:20: events.feed.heartbeat.latest: feed.heartbeat is of no customer, so no feature tells of it",
    ),
    (
        "claim.opened:",
        "incident.reopened:",
        "9:3: events.incident.reopened: a type of your own begins with another word than those built in:"
        " consent, feed, incident, journey",
    ),
    ("area: string", "area: int", "11:84: events.case.opened.attributes.area: area tells of an incident"),
    (
        "claim.opened: {opens_incident: claims}",
        "claim.opened: {opens_incident: claims, attributes: {severity: double}}",
        "9:55: events.claim.opened.attributes.severity: severity tells of an incident, so it is a string, not double",
    ),
    (
        "claim.closed: {resolves_incident: claims}",
        "claim.closed: {resolves_incident: claims, attributes: {incident_id: int}}",
        "10:58: events.claim.closed.attributes.incident_id: incident_id tells of an incident",
    ),
    (
        "claim.closed: {resolves_incident: claims}",
        "claim.closed: {resolves_incident: case_id}",
        "10:18: events.claim.closed.resolves_incident: `case_id` is an attribute, and here stands a class:"
        " write {id_from: case_id}",
    ),
    (
        "claim.opened: {opens_incident: claims}",
        "claim.opened: {opens_incident: kind, attributes: {kind: string}}",
        "9:18: events.claim.opened.opens_incident: `kind` is an attribute, and here stands a class:"
        " write {class_from: kind}, or {id_from: kind} if it names the incident",
    ),
    (
        "latest: first_account_at",
        "latest: city",
        "8:20: events.account.opened.latest: 'city' is string in the feature store, not an instant",
    ),
    (
        "latest: first_account_at",
        "latest: age_days",
        "8:20: events.account.opened.latest: 'age_days' is derived, so no event can tell it",
    ),
)


@pytest.mark.parametrize(("old", "new", "expected"), FAULTS)
def test_a_fault_is_named_by_its_place(old: str, new: str, expected: str, tmp_path: Path) -> None:
    assert old in DECLARED
    with pytest.raises(CompanyInvalid) as caught:
        company_terms(company_of(tmp_path, DECLARED.replace(old, new)), SCHEMA)
    (fault,) = caught.value.faults
    assert fault.startswith(f"rumbo.yaml:{expected}")


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    text = DECLARED.replace("latest: first_account_at", "latest: city").replace("claim.opened", "consent.asked")
    with pytest.raises(CompanyInvalid) as caught:
        company_terms(company_of(tmp_path, text), SCHEMA)
    assert [fault.split(": ")[1] for fault in caught.value.faults] == [
        "events.account.opened.latest",
        "events.consent.asked",
    ]
