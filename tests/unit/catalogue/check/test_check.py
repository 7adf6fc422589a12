"""Every faulty catalogue under `faulty/` gets exactly the findings that it names, at line and column.

Each file is a catalogue that differs from `faulty/base` in what it says: `change` replaces text in a file, `add` writes
another, `against` makes an older catalogue of the base. Lines and columns were counted in the base by hand.
"""

from __future__ import annotations

import itertools
import re
import shutil
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from features.schema import FeatureSchema, FeatureSpec, FeatureType, PersonalData
from service.catalogue.check.check import Finding, check
from service.catalogue.check.condition_answers import ConditionAnswers, RequestScope
from service.catalogue.check.proof.solver import Satisfiability
from service.catalogue.conditions.compile import MAX_CONDITION, ConditionCompiler, customer_types
from service.catalogue.documents.problems import FaultClass
from service.catalogue.terms import Terms
from service.decision.reports.event_types import BUILT_IN

FAULTY = Path(__file__).with_name("faulty")
NOW = datetime(2026, 6, 1, tzinfo=UTC)
CASES = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(FAULTY.glob("*.yaml"))}


OFFER = "      - {id: voucher, channels: [email], tone: plain, offer: true, expects: 'makes up for it'}\n"


def _spec(
    name: str,
    kind: FeatureType,
    unit: str = "",
    bounds: tuple[float, float] | None = None,
    levels: tuple[str, ...] | None = None,
) -> FeatureSpec:
    return FeatureSpec(
        name=name,
        view="behaviour",
        type=kind,
        unit=unit,
        description="",
        owner="",
        personal_data=PersonalData.NONE,
        max_age_s=None,
        bounds=bounds,
        levels=levels,
    )


SCHEMA = FeatureSchema(
    (
        _spec("recency_days", FeatureType.DOUBLE, "days"),
        _spec("baskets_90d", FeatureType.INT, "baskets"),
        _spec("time_zone", FeatureType.STRING, ""),
        _spec("holiday_region", FeatureType.STRING, ""),
        _spec("plan", FeatureType.STRING, levels=("basic", "plus", "gold")),
        _spec("price_share", FeatureType.DOUBLE, bounds=(0.0, 1.0)),
        _spec("children", FeatureType.INT, bounds=(0, 12)),
    )
)
TERMS = Terms(SCHEMA, BUILT_IN)


def catalogue(folder: Path, changes: Mapping[str, Any], added: Mapping[str, str]) -> Path:
    """The base with these changes."""
    shutil.copytree(FAULTY / "base", folder)
    for name, replaced in changes.items():
        text = (folder / name).read_text(encoding="utf-8")
        for one in replaced:
            assert text.count(one["old"]) == 1, one
            text = text.replace(one["old"], one["new"])
        (folder / name).write_text(text, encoding="utf-8")
    for name, text in added.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def findings(case: Mapping[str, Any], folder: Path) -> list[Finding]:
    new = catalogue(folder / "new", case.get("change", {}), case.get("add", {}))
    old = catalogue(folder / "old", case["against"], {}) if "against" in case else None
    return list(check(new, TERMS, NOW, old))


def test_the_base_has_no_finding(tmp_path: Path) -> None:
    assert findings({}, tmp_path) == []


@pytest.mark.parametrize("name", CASES)
def test_faulty_catalogue_gets_its_findings_where_they_are(name: str, tmp_path: Path) -> None:
    found = [str(finding) for finding in findings(CASES[name], tmp_path)]
    expected = CASES[name]["finds"]
    assert len(found) == len(expected), found
    for line, wanted in zip(found, expected, strict=True):
        assert line.startswith(wanted)


def test_each_class_of_faults_has_two_catalogues() -> None:
    told = {name: {re.split(r"[\[\]]", line)[1] for line in case["finds"]} for name, case in CASES.items()}
    counts = Counter(fault for faults in told.values() for fault in faults)
    assert len(CASES) >= 30
    assert {fault.value for fault in FaultClass if counts[fault.value] < 2} == set()


def test_suggestion_stands_apart_from_the_text(tmp_path: Path) -> None:
    found = findings(CASES["condition-unknown-feature"], tmp_path)
    assert [finding.suggestion for finding in found] == ["customer.recency_days"]


