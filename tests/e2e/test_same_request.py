"""One request id, one decision: the same answer until it may no longer be acted upon, and never a second one."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

from tests.e2e.wire import (
    REGULAR,
    SECOND_REGULAR,
    Refusal,
    event,
    invalid,
    offered,
    opened,
    outcome,
    ranked_ids,
    refusal_of,
    resolved,
    values,
)
from tests.fixtures_service import Clock, Service, row_counts, running, settled_counts

EXPIRED = Refusal(code=grpc.StatusCode.FAILED_PRECONDITION, reason="DECISION_EXPIRED")
REVOKED = Refusal(code=grpc.StatusCode.FAILED_PRECONDITION, reason="DECISION_REVOKED")
WEB_STAYS_VALID = timedelta(minutes=15)
MOMENT = timedelta(microseconds=1)
ASKED: dict[str, Any] = {"request_id": "visit-1", "limit": 2, "context": values(page="home", basket_value=12.5)}


@pytest.fixture
def own_home(stored_home: Path) -> Path:
    """On each store in turn."""
    return stored_home


def bytes_of(message: Message) -> bytes:
    return message.SerializeToString(deterministic=True)


async def test_the_same_request_gets_the_same_bytes_and_writes_nothing(service: Service) -> None:
    first = await service.decide(REGULAR, **ASKED)
    before = row_counts(service.home)
    service.clock.move(WEB_STAYS_VALID - MOMENT)
    assert bytes_of(await service.decide(REGULAR, **ASKED)) == bytes_of(first)
    assert row_counts(service.home) == before


async def test_the_same_request_gets_the_same_bytes_after_a_restart(modelled_home: Path) -> None:
    async with running(modelled_home) as service:
        first = await service.decide(REGULAR, **ASKED)
    async with running(modelled_home) as service:
        assert bytes_of(await service.decide(REGULAR, **ASKED)) == bytes_of(first)


async def test_the_same_request_gets_the_same_answer_when_the_model_is_gone_since(modelled_home: Path) -> None:
    async with running(modelled_home) as service:
        first = await service.decide(REGULAR, **ASKED)
    (modelled_home / "mlflow" / "mlflow.db").unlink()
    async with running(modelled_home) as service:
        assert bytes_of(await service.decide(REGULAR, **ASKED)) == bytes_of(first)


async def test_the_same_request_may_be_explained_in_another_language(service: Service) -> None:
    first = await service.decide(REGULAR, **ASKED)
    again = await service.decide(REGULAR, **ASKED, locale="es", explain=0)
    assert (again.decision_id, ranked_ids(again)) == (first.decision_id, ranked_ids(first))
    assert not again.rejected
    assert again.ranked[0].reasons[0].text != first.ranked[0].reasons[0].text


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"channel": "app"}, id="channel"),
        pytest.param({"placement": "home"}, id="placement"),
        pytest.param({"limit": 3}, id="limit"),
        pytest.param({"limit": None}, id="no limit"),
        pytest.param({"context": values(page="home")}, id="one context key less"),
        pytest.param({"context": values(page="home", basket_value=12.6)}, id="context value"),
    ],
)
async def test_a_request_id_with_other_parameters_is_refused(service: Service, changed: dict[str, Any]) -> None:
    await service.decide(REGULAR, **ASKED)
    before = row_counts(service.home)
    assert await refusal_of(service.decide(REGULAR, **{**ASKED, **changed})) == invalid("REQUEST_ID_REUSED")
    assert row_counts(service.home) == before


async def test_a_request_id_belongs_to_one_customer(service: Service) -> None:
    first = await service.decide(REGULAR, **ASKED)
    other = await service.decide(SECOND_REGULAR, **ASKED)
    assert other.decision_id != first.decision_id


async def test_after_its_time_the_answer_has_expired_and_no_other_is_made(service: Service) -> None:
    await service.decide(REGULAR, **ASKED)
    before = row_counts(service.home)
    service.clock.move(WEB_STAYS_VALID)
    assert await refusal_of(service.decide(REGULAR, **ASKED)) == EXPIRED
    assert row_counts(service.home) == before


async def test_an_incident_revokes_the_answer_that_ranked_an_offer(service: Service) -> None:
    first = await service.decide(REGULAR, **ASKED)
    assert offered(first, "web") & set(ranked_ids(first))
    await service.tell(opened())
    before = await settled_counts(service.home)
    assert await refusal_of(service.decide(REGULAR, **ASKED)) == REVOKED
    assert row_counts(service.home) == before


async def test_a_revoked_answer_holds_again_once_nothing_denies_it(service: Service) -> None:
    first = await service.decide(REGULAR, **ASKED)
    await service.tell(opened(), resolved())
    assert bytes_of(await service.decide(REGULAR, **ASKED)) == bytes_of(first)


async def test_an_incident_does_not_revoke_help(service: Service) -> None:
    first = await service.decide("never-seen-before", **ASKED)
    assert ranked_ids(first) == ["how-can-we-help"]
    await service.tell(opened("never-seen-before"))
    assert bytes_of(await service.decide("never-seen-before", **ASKED)) == bytes_of(first)


async def test_its_own_contacts_do_not_revoke_an_answer(service: Service) -> None:
    """Two ranked journeys use up the two contacts a week that email allows: those are these very two."""
    asked = {"request_id": "campaign-1", "limit": 2}
    first = await service.decide(REGULAR, "email", **asked)
    assert len(first.ranked) == 2
    assert bytes_of(await service.decide(REGULAR, "email", **asked)) == bytes_of(first)


async def test_a_withdrawal_of_consent_revokes_the_answer(service: Service) -> None:
    asked = {"request_id": "campaign-1"}
    await service.decide(REGULAR, "email", **asked)
    await service.tell(event("consent.withdrawn", channel="email"))
    assert await refusal_of(service.decide(REGULAR, "email", **asked)) == REVOKED


async def test_what_was_presented_is_not_revoked(service: Service) -> None:
    first = await service.decide(REGULAR, **ASKED)
    await service.report(*(outcome(first.decision_id, journey_id) for journey_id in ranked_ids(first)))
    await service.tell(opened())
    assert bytes_of(await service.decide(REGULAR, **ASKED)) == bytes_of(first)


async def test_the_same_request_many_times_at_once_makes_one_decision(service: Service) -> None:
    before = row_counts(service.home)
    answers = await asyncio.gather(*(service.decide(REGULAR, **ASKED) for _ in range(16)))
    assert {bytes_of(answer) for answer in answers} == {bytes_of(answers[0])}
    assert row_counts(service.home)["decisions"] == before["decisions"] + 1


async def test_the_same_request_to_two_servers_at_once_makes_one_decision(own_home: Path) -> None:
    clock = Clock()
    async with running(own_home, clock) as one, running(own_home, clock) as other:
        asks = [server.decide(REGULAR, **ASKED) for server in (one, other) for _ in range(8)]
        assert len({bytes_of(answer) for answer in await asyncio.gather(*asks)}) == 1


async def test_without_a_request_id_each_call_is_a_decision_of_its_own(service: Service) -> None:
    ids = {(await service.decide(REGULAR)).decision_id for _ in range(3)}
    assert len(ids) == 3


async def test_a_dry_run_writes_nothing_and_has_no_id(service: Service) -> None:
    before = row_counts(service.home)
    answer = await service.decide(REGULAR, dry_run=True)
    assert answer.decision_id == ""
    assert answer.ranked
    assert row_counts(service.home) == before


async def test_a_dry_run_ignores_the_request_id(service: Service) -> None:
    await service.decide(REGULAR, **ASKED)
    answer = await service.decide(REGULAR, dry_run=True, **{**ASKED, "limit": 3})
    assert answer.limit == 3


async def test_a_dry_run_answers_what_a_recorded_decision_answers(service: Service) -> None:
    dry = await service.decide(REGULAR, dry_run=True)
    recorded = await service.decide(REGULAR)
    recorded.decision_id = ""
    assert dry == recorded
