"""Rewards as they are exported: what counts for which contact, and what is not known yet."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from service.decision.reports.rows import OutcomeType
from tests.builders import NOW
from tests.contract.adapters import Store
from tests.contract.history import DAY, EPOCH, LATER, buy, decided, export_of, present, rows_in, table_in
from tests.contract.rows import MINUTE, outcome

HOUR = timedelta(hours=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the table goes."""
    return tmp_path / "table"


async def test_an_event_counts_for_the_contact_that_was_presented_last_by_then(state: Store, folder: Path) -> None:
    """Presented on days 0 and 2 with windows of a week; bought on day 3, in both: it is the second's."""
    await decided(state, "d1", limit=1)
    await present(state, "d1")
    await decided(state, "d2", now=NOW + 2 * DAY, limit=1)
    await present(state, "d2", at=2 * DAY)
    await buy(state, 3 * DAY)
    rows = await rows_in(state, folder)
    assert {row["decision_id"]: row["reward"] for row in rows.values()} == {"d1": 0.0, "d2": 5.0}


async def test_a_later_contact_that_was_never_presented_takes_no_event(state: Store, folder: Path) -> None:
    await decided(state, "d1", limit=1)
    await present(state, "d1")
    await decided(state, "d2", now=NOW + 2 * DAY, limit=1)
    await buy(state, 3 * DAY)
    rows = await rows_in(state, folder)
    assert {row["decision_id"]: row["reward"] for row in rows.values()} == {"d1": 5.0, "d2": None}


@pytest.mark.parametrize(
    ("at", "amount", "customer_id", "reward"),
    [
        pytest.param(MINUTE, 10.0, "1", 5.0, id="at once, just enough"),
        pytest.param(MINUTE + 7 * DAY, 10.0, "1", 5.0, id="as the window ends"),
        pytest.param(timedelta(0), 10.0, "1", 0.0, id="before it was presented"),
        pytest.param(MINUTE + 7 * DAY + timedelta(microseconds=1), 10.0, "1", 0.0, id="after the window"),
        pytest.param(HOUR, 9.99, "1", 0.0, id="not what was asked for"),
        pytest.param(HOUR, 10.0, "2", 0.0, id="somebody else's"),
    ],
)
async def test_an_objective_is_met_by_an_event_of_the_customer_within_the_window(
    state: Store, folder: Path, at: timedelta, amount: float, customer_id: str, reward: float
) -> None:
    await decided(state, "d1", limit=1)
    await present(state, "d1")
    await buy(state, at, amount, customer_id)
    assert (await rows_in(state, folder))["d1", "basket"]["reward"] == reward


async def test_a_conversion_is_worth_what_it_says_else_what_the_journey_says(state: Store, folder: Path) -> None:
    for decision_id, customer_id, value in (("d1", "1", 3.5), ("d2", "2", None)):
        await decided(state, decision_id, customer_id=customer_id)
        await present(state, decision_id, "survey")
        told = outcome(
            f"{decision_id}-o",
            OutcomeType.CONVERTED,
            NOW + HOUR,
            decision_id=decision_id,
            journey_id="survey",
            value=value,
        )
        await state.record_outcomes([told], NOW + HOUR)
    rows = await rows_in(state, folder)
    assert (rows["d1", "survey"]["reward"], rows["d2", "survey"]["reward"]) == (3.5, 8.0)


async def test_nothing_is_said_of_a_window_that_is_open_though_it_was_met(state: Store, folder: Path) -> None:
    await decided(state, "d1", limit=1)
    await present(state, "d1")
    await buy(state, HOUR)
    ends = NOW + MINUTE + 7 * DAY
    before = (await rows_in(state, folder, ends - MINUTE))["d1", "basket"]
    after = (await rows_in(state, folder, ends))["d1", "basket"]
    assert (before["reward"], before["is_censored"], before["window_ends_at"]) == (None, True, ends)
    assert (after["reward"], after["is_censored"], after["window_ends_at"]) == (5.0, False, ends)


async def test_what_was_not_presented_has_no_reward_and_may_get_one_while_reserved(state: Store, folder: Path) -> None:
    await decided(state, "d1")
    refused = outcome("o1", OutcomeType.NOT_PRESENTED, NOW, journey_id="survey")
    await state.record_outcomes([refused], NOW)
    during, after = await rows_in(state, folder, NOW + MINUTE), await rows_in(state, folder)
    told = {
        (moment, journey): (row["contact_state"], row["reward"], row["is_censored"])
        for moment, rows in (("during", during), ("after", after))
        for (_, journey), row in rows.items()
    }
    assert told == {
        ("during", "basket"): ("RESERVED", None, True),
        ("after", "basket"): ("EXPIRED", None, False),
        ("during", "survey"): ("RELEASED", None, False),
        ("after", "survey"): ("RELEASED", None, False),
    }


async def test_nothing_is_said_of_a_time_whose_events_are_no_longer_kept(state: Store, folder: Path) -> None:
    """What an outcome tells is told all the same."""
    await decided(state, "d1")
    await present(state, "d1")
    await present(state, "d1", "survey")
    await buy(state, HOUR)
    for kept, reward in ((LATER - NOW, 5.0), (LATER - NOW - HOUR, None)):
        export = export_of(state, folder, kept=kept)
        (day,) = await export.days(EPOCH, None)
        await export.write(day, lambda _: None)
        rows = {row["journey_id"]: row for row in table_in(folder).to_pylist()}
        assert (rows["basket"]["reward"], rows["basket"]["is_censored"]) == (reward, False)
        assert rows["survey"]["reward"] == 0.0
