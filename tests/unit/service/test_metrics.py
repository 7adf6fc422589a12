"""What operators see of a decision, and that no customer is in it."""

from __future__ import annotations

import json
import logging
from dataclasses import replace

import pytest
from prometheus_client import generate_latest

from features.values import FeatureStatus
from service.decision.constraints.registry import Cap
from service.decision.decide import Decision, DecisionTerms, Degradation, begin, conclude
from service.decision.facts import Situation
from service.decision.reports.rows import RowResult, RowStatus
from service.metrics import JsonLines, Metrics
from service.timing import StepTimes
from tests.builders import Entry, catalogue, contact, facts, feature, journey, scores_of
from tests.contract.rows import WEEK

CUSTOMER = "customer-4711"
SECRET = "a secret of hers"
PLAN = catalogue(
    Entry(journey=journey("capped"), contact=Cap(at_most=1, per=WEEK)),
    Entry(journey=journey("capped-too"), contact=Cap(at_most=1, per=WEEK)),
    Entry(journey=journey("plain")),
    Entry(journey=journey("plain-too")),
).plan


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def decision() -> Decision:
    """One ranked, one eligible, two rejected, under a degraded view."""
    situation = Situation(contacts=(contact("capped"), contact("capped-too")))
    known = facts(situation=situation, features=[feature("segment", SECRET)])
    stale = Degradation(what="features.behaviour", status=FeatureStatus.STALE, effect="CONDITIONS_UNKNOWN")
    terms = DecisionTerms(decision_id="d1", limit=1, model_version="9f2a", degraded=(stale,))
    return conclude(begin(PLAN, replace(known, customer_id=CUSTOMER)), scores_of(PLAN), terms)


def times() -> StepTimes:
    made = StepTimes()
    made.seconds["hydrate"] = 0.0015
    return made


def sample(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_a_decision_is_counted_by_channel_and_kind(metrics: Metrics) -> None:
    metrics.decided(decision(), times(), is_dry_run=False)
    metrics.decided(decision(), times(), is_dry_run=False)
    metrics.decided(decision(), times(), is_dry_run=True)
    assert sample(metrics, "rumbo_decisions_total", channel="web", kind="recorded") == 2
    assert sample(metrics, "rumbo_decisions_total", channel="web", kind="dry_run") == 1
    assert sample(metrics, "rumbo_decide_seconds_count") == 3


def test_an_answer_that_nobody_recorded_is_counted_as_such(metrics: Metrics) -> None:
    made = decision()
    metrics.decided(replace(made, terms=replace(made.terms, decision_id="")), times(), is_dry_run=False)
    assert sample(metrics, "rumbo_decisions_total", channel="web", kind="unrecorded") == 1


def test_denials_degradations_and_stages_of_a_decision_are_counted(metrics: Metrics) -> None:
    metrics.decided(decision(), times(), is_dry_run=False)
    assert sample(metrics, "rumbo_rejected_total", code="CONTACT_CAP") == 2
    assert sample(metrics, "rumbo_degraded_total", what="features.behaviour", status="STALE") == 1
    assert sample(metrics, "rumbo_stage_seconds_count", stage="hydrate") == 1
    assert sample(metrics, "rumbo_stage_seconds_bucket", stage="hydrate", le="0.002") == 1
    assert sample(metrics, "rumbo_stage_seconds_bucket", stage="hydrate", le="0.001") == 0


def test_rows_and_failures_are_counted_by_what_became_of_them(metrics: Metrics) -> None:
    rows = [RowResult(row_id=str(i), status=s) for i, s in enumerate([RowStatus.ACCEPTED] * 2 + [RowStatus.REJECTED])]
    metrics.recorded("event", rows)
    metrics.failed("Decide", "INTERNAL")
    metrics.in_force("model", "9f2a")
    assert sample(metrics, "rumbo_rows_total", what="event", status="ACCEPTED") == 2
    assert sample(metrics, "rumbo_rows_total", what="event", status="REJECTED") == 1
    assert sample(metrics, "rumbo_errors_total", method="Decide", status="INTERNAL") == 1
    assert sample(metrics, "rumbo_in_force", what="model", version="9f2a") == 1


def test_two_services_in_one_process_count_apart(metrics: Metrics) -> None:
    Metrics().failed("Decide", "INTERNAL")
    assert sample(metrics, "rumbo_errors_total", method="Decide", status="INTERNAL") is None


def test_the_log_line_of_a_decision_is_one_json_object(metrics: Metrics, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "rumbo.decision"):
        metrics.decided(decision(), times(), is_dry_run=False)
    (record,) = caplog.records
    text = JsonLines().format(record)
    assert "\n" not in text
    line = json.loads(text)
    assert line.pop("at").endswith("+00:00")
    assert line.pop("total_us") >= 0
    assert line == {
        "level": "INFO",
        "logger": "rumbo.decision",
        "message": "decided",
        "decision_id": "d1",
        "dry_run": False,
        "channel": "web",
        "limit": 1,
        "ranked": 1,
        "eligible": 1,
        "rejected": 2,
        "taken": 0,
        "codes": {"CONTACT_CAP": 2},
        "degraded": ["features.behaviour=STALE"],
        "model": "9f2a",
        "catalogue": "test",
        "features": "",
        "us": {"hydrate": 1500},
    }


def test_neither_the_log_nor_the_metrics_name_the_customer_or_what_is_known_of_her(
    metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        metrics.decided(decision(), times(), is_dry_run=False)
    told = "".join(map(JsonLines().format, caplog.records)) + generate_latest(metrics.registry).decode()
    assert "d1" in told
    for personal in (CUSTOMER, SECRET):
        assert personal not in told


def test_a_cause_stands_in_the_line_of_its_error(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise ValueError("the cause")
    except ValueError:
        logging.getLogger("rumbo").exception("failed")
    line = json.loads(JsonLines().format(caplog.records[0]))
    assert (line["level"], line["message"]) == ("ERROR", "failed")
    assert line["cause"].endswith("ValueError: the cause")


def test_a_stage_that_runs_again_adds_up_also_when_it_fails() -> None:
    timed = StepTimes()
    with timed.of("hydrate"):
        pass
    first = timed.seconds["hydrate"]
    with pytest.raises(ValueError, match="again"), timed.of("hydrate"):
        raise ValueError("again")
    assert timed.seconds["hydrate"] > first
    assert timed.total >= timed.seconds["hydrate"]
