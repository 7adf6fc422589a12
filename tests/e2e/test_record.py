"""What GetDecision tells: the decision as it was made, and where each contact stands now."""

from __future__ import annotations

import math
import shutil
from datetime import timedelta
from pathlib import Path

import grpc
import numpy as np
import pytest

from models.registry import fetch_champion
from rumbo.decision.v1 import decision_pb2, outcomes_pb2, record_pb2
from service.bootstrap.store import state_store
from service.state.engines.session import Sql, Transaction
from tests.e2e.wire import REGULAR, Refusal, at, event, opened, outcome, ranked_ids, refusal_in, resolved, values
from tests.fixtures_features import NOW, registry_at
from tests.fixtures_service import Service, row_counts, running, settings_of

SUMMARY = decision_pb2.EXPLAIN_SUMMARY


@pytest.fixture
def own_home(stored_home: Path) -> Path:
    """On each store in turn."""
    return stored_home


def states_of(record: record_pb2.GetDecisionResponse) -> dict[str, str]:
    """Contact state by journey."""
    return {
        ranked.journey.journey_id: record_pb2.ContactState.Name(ranked.contact_state).removeprefix("CONTACT_STATE_")
        for ranked in record.ranked
    }


async def test_the_record_says_what_the_answer_said(service: Service) -> None:
    answer = await service.decide(REGULAR, limit=2, placement="home", context=values(page="home"))
    record = await service.recall(answer.decision_id)
    assert (record.decision_id, record.customer_id) == (answer.decision_id, REGULAR)
    assert (record.channel, record.placement) == ("web", "home")
    assert (record.decided_at, record.valid_until) == (answer.decided_at, answer.valid_until)
    assert [ranked.journey for ranked in record.ranked] == list(answer.ranked)
    assert (list(record.eligible), list(record.rejected)) == (list(answer.eligible), list(answer.rejected))
    assert record.no_journey == answer.no_journey
    assert record.catalogue_version == answer.catalogue_version
    assert list(record.degraded) == list(answer.degraded)
    assert not record.outcomes


async def test_the_record_keeps_its_reasons_when_the_facts_have_changed(service: Service) -> None:
    answer = await service.decide(REGULAR)
    await service.tell(opened(), event("consent.withdrawn"))
    service.clock.move(timedelta(days=3))
    assert list((await service.recall(answer.decision_id)).rejected) == list(answer.rejected)


async def test_a_record_in_a_form_that_is_not_known_is_refused_by_its_id_and_number(service: Service) -> None:
    answer = await service.decide(REGULAR)
    change = Sql("UPDATE decisions SET record = ? WHERE decision_id = ?", ('{"format":7}', answer.decision_id))
    async with state_store(settings_of(service.home)) as state:
        await state.engine.write(Transaction(lambda session: session.execute(change)))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await service.recall(answer.decision_id)
    refused = Refusal(code=grpc.StatusCode.FAILED_PRECONDITION, reason="RECORD_FORMAT_UNKNOWN")
    assert refusal_in(caught.value) == refused
    assert (caught.value.details() or "").startswith(f"decision {answer.decision_id} is recorded in format 7")


async def test_the_record_survives_a_restart(own_home: Path) -> None:
    async with running(own_home) as service:
        answer = await service.decide(REGULAR)
        record = await service.recall(answer.decision_id)
    async with running(own_home) as service:
        assert await service.recall(answer.decision_id) == record


async def test_a_summary_leaves_out_what_was_not_ranked(service: Service) -> None:
    answer = await service.decide(REGULAR)
    record = await service.recall(answer.decision_id, explain=SUMMARY)
    assert [ranked.journey for ranked in record.ranked] == list(answer.ranked)
    assert not record.eligible
    assert not record.rejected


async def test_the_record_speaks_the_language_asked_for(service: Service) -> None:
    answer = await service.decide(REGULAR, locale="es")
    assert list((await service.recall(answer.decision_id, locale="es")).rejected) == list(answer.rejected)
    english = await service.recall(answer.decision_id, locale="en")
    assert english.rejected[0].reasons[0].text != answer.rejected[0].reasons[0].text


async def test_reading_a_record_writes_nothing(service: Service) -> None:
    answer = await service.decide(REGULAR)
    before = row_counts(service.home)
    await service.recall(answer.decision_id)
    assert row_counts(service.home) == before


async def test_a_contact_is_reserved_until_something_is_said(service: Service) -> None:
    answer = await service.decide(REGULAR)
    assert len(answer.ranked) == 3
    assert states_of(await service.recall(answer.decision_id)) == dict.fromkeys(ranked_ids(answer), "RESERVED")


async def test_each_contact_goes_its_own_way(service: Service) -> None:
    answer = await service.decide(REGULAR)
    shown, not_shown, silent = ranked_ids(answer)
    await service.report(
        outcome(answer.decision_id, shown, "PRESENTED"), outcome(answer.decision_id, not_shown, "NOT_PRESENTED")
    )
    assert states_of(await service.recall(answer.decision_id)) == {
        shown: "PRESENTED",
        not_shown: "RELEASED",
        silent: "RESERVED",
    }
    service.clock.now = NOW + timedelta(minutes=15)
    assert states_of(await service.recall(answer.decision_id)) == {
        shown: "PRESENTED",
        not_shown: "RELEASED",
        silent: "EXPIRED",
    }


