"""The moment in an answer: what was just reported, where the customer is, and how old the facts are."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from rumbo.decision.v1 import journey_pb2, reason_pb2
from tests.e2e.wire import (
    REGULAR,
    allowed_ids,
    assert_each_accounted_for,
    at,
    degraded_of,
    event,
    journeys_on,
    opened,
    proposals,
    reasons_of,
    values,
)
from tests.fixtures_features import NOW
from tests.fixtures_service import Clock, Service, running


async def test_an_incident_is_explained_as_a_person_would(service: Service) -> None:
    await service.tell(opened(incident_class="delivery"))
    english, spanish = [
        reasons_of(await service.preview(REGULAR, locale=locale), "pantry-mailer")["INCIDENT_OPEN"].text
        for locale in ("en", "es")
    ]
    assert english == (
        "An incident is open since 2018-01-03 11:00 UTC (delivery); "
        "promotional journeys are withheld until it is resolved."
    )
    assert spanish == (
        "Hay una incidencia abierta desde el 2018-01-03 11:00 UTC (delivery); "
        "hasta que se resuelva no se muestran journeys promocionales."
    )


async def test_the_answer_is_dated_by_the_clock_and_valid_as_its_channel_says(service: Service) -> None:
    service.clock.now = NOW + timedelta(microseconds=123_456)
    answer = await service.decide(REGULAR, "call_center")
    assert answer.decided_at == at(service.clock.now)
    assert answer.valid_until == at(service.clock.now + timedelta(minutes=30))
    assert answer.decision_id[14] == "7", "a UUID of version 7"


async def test_the_moment_weighs(service: Service) -> None:
    plain = await service.preview(REGULAR)
    on_beauty = await service.preview(REGULAR, context=values(page="beauty"))
    (before,) = (j for j in plain.ranked if j.journey_id == "beauty-mailer")
    (after,) = (j for j in on_beauty.ranked if j.journey_id == "beauty-mailer")
    assert after.priority == pytest.approx(1.4 * before.priority)
    assert after.reasons[0].params["context_weight"].double_value == 1.4


async def test_a_customer_who_entered_a_journey_is_answered_at_that_stage(service: Service) -> None:
    await service.tell(event("journey.entered", journey_id="pantry-mailer", stage="use"))
    (journey,) = (j for j in (await service.preview(REGULAR)).ranked if j.journey_id == "pantry-mailer")
    assert journey.stage == journey_pb2.STAGE_USE
    assert (journey.journey_id, journey.action_id) != ("pantry-mailer", proposals("web")["pantry-mailer"].action_id)


async def test_a_purchase_reported_now_is_recent_in_the_very_next_decision(service: Service) -> None:
    """Household 45 had stayed away for more than a month, so it was to be brought back."""
    assert "rescue-basket" in allowed_ids(await service.preview("45"))
    await service.tell(event("purchase", "45", amount=12.0))
    reason = reasons_of(await service.preview("45"), "rescue-basket")["AUDIENCE"]
    assert reason.kind == reason_pb2.REASON_KIND_DENIED
    assert reason.params["customer.recency_days"].double_value == 0.0


async def test_behaviour_that_is_too_old_is_not_acted_upon(own_home: Path) -> None:
    async with running(own_home, Clock(NOW + timedelta(days=40))) as service:
        answer = await service.preview(REGULAR)
    assert degraded_of(answer) == {"features.behaviour": "STALE", "model": "UNAVAILABLE"}
    reason = reasons_of(answer, "loyalty-thanks")["AUDIENCE"]
    assert reason.kind == reason_pb2.REASON_KIND_UNKNOWN
    assert reason.params["fact"].string_value == "customer.baskets_90d"
    assert reason.params["status"].string_value == "STALE"
    assert_each_accounted_for(answer, journeys_on("web"))


async def test_behaviour_is_fresh_until_the_last_second_of_its_three_weeks(own_home: Path) -> None:
    """The last snapshot is of Monday, 2018-01-01 05:00."""
    ends = NOW.replace(day=1, hour=5) + timedelta(days=21)
    async with running(own_home, Clock(ends)) as service:
        assert degraded_of(await service.preview(REGULAR)) == {"model": "UNAVAILABLE"}
        service.clock.move(timedelta(seconds=1))
        assert degraded_of(await service.preview(REGULAR))["features.behaviour"] == "STALE"


async def test_what_does_not_age_is_still_known_after_40_days(own_home: Path) -> None:
    """Recency follows from the time of the last purchase, which grows old without growing wrong."""
    async with running(own_home, Clock(NOW + timedelta(days=40))) as service:
        answer = await service.preview(REGULAR)
    assert {"rescue-basket", "how-can-we-help"} == allowed_ids(answer)


async def test_a_stranger_has_no_stale_facts(own_home: Path) -> None:
    async with running(own_home, Clock(NOW + timedelta(days=40))) as service:
        assert degraded_of(await service.preview("never-seen-before")) == {"model": "UNAVAILABLE"}
