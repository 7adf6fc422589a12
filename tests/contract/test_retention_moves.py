"""Moves that an exit made meaningless go; what is told later leads where it would have led with them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.decision.facts import Enrolment
from service.decision.reports.rows import Outcome, OutcomeType
from service.state.rows.fold import JourneyMove, Move, enrolment
from tests.builders import NOW
from tests.contract.adapters import Store
from tests.contract.retention import DAY, MIDNIGHT, SHORT, prune, upkeep
from tests.contract.rows import (
    MINUTE,
    capped,
    committed,
    event,
    outcome,
    propose,
    situation,
)
from tests.contract.test_enrolments import ONE_AT_ONCE, enter

HOURS = st.integers(0, 60)
_TOLD = st.lists(
    st.one_of(
        st.tuples(st.just("journey.entered"), HOURS),
        st.tuples(st.just("journey.advanced"), HOURS),
        st.tuples(st.just("journey.exited"), HOURS),
        st.tuples(st.just("presented"), HOURS),
    ),
    max_size=8,
)
_FRESH = itertools.count()
_MOVES: Mapping[str, Move] = {
    "journey.entered": Move.ENTERED,
    "journey.advanced": Move.ADVANCED,
    "journey.exited": Move.EXITED,
    "presented": Move.PRESENTED,
}


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(_TOLD, _TOLD, st.integers(0, 70))
async def test_whatever_is_told_after_moves_were_deleted_the_customer_is_where_all_of_them_lead(
    state: Store, before: list[tuple[str, int]], after: list[tuple[str, int]], pruned_at_hour: int
) -> None:
    """Against the fold over every move that was ever told; those of one contact that was presented are one, the last.

    The store is shared: each example has its own customer.
    """
    customer_id, moves = f"c{next(_FRESH)}", list[JourneyMove]()
    plan, now = capped(), NOW + 3 * DAY
    await committed(state, await propose(state, plan, customer_id=customer_id, decision_id=f"d-{customer_id}"))
    rows = [(f"{customer_id}-{i}", kind, NOW + timedelta(hours=h)) for i, (kind, h) in enumerate([*before, *after])]
    for i, (row_id, kind, at) in enumerate(rows):
        if i == len(before):
            await upkeep(state, SHORT).prune(now + timedelta(hours=pruned_at_hour))
        if kind == "presented":
            report: Outcome = outcome(row_id, OutcomeType.PRESENTED, at, decision_id=f"d-{customer_id}")
            await state.record_outcomes([report], now)
        else:
            told = event(row_id, kind, at, customer_id=customer_id, journey_id="news", stage="need")
            await state.record_events([told], now)
        moves.append(JourneyMove(at, _MOVES[kind], row_id, "" if kind == "journey.exited" else "need"))
    shown = max((m for m in moves if m.move is Move.PRESENTED), default=None)
    expected: Enrolment | None = enrolment("news", [m for m in moves if m.move is not Move.PRESENTED or m is shown])
    assert (await situation(state, customer_id, now)).enrolments.get("news") == expected


async def test_an_exit_that_may_still_move_keeps_what_lies_before_it(state: Store) -> None:
    """`other` gave way to `news` at 2 hours, then to `news` at half an hour after all: before it was entered."""
    hour = timedelta(hours=1)
    await enter(state, "other", NOW)
    await committed(state, await propose(state, ONE_AT_ONCE))
    await enter(state, "other", NOW + hour, "e2")
    now = NOW + 3 * DAY
    await state.record_outcomes([outcome("o1", OutcomeType.PRESENTED, NOW + 2 * hour)], now)
    assert "other" not in (await situation(state, now=now)).enrolments
    assert await prune(state, now, SHORT) == {}
    await state.record_outcomes([outcome("o2", OutcomeType.PRESENTED, NOW + hour / 2)], now)
    assert (await situation(state, now=now)).enrolments["other"].since == NOW + hour


async def test_what_lies_before_an_exit_goes_once_the_contact_that_caused_it_is_gone(state: Store) -> None:
    await enter(state, "other", NOW)
    await committed(state, await propose(state, ONE_AT_ONCE))
    await state.record_outcomes([outcome("o1", OutcomeType.PRESENTED, NOW + MINUTE)], NOW + MINUTE)
    before = (await situation(state)).enrolments
    now = MIDNIGHT + 400 * DAY
    assert await prune(state, now - DAY, SHORT) == {"decisions": 1, "events": 1}
    assert (await prune(state, now, SHORT)) == {"contacts": 1, "outcomes": 1}
    assert (await prune(state, now, SHORT)) == {"moves": 1}
    assert (await situation(state)).enrolments == before
