"""A version names a content: the same content has the same version, however it is written; any other has another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from features.documents.durations import format_duration, parse_duration
from service.catalogue.load import Catalogue, load, parse
from service.catalogue.terms import Terms
from service.decision.constraints.registry import BINDERS
from service.decision.journey import JourneyKind
from service.decision.plan import Direction, Unconfirmed

JOURNEY = "journeys/pizza-night.yaml"
POLICIES = "policies.yaml"


def test_comments_spaces_and_order_of_fields_leave_the_version_as_it_is(folder: Path, terms: Terms) -> None:
    before = load(folder, terms).version
    for name in (JOURNEY, POLICIES):
        content = yaml.safe_load((folder / name).read_text(encoding="utf-8"))
        rewritten = "# reviewed\n\n" + yaml.safe_dump(content, sort_keys=True, default_flow_style=False, width=10**6)
        (folder / name).write_text(rewritten, encoding="utf-8")
    assert load(folder, terms).version == before


def test_file_names_leave_the_version_as_it_is(folder: Path, terms: Terms) -> None:
    first = folder / JOURNEY
    second = first.with_name("z.yaml")
    second.write_text(first.read_text(encoding="utf-8").replace("pizza-night", "pasta-night"), encoding="utf-8")
    before = load(folder, terms).version
    second.rename(first.with_name("a.yaml"))
    assert load(folder, terms).version == before


def test_the_same_duration_in_other_units_is_the_same_content(folder: Path, terms: Terms) -> None:
    before = load(folder, terms).version
    file = folder / JOURNEY
    file.write_text(file.read_text(encoding="utf-8").replace("per: 7d", "per: 168h"), encoding="utf-8")
    assert load(folder, terms).version == before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        (JOURNEY, '"Pizza night"', '"Pizza time"'),
        (JOURNEY, "grocery-marketing", "crm"),
        (JOURNEY, "tier: 4", "tier: 3"),
        (JOURNEY, "> 3.0", "> 4.0"),
        (JOURNEY, "value: 5.5", "value: 5.6"),
        (JOURNEY, "prior: 0.05", "prior: 0.06"),
        (JOURNEY, "category: frozen_pizza", "category: mixed"),
        (JOURNEY, "2030-01-01", "2030-01-02"),
        (JOURNEY, "weight: 1.1", "weight: 1.2"),
        (JOURNEY, "at_most: 1", "at_most: 2"),
        (JOURNEY, "from: 2017-01-01", "from: 2017-01-02"),
        (JOURNEY, "tone: warm", "tone: plain"),
        (JOURNEY, ", offer: true", ""),
        (JOURNEY, "placements: [home]", "placements: [cart]"),
        (POLICIES, "slots: 3", "slots: 2"),
        (POLICIES, "unconfirmed: release", "unconfirmed: count"),
        (POLICIES, "at_most: 2", "at_most: 3"),
        (POLICIES, "billing:", "delivery:"),
        (POLICIES, "promotional: 0.1\n", "promotional: 0.2\n"),
    ],
)
def test_any_changed_field_changes_the_version(name: str, old: str, new: str, folder: Path, terms: Terms) -> None:
    before = load(folder, terms).version
    file = folder / name
    source = file.read_text(encoding="utf-8")
    assert old in source
    file.write_text(source.replace(old, new, 1), encoding="utf-8")
    assert load(folder, terms).version != before


def test_catalogue_is_made_again_from_its_source(folder: Path, terms: Terms) -> None:
    """Replay needs the very rules of then: the source is what is kept beside the decision record."""
    loaded = load(folder, terms)
    again = parse(loaded.source, terms)
    assert again.version == loaded.version
    assert again.source == loaded.source
    assert again.document == loaded.document
    assert _told(again) == _told(loaded)


def _told(catalogue: Catalogue) -> object:
    """Everything in a plan, as values that compare."""
    plan = catalogue.plan
    candidates = [
        (channel, offered.journey, stage, candidate.action, candidate.kind, candidate.rules, candidate.context_weights)
        for channel, journeys in plan.journeys.items()
        for offered in journeys
        for stage, staged in offered.by_stage.items()
        for candidate in staged
    ]
    return plan.rules, plan.contact_rules, plan.channels, plan.context_types, candidates


def test_plan_holds_what_the_files_say(folder: Path, terms: Terms) -> None:
    plan = load(folder, terms).plan
    email, app = plan.channels["email"], plan.channels["app"]
    assert (email.direction, email.slots, email.reserve) == (Direction.OUTBOUND, 1, timedelta(hours=24))
    assert (email.unconfirmed, app.unconfirmed) == (Unconfirmed.COUNT, Unconfirmed.RELEASE)
    assert (app.slots, app.reserve) == (3, timedelta(minutes=15))
    assert plan.context_types == {"page": str}
    journey = plan.journeys["email"][0].journey
    assert (journey.journey_id, journey.kind, journey.prior) == ("pizza-night", JourneyKind.PROMOTIONAL, 0.05)
    assert journey.lever is not None
    assert journey.lever.until == datetime(2030, 1, 1, tzinfo=UTC)


def test_journey_without_a_prior_takes_that_of_its_kind(folder: Path, terms: Terms) -> None:
    file = folder / JOURNEY
    file.write_text(file.read_text(encoding="utf-8").replace("prior: 0.05\n", ""), encoding="utf-8")
    assert load(folder, terms).plan.journeys["email"][0].journey.prior == 0.1


def test_equal_rules_are_one_and_lie_in_the_order_in_which_reasons_are_told(folder: Path, terms: Terms) -> None:
    """Both actions share all but their channel's rules; whichever is bound first, reasons keep their order."""
    plan = load(folder, terms).plan
    assert [rule.code for rule in plan.rules] == [
        "KILLED",
        "NOT_VALID_NOW",
        "INCIDENT_OPEN",
        "CONSENT_MISSING",
        "CONSENT_MISSING",
        "STAGE",
        "STAGE",
        "AUDIENCE",
        "CONTACT_CAP",
        "PRESSURE_CAP",
    ]
    for rule_set in (c.rules for j in plan.journeys.values() for o in j for s in o.by_stage.values() for c in s):
        codes = [plan.rules[i].code for i in sorted(rule_set)]
        assert codes == [code for code in BINDERS if code in codes]
    assert plan.contact_rules == {8, 9}


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("90s", 90), ("15m", 900), ("24h", 86400), ("7d", 604800), ("366d", 31622400)]
)
def test_duration_is_read_in_its_unit_and_written_in_the_largest_that_is_exact(text: str, seconds: int) -> None:
    duration = parse_duration(text)
    assert duration == timedelta(seconds=seconds)
    assert parse_duration(format_duration(duration)) == duration
    assert format_duration(timedelta(hours=24)) == "1d"
