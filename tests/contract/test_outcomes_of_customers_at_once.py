"""What names its customer is given away as by one writer, and then is as if it had named the decision."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.decision.reports.rows import Outcome, OutcomeType, RowStatus
from tests.builders import NOW
from tests.contract import history
from tests.contract.adapters import Store
from tests.contract.by_customer import (
    CONVERTED,
    DAY,
    FEW_DAYS,
    HOUR,
    MORE_DAYS,
    PRESENTED,
    answer,
    decided,
    of_customer,
    outcomes_of,
    presented,
)
from tests.contract.conftest import OpenStore
from tests.contract.rows import MINUTE, codes, outcome, rejected, situation, taken, taken_before

CALLERS = 32
FRESH = itertools.count()


async def test_the_same_report_at_once_over_two_store_objects_is_kept_once_and_names_one_decision(
    state: Store, open_store: OpenStore
) -> None:
    await presented(state)
    stores = [state, await open_store()]
    found = await asyncio.gather(*(answer(stores[i % 2], of_customer()) for i in range(CALLERS)))
    assert sorted(found, key=lambda r: r.status) == [taken("o1"), *[taken_before("o1")] * (CALLERS - 1)]
    assert len(await outcomes_of(state, "d1")) == 1


async def test_what_follows_the_acknowledgement_of_a_presentation_belongs_to_it(
    state: Store, open_store: OpenStore
) -> None:
    """While it is reported, reports from elsewhere go to either contact; each stays where it went."""
    await presented(state, "d1")
    await decided(state, "d2")
    stores, told = [state, await open_store()], outcome("shown", PRESENTED, NOW + HOUR, decision_id="d2")
    rows = [of_customer(f"o{i}", 2 * HOUR) for i in range(2 * CALLERS)]
    meanwhile, after = rows[:CALLERS], rows[CALLERS:]
    racing = [answer(stores[i % 2], row) for i, row in enumerate(meanwhile)]
    racing.insert(CALLERS // 2, answer(stores[0], told, HOUR))
    results = [r for r in await asyncio.gather(*racing) if r.row_id != "shown"]
    assert {r.decision_id for r in results} <= {"d1", "d2"}
    results += await asyncio.gather(*(answer(stores[i % 2], row) for i, row in enumerate(after)))
    assert results[CALLERS:] == [taken(row.outcome_id, "d2") for row in after]
    for decision_id in ("d1", "d2"):
        kept = {o.outcome_id for o in await outcomes_of(state, decision_id)}
        assert kept == {r.row_id for r in results if r.decision_id == decision_id}
    again = await asyncio.gather(*(answer(stores[1], row) for row in rows))
    assert again == [taken_before(r.row_id, r.decision_id) for r in results]


async def test_calls_that_share_a_transaction_see_those_before_them_and_no_others(state: Store) -> None:
    await presented(state, "d1")
    await decided(state, "d2")
    told = outcome("shown", PRESENTED, NOW + HOUR, decision_id="d2")
    calls = [of_customer("o1", 2 * HOUR), told, of_customer("o2", 2 * HOUR), of_customer("o1", 2 * HOUR)]
    found = await asyncio.gather(*(answer(state, row, 2 * HOUR) for row in calls))
    assert found == [taken("o1", "d1"), taken("shown", "d2"), taken("o2", "d2"), taken_before("o1", "d1")]


ANSWERS: Mapping[str, Sequence[tuple[OutcomeType, timedelta, float | None]]] = {
    "converted": [(CONVERTED, HOUR, 12.5)],
    "converted without a worth": [(CONVERTED, HOUR, None)],
    "converted at the end of the window": [(CONVERTED, MINUTE + 3 * DAY, 1.0)],
    "said no": [(OutcomeType.REJECTED, 2 * HOUR, None)],
    "asked": [(OutcomeType.NPS, HOUR, 0.0), (OutcomeType.CES, HOUR, 7.0)],
    "several": [(OutcomeType.ENGAGED, HOUR, None), (CONVERTED, 2 * HOUR, -3.0), (CONVERTED, 3 * HOUR, 9.0)],
}


@pytest.mark.parametrize("answers", ANSWERS.values(), ids=ANSWERS)
async def test_what_follows_is_what_would_follow_if_the_decision_had_been_named(
    state: Store, tmp_path: Path, answers: Sequence[tuple[OutcomeType, timedelta, float | None]]
) -> None:
    """Of one customer by name, of the other by decision: the situation, the next decision, the record, the table."""
    for name in ("named", "shop"):
        await history.decided(state, name, customer_id=name)
        for journey_id in ("basket", "survey"):
            await history.present(state, name, journey_id)
    for journey_id in ("basket", "survey"):
        for i, (type_, at, value) in enumerate(answers):
            row = outcome(f"{journey_id}{i}-named", type_, NOW + at, decision_id="named", journey_id=journey_id)
            told = replace(row, value=value)
            by_shop = replace(told, outcome_id=f"{journey_id}{i}-shop", decision_id="", customer_id="shop")
            received = NOW + at + DAY
            assert await state.record_outcomes([told], received) == [taken(told.outcome_id, "named")]
            assert await state.record_outcomes([by_shop], received) == [taken(by_shop.outcome_id, "shop")]
    assert await _followed(state, tmp_path, "shop") == await _followed(state, tmp_path, "named")


async def _followed(state: Store, place: Path, name: str) -> Any:
    """All that follows for this customer, whose decision is called as she is, without the name."""
    now = NOW + 5 * DAY
    found = await situation(state, name, now)
    proposed = await history.proposed(state, f"next-{name}", customer_id=name, now=now)
    stored = await state.decision(name, now)
    assert stored is not None
    table = (await history.exported(state, place / name)).to_pylist()
    rows = [row for row in table if row["customer_id"] == name]
    assert len(rows) == 2
    assert all(row["outcomes"] for row in rows)
    assert found.responses
    plain = repr((found, codes(proposed), stored.contact_states, stored.outcomes, rows))
    return plain.replace(name, "…")


@dataclass(frozen=True, slots=True)
class Told:
    """A report: of when, and when it came, in steps of 8 hours. `contact`: which was presented; None: her answer."""

    contact: int | None
    told: int
    came: int


STEP = 8 * HOUR
WINDOWS = (FEW_DAYS, MORE_DAYS, FEW_DAYS)
"""Of the contacts."""
REPORTS = st.lists(
    st.builds(
        lambda contact, skew, came: Told(contact, came + skew, came),
        st.sampled_from([0, 1, 2, None, None]),
        st.sampled_from([-30, -3, -1, 0, 0, 0]),
        st.integers(1, 45),
    ),
    min_size=2,
    max_size=9,
).map(lambda reports: sorted(reports, key=lambda r: r.came))


def naive(reports: Sequence[Told]) -> list[int | str]:
    """Of each answer the contact, or why there is none: every contact is asked, of all that was told of it by then."""
    found: list[int | str] = []
    for i, answered in enumerate(reports):
        if answered.contact is not None:
            continue
        earlier = [r for r in reports[:i] if r.contact is not None]
        first = {r.contact: min(max(0, q.told) for q in earlier if q.contact == r.contact) for r in earlier}
        by_then = [at for at in first.values() if at <= answered.told]
        last = [contact for contact, at in first.items() if by_then and at == max(by_then)]
        if not last:
            found.append("NO_CONTACT")
        elif len(last) > 1:
            found.append("AMBIGUOUS")
        else:
            (contact,) = last
            is_over = answered.told - max(by_then) > WINDOWS[contact or 0] * DAY / STEP
            found.append("WINDOW_OVER" if is_over else contact or 0)
    return found


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(reports=REPORTS)
async def test_answers_are_given_to_the_contacts_that_a_naive_reader_finds(state: Store, reports: list[Told]) -> None:
    name = f"c{next(FRESH)}"
    for contact, days in enumerate(WINDOWS):
        await decided(state, f"{name}-{contact}", days=days, customer_id=name)
    found: list[int | str] = []
    for i, report in enumerate(reports):
        row = _row(report, f"{name}-o{i}", name)
        result = await answer(state, row, report.came * STEP)
        if report.contact is not None:
            assert result.status is RowStatus.ACCEPTED
            continue
        expected_id = result.decision_id.removeprefix(f"{name}-")
        found.append(int(expected_id) if result.status is RowStatus.ACCEPTED else result.code)
        if result.status is RowStatus.REJECTED:
            assert result == rejected(row.outcome_id, "journey_id", result.code)
    assert found == naive(reports)


def _row(report: Told, outcome_id: str, name: str) -> Outcome:
    if report.contact is None:
        return of_customer(outcome_id, report.told * STEP, customer_id=name)
    return outcome(outcome_id, PRESENTED, NOW + report.told * STEP, decision_id=f"{name}-{report.contact}")