def test_stranger_whose_facts_are_missing_stays_in_the_journey(tmp_path: Path) -> None:
    """An `exit_when` over facts that are missing does not hold, so the second stage can be served."""
    audience = {"old": "audience: customer.recency_days > 3.0", "new": 'audience: "!customer.is_known"'}
    exits = {"old": "recency_days < 1.0", "new": "recency_days >= 2.0"}
    kind = {"old": "kind: promotional", "new": "kind: loyalty"}
    offer = {"old": "offer: true, ", "new": ""}
    assert findings({"change": {"journeys/pizza.yaml": [audience, exits, kind, offer]}}, tmp_path) == []


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("situation.open_incidents > 1", "situation.open_incidents > 0"),
        ("customer.baskets_90d > 3", "!customer.is_known"),
        ("situation.stages['pizza'] == 'use'", "!('pizza' in situation.journeys)"),
        ("10 / situation.open_incidents > 5", "situation.open_incidents < 1"),
    ],
    ids=["narrower", "facts of a stranger", "a stage of nobody", "division by zero"],
)
def test_tone_is_heard_where_an_earlier_choice_is_false_unknown_or_fails(
    earlier: str, later: str, tmp_path: Path
) -> None:
    choices = f'[{{when: "{earlier}", tone: warm}}, {{when: "{later}", tone: sorry}}]'
    tone = {"old": "tone: plain", "new": f"tone: {{default: plain, choose: {choices}}}"}
    assert findings({"change": {"journeys/help.yaml": [tone]}}, tmp_path) == []


def test_bypass_of_what_guards_one_action_alone_is_of_use(tmp_path: Path) -> None:
    """The offer counts as promotional, so that an open incident denies it; the banner, which is service, is free."""
    changes = [
        {"old": "tier: 1", "new": "tier: 1\nconsent: [marketing]\nbypass: [INCIDENT_OPEN]"},
        {"old": "actions:\n", "new": f"actions:\n{OFFER}"},
    ]
    assert findings({"change": {"journeys/help.yaml": changes}}, tmp_path) == []


def test_an_audience_that_is_bypassed_contradicts_nothing(tmp_path: Path) -> None:
    """Who is of no audience gets it all the same, so a policy that shuts the audience out shuts nobody out."""
    policy = {"old": "kinds: [promotional]", "new": "kinds: [service]"}
    journey = [
        {"old": "situation.has_open_incident", "new": "customer.baskets_90d == 0"},
        {"old": "tier: 1", "new": "tier: 1\nbypass: [AUDIENCE]"},
    ]
    changes = {"policies.yaml": [policy], "journeys/help.yaml": journey}
    assert findings({"change": changes}, tmp_path / "bypassed") == []
    journey[1]["new"] = "tier: 1"
    (found,) = findings({"change": changes}, tmp_path / "bound")
    assert "its audience and POLICY_ACTIVE can never hold together" in str(found)


@pytest.mark.parametrize(
    "valid",
    ["{from: 2026-01-01, until: 2027-01-01T00:00:00Z}", "{from: 2026-01-01T00:00:00Z, until: 2027-01-01}"],
)
def test_a_journey_may_begin_with_a_day_and_end_at_an_instant(valid: str, tmp_path: Path) -> None:
    new = f"tier: 1\nvalid: {valid}\ncooldown: {{REJECTED: 366d}}"
    (found,) = findings({"change": {"journeys/help.yaml": [{"old": "tier: 1", "new": new}]}}, tmp_path)
    assert "the rest after REJECTED is as long as the journey is valid" in str(found)


def test_what_follows_from_a_condition_may_be_longer_than_a_condition_may_be(tmp_path: Path) -> None:
    """That a stay goes on is told by the opposite of its `exit_when`, with more around it."""
    condition = " || ".join(["customer.recency_days < 1.0"] * 132)
    assert 4_000 < len(condition) <= MAX_CONDITION
    exits = {"old": "customer.recency_days < 1.0", "new": condition}
    assert findings({"change": {"journeys/pizza.yaml": [exits]}}, tmp_path) == []


def test_solver_is_asked_no_more_once_its_time_is_over() -> None:
    """By a clock that goes a minute with each look; what it said before is remembered."""
    minutes = itertools.count()
    compiler = ConditionCompiler(customer_types(SCHEMA, {}))
    decided = ConditionAnswers(compiler, {}, within_s=90, clock=lambda: 60.0 * next(minutes))
    first, second = "customer.baskets_90d > customer.baskets_90d", "customer.baskets_90d < customer.baskets_90d"
    assert decided.alone(first, RequestScope()).outcome is Satisfiability.NEVER
    late = decided.alone(second, RequestScope())
    assert (late.outcome, late.why) == (Satisfiability.NOT_DECIDED, "the solver has worked on this catalogue for 90 s")
    assert decided.alone(first, RequestScope()).outcome is Satisfiability.NEVER
