"""The catalogue's own test runner: what it compares, what it demands, and how it says what is wrong."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from features.values import FeatureStatus
from service.catalogue.cases.answer import decide
from service.catalogue.cases.document import CaseDocument
from service.catalogue.cases.facts import facts_of_case
from service.catalogue.cases.run import Case, CasesUnreadable, Report, read_cases, run
from service.catalogue.incident_sources import incident_sources
from service.catalogue.load import load
from service.catalogue.terms import Terms
from service.decision.constraints.registry import BINDERS, group_of
from service.decision.plan import Plan
from tests.example import EXAMPLE, TERMS

DEFAULTS = """\
defaults:
  now: 2027-02-10T17:00:00Z
  channel: email
  consents: all
  features: {recency_days: 5.0, baskets_90d: 3}
"""
ALLOWED = "  - {name: a regular, eligible: [pizza-night]}\n"
AUDIENCE = "  - {name: a stranger, stranger: true, eligible: [], denied: {pizza-night: [AUDIENCE]}}\n"
DECIDED = """\
  - {name: no consent, consents: none, eligible: [], denied: {pizza-night: [CONSENT_MISSING]}}
  - {name: an incident, incidents: [{opened: 1h}], eligible: [], denied: {pizza-night: [INCIDENT_OPEN]}}
  - {name: stopped, kills: {pizza-night: why not}, eligible: [], denied: {pizza-night: [KILLED]}}
  - {name: too early, now: 2016-01-01, eligible: [], denied: {pizza-night: [NOT_VALID_NOW]}}
  - name: shown in the app this week
    contacts: [{journey: pizza-night, channel: app, stage: use, ago: 2d}]
    enrolments: [{journey: pizza-night, stage: need, ago: 1d}]
    eligible: []
    denied: {pizza-night: [CONTACT_CAP]}
  - name: at the second stage, which has nothing by e-mail
    enrolments: [{journey: pizza-night, stage: use, ago: 1d}]
    eligible: []
    denied: {pizza-night: [STAGE]}
  - name: at the second stage, in the app
    channel: app
    enrolments: [{journey: pizza-night, stage: use, ago: 1d}]
    eligible: [pizza-night]
