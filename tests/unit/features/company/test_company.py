"""rumbo.yaml: what it says, and that every fault is named by line and column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from features.company.company import CompanyInvalid, company_json_schema, load_company
from features.company.document import IncidentFromDocument
from features.derived import Age, Formula
from features.interactions import Interaction

WHOLE = """\
company: mybank
customer: {entity: holder}
features:
  repo: feast/
  service: journeys
  names: {accounts.rating: account_rating}
  notes: features.yaml
  derived:
    relationship_days: days_since(first_account_at)
  model: {leave_out: [time_zone], interactions: {affinity: "spend_{category}_90d / spend_90d"}}
situation:
  incidents: {claims: {when: customer.claims_open > 0}}
  consents: none
events:
  card.renewed: {attributes: {fee: double}, latest: last_renewed_at}
  claim.opened: {opens_incident: claims}
  claim.closed: {resolves_incident: {class_from: kind, id_from: claim_no}}
catalogue: journeys/
training: {group: journey_id, monotone: {relationship_days: 1}}
mlflow: {experiment: trial}
"""
FAULTS = (
    ("company: mybank", "company: My Bank", "1:1: company: a name is lower-case letters"),
    ("entity: holder", "entity: ''", "2:12: customer.entity: "),
    ("customer: {entity: holder}", "", "1:1: customer: "),
    ("  repo: feast/", "  repos: feast/", "4:3: features.repos: "),
    ("  service: journeys", "  service: journeys\n  views: [a]", "3:1: features: say `service` or `views`, not both"),
    ("accounts.rating:", "rating:", "6:11: features.names.rating: expected VIEW.FEATURE"),
    ("days_since(", "age_of(", "9:5: features.derived.relationship_days: expected one of days_since(FEATURE)"),
    (
        "{category}_90d /",
        "category_90d /",
        "10:50: features.model.interactions.affinity: expected a feature",
    ),
    ("{category}_90d /", "{category}_90d *", "10:50: features.model.interactions.affinity: expected a feature"),
    ("{when: customer.claims_open > 0}", "{whem: x}", "12:24: situation.incidents.claims.whem: "),
    ("{claims: {when: customer.claims_open > 0}}", "{view: 3}", "12:15: situation.incidents.view: expected a text"),
    ("consents: none", "consents: yes", "13:3: situation.consents: "),
    ("card.renewed", "Renewed", "15:3: events.Renewed: an event type is lower-case words"),
    ("fee: double", "fee: number", "15:31: events.card.renewed.attributes.fee: "),
    (
        "{opens_incident: claims}",
        "{opens_incident: claims, resolves_incident: claims}",
        "16:3: events.claim.opened: an event opens or resolves an incident, not both",
    ),
    ("{class_from: kind, id_from: claim_no}", "3", "17:18: events.claim.closed.resolves_incident: expected a text"),
    ("relationship_days: 1}", "relationship_days: 2}", "19:42: training.monotone.relationship_days: "),
    ("group: journey_id,", "test_from: tomorrow,", "19:12: training.test_from: expected a day such as 2026-11-22"),
    ("group: journey_id,", "test_from: 2026-11-22T06:00,", "19:12: training.test_from: a time needs a zone"),
    ("group: journey_id,", "folds: 1,", "19:12: training.folds: "),
    ("group: journey_id,", "test_from: 2026W47T06,", "19:12: training.test_from: expected a day such as 2026-11-22"),
    ("mlflow:", "\tmlflow:", "20:1: "),
)


def written(folder: Path, text: str) -> Path:
    (folder / "rumbo.yaml").write_text(text, encoding="utf-8")
    return folder


def test_the_whole_file_is_read(tmp_path: Path) -> None:
    company = load_company(written(tmp_path, WHOLE))
    document = company.document
    assert (company.name, company.feature_repo, company.notes, company.catalogue, company.default_home) == (
        "mybank",
        tmp_path / "feast",
        tmp_path / "features.yaml",
        tmp_path / "journeys",
        tmp_path / ".rumbo",
    )
    assert document.features.derived == {"relationship_days": Formula(Age.DAYS_SINCE, "first_account_at")}
    assert document.features.model.interactions == {"affinity": Interaction("spend_{category}_90d", "spend_90d")}
    assert document.situation is not None
    assert document.situation.consents is None
    assert document.events["claim.opened"].opens_incident == "claims"
    assert document.events["claim.closed"].resolves_incident == IncidentFromDocument(
        class_from="kind", id_from="claim_no"
    )


@pytest.mark.parametrize("said", ["", "situation: none\n"])
def test_a_company_needs_a_name_and_an_entity_and_nothing_else(said: str, tmp_path: Path) -> None:
    company = load_company(written(tmp_path, "company: small\ncustomer: {entity: client}\n" + said))
    assert company.document.situation is None
    assert company.feature_repo == tmp_path / "feast"
    assert company.catalogue == tmp_path / "catalogue"


def test_a_class_of_incidents_may_be_called_view(tmp_path: Path) -> None:
    text = WHOLE.replace("{claims: {when: customer.claims_open > 0}}", "{view: {when: customer.views > 0}}")
    situation = load_company(written(tmp_path, text)).document.situation
    assert situation is not None
    assert isinstance(situation.incidents, dict)


@pytest.mark.parametrize(("old", "new", "expected"), FAULTS)
def test_a_fault_is_named_by_its_place(old: str, new: str, expected: str, tmp_path: Path) -> None:
    assert old in WHOLE
    with pytest.raises(CompanyInvalid) as caught:
        load_company(written(tmp_path, WHOLE.replace(old, new)))
    assert any(fault.startswith(f"rumbo.yaml:{expected}") for fault in caught.value.faults), caught.value.faults
    assert not any("function-after" in fault or "Document" in fault for fault in caught.value.faults)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    text = WHOLE.replace("company: mybank", "company: My Bank").replace("days_since(", "age_of(")
    with pytest.raises(CompanyInvalid) as caught:
        load_company(written(tmp_path, text))
    assert len(caught.value.faults) == 2


def test_a_folder_without_the_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(CompanyInvalid, match=r"rumbo\.yaml:1:1: the file is missing"):
        load_company(tmp_path)


def test_every_field_of_the_json_schema_is_described() -> None:
    """By itself, or by the part that it refers to."""
    schema: Any = company_json_schema()
    parts = {"CompanyDocument": schema, **schema["$defs"]}
    bare = [
        f"{title}.{name}"
        for title, part in parts.items()
        for name, field in part.get("properties", {}).items()
        if not (field.get("description") or parts[field["$ref"].split("/")[-1]].get("description"))
    ]
    assert bare == []
