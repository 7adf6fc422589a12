"""Weekly snapshots beside a naive computation, for some households and every kind of week."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow.compute as pc
import pytest

from service.examples.complete_journey.data import behaviour
from service.examples.complete_journey.data.shopping import Shopping, read_shopping
from service.examples.complete_journey.data.source import SourceTables
from tests.integration.features.naive import Household

HOUSEHOLDS = (1, 718, 1029, 2489, 900)
"""Among them the first with a redemption on record, buyers of 3 a day, and one who bought on the first day."""

WEEKS = (
    datetime(2017, 1, 9, 5, tzinfo=UTC),
    datetime(2017, 3, 13, 5, tzinfo=UTC),
    datetime(2017, 4, 3, 5, tzinfo=UTC),
    datetime(2017, 8, 14, 5, tzinfo=UTC),
    datetime(2017, 11, 6, 5, tzinfo=UTC),
    datetime(2018, 1, 1, 5, tzinfo=UTC),
)
"""The first, those after the clocks changed, windows that reach before the data and that do not, the last."""


@pytest.fixture(scope="module")
def snapshots(shopping: Shopping) -> Any:
    return behaviour.snapshots(shopping)


@pytest.mark.slow
@pytest.mark.parametrize("household", HOUSEHOLDS)
def test_snapshots_equal_the_naive_computation(complete_journey: SourceTables, snapshots: Any, household: int) -> None:
    naive = Household.of(complete_journey, household)
    rows = snapshots.filter(pc.equal(snapshots["customer_id"], str(household))).to_pylist()
    found = {row["event_time"]: row for row in rows}
    for week in WEEKS:
        if week not in found:
            assert all(line["at"] >= week for line in naive.lines)
            continue
        expected = naive.snapshot(week)
        assert set(found[week]) - {"customer_id", "event_time"} == set(expected)
        for name, value in expected.items():
            assert found[week][name] == (pytest.approx(value) if isinstance(value, float) else value), (name, week)


def test_snapshots_do_not_change_when_the_future_is_cut_off(complete_journey: SourceTables, snapshots: Any) -> None:
    """No look-ahead: what happened at or after a snapshot has no part in it."""
    cut = behaviour.snapshots(read_shopping(before(complete_journey, WEEKS[3])))
    is_past = pc.field("event_time") <= WEEKS[3]
    order = [("customer_id", "ascending"), ("event_time", "ascending")]
    past = snapshots.filter(is_past & pc.field("customer_id").isin(cut["customer_id"].unique())).sort_by(order)
    assert cut.filter(is_past).sort_by(order).equals(past)
    assert past.num_rows > 50_000


def before(source: SourceTables, at: datetime) -> SourceTables:
    """What was on record at `at`, a local midnight or an hour after it."""
    stamps, day = source.transactions["transaction_timestamp"], pd.Timestamp(at.date())
    return replace(
        source,
        transactions=source.transactions[stamps < pd.Timestamp(at.replace(tzinfo=None))],
        coupon_redemptions=source.coupon_redemptions[source.coupon_redemptions["redemption_date"] < day],
        campaign_descriptions=source.campaign_descriptions[source.campaign_descriptions["start_date"] <= day],
    )


def test_snapshots_are_weekly_from_the_first_after_the_first_purchase_on(shopping: Shopping, snapshots: Any) -> None:
    rows = snapshots.select(["customer_id", "event_time"]).to_pylist()
    weeks: dict[str, list[datetime]] = {customer: [] for customer in shopping.customer_ids}
    for row in rows:
        weeks[row["customer_id"]].append(row["event_time"])
    firsts = dict(zip(shopping.baskets.customer[::-1], shopping.baskets.at_s[::-1], strict=True))
    for position, customer in enumerate(shopping.customer_ids):
        purchase = datetime.fromtimestamp(int(firsts[position]), UTC)
        start = weeks[customer][0]
        assert start - timedelta(weeks=1) <= purchase < start
        assert weeks[customer] == [start + timedelta(weeks=n) for n in range(len(weeks[customer]))]
        assert weeks[customer][-1] == WEEKS[-1]


def test_every_snapshot_is_on_a_monday_at_five(snapshots: Any) -> None:
    assert {(at.weekday(), at.hour, at.minute) for at in snapshots["event_time"].unique().to_pylist()} == {(0, 5, 0)}
