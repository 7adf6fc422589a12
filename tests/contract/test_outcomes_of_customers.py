"""An outcome that names its customer is given to the contact that was last presented to her, as if it had named it.

d1 presented ├──────────── 3 days ────────────┤         both ends belong to the window
                   d2 presented ├──────────── 3 days ────────────┤
   given to d1 ────┤  given to d2 ────┄
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from service.decision.reports.rows import Outcome, OutcomeType, RowResult
from tests.builders import NOW
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
    present,
    presented,
    within,
)
from tests.contract.retention import INSTANT, SHORT, prune
from tests.contract.rows import MINUTE, committed, outcome, propose, rejected, taken, taken_before


async def test_it_is_given_to_the_contact_that_was_presented_and_kept_with_its_decision(state: Store) -> None:
    await presented(state)
    assert await answer(state, of_customer(value=12.5)) == taken("o1", "d1")
    assert await outcomes_of(state, "d1") == [outcome("o1", CONVERTED, NOW + HOUR, value=12.5)]


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        pytest.param(MINUTE - INSTANT, rejected("o1", "journey_id", "NO_CONTACT"), id="before it was presented"),
        pytest.param(MINUTE, taken("o1"), id="as it was presented"),
        pytest.param(MINUTE + 3 * DAY, taken("o1"), id="at the end of the window"),
        pytest.param(MINUTE + 3 * DAY + INSTANT, rejected("o1", "journey_id", "WINDOW_OVER"), id="after it"),
    ],
)
async def test_both_ends_belong_to_the_window(state: Store, at: timedelta, expected: RowResult) -> None:
    await presented(state)
    assert await answer(state, of_customer(at=at)) == expected


async def test_what_is_told_ahead_happened_when_it_came_and_what_is_told_late_when_it_is_told(state: Store) -> None:
    """By a clock 4 minutes ahead at the end of the window; of the window, a month later."""
    await presented(state)
    ends = MINUTE + 3 * DAY
    assert await answer(state, of_customer("o1", ends + 4 * MINUTE), ends) == taken("o1")
    assert await answer(state, of_customer("o2", ends), 30 * DAY) == taken("o2")


@pytest.mark.parametrize("type_", [OutcomeType.ENGAGED, OutcomeType.ACCEPTED, OutcomeType.REJECTED, OutcomeType.NPS])
async def test_every_answer_may_name_its_customer(state: Store, type_: OutcomeType) -> None:
    await presented(state)
    assert await answer(state, of_customer(type_=type_, value=5.0)) == taken("o1")


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(of_customer(customer_id="2"), id="another customer"),
        pytest.param(of_customer(customer_id=" 1"), id="an id that is like hers"),
        pytest.param(of_customer(journey_id="plain"), id="another journey"),
        pytest.param(of_customer(at=-HOUR), id="long before"),
    ],
)
async def test_without_a_contact_it_is_rejected_and_its_id_stays_free(state: Store, row: Outcome) -> None:
    await presented(state)
    assert await answer(state, row, HOUR) == rejected("o1", "journey_id", "NO_CONTACT")
    assert await outcomes_of(state, "d1") == []
    assert await answer(state, of_customer()) == taken("o1")


@pytest.mark.parametrize("said", [(), (OutcomeType.NOT_PRESENTED,), (OutcomeType.ENGAGED,)])
async def test_a_contact_that_nobody_presented_takes_nothing(state: Store, said: Sequence[OutcomeType]) -> None:
    """Reserved, given back, answered, and past its time."""
    await decided(state)
    await state.record_outcomes([outcome(f"said {type_}", type_, NOW) for type_ in said], NOW)
    for i, at in enumerate((timedelta(), HOUR, 2 * DAY)):
        assert await answer(state, of_customer(f"o{i}", at)) == rejected(f"o{i}", "journey_id", "NO_CONTACT")


async def test_a_contact_that_was_presented_late_takes_it(state: Store) -> None:
    await decided(state)
    await state.record_outcomes([outcome("back", OutcomeType.NOT_PRESENTED, NOW)], NOW)
    late = outcome("late", PRESENTED, NOW + HOUR)
    assert await state.record_outcomes([late], NOW + HOUR) == [taken("late", late=True)]
    assert await answer(state, of_customer(at=2 * HOUR)) == taken("o1")


async def test_it_belongs_to_the_contact_that_was_last_presented_by_then(state: Store) -> None:
    """Decided on in one order, presented in the other."""
    await decided(state, "d1")
    await decided(state, "d2")
    await decided(state, "d3")
    for decision_id, at in (("d2", HOUR), ("d1", 2 * HOUR)):
        await state.record_outcomes([outcome(decision_id, PRESENTED, NOW + at, decision_id=decision_id)], NOW + at)
    for i, (at, decision_id) in enumerate([(HOUR, "d2"), (2 * HOUR - INSTANT, "d2"), (2 * HOUR, "d1"), (DAY, "d1")]):
        assert await answer(state, of_customer(f"o{i}", at), DAY) == taken(f"o{i}", decision_id)


async def test_of_several_reports_that_it_was_presented_the_first_begins_its_window(state: Store) -> None:
    await presented(state)
    again = outcome("again", PRESENTED, NOW + 2 * DAY)
    await state.record_outcomes([again], NOW + 2 * DAY)
    assert await answer(state, of_customer("o1", 2 * DAY - INSTANT), 2 * DAY) == taken("o1")
    after = of_customer("o2", MINUTE + 3 * DAY + INSTANT)
    assert await answer(state, after) == rejected("o2", "journey_id", "WINDOW_OVER")


async def test_two_that_were_presented_last_at_one_instant_are_ambiguous(state: Store) -> None:
    await decided(state, "d1")
    await decided(state, "d2")
    rows = [outcome(name, PRESENTED, NOW + HOUR, decision_id=name) for name in ("d1", "d2")]
    await state.record_outcomes(rows, NOW + HOUR)
    assert await answer(state, of_customer(at=2 * HOUR)) == rejected("o1", "journey_id", "AMBIGUOUS")
    assert await outcomes_of(state, "d1") == await outcomes_of(state, "d2") == []


async def test_what_was_ambiguous_is_not_once_a_later_one_was_presented(state: Store) -> None:
    await test_two_that_were_presented_last_at_one_instant_are_ambiguous(state)
    await presented(state, "d3", 3 * HOUR)
    assert await answer(state, of_customer(at=4 * HOUR)) == taken("o1", "d3")
    assert await answer(state, of_customer("o2", at=2 * HOUR), 4 * HOUR) == rejected("o2", "journey_id", "AMBIGUOUS")


async def test_each_window_is_that_of_the_catalogue_by_which_it_was_decided(state: Store) -> None:
    await presented(state, "d1", days=MORE_DAYS)
    assert await answer(state, of_customer("o1", 9 * DAY)) == taken("o1", "d1")
    await presented(state, "d2", 9 * DAY + HOUR, days=FEW_DAYS)
    assert await answer(state, of_customer("o2", 12 * DAY)) == taken("o2", "d2")


async def test_an_earlier_contact_is_over_with_the_next_though_its_own_window_is_longer(state: Store) -> None:
    """As an event is, that would have met its objective."""
    await presented(state, "d1", days=MORE_DAYS)
    await presented(state, "d2", DAY, days=FEW_DAYS)
    assert await answer(state, of_customer(at=5 * DAY)) == rejected("o1", "journey_id", "WINDOW_OVER")


async def test_without_the_catalogue_of_its_decision_nobody_knows_the_window(state: Store) -> None:
    plan = replace(within(FEW_DAYS), version="was never kept")
    await committed(state, await propose(state, plan))
    await present(state, "d1", MINUTE)
    assert await answer(state, of_customer()) == rejected("o1", "journey_id", "WINDOW_UNKNOWN")


async def test_a_catalogue_that_tells_no_window_of_the_journey_is_as_good_as_none(state: Store) -> None:
    plan = replace(within(FEW_DAYS), version="another form")
    await state.keep_catalogue(plan.version, '{"journeys": "as a later program writes them"}')
    await committed(state, await propose(state, plan))
    await present(state, "d1", MINUTE)
    assert await answer(state, of_customer()) == rejected("o1", "journey_id", "WINDOW_UNKNOWN")


async def test_once_the_decision_is_no_longer_kept_nobody_knows_the_window(state: Store) -> None:
    """A contact is kept for longer; whoever names the decision is still heard."""
    await presented(state, days=MORE_DAYS)
    gone = await prune(state, NOW + 9 * DAY, SHORT)
    assert gone["decisions"] == 1
    row = of_customer(at=9 * DAY)
    assert await answer(state, row) == rejected("o1", "journey_id", "WINDOW_UNKNOWN")
    assert await answer(state, replace(row, customer_id="", decision_id="d1")) == taken("o1")


async def test_sent_again_it_names_the_same_decision_though_another_was_presented_in_between(state: Store) -> None:
    await presented(state, "d1")
    row = of_customer(at=2 * DAY)
    assert await answer(state, row) == taken("o1", "d1")
    await presented(state, "d2", DAY)
    for later in (2 * DAY, 30 * DAY):
        assert await answer(state, row, later) == taken_before("o1", "d1")
    assert await answer(state, of_customer("o2", at=2 * DAY)) == taken("o2", "d2")
    assert [o.outcome_id for o in await outcomes_of(state, "d1")] == ["o1"]
    assert [o.outcome_id for o in await outcomes_of(state, "d2")] == ["o2"]


@pytest.mark.parametrize(
    "other",
    [
        of_customer(customer_id="2"),
        of_customer(journey_id="plain"),
        of_customer(type_=OutcomeType.ENGAGED),
        of_customer(value=1.0),
        of_customer(at=2 * HOUR),
        outcome("o1", CONVERTED, NOW + HOUR),
        outcome("o1", CONVERTED, NOW + HOUR, decision_id="1"),
    ],
    ids=["customer", "journey", "type", "value", "time", "its decision", "a decision that is called as she is"],
)
async def test_an_id_reused_with_other_content_is_rejected(state: Store, other: Outcome) -> None:
    """What it was given to is not what was reported: of the decision it is another report."""
    await presented(state)
    await answer(state, of_customer())
    assert await answer(state, other, HOUR) == rejected("o1", "outcome_id", "ID_REUSED")
    assert len(await outcomes_of(state, "d1")) == 1


async def test_an_outcome_that_named_its_decision_is_no_report_of_the_customer(state: Store) -> None:
    await presented(state)
    await answer(state, outcome("o1", CONVERTED, NOW + HOUR))
    assert await answer(state, of_customer()) == rejected("o1", "outcome_id", "ID_REUSED")


async def test_rows_of_a_call_see_what_those_before_them_presented(state: Store) -> None:
    """An answer before, between and after; the first is told to be later than both, which does not help it."""
    await decided(state, "d1")
    await decided(state, "d2")
    rows = [
        of_customer("o0", HOUR),
        outcome("d1", PRESENTED, NOW + MINUTE, decision_id="d1"),
        of_customer("o1", HOUR),
        outcome("d2", PRESENTED, NOW + 2 * MINUTE, decision_id="d2"),
        of_customer("o2", HOUR),
        of_customer("o1", HOUR),
        of_customer("o3", 2 * MINUTE - INSTANT),
        outcome("d2 earlier", PRESENTED, NOW + 30 * timedelta(seconds=1), decision_id="d2"),
        of_customer("o4", HOUR),
    ]
    assert await state.record_outcomes(rows, NOW + HOUR) == [
        rejected("o0", "journey_id", "NO_CONTACT"),
        taken("d1", "d1"),
        taken("o1", "d1"),
        taken("d2", "d2"),
        taken("o2", "d2"),
        taken_before("o1", "d1"),
        taken("o3", "d1"),
        taken("d2 earlier", "d2"),
        taken("o4", "d1"),
    ]


async def test_many_contacts_and_customers_of_one_call_are_told_apart(state: Store) -> None:
    names = [f"c{i}" for i in range(20)]
    for name in names:
        for part in "ab":
            await decided(state, f"{name}{part}", customer_id=name)
    told = [
        outcome(f"{name}{part}", PRESENTED, NOW + at, decision_id=f"{name}{part}")
        for name in names
        for part, at in (("a", MINUTE), ("b", HOUR))
    ]
    await state.record_outcomes(told, NOW + HOUR)
    rows = [of_customer(f"{name} {at}", at, customer_id=name) for name in names for at in (2 * MINUTE, 2 * HOUR)]
    expected = [taken(f"{n} {at}", f"{n}{part}") for n in names for at, part in ((2 * MINUTE, "a"), (2 * HOUR, "b"))]
    assert await state.record_outcomes(rows, NOW + 2 * HOUR) == expected
