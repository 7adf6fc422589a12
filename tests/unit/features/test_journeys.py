"""Which journey each historical campaign belongs to, and what training takes from it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from service.examples.complete_journey.data.journeys import campaign_journeys, dominant_categories
from service.examples.complete_journey.data.source import SourceTables
from service.examples.complete_journey.data.targeting import consents, targeting

JOURNEYS = {
    "pantry-mailer": ("A", "cold_cereal", [27]),
    "freezer-mailer": ("A", "frozen_meat", [8]),
    "beauty-mailer": ("A", "makeup", [13, 18]),
    "baby-care-coupons": ("B", "baby_food", [5, 10, 19]),
    "breakfast-coupons": ("B", "cold_cereal", [9, 12]),
    "pizza-night-coupons": ("B", "frozen_pizza", [2, 17]),
    "gift-season-coupons": ("B", "greeting_cards", [22]),
    "make-up-coupons": ("B", "makeup", [16]),
    "targeted-coupons": ("B", "mixed", [1, 4, 7, 11, 21, 23]),
    "hair-care-club": ("C", "hair_care", [14]),
    "everyday-care-club": ("C", "soap", [3, 20]),
    "long-run-coupons": ("C", "mixed", [6, 15]),
}
"""Read off a count of each campaign's coupon rows by product category, pairs and redemptions by group."""


def rows_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pa.Table.from_pandas(table).to_pylist()
    return rows


def test_campaigns_are_grouped_by_type_and_dominant_category(complete_journey: SourceTables) -> None:
    found: dict[str, tuple[str, str, list[int]]] = {}
    for row in campaign_journeys(complete_journey):
        found.setdefault(row.journey_id, (row.campaign_type, row.category, []))[2].append(row.campaign_id)
    assert found == JOURNEYS


def test_repeated_coupon_rows_count_once(complete_journey: SourceTables) -> None:
    """Campaign 27 repeats most of its rows: counted all, WATER would dominate it with 384."""
    assert dominant_categories(complete_journey)[27] == "COLD CEREAL"


def test_targeting_has_one_row_a_household_and_campaign(complete_journey: SourceTables) -> None:
    rows = targeting(complete_journey).to_pylist()
    pairs = Counter((row["customer_id"], row["campaign_id"]) for row in rows)
    assert (len(rows), max(pairs.values())) == (6_442, 1)


def test_the_test_period_has_the_pairs_that_the_design_counted(complete_journey: SourceTables) -> None:
    first, last = datetime(2017, 9, 20, 4, tzinfo=UTC), datetime(2017, 12, 3, 5, tzinfo=UTC)
    rows = [row for row in targeting(complete_journey).to_pylist() if first <= row["decided_at"] <= last]
    assert len(rows) == 1_914


def test_campaigns_start_at_local_midnight_in_winter_and_summer(complete_journey: SourceTables) -> None:
    starts = {row["campaign_id"]: row["decided_at"] for row in targeting(complete_journey).to_pylist()}
    assert starts[27] == datetime(2017, 2, 8, 5, 0, tzinfo=UTC)
    assert starts[13] == datetime(2017, 8, 8, 4, 0, tzinfo=UTC)


def test_a_redemption_counts_on_the_28_first_dates_only(complete_journey: SourceTables) -> None:
    start = {row["campaign_id"]: row["start_date"] for row in rows_of(complete_journey.campaign_descriptions)}
    redeemed = {
        (str(row["household_id"]), row["campaign_id"])
        for row in rows_of(complete_journey.coupon_redemptions)
        if (row["redemption_date"] - start[row["campaign_id"]]).days <= 27
    }
    for row in targeting(complete_journey).to_pylist():
        assert row["redeemed_28d"] == ((row["customer_id"], row["campaign_id"]) in redeemed)


@pytest.mark.parametrize(
    ("household", "also"),
    [("1", set()), ("3", {"sms"}), ("8", {"call_center"}), ("36", {"sms", "call_center"})],
)
def test_consents_follow_from_the_households_number(
    complete_journey: SourceTables, household: str, also: set[str]
) -> None:
    channels: dict[str, set[str]] = {}
    for row in consents(complete_journey).to_pylist():
        if row["customer_id"] == household:
            channels.setdefault(row["purpose"], set()).add(row["channel"])
    wide, narrow = {"email", "app", "web", "push", "store"} | also, {"email", "app", "web"} | also
    assert channels == {"marketing": wide, "research": narrow, "loyalty": wide}


def test_everyone_who_was_sent_a_campaign_has_opted_in_at_its_start(complete_journey: SourceTables) -> None:
    rows = consents(complete_journey).to_pylist()
    assert len({row["customer_id"] for row in rows}) == 1_559
    assert min(row["occurred_at"] for row in rows) == datetime(2016, 11, 14, 5, 0, tzinfo=UTC)
