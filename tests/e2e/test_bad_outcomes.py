"""What RecordOutcomes cannot take: refused row by row or as a whole, and nothing of it kept."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from rumbo.decision.v1 import outcomes_pb2
from tests.e2e.wire import (
    ACCEPTED,
    BAD_TIMES,
    DUPLICATE,
    Refusal,
    at,
    invalid,
    outcome,
    ranked_ids,
    refusal_of,
    rejection_of,
)
from tests.fixtures_features import NOW
from tests.fixtures_service import Service, row_counts, running, settled_counts
from tests.fixtures_stores import STORES, home_on

pytestmark = pytest.mark.asyncio(loop_scope="module")

WHO = "a customer of outcomes"
UNKNOWN_ID = "0199a0b1-0000-7000-8000-000000000000"


@pytest.fixture(scope="module", params=STORES)
def home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with home_on(request.param, request, tmp_path_factory.mktemp("rows") / "home") as own:
        yield own


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(home: Path) -> AsyncIterator[Service]:
    """One service a store for all cases: each uses ids of its own."""
    async with running(home) as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def decision_id(service: Service) -> str:
    """A decision that ranked the open door for a customer of whom nothing else is known."""
    answer = await service.decide(WHO, "web")
    assert ranked_ids(answer) == ["how-can-we-help"]
    return answer.decision_id


def case(name: str, field: str, code: str, **fields: Any) -> Any:
    return pytest.param(fields, (field, code), id=name)


async def test_no_outcomes_at_all_is_invalid(service: Service) -> None:
    assert await refusal_of(service.report()) == invalid("EMPTY", "outcomes")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        case("unknown decision", "decision_id", "UNKNOWN_DECISION", decision_id=UNKNOWN_ID),
        case("not ranked", "journey_id", "NOT_RANKED", journey_id="rescue-basket"),
        *(case(name, "occurred_at", code, occurred_at=at) for name, code, at in BAD_TIMES),
        case("id too long", "outcome_id", "TOO_LONG", outcome_id="o" * 129),
        case("NUL in the id", "outcome_id", "NUL_IN_TEXT", outcome_id="\x00"),
        case("NUL in the decision", "decision_id", "NUL_IN_TEXT", decision_id="\x00"),
        case("journey too long", "journey_id", "TOO_LONG", journey_id="j" * 129),
        case("unknown type", "type", "UNKNOWN_TYPE", type=99),
        case("score missing", "value", "MISSING", type=outcomes_pb2.OUTCOME_TYPE_NPS),
        case("11 of 10", "value", "OUT_OF_SCALE", type=outcomes_pb2.OUTCOME_TYPE_NPS, value=11.0),
        case("effort 0", "value", "OUT_OF_SCALE", type=outcomes_pb2.OUTCOME_TYPE_CES, value=0.0),
        case("both", "customer_id", "BOTH_SET", customer_id=WHO),
        case("customer too long", "customer_id", "TOO_LONG", decision_id="", customer_id="c" * 129),
        case("NUL in the customer", "customer_id", "NUL_IN_TEXT", decision_id="", customer_id="\x00"),
        case("presented by customer", "type", "NEEDS_DECISION", decision_id="", customer_id=WHO, type=1),
        case("not presented by customer", "type", "NEEDS_DECISION", decision_id="", customer_id=WHO, type=2),
        case("nothing presented", "journey_id", "NO_CONTACT", decision_id="", customer_id=WHO),
        case("a stranger", "journey_id", "NO_CONTACT", decision_id="", customer_id="nobody"),
        case("NaN", "value", "NOT_FINITE", type=outcomes_pb2.OUTCOME_TYPE_CONVERTED, value=math.nan),
    ],
)
async def test_a_bad_outcome_is_rejected_by_field_and_is_not_kept(
    service: Service, decision_id: str, fields: dict[str, Any], expected: tuple[str, str]
) -> None:
    before = await settled_counts(service.home)
    good = {
        "outcome_id": "never kept",
        "decision_id": decision_id,
        "journey_id": "how-can-we-help",
        "type": outcomes_pb2.OUTCOME_TYPE_ENGAGED,
        "occurred_at": at(NOW),
    }
    (result,) = await service.report(outcomes_pb2.Outcome(**{**good, **fields}))
    assert rejection_of(result) == expected
    assert row_counts(service.home) == before


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"outcome_id": ""}, invalid("EMPTY", "outcomes[1].outcome_id"), id="id"),
        pytest.param({"decision_id": ""}, invalid("EMPTY", "outcomes[1].decision_id"), id="decision"),
        pytest.param({"journey_id": ""}, invalid("EMPTY", "outcomes[1].journey_id"), id="journey"),
        pytest.param({"type": 0}, invalid("NOT_SET", "outcomes[1].type"), id="type"),
    ],
)
async def test_an_outcome_without_identity_makes_the_whole_call_invalid(
    service: Service, decision_id: str, fields: dict[str, Any], expected: Refusal
) -> None:
    before = await settled_counts(service.home)
    whole = {"outcome_id": "x", "decision_id": decision_id, "journey_id": "how-can-we-help", "type": 3}
    nameless = outcomes_pb2.Outcome(**{**whole, **fields}, occurred_at=at(NOW))
    first = outcome(decision_id, "how-can-we-help", "ENGAGED")
    assert await refusal_of(service.report(first, nameless)) == expected
    assert row_counts(service.home) == before


async def test_the_same_outcome_again_is_a_duplicate_and_changes_nothing(service: Service, decision_id: str) -> None:
    once = outcome(decision_id, "how-can-we-help", "CONVERTED", amount=3.0)
    assert [r.status for r in await service.report(once, once)] == [ACCEPTED, DUPLICATE]
    before = await settled_counts(service.home)
    assert [r.status for r in await service.report(once)] == [DUPLICATE]
    assert row_counts(service.home) == before


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"kind": "REJECTED"}, id="type"),
        pytest.param({"amount": 4.0}, id="value"),
        pytest.param({"amount": None}, id="no value"),
        pytest.param({"ago": timedelta(seconds=1)}, id="time"),
    ],
)
async def test_an_outcome_id_with_other_content_is_rejected(
    service: Service, decision_id: str, changed: dict[str, Any]
) -> None:
    same: dict[str, Any] = {"kind": "CONVERTED", "amount": 3.0, "ago": timedelta(0)}
    first = outcome(decision_id, "how-can-we-help", **same)
    await service.report(first)
    before = await settled_counts(service.home)
    (result,) = await service.report(
        outcome(decision_id, "how-can-we-help", outcome_id=first.outcome_id, **{**same, **changed})
    )
    assert rejection_of(result) == ("outcome_id", "ID_REUSED")
    assert row_counts(service.home) == before
