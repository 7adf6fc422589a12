"""Every fault of a catalogue is found, with its place and its cause, before the catalogue is used."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from service.catalogue.load import CatalogueInvalid, load, parse
from service.catalogue.terms import Terms

JOURNEY = "journeys/pizza-night.yaml"
POLICIES = "policies.yaml"


class Fault(NamedTuple):
    """`old` becomes `new` in `file`; the one problem then names every one of `says`."""

    name: str
    file: str
    old: str
    new: str
    says: tuple[str, ...]


IN_JOURNEY = (
    ("a field nobody knows", "tier: 4", "tier: 4\nquiet: 3d", ("pizza-night.yaml: quiet", "unknown field")),
    (
        "a field given twice",
        "tier: 4",
        "tier: 4\ntier: 1",
        ("journeys/pizza-night.yaml: not YAML", "'tier' is given twice"),
    ),
    ("a field left out", "owner: grocery-marketing\n", "", ("pizza-night.yaml: owner", "is missing")),
    ("a title without Spanish", 'es: "Noche de pizza", ', "", ("pizza-night.yaml: title.es", "is missing")),
    ("an empty title", '"Pizza night"', '""', ("pizza-night.yaml: title.en", "a text that says something")),
    ("an id with capitals", "journey: pizza-night", "journey: Pizza", ("pizza-night.yaml: journey", "lower-case")),
    ("a kind nobody knows", "kind: promotional", "kind: sales", ("pizza-night.yaml: kind", "'promotional'")),
    ("a stage nobody knows", "stage: use", "stage: unbox", ("pizza-night.yaml: stages.1.stage", "'need'")),
    ("stages out of order", "stage: need", "stage: recommend", ("pizza-night.yaml", "stages come in their order")),
    ("a stage twice", "stage: use", "stage: need", ("pizza-night.yaml", "each once")),
    ("an action twice", "id: pizza-tip", "id: pizza-email", ("pizza-night.yaml", "action ids must differ")),
    ("an action without a channel", "channels: [app]", "channels: []", ("stages.1.actions.0.channels", "at least one")),
    (
        "a channel not declared",
        "channels: [app]",
        "channels: [fax]",
        ("pizza-night: stages.1.actions.0.channels.0", "'fax'"),
    ),
    ("a purpose not declared", "consent: [marketing]", "consent: [sales]", ("pizza-night: consent", "'sales'")),
    ("no purpose", "consent: [marketing]\n", "", ("pizza-night.yaml", "promotional", "consent purpose")),
    ("tier 0", "tier: 4", "tier: 0", ("pizza-night.yaml: tier", "at least 1")),
    ("a lever above 2", "weight: 1.2", "weight: 2.5", ("pizza-night.yaml: lever.weight", "at most 2")),
    ("a lever below a half", "weight: 1.2", "weight: 0.4", ("pizza-night.yaml: lever.weight", "0.5")),
    ("a lever without a reason", ', why: "Christmas push"', "", ("pizza-night.yaml: lever.why", "is missing")),
    ("a lever without an end", "until: 2030-01-01, ", "", ("pizza-night.yaml: lever.until", "is missing")),
    ("a time without a zone", "2030-01-01", "2030-01-01 10:00:00", ("pizza-night.yaml: lever.until", "needs a zone")),
    ("a context weight above 2", "weight: 1.1", "weight: 3", ("context_weight.0.weight", "at most 2")),
    ("both event and outcome", "outcome: C", "event: purchase, outcome: C", ("objective", "either event or outcome")),
    ("neither event nor outcome", "outcome: CONVERTED, ", "", ("objective", "either event or outcome")),
    ("where without event", "within: 28d", 'where: "x", within: 28d', ("objective", "where goes with event")),
    ("an outcome nobody knows", "outcome: CONVERTED", "outcome: SOLD", ("objective.outcome", "'CONVERTED'")),
    ("a value that is no number", "value: 5.5", "value: .nan", ("objective.value",)),
    ("a negative cost", "cost: 0.1", "cost: -0.1", ("stages.0.actions.0.cost", "at least 0")),
    ("a prior above 1", "prior: 0.05", "prior: 1.5", ("pizza-night.yaml: prior", "at most 1")),
    (
        "a duration in weeks",
        "within: 28d",
        "within: 4w",
        ("objective.within", "a duration such as 30s, 15m, 24h or 7d"),
    ),
    ("a duration of zero", "per: 7d", "per: 0d", ("pizza-night.yaml: contact.per", "a duration such as")),
    ("a duration as a number", "per: 7d", "per: 7", ("pizza-night.yaml: contact.per", "a duration such as")),
    ("a duration beyond a year", "per: 7d", "per: 400d", ("pizza-night.yaml: contact.per", "at most 366d")),
    ("a cap of zero", "at_most: 1", "at_most: 0", ("pizza-night.yaml: contact.at_most", "at least 1")),
    ("an end before the start", "until: 2031-01-01", "until: 2016-01-01", ("valid", "from must be before until")),
    ("a feature nobody knows", "recency_days", "recency", ("pizza-night: audience", "customer.recency")),
    (
        "a double against an int",
        "> 3.0",
        "> 3",
        ("pizza-night: audience", "is a number with decimals, `3` is a whole number: write `3.0`"),
    ),
    (
        "a condition that is no claim",
        " > 3.0 && customer.baskets_90d >= 2",
        "",
        ("pizza-night: audience", "this is a number with decimals"),
    ),
    ("a condition cut short", ">= 2", ">=", ("pizza-night: audience", "something is missing after `>=`")),
    ("a context key not declared", "context.page", "context.pages", ("context_weight.0.when", "context.pages")),
    ("not YAML", "title: {", "title: {{", ("journeys/pizza-night.yaml: not YAML",)),
)
IN_POLICIES = (
    ("a channel without direction", "{direction: outbound}", "{}", ("channels.email.direction", "is missing")),
    ("a direction nobody knows", "outbound", "sideways", ("policies.yaml: channels.email.direction", "'inbound'")),
    ("too many slots", "slots: 3", "slots: 51", ("policies.yaml: channels.app.slots", "at most 50")),
    ("a kind nobody knows", "billing: [service,", "billing: [sales,", ("incidents.classes.billing", "'promotional'")),
    (
        "a cap on a channel not declared",
        "channels: [email], at",
        "channels: [fax], at",
        ("policies.yaml: pressure.0.channels.0", "'fax'"),
    ),
    ("a context type nobody knows", "page: string", "page: text", ("policies.yaml: context.page", "'string'")),
    ("a kind without a prior", "  promotional: 0.1\n", "", ("policies.yaml", "priors: no entry for promotional")),
    ("two caps of one id", "context:", "  - {id: email-week, at_most: 1, per: 1d}\ncontext:", ("ids must differ",)),
    (
        "a field nobody knows",
        "purposes:",
        "quiet: 22-8\npurposes:",
        ("policies.yaml: quiet", "unknown field"),
    ),
    ("not YAML", "channels:\n", "channels: [\n", ("policies.yaml: not YAML",)),
)
FAULTS = (
    *(Fault(name, JOURNEY, old, new, says) for name, old, new, says in IN_JOURNEY),
    *(Fault(f"{name} (policies)", POLICIES, old, new, says) for name, old, new, says in IN_POLICIES),
)


def problems_of(folder: Path, terms: Terms) -> tuple[str, ...]:
    with pytest.raises(CatalogueInvalid) as raised:
        load(folder, terms)
    return raised.value.problems


def test_catalogue_without_a_fault_loads(folder: Path, terms: Terms) -> None:
    assert [j.journey for j in load(folder, terms).document.journeys] == ["pizza-night"]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.name)
def test_fault_is_refused_with_its_place_and_cause(fault: Fault, folder: Path, terms: Terms) -> None:
    file = folder / fault.file
    source = file.read_text(encoding="utf-8")
    assert fault.old in source
    file.write_text(source.replace(fault.old, fault.new, 1), encoding="utf-8")
    problems = problems_of(folder, terms)
    assert any(all(part in problem for part in fault.says) for problem in problems), problems


def test_missing_policies_are_named(folder: Path, terms: Terms) -> None:
    (folder / POLICIES).unlink()
    assert problems_of(folder, terms) == ("policies.yaml: the file is missing",)


def test_folder_without_journeys_is_refused(folder: Path, terms: Terms) -> None:
    (folder / JOURNEY).unlink()
    assert problems_of(folder, terms) == ("journeys: no journey (*.yaml) found",)


def test_journey_in_a_file_that_would_not_be_read_is_refused(folder: Path, terms: Terms) -> None:
    """A journey or a policy that is silently left out is worse than an error."""
    (folder / JOURNEY).rename(folder / "journeys" / "pizza-night.yml")
    assert "journeys/pizza-night.yml: name it *.yaml" in problems_of(folder, terms)


def test_empty_file_is_refused(folder: Path, terms: Terms) -> None:
    (folder / JOURNEY).write_text("", encoding="utf-8")
    assert [p.split(": ")[0] for p in problems_of(folder, terms)] == ["journeys/pizza-night.yaml"]


def test_two_journeys_of_one_id_are_refused(folder: Path, terms: Terms) -> None:
    copy = folder / "journeys" / "pizza-party.yaml"
    copy.write_text((folder / JOURNEY).read_text(encoding="utf-8"), encoding="utf-8")
    assert problems_of(folder, terms) == ("pizza-night: another journey has this id",)


def test_offer_of_a_helping_journey_needs_a_purpose(folder: Path, terms: Terms) -> None:
    """Service needs no consent; selling under its name does."""
    file = folder / JOURNEY
    source = file.read_text(encoding="utf-8").replace("kind: promotional", "kind: service")
    file.write_text(source.replace("consent: [marketing]\n", ""), encoding="utf-8")
    assert problems_of(folder, terms) == ("pizza-night: stages.0.actions.0.offer: an offer needs a consent purpose",)


def test_every_fault_is_told_at_once(folder: Path, terms: Terms) -> None:
    """An owner repairs a file once, not once a fault."""
    file = folder / JOURNEY
    source = file.read_text(encoding="utf-8").replace("tier: 4", "tier: 0").replace("per: 7d", "per: 7w")
    file.write_text(source, encoding="utf-8")
    (folder / POLICIES).write_text("channels: {}\n", encoding="utf-8")
    found = problems_of(folder, terms)
    assert {p.split(": ")[0] + ": " + p.split(": ")[1] for p in found} == {
        "policies.yaml: channels",
        "policies.yaml: priors",
        "journeys/pizza-night.yaml: tier",
        "journeys/pizza-night.yaml: contact.per",
    }


def test_source_that_is_no_catalogue_is_refused(terms: Terms) -> None:
    with pytest.raises(CatalogueInvalid, match="source: policies: the field `policies` is missing"):
        parse("{}", terms)
