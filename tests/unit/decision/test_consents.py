"""Consents: missing is none, the later wins, a tie is a withdrawal, and a withdrawal may be a blanket one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest

from features.values import FeatureStatus
from service.decision.constraints.consent_missing import ConsentMissing, ServiceWithdrawn
from service.decision.constraints.registry import RuleInputs, bind_rules
from service.decision.facts import ANY, ConsentKey, Consents, Facts, Situation
from service.decision.journey import JourneyKind
from service.decision.verdict import ReasonKind
from tests.builders import NOW, STRICT, evaluation, facts

EARLY, LATE = NOW - timedelta(days=2), NOW - timedelta(days=1)
OWN = ("marketing", "email")
RULE = ConsentMissing(purpose="marketing", channel="email")


def given(
    granted: Mapping[ConsentKey, datetime],
    withdrawn: Mapping[ConsentKey, datetime],
    status: FeatureStatus = FeatureStatus.PRESENT,
) -> Facts:
    return facts(
        channel="email",
        situation=Situation(consents=Consents(granted_at=granted, withdrawn_at=withdrawn, status=status)),
    )


@pytest.mark.parametrize(
    ("granted", "withdrawn", "is_allowed"),
    [
        ({}, {}, False),
        ({OWN: EARLY}, {}, True),
        ({OWN: EARLY}, {OWN: LATE}, False),
        ({OWN: LATE}, {OWN: EARLY}, True),
        ({OWN: LATE}, {OWN: LATE}, False),
        ({}, {OWN: EARLY}, False),
        # one that covers it: every channel, every purpose, everything
        ({OWN: EARLY}, {("marketing", ANY): LATE}, False),
        ({OWN: EARLY}, {(ANY, "email"): LATE}, False),
        ({OWN: EARLY}, {(ANY, ANY): LATE}, False),
        ({OWN: LATE}, {(ANY, ANY): EARLY}, True),
        ({OWN: LATE}, {(ANY, ANY): LATE}, False),
        ({OWN: LATE}, {OWN: EARLY, (ANY, "email"): NOW}, False),
        # one that does not: another channel, another purpose
        ({OWN: EARLY}, {("marketing", "sms"): LATE}, True),
        ({OWN: EARLY}, {("surveys", "email"): LATE}, True),
        ({OWN: EARLY}, {("surveys", ANY): LATE, (ANY, "sms"): LATE}, True),
        # a grant is for its own purpose and channel
        ({("marketing", "sms"): LATE}, {}, False),
        ({("surveys", "email"): LATE}, {}, False),
    ],
)
def test_consent_holds_iff_its_latest_grant_is_later_than_the_latest_withdrawal_that_covers_it(
    granted: Mapping[ConsentKey, datetime], withdrawn: Mapping[ConsentKey, datetime], is_allowed: bool
) -> None:
    assert (RULE.check(evaluation(given(granted, withdrawn))) is None) is is_allowed


def test_the_reason_shows_the_latest_withdrawal_if_there_is_one() -> None:
    missing = RULE.check(evaluation(given({}, {})))
    withdrawn = RULE.check(evaluation(given({OWN: EARLY}, {OWN: EARLY, (ANY, ANY): LATE})))
    assert missing is not None
    assert missing.params == {"purpose": "marketing", "channel": "email"}
    assert withdrawn is not None
    assert withdrawn.params == {"purpose": "marketing", "channel": "email", "withdrawn_at": LATE}
    assert {missing.kind, withdrawn.kind} == {ReasonKind.DENIED}
    assert {missing.eligible_after, withdrawn.eligible_after} == {None}


@pytest.mark.parametrize("status", [s for s in FeatureStatus if s is not FeatureStatus.PRESENT])
def test_a_grant_is_not_relied_on_when_withdrawals_may_be_missing(status: FeatureStatus) -> None:
    reason = RULE.check(evaluation(given({OWN: EARLY}, {}, status)))
    assert reason is not None
    assert reason.kind is ReasonKind.UNKNOWN
    assert reason.params == {"fact": "consents", "status": status.value, "purpose": "marketing"}


def test_a_withdrawal_that_is_known_denies_even_when_others_are_not() -> None:
    reason = RULE.check(evaluation(given({OWN: EARLY}, {OWN: LATE}, FeatureStatus.UNAVAILABLE)))
    assert reason is not None
    assert reason.kind is ReasonKind.DENIED


@pytest.mark.parametrize(
    ("granted", "withdrawn", "is_allowed"),
    [
        ({}, {}, True),
        ({}, {("service", "email"): LATE}, False),
        ({}, {("service", ANY): LATE}, False),
        ({}, {(ANY, "email"): LATE}, False),
        ({}, {(ANY, ANY): LATE}, False),
        ({}, {("marketing", "email"): LATE, ("marketing", ANY): LATE}, True),
        ({}, {("service", "sms"): LATE, (ANY, "sms"): LATE}, True),
        ({("service", "email"): LATE}, {("service", "email"): EARLY}, True),
        ({("service", "email"): LATE}, {(ANY, ANY): LATE}, False),
        ({("marketing", "email"): LATE}, {(ANY, "email"): EARLY}, False),
    ],
)
def test_a_journey_without_purpose_needs_no_consent_but_bows_to_a_withdrawal_of_service_or_of_the_channel(
    granted: Mapping[ConsentKey, datetime], withdrawn: Mapping[ConsentKey, datetime], is_allowed: bool
) -> None:
    assert (ServiceWithdrawn(channel="email").check(evaluation(given(granted, withdrawn))) is None) is is_allowed


def test_an_apology_does_not_wait_for_consents_that_cannot_be_read_in_full() -> None:
    known = given({}, {("marketing", "email"): LATE}, FeatureStatus.UNAVAILABLE)
    assert ServiceWithdrawn(channel="email").check(evaluation(known)) is None


def test_a_journey_needs_each_of_its_purposes_and_none_makes_it_a_service() -> None:
    def guards(*purposes: str) -> list[object]:
        guarded = RuleInputs(journey_id="a", kind=JourneyKind.SERVICE, channel="email", purposes=purposes)
        return [rule for rule in bind_rules(guarded, STRICT) if rule.code == "CONSENT_MISSING"]

    assert guards() == [ServiceWithdrawn(channel="email")]
    assert guards("marketing", "surveys") == [RULE, ConsentMissing(purpose="surveys", channel="email")]
