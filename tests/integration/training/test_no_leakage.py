"""Nothing after the decision time is a feature: the future is rewritten, and what was known does not move."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from service.examples.complete_journey.data.campaigns import CAMPAIGNS
from service.examples.complete_journey.data.prepare import prepare_company
from service.examples.complete_journey.data.source import SourceTables
from tests.fixtures_features import NOW

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]  # prepares a home of its own

MOMENT = datetime(2017, 8, 8, 4, tzinfo=UTC)
"""The start of campaign 13, the largest of the training period: midnight in New York."""


def other_household(household: pd.Series[int]) -> pd.Series[int]:
    """Each household becomes the next one in order of number, the last the first."""
    known = np.unique(household)
    return household.map(dict(zip(known, np.roll(known, -1), strict=True)))


def with_another_future(source: SourceTables) -> SourceTables:
    """From MOMENT on: other people buy at other prices with other coupons; campaigns reach and convince others."""
    sales, redemptions, campaigns = (
        source.transactions.copy(),
        source.coupon_redemptions.copy(),
        source.campaigns.copy(),
    )
    later = sales["transaction_timestamp"] >= MOMENT.replace(tzinfo=None)
    sales.loc[later, "household_id"] = other_household(sales.loc[later, "household_id"])
    sales.loc[later, ["sales_value", "coupon_disc", "coupon_match_disc", "retail_disc"]] += 7.0
    day = redemptions["redemption_date"] >= pd.Timestamp("2017-08-08")
    redemptions.loc[day, "household_id"] = other_household(redemptions.loc[day, "household_id"])
    starts = source.campaign_descriptions.set_index("campaign_id")["start_date"]
    after = campaigns["campaign_id"].map(starts) > pd.Timestamp("2017-08-08")
    campaigns.loc[after, "household_id"] = other_household(campaigns.loc[after, "household_id"])
    return replace(source, transactions=sales, coupon_redemptions=redemptions, campaigns=campaigns)


def test_rewriting_the_future_leaves_every_earlier_row_as_it_was(
    complete_journey: SourceTables, prepared_company: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = with_another_future(complete_journey)
    monkeypatch.setattr("service.examples.complete_journey.data.prepare.read_source", lambda: changed)
    prepare_company(tmp_path / "home", NOW)
    before, after = (rows_of(folder) for folder in (prepared_company, tmp_path / "home"))

    assert [row for row in before if row["decided_at"] <= MOMENT] == [
        row for row in after if row["decided_at"] <= MOMENT
    ]
    assert [row for row in before if row["decided_at"] > MOMENT] != [row for row in after if row["decided_at"] > MOMENT]


def rows_of(folder: Path) -> list[dict[str, Any]]:
    """Of the log of campaigns, without what came of them: that is the future of a row."""
    table = pq.read_table(folder / CAMPAIGNS)
    rows: list[dict[str, Any]] = table.drop_columns(["reward", "is_censored"]).to_pylist()
    return rows