"""


@pytest.fixture(scope="module")
def example() -> Report:
    terms = TERMS
    return run(read_cases(EXAMPLE), load(EXAMPLE, terms).plan, terms)


@pytest.fixture
def plan(folder: Path, terms: Terms) -> Plan:
    return load(folder, terms).plan


def cases_of(folder: Path, text: str, defaults: str = DEFAULTS) -> tuple[Case, ...]:
    (folder / "cases").mkdir(exist_ok=True)
    (folder / "cases" / "some.yaml").write_text(defaults + "cases:\n" + text, encoding="utf-8")
    return read_cases(folder)


def report_of(folder: Path, text: str, plan: Plan, terms: Terms) -> Report:
    return run(cases_of(folder, text), plan, terms)


def differences(report: Report) -> list[tuple[str, str, str, str]]:
    return [(d.about, d.journey, d.expected, d.found) for r in report.results for d in r.differences]


def test_the_example_meets_its_cases_and_the_meta_rule(example: Report) -> None:
    assert [str(r.case) for r in example.results if not r.is_met] == []
    assert example.never_denies == example.never_allows == ()
    assert len(example.results) >= 40


def test_each_code_denies_and_allows_in_the_example(example: Report) -> None:
    """A name begins with its code."""
    denied = {group_of(c.split()[0]) for r in example.results for c in r.coverage.denies}
    allowed = {group_of(c.split()[0]) for r in example.results for c in r.coverage.allows}
    assert denied == allowed == set(BINDERS)


def test_names_of_the_example_s_cases_differ(example: Report) -> None:
    names = Counter(r.case.document.name for r in example.results)
    assert [name for name, count in names.items() if count > 1] == []


def test_case_that_gets_what_it_expects_is_met(folder: Path, plan: Plan, terms: Terms) -> None:
    assert differences(report_of(folder, ALLOWED + AUDIENCE + DECIDED, plan, terms)) == []


def test_journey_that_is_not_listed_must_be_denied(folder: Path, plan: Plan, terms: Terms) -> None:
    report = report_of(folder, "  - {name: forgot one, eligible: []}\n", plan, terms)
    assert differences(report) == [("eligible", "pizza-night", "denied: not listed", "eligible")]
    assert not report.is_met


def test_journey_that_is_listed_must_be_allowed(folder: Path, plan: Plan, terms: Terms) -> None:
    text = "  - {name: no consent, consents: none, eligible: [pizza-night]}\n"
    assert differences(report_of(folder, text, plan, terms)) == [
        ("eligible", "pizza-night", "eligible", "denied: CONSENT_MISSING")
    ]


@pytest.mark.parametrize(
    ("codes", "is_met"),
    [
        ("CONSENT_MISSING, KILLED", True),
        ("KILLED, CONSENT_MISSING", True),
        ("KILLED", False),
        ("KILLED, …", True),
        ("…", True),
        ("KILLED, CONSENT_MISSING, AUDIENCE", False),
        ("AUDIENCE, …", False),
    ],
)
def test_codes_are_all_there_are_unless_dots_say_otherwise(
    codes: str, is_met: bool, folder: Path, plan: Plan, terms: Terms
) -> None:
    text = f"  - {{name: x, consents: none, kills: {{'*': y}}, eligible: [], denied: {{pizza-night: [{codes}]}}}}\n"
    assert report_of(folder, text, plan, terms).results[0].is_met is is_met


def test_constraint_that_no_case_decides_is_named(folder: Path, plan: Plan, terms: Terms) -> None:
    report = report_of(folder, ALLOWED + AUDIENCE, plan, terms)
    assert report.has_gaps
    assert report.never_denies == (
        "CONSENT_MISSING marketing",
        "CONTACT_CAP pizza-night",
        "INCIDENT_OPEN promotional",
        "KILLED",
        "NOT_VALID_NOW pizza-night",
        "PRESSURE_CAP email-week",
        "STAGE",
    )
    assert report.never_allows == ("STAGE",)


def test_denial_beside_another_decides_nothing(folder: Path, plan: Plan, terms: Terms) -> None:
    text = "  - {name: x, stranger: true, consents: none, eligible: [], denied: {pizza-night: [AUDIENCE, …]}}\n"
    report = report_of(folder, text, plan, terms)
    assert report.results[0].is_met
    assert {"AUDIENCE pizza-night", "CONSENT_MISSING marketing"} <= set(report.never_denies)


def test_constraint_that_can_never_decide_alone_is_named(folder: Path, plan: Plan, terms: Terms) -> None:
    pressed = """\
  - name: two e-mails this week, of a journey that is not capped by them
    contacts: [{journey: pizza-night, channel: email, ago: 6d, times: 2, every: 1h, state: reserved}]
    eligible: []
    denied: {pizza-night: [CONTACT_CAP, PRESSURE_CAP]}
