"""AUDIENCE and NOT_VALID_NOW."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

import pytest

from features.values import FeatureStatus, FeatureValue, Scalar
from service.decision.constraints.audience import Audience
from service.decision.constraints.not_valid_now import NotValidNow
from service.decision.facts import OpenIncidents, Situation
from service.decision.verdict import ReasonKind
from tests.builders import COMPILER, NOW, evaluation, facts, feature

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
BIG_SPENDER = Audience(condition=COMPILER.compile("customer.spend > 10.0"))


def test_an_audience_allows_whom_the_condition_holds_for_and_shows_what_it_saw_of_others() -> None:
    assert BIG_SPENDER.check(evaluation(facts(features=[feature("spend", 10.01)]))) is None
    reason = BIG_SPENDER.check(evaluation(facts(features=[feature("spend", 10.0)])))
    assert reason is not None
    assert (reason.code, reason.kind, reason.eligible_after) == ("AUDIENCE", ReasonKind.DENIED, None)
    assert reason.params == {"condition": "customer.spend > 10.0", "customer.spend": 10.0}


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ([], "NOT_FOUND"),
        ([feature("spend", None, FeatureStatus.NOT_FOUND)], "NOT_FOUND"),
        ([feature("spend", None, FeatureStatus.NULL)], "NULL"),
        ([feature("spend", None, FeatureStatus.UNAVAILABLE)], "UNAVAILABLE"),
        ([feature("spend", 50.0, FeatureStatus.STALE)], "STALE"),
        ([feature("spend", math.nan)], "NULL"),
    ],
)
def test_a_fact_that_is_not_present_is_not_permission_and_is_named_with_its_status(
    values: list[FeatureValue], status: str
) -> None:
    reason = BIG_SPENDER.check(evaluation(facts(features=values)))
    assert reason is not None
    assert reason.kind is ReasonKind.UNKNOWN
    assert reason.params == {"condition": "customer.spend > 10.0", "fact": "customer.spend", "status": status}


def test_the_negation_of_an_unknown_is_unknown_also_for_a_nan() -> None:
    """Of a NaN, CEL says that it is not above 10: a plain value would let the negation hold."""
    rule = Audience(condition=COMPILER.compile("!(customer.spend > 10.0)"))
    for values in ([], [feature("spend", math.nan)]):
        assert rule.check(evaluation(facts(features=values))) is not None
    assert rule.check(evaluation(facts(features=[feature("spend", 1.0)]))) is None


@pytest.mark.parametrize(
    ("text", "fact", "status"),
    [
        ("customer.is_known", "customer.is_known", "UNAVAILABLE"),
        ("context.basket > 1.0", "context.basket", "NOT_FOUND"),
        ('placement == "home"', "placement", "NOT_FOUND"),
        ("situation.open_incidents == 0", "situation.open_incidents", "STALE"),
        ("situation.last_incident_resolved_at < now", "situation.last_incident_resolved_at", "STALE"),
    ],
)
def test_each_kind_of_name_tells_why_it_is_unknown(text: str, fact: str, status: str) -> None:
    situation = Situation(incidents=OpenIncidents(status=FeatureStatus.STALE))
    reason = Audience(condition=COMPILER.compile(text)).check(evaluation(facts(is_known=None, situation=situation)))
    assert reason is not None
    assert (reason.params["fact"], reason.params["status"]) == (fact, status)


def test_a_condition_that_fails_on_known_facts_is_not_permission() -> None:
    rule = Audience(condition=COMPILER.compile("1 / customer.visits == 1"))
    reason = rule.check(evaluation(facts(features=[feature("visits", 0)])))
    assert reason is not None
    assert reason.kind is ReasonKind.UNKNOWN
    assert (reason.params["fact"], reason.params["status"]) == ("1 / customer.visits == 1", "ERROR")


@pytest.mark.parametrize(
    ("text", "is_recounted"), [("situation.contacts < 3", True), ("situation.open_incidents < 3", False)]
)
def test_an_audience_is_checked_again_after_a_pick_only_if_it_counts_contacts(text: str, is_recounted: bool) -> None:
    assert Audience(condition=COMPILER.compile(text)).reads_contacts is is_recounted


START, END = NOW - DAY, NOW + DAY


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (START - SECOND, {"valid_from": START}),
        (START, None),
        (END - SECOND, None),
        (END, {"valid_until": END}),
        (END + SECOND, {"valid_until": END}),
    ],
)
def test_a_journey_is_valid_from_its_first_instant_until_just_before_its_end(
    now: datetime, expected: dict[str, Scalar] | None
) -> None:
    reason = NotValidNow(valid_from=START, valid_until=END).check(evaluation(facts(now=now)))
    assert (None if reason is None else dict(reason.params)) == expected


def test_time_lifts_what_has_not_begun_but_not_what_is_over() -> None:
    early = NotValidNow(valid_from=END).check(evaluation(facts()))
    over = NotValidNow(valid_until=START).check(evaluation(facts()))
    assert early is not None
    assert early.eligible_after == END
    assert over is not None
    assert over.eligible_after is None


def test_a_journey_without_dates_is_always_valid() -> None:
    assert NotValidNow().check(evaluation(facts())) is None
