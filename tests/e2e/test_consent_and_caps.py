"""Consent and limits over the wire: each holds from the very next decision, on every channel it covers."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from features.situation import ConsentFact, ConsentStatus
from features.store.push import SituationWriter
from rumbo.decision.v1 import decision_pb2, reason_pb2, record_pb2
from tests.e2e.wire import (
    CHANNELS,
    OPEN_DOOR,
    REGULAR,
    allowed_ids,
    event,
    opened,
    outcome,
    proposals,
    ranked_ids,
    reasons_of,
    rejection_of,
    resolved,
)
from tests.example import SCHEMA
from tests.fixtures_features import NOW, feast_at
from tests.fixtures_service import Service, running

THANKS = "loyalty-thanks"
"""At most 1 contact in 30 days; on email, web, app, store and at the call centre."""


@pytest.fixture
def own_home(stored_home: Path) -> Path:
    """On each store in turn."""
    return stored_home


def codes_of(answer: decision_pb2.DecideResponse) -> set[str]:
    """Of all reasons against anything."""
    return {reason.code for rejected in answer.rejected for reason in rejected.reasons}


async def test_a_withdrawal_on_one_channel_holds_there_in_the_very_next_decision(service: Service) -> None:
    assert len(allowed_ids(await service.preview(REGULAR, "web"))) > 5
    elsewhere = await service.preview(REGULAR, "app")
    await service.tell(event("consent.withdrawn", channel="web"))
    answer = await service.preview(REGULAR, "web")
    assert allowed_ids(answer) == set(), "also the open door, which asks for no consent, may be closed"
    for proposal in proposals("web").values():
        assert "CONSENT_MISSING" in reasons_of(answer, proposal.journey_id)
    assert await service.preview(REGULAR, "app") == elsewhere


async def test_a_withdrawal_of_one_purpose_leaves_the_others(service: Service) -> None:
    await service.tell(event("consent.withdrawn", purpose="marketing"))
    answer = await service.preview(REGULAR, "web")
    reason = reasons_of(answer, "pantry-mailer")["CONSENT_MISSING"]
    assert reason.kind == reason_pb2.REASON_KIND_DENIED
    assert reason.params["purpose"].string_value == "marketing"
    assert reason.params["withdrawn_at"].string_value == "2018-01-03T12:00:00Z"
    assert {THANKS, "satisfaction-survey", OPEN_DOOR} <= allowed_ids(answer)


async def test_a_withdrawal_of_everything_holds_on_every_channel(service: Service) -> None:
    await service.tell(event("consent.withdrawn"))
    for channel in CHANNELS:
        assert not allowed_ids(await service.preview(REGULAR, channel))


async def test_a_withdrawal_of_everything_silences_even_the_apology(service: Service) -> None:
    await service.tell(event("consent.withdrawn"), opened())
    assert "CONSENT_MISSING" in reasons_of(await service.preview(REGULAR), "complaint-apology")


async def test_a_later_grant_opens_again_what_it_names(service: Service) -> None:
    await service.tell(event("consent.withdrawn", ago=timedelta(minutes=2)))
    await service.tell(event("consent.granted", ago=timedelta(minutes=1), purpose="loyalty", channel="web"))
    assert allowed_ids(await service.preview(REGULAR, "web")) == {THANKS, "spend-milestone"}
    assert not allowed_ids(await service.preview(REGULAR, "app"))


async def test_a_grant_that_is_reported_after_a_later_withdrawal_opens_nothing(service: Service) -> None:
    await service.tell(event("consent.withdrawn", ago=timedelta(minutes=1)))
    await service.tell(event("consent.granted", ago=timedelta(minutes=2), purpose="loyalty", channel="web"))
    assert not allowed_ids(await service.preview(REGULAR, "web"))


async def test_a_withdrawal_holds_though_a_clock_elsewhere_dated_the_grant_minutes_ahead(service: Service) -> None:
    await service.tell(event("consent.withdrawn", ago=timedelta(minutes=2)))
    await service.tell(event("consent.granted", ago=-timedelta(minutes=4), purpose="loyalty", channel="web"))
    assert THANKS in allowed_ids(await service.preview(REGULAR, "web"))
    service.clock.move(timedelta(seconds=1))
    await service.tell(event("consent.withdrawn", ago=-timedelta(seconds=1)))
    for _ in range(3):
        assert not allowed_ids(await service.preview(REGULAR, "web"))
        service.clock.move(timedelta(minutes=3))


async def test_with_a_clock_that_is_an_hour_behind_withdrawals_hold_and_grants_are_refused(service: Service) -> None:
    service.clock.move(-timedelta(hours=1))
    (refused,) = await service.tell(event("consent.granted", purpose="loyalty", channel="web"))
    assert rejection_of(refused) == ("occurred_at", "IN_THE_FUTURE")
    await service.tell(event("consent.withdrawn"))
    assert not allowed_ids(await service.preview(REGULAR, "web"))


async def test_an_incident_that_is_opened_again_holds_though_its_resolution_was_dated_ahead(service: Service) -> None:
    await service.tell(opened(), resolved(ago=-timedelta(minutes=4)))
    assert THANKS in allowed_ids(await service.preview(REGULAR, "web"))
    service.clock.move(timedelta(seconds=1))
    await service.tell(opened(ago=-timedelta(seconds=1)))
    assert "INCIDENT_OPEN" in reasons_of(await service.preview(REGULAR, "web"), THANKS)


async def test_a_withdrawal_that_only_the_feature_store_knows_holds_and_a_grant_there_opens_nothing(
    own_home: Path,
) -> None:
    writer = SituationWriter(feast_at(own_home), SCHEMA.situation)
    withdrawn, granted = ConsentStatus.WITHDRAWN, ConsentStatus.GRANTED
    said = (("marketing", "web", withdrawn), ("marketing", "sms", granted))
    writer.write(
        REGULAR, [ConsentFact(purpose=purpose, channel=on, status=status, at=NOW) for purpose, on, status in said]
    )
    writer.close()
    async with running(own_home) as service:
        assert "CONSENT_MISSING" in reasons_of(await service.preview(REGULAR, "web"), "pantry-mailer")
        assert "pantry-mailer" in allowed_ids(await service.preview(REGULAR, "app"))
        assert "CONSENT_MISSING" in reasons_of(await service.preview(REGULAR, "sms"), "rescue-basket")


async def test_a_stranger_is_contacted_for_nothing_that_needs_consent(service: Service) -> None:
    answer = await service.preview("never-seen-before")
    reason = reasons_of(answer, "welcome")["CONSENT_MISSING"]
    assert "withdrawn_at" not in reason.params
    await service.tell(event("consent.granted", "never-seen-before", purpose="marketing", channel="web"))
    assert "welcome" not in allowed_ids(await service.preview("never-seen-before")), "an event makes a customer known"


async def test_a_journey_reserved_on_one_channel_counts_on_every_other(service: Service) -> None:
    await service.decide(REGULAR, "web", limit=50)
    for channel in ("app", "store"):
        cap = reasons_of(await service.preview(REGULAR, channel), THANKS)["CONTACT_CAP"]
        assert (cap.params["contacts"].int64_value, cap.params["at_most"].int64_value) == (1, 1)
        assert cap.eligible_after.ToDatetime(NOW.tzinfo) == NOW + timedelta(minutes=15)


async def test_what_nobody_confirms_on_the_web_is_given_back_when_the_reservation_ends(service: Service) -> None:
    await service.decide(REGULAR, "web", limit=50)
    service.clock.move(timedelta(minutes=15) - timedelta(microseconds=1))
    assert THANKS not in allowed_ids(await service.preview(REGULAR, "app"))
    service.clock.move(timedelta(microseconds=1))
    assert THANKS in allowed_ids(await service.preview(REGULAR, "app"))


async def test_what_was_presented_counts_from_then_for_its_whole_window(service: Service) -> None:
    answer = await service.decide(REGULAR, "web", limit=50)
    await service.report(outcome(answer.decision_id, THANKS))
    service.clock.move(timedelta(days=1))
    cap = reasons_of(await service.preview(REGULAR, "store"), THANKS)["CONTACT_CAP"]
    assert cap.eligible_after.ToDatetime(NOW.tzinfo) == NOW + timedelta(days=30)


async def test_whatever_time_a_report_tells_nothing_is_granted_again_before_its_window_is_over(
    service: Service,
) -> None:
    """At most 1 in 30 days, from when it was decided. Reported of days and of years before, and again of both."""
    answer = await service.decide(REGULAR, "web", limit=50)
    for days in (8, 31, 4000, 8):
        await service.report(outcome(answer.decision_id, THANKS, ago=timedelta(days=days)))
        again = await service.decide(REGULAR, "app", limit=50)
        assert THANKS not in ranked_ids(again)
    cap = reasons_of(await service.preview(REGULAR, "store"), THANKS)["CONTACT_CAP"]
    assert cap.eligible_after.ToDatetime(NOW.tzinfo) == NOW + timedelta(days=30)


async def test_a_late_presentation_counts_and_nothing_more_is_granted_above_the_cap(service: Service) -> None:
    first = await service.decide(REGULAR, "web", limit=5)
    service.clock.move(timedelta(minutes=15))
    second = await service.decide(REGULAR, "web", limit=5)
    assert THANKS in {*ranked_ids(first)} & {*ranked_ids(second)}
    (late,) = await service.report(outcome(first.decision_id, THANKS))
    assert late.late
    cap = reasons_of(await service.preview(REGULAR, "app"), THANKS)["CONTACT_CAP"]
    assert cap.params["contacts"].int64_value == 2
    (revoked,) = (
        ranked.contact_state
        for ranked in (await service.recall(second.decision_id)).ranked
        if ranked.journey.journey_id == THANKS
    )
    assert revoked == record_pb2.CONTACT_STATE_REVOKED


async def test_what_was_not_presented_is_given_back_at_once(service: Service) -> None:
    answer = await service.decide(REGULAR, "web", limit=5)
    assert THANKS in ranked_ids(answer)
    assert THANKS not in allowed_ids(await service.preview(REGULAR, "store"))
    await service.report(outcome(answer.decision_id, THANKS, "NOT_PRESENTED"))
    assert THANKS in allowed_ids(await service.preview(REGULAR, "store"))


async def test_an_unconfirmed_email_counts_for_its_whole_window(service: Service) -> None:
    for _ in range(2):
        assert len((await service.decide(REGULAR, "email")).ranked) == 1
    service.clock.move(timedelta(days=6))
    answer = await service.decide(REGULAR, "email")
    assert not answer.ranked
    pressed = [r for rejected in answer.rejected for r in rejected.reasons if r.code == "PRESSURE_CAP"]
    assert {r.params["cap"].string_value for r in pressed} == {"email-week"}
    assert {r.eligible_after.ToDatetime(NOW.tzinfo) for r in pressed} == {NOW + timedelta(days=7)}
    service.clock.now = NOW + timedelta(days=7)
    assert len((await service.decide(REGULAR, "email")).ranked) == 1


async def test_help_is_sent_also_when_the_limit_of_the_channel_is_reached(service: Service) -> None:
    for _ in range(2):
        await service.decide(REGULAR, "email")
    await service.tell(opened())
    assert ranked_ids(await service.decide(REGULAR, "email")) == ["complaint-apology"]


async def test_help_does_not_count_towards_the_limit(service: Service) -> None:
    await service.tell(opened(ago=timedelta(hours=2)))
    for _ in range(5):
        assert ranked_ids(await service.decide(REGULAR, "email")) == ["complaint-apology"]
    await service.tell(event("incident.resolved", incident_id="case-1"))
    ranked = [journey_id for _ in range(5) for journey_id in ranked_ids(await service.decide(REGULAR, "email"))]
    assert len([j for j in ranked if j != "incident-follow-up"]) == 2


async def test_one_survey_a_month_over_all_channels(service: Service) -> None:
    answer = await service.decide(REGULAR, "web", limit=50)
    (survey,) = set(ranked_ids(answer)) & {"satisfaction-survey", "store-visit-effort"}
    await service.report(outcome(answer.decision_id, survey))
    service.clock.move(timedelta(days=29))
    for channel in ("email", "web", "app"):
        surveys = {"satisfaction-survey", "store-visit-effort"} & proposals(channel).keys()
        assert surveys
        assert not surveys & allowed_ids(await service.preview(REGULAR, channel))


@pytest.mark.parametrize("kind", ["CONTACT_CAP", "PRESSURE_CAP"])
async def test_no_reservation_is_made_by_a_dry_run(service: Service, kind: str) -> None:
    first = await service.preview(REGULAR, "web")
    for _ in range(5):
        await service.preview(REGULAR, "web")
    assert await service.preview(REGULAR, "web") == first
    assert (kind in codes_of(first)) == (kind == "PRESSURE_CAP")