async def test_what_came_late_is_kept_and_marked(service: Service) -> None:
    answer = await service.decide(REGULAR)
    first, second, _ = ranked_ids(answer)
    service.clock.move(timedelta(minutes=20))
    late, engaged = await service.report(
        outcome(answer.decision_id, first, "PRESENTED"), outcome(answer.decision_id, second, "ENGAGED")
    )
    assert (late.late, engaged.late) == (True, False)
    record = await service.recall(answer.decision_id)
    assert states_of(record)[first] == "PRESENTED"
    assert {kept.outcome.type: kept.late for kept in record.outcomes} == {
        outcomes_pb2.OUTCOME_TYPE_PRESENTED: True,
        outcomes_pb2.OUTCOME_TYPE_ENGAGED: False,
    }


async def test_a_presentation_reported_in_time_is_not_late(service: Service) -> None:
    answer = await service.decide(REGULAR)
    (result,) = await service.report(outcome(answer.decision_id, ranked_ids(answer)[0]))
    assert not result.late


async def test_outcomes_are_told_as_they_were_sent_oldest_first(service: Service) -> None:
    answer = await service.decide(REGULAR)
    journey_id = ranked_ids(answer)[0]
    converted = outcome(answer.decision_id, journey_id, "CONVERTED", amount=31.4)
    presented = outcome(answer.decision_id, journey_id, "PRESENTED", ago=timedelta(minutes=1))
    service.clock.move(timedelta(minutes=2))
    await service.report(converted, presented)
    kept = (await service.recall(answer.decision_id)).outcomes
    assert [one.outcome for one in kept] == [presented, converted]
    assert {one.recorded_at.ToDatetime() for one in kept} == {at(NOW + timedelta(minutes=2)).ToDatetime()}


async def test_an_incident_revokes_the_offers_and_leaves_the_help(service: Service) -> None:
    answer = await service.decide(REGULAR, limit=50)
    await service.tell(opened())
    states = states_of(await service.recall(answer.decision_id))
    assert states.pop("how-can-we-help") == "RESERVED"
    assert set(states.values()) == {"REVOKED"}
    await service.tell(resolved())
    assert set(states_of(await service.recall(answer.decision_id)).values()) == {"RESERVED"}


async def test_a_withdrawal_revokes_on_its_own_channel_only(service: Service) -> None:
    by_email, in_app = await service.decide(REGULAR, "email"), await service.decide(REGULAR, "app")
    await service.tell(event("consent.withdrawn", channel="email"))
    assert set(states_of(await service.recall(by_email.decision_id)).values()) == {"REVOKED"}
    assert set(states_of(await service.recall(in_app.decision_id)).values()) == {"RESERVED"}


async def test_what_is_over_is_not_revoked(service: Service) -> None:
    answer = await service.decide(REGULAR)
    shown, *others = ranked_ids(answer)
    await service.report(outcome(answer.decision_id, shown))
    service.clock.move(timedelta(minutes=15))
    await service.tell(opened())
    states = states_of(await service.recall(answer.decision_id))
    assert states == {shown: "PRESENTED", **dict.fromkeys(others, "EXPIRED")}


async def test_the_contributions_add_up_to_the_probability(modelled_home: Path) -> None:
    champion = fetch_champion(registry_at(modelled_home))
    async with running(modelled_home) as service:
        answer = await service.decide(REGULAR, limit=50)
        record = await service.recall(answer.decision_id)
    scored = [ranked for ranked in record.ranked if ranked.journey.journey_id in champion.history]
    assert scored
    for ranked in scored:
        parts = ranked.contributions
        assert set(parts.by_feature) == set(champion.encoder.columns)
        raw = 1.0 / (1.0 + math.exp(-(parts.base + sum(parts.by_feature.values()))))
        (p_outcome,) = champion.calibration.apply(np.array([raw]))
        assert ranked.journey.p_outcome == pytest.approx(p_outcome, abs=1e-9)


async def test_only_what_a_model_scored_has_contributions_and_only_when_asked(modelled_home: Path) -> None:
    champion = fetch_champion(registry_at(modelled_home))
    async with running(modelled_home) as service:
        answer = await service.decide(REGULAR, limit=50)
        whole = await service.recall(answer.decision_id)
        summary = await service.recall(answer.decision_id, explain=SUMMARY)
    explained = {r.journey.journey_id for r in whole.ranked if r.HasField("contributions")}
    assert explained == set(ranked_ids(answer)) & champion.history
    assert not any(ranked.HasField("contributions") for ranked in summary.ranked)


async def test_a_record_is_told_without_contributions_when_its_model_is_gone(modelled_home: Path) -> None:
    async with running(modelled_home) as service:
        answer = await service.decide(REGULAR)
    shutil.rmtree(modelled_home / "mlflow")
    async with running(modelled_home) as service:
        record = await service.recall(answer.decision_id)
    assert record.model_version == answer.model_version != ""
    assert [ranked.journey for ranked in record.ranked] == list(answer.ranked)
    assert not any(ranked.HasField("contributions") for ranked in record.ranked)
