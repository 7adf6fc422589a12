"""What a company's own events mean to its catalogue: objectives, conditions, findings and cases."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import pytest

from features.company.document import EventTypeDocument
from features.derived import Age, Formula
from features.schema import FeatureSchema, FeatureSpec, FeatureType, PersonalData
from features.values import FeatureStatus, Scalar
from service.catalogue.cases.facts import facts_of_case
from service.catalogue.cases.run import read_cases, run
from service.catalogue.check.check import check
from service.catalogue.load import CatalogueInvalid, load, parse
from service.catalogue.objectives import kept_document, objectives_of
from service.catalogue.terms import Terms, terms_of
from tests.unit.catalogue.check.test_check import NOW, SCHEMA, catalogue

AGE = FeatureSpec(
    name="renewal_days",
    view="derived",
    type=FeatureType.DOUBLE,
    unit="days",
    description="",
    owner="",
    personal_data=PersonalData.PERSONAL,
    max_age_s=None,
    formula=Formula(Age.DAYS_SINCE, "last_renewed_at"),
)
RENEWED = EventTypeDocument(
    attributes={"fee": "double", "cards": "int", "by_app": "bool", "due": "timestamp", "city": "string"},
    latest="last_renewed_at",
)
TERMS = terms_of(
    FeatureSchema((*SCHEMA.features, AGE)),
    {"card.renewed": RENEWED, "claim.opened": EventTypeDocument(opens_incident="claims")},
)
WITHOUT = Terms(TERMS.schema, terms_of(TERMS.schema, {}).events)
"""The types that are left once the company declares none any more."""
OBJECTIVE = "{event: purchase, where: amount >= 10.0, within: 7d, value: 5.5}"
CASES = """\
defaults: {now: 2026-03-01T12:00:00Z, channel: email, consents: all, features: {recency_days: 5.0, baskets_90d: 3}}
cases:
"""


def with_objective(folder: Path, event: str, where: str) -> Path:
    """The base catalogue, whose offer is for such an event."""
    objective = f"{{event: {event}, where: '{where}', within: 7d, value: 5.5}}"
    return catalogue(folder / "new", {"journeys/pizza.yaml": [{"old": OBJECTIVE, "new": objective}]}, {})


def with_audience(folder: Path, audience: str) -> Path:
    change = {"old": "audience: customer.recency_days > 3.0", "new": f"audience: '{audience}'"}
    return catalogue(folder / "new", {"journeys/pizza.yaml": [change]}, {})


@pytest.mark.parametrize(
    ("event", "where", "expected"),
    [
        ("card.renewed", 'fee > 5.0 && cards >= 1 && by_app && due > timestamp(1) && city != ""', None),
        ("claim.opened", 'severity == "high" && incident_id != ""', None),
        (
            "card.renewd",
            "fee > 5.0",
            "7:13: error[NAME]: 'card.renewd' is no event type: incident.opened, incident.resolved, consent.granted,"
            " consent.withdrawn, purchase, journey.entered, journey.advanced, journey.exited, feed.heartbeat,"
            " card.renewed, claim.opened, did you mean `card.renewed`?",
        ),
        ("card.renewed", "fees > 5.0", "7:42: error[CONDITION]: unknown name `fees`, did you mean `fee`?"),
        ("claim.opened", "fee > 5.0", "7:42: error[CONDITION]: unknown name `fee`: there are incident_id, severity"),
        ("card.renewed", "price > 5.0", "7:42: error[CONDITION]: unknown name `price`: there are"),
        ("card.renewed", "fee > 5.0 && fee < 1.0", "7:42: error[NEVER]: the objective's where can never hold"),
        ("card.renewed", "cards > 0 && cards < 1", "7:42: error[NEVER]: the objective's where can never hold"),
        (
            "card.renewed",
            "due > timestamp(1) && due < timestamp(1)",
            "7:42: error[NEVER]: the objective's where can never hold",
        ),
        ("card.renewed", "by_app || !by_app", "7:42: warning[ALWAYS]: the objective's where always holds"),
    ],
)
def test_an_objective_speaks_of_a_declared_event_and_of_what_it_carries(
    event: str, where: str, expected: str | None, tmp_path: Path
) -> None:
    found = [str(finding) for finding in check(with_objective(tmp_path, event, where), TERMS, NOW)]
    assert len(found) == (expected is not None), found
    assert all(line.startswith(f"journeys/pizza.yaml:{expected}") for line in found), found


@pytest.mark.parametrize(
    ("audience", "expected"),
    [
        ("customer.renewal_days > 3.0", None),
        ("customer.last_renewed_at < now", None),
        ("customer.renewal_days < 0.0", "error[NEVER]"),
        ("customer.last_renewed > now", "error[CONDITION]: unknown name `customer.last_renewed`"),
    ],
)
def test_a_condition_speaks_of_what_happened_last_and_of_its_age(
    audience: str, expected: str | None, tmp_path: Path
) -> None:
    found = [str(finding) for finding in check(with_audience(tmp_path, audience), TERMS, NOW)]
    assert [line.split(": ", 1)[1][: len(expected or "")] for line in found] == ([] if expected is None else [expected])


@pytest.mark.parametrize(
    ("said", "given"),
    [
        ("last_renewed_at: 2026-02-20T12:00:00Z", True),
        ("renewal_days: 9.0", True),
        ("renewal_days: 1.0", False),
    ],
)
def test_a_case_says_when_something_happened_last_or_how_long_ago(said: str, given: bool, tmp_path: Path) -> None:
    folder = with_audience(tmp_path, "customer.renewal_days > 3.0")
    listed = "eligible: [pizza]" if given else "eligible: [], denied: {pizza: [AUDIENCE]}"
    (folder / "cases").mkdir()
    (folder / "cases" / "some.yaml").write_text(f"{CASES}  - {{name: one, features: {{{said}}}, {listed}}}\n")
    (result,) = run(read_cases(folder), load(folder, TERMS).plan, TERMS).results
    assert result.differences == ()


def test_what_events_tell_is_known_in_a_case_whose_feature_store_is_away(tmp_path: Path) -> None:
    folder = with_audience(tmp_path, "customer.renewal_days > 3.0")
    (folder / "cases").mkdir()
    asked = "{name: one, feature_store: UNAVAILABLE, features: {renewal_days: 9.0}, eligible: [pizza]}"
    (folder / "cases" / "some.yaml").write_text(f"{CASES}  - {asked}\n")
    (case,) = read_cases(folder)
    facts = facts_of_case(case.document, load(folder, TERMS).plan, TERMS)
    assert facts.is_known
    assert facts.features["last_renewed_at"].value == datetime.fromisoformat("2026-02-20T12:00:00Z")
    assert facts.features["recency_days"].status is FeatureStatus.UNAVAILABLE


@pytest.mark.parametrize(
    ("where", "attributes", "is_met"),
    [
        ("fee >= 5.0", {"fee": 5.0}, True),
        ("fee >= 5.0", {"fee": 5}, True),
        ("cards == 2", {"cards": 2}, True),
        ("cards == 2", {"cards": 2.0}, False),
        ("by_app", {"by_app": True}, True),
        ('due < timestamp("2026-12-31T00:00:00Z")', {"due": "2026-12-30T23:59:59-01:00"}, False),
        ('due < timestamp("2026-12-31T00:00:00Z")', {"due": "2026-12-31T00:59:59+01:00"}, True),
        ('city == "Lugo"', {"city": "Lugo", "fee": "free"}, True),
        ('city == "Lugo"', {}, False),
    ],
)
def test_an_event_meets_an_objective_by_its_attributes_as_they_are_declared(
    where: str, attributes: Mapping[str, Scalar], is_met: bool, tmp_path: Path
) -> None:
    source = load(with_objective(tmp_path, "card.renewed", where), TERMS).source
    assert objectives_of(kept_document(source), TERMS.events)["pizza"].is_met_by(attributes) is is_met


def test_a_kept_catalogue_is_read_though_its_event_is_declared_no_longer(tmp_path: Path) -> None:
    folder = with_objective(tmp_path, "card.renewed", "fee > 5.0")
    kept = load(folder, TERMS)
    assert parse(kept.source, WITHOUT).version == kept.version
    with pytest.raises(CatalogueInvalid, match=r"'card\.renewed' is no event type"):
        load(folder, WITHOUT)
    with pytest.raises(CatalogueInvalid, match=r"'card\.renewed' is an event type no longer"):
        objectives_of(kept_document(kept.source), WITHOUT.events)