"""
    report = report_of(folder, ALLOWED + AUDIENCE + DECIDED + pressed, plan, terms)
    assert report.never_allows == ()
    assert report.never_denies == ("PRESSURE_CAP email-week",), "the journey's own cap is always reached first"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("  - {name: x, eligible: [pizza-knight]}\n", "there is no journey 'pizza-knight'"),
        ("  - {name: x, channel: fax, eligible: []}\n", "channel 'fax' is not declared"),
        ("  - {name: x, features: {recency: 1.0}, eligible: []}\n", "there is no feature 'recency'"),
        (
            "  - {name: x, features: {baskets_90d: 1.5}, eligible: []}\n",
            "features.baskets_90d: expected a whole number, not `1.5`",
        ),
        ("  - {name: x, context: {weather: cold}, eligible: []}\n", "context 'weather' is not declared"),
        ("  - {name: x, consents: {ads: all}, eligible: []}\n", "purpose 'ads' is not declared"),
        ("  - {name: x, consents: {marketing: [fax]}, eligible: []}\n", "channel 'fax' is not declared"),
        ("  - {name: x, withdrawn: [{purpose: ads, ago: 1h}], eligible: []}\n", "purpose 'ads' is not declared"),
        ("  - {name: x, withdrawn: [{channel: fax, ago: 1h}], eligible: []}\n", "channel 'fax' is not declared"),
        (
            "  - {name: x, contacts: [{journey: pizza-night, channel: app, ago: 1d}], eligible: []}\n",
            "pizza-night has nothing at that stage on app",
        ),
        ("  - {name: x, enrolments: [{journey: z, stage: use, ago: 1d}], eligible: []}\n", "no journey 'z'"),
        ("  - {name: x, uses: {p: {amount: 1, for: 1d}}, core_only: y, eligible: []}\n", "there is no pool 'p'"),
    ],
)
def test_case_that_speaks_of_what_does_not_exist_is_not_met(
    text: str, says: str, folder: Path, plan: Plan, terms: Terms
) -> None:
    (result,) = report_of(folder, text, plan, terms).results
    (fault,) = result.faults
    assert says in fault


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("  - {name: x}\n", "cases/some.yaml:7:5: cases.0.eligible: the field `eligible` is missing"),
        ("  - {name: x, eligible: [], denied: {a: []}, denied: {}}\n", "'denied' is given twice"),
        ("  - {name: x, eligible: [a], denied: {a: [KILLED]}}\n", "both eligible and denied: a"),
        ("  - {name: x, eligible: [], expects: 1}\n", "unknown field"),
        ("  - {name: x, eligible: [], uses: {p: {amount: 1, for: 1d}}}\n", "say in core_only why"),
        ("  - {name: x, eligible: [], contacts: [{journey: a, channel: b, ago: 1d, times: 2}]}\n", "times and every"),
        ("  - {name: x, eligible: [], features: {a: {age: 1d}}}\n", "give either value or status"),
    ],
)
def test_file_that_is_not_what_it_must_be_is_refused(text: str, says: str, folder: Path) -> None:
    with pytest.raises(CasesUnreadable) as raised:
        cases_of(folder, text)
    assert any(says in problem for problem in raised.value.problems), raised.value.problems


def test_catalogue_without_cases_is_not_well_tested(folder: Path) -> None:
    with pytest.raises(CasesUnreadable, match="no case"):
        read_cases(folder)


def test_defaults_of_the_folder_are_under_those_of_the_file(folder: Path) -> None:
    (folder / "cases").mkdir()
    (folder / "cases" / "defaults.yaml").write_text(DEFAULTS, encoding="utf-8")
    own = "defaults: {channel: app, features: {baskets_90d: 9}}\n"
    (case,) = cases_of(folder, "  - {name: x, features: {recency_days: 1.0}, eligible: []}\n", own)
    document = case.document
    assert (document.channel, document.now) == ("app", datetime(2027, 2, 10, 17, tzinfo=UTC))
    assert document.features == {"recency_days": 1.0, "baskets_90d": 9}


def test_facts_have_the_ages_and_statuses_that_a_case_gives() -> None:
    terms = TERMS
    plan = load(EXAMPLE, terms).plan
    (case,) = [c for c in read_cases(EXAMPLE) if c.document.name == "behaviour is too old"]
    features = facts_of_case(case.document, plan, terms).features
    assert features["baskets_90d"].status is FeatureStatus.STALE
    assert features["recency_days"].known() == 3.0
    assert features["kids_count"].status is FeatureStatus.NOT_FOUND


@pytest.mark.parametrize(
    ("baskets", "is_open", "is_untold"), [(3, False, False), (10, True, False), (None, False, True)]
)
def test_what_features_tell_of_incidents_is_a_fact_of_a_case(
    baskets: int | None, is_open: bool, is_untold: bool
) -> None:
    """As in serving: a case that does not say what a source reads has its gates closed."""
    terms = replace(TERMS, incidents=incident_sources({"claims": "customer.baskets_90d > 9"}, TERMS.schema))
    given = {} if baskets is None else {"baskets_90d": baskets}
    told = {"name": "told", "now": "2027-02-10T17:00:00Z", "channel": "email", "eligible": [], "features": given}
    case = CaseDocument.model_validate_json(json.dumps(told))
    incidents = facts_of_case(case, load(EXAMPLE, terms).plan, terms).situation.incidents
    assert (bool(incidents.known), bool(incidents.untold)) == (is_open, is_untold)


@pytest.mark.parametrize(("stage", "gone"), [("use", "use"), ("recommend", None)])
def test_customer_at_a_stage_that_left_the_journey_is_told_so(stage: str, gone: str | None) -> None:
    """The example's pizza journey has the stages need and recommend; the second has nothing by email."""
    terms = TERMS
    plan, journey = load(EXAMPLE, terms).plan, "pizza-night-coupons"
    question = {"name": "x", "now": "2027-02-10T17:00:00Z", "channel": "email", "eligible": []}
    enrolled = {"enrolments": [{"journey": journey, "stage": stage, "ago": "1d"}]}
    decision = decide(CaseDocument.model_validate_json(json.dumps(question | enrolled)), plan, terms)
    (rejected,) = [r for r in decision.rejected if r.journey_id == journey]
    (reason,) = [reason for reason in rejected.reasons if reason.code == "STAGE"]
    assert reason.params.get("gone") == gone
