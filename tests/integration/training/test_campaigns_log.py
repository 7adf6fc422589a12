"""The example's campaigns as a log: what was known of each household then, and what came of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow.parquet as pq

from features.company.company import load_company
from features.company.registry import features_of
from features.values import FeatureStatus
from service.examples.complete_journey.data.campaigns import CAMPAIGNS, TARGETING
from service.examples.complete_journey.data.dataset import Dataset
from service.state.export.table import FEATURE, export_schema

if TYPE_CHECKING:
    from pandas.core.groupby import DataFrameGroupBy


def test_the_log_has_the_form_of_the_exported_table(prepared_company: Path) -> None:
    features = features_of(load_company(prepared_company)).schema

    assert pq.read_schema(prepared_company / CAMPAIGNS).remove_metadata().names == export_schema(features).names


def test_a_row_is_what_was_known_then(prepared_company: Path) -> None:
    """The latest row of each view at or before the decision, looked up in the view's own table."""
    views = {
        view: pd.read_parquet(prepared_company / f"feast/data/{view}.parquet").groupby("customer_id")
        for view in ("demographics", "profile", "purchases", "behaviour")
    }
    features = features_of(load_company(prepared_company)).schema
    rows = pq.read_table(prepared_company / CAMPAIGNS).to_pylist()

    for row in rows[::37]:
        absent = dict(row["absent_features"])
        for view, of_customers in views.items():
            known = latest(of_customers, row["customer_id"], row["decided_at"])
            for spec in features.by_view[view]:
                if known is None:
                    assert absent[spec.name] == FeatureStatus.NOT_FOUND
                elif pd.isna(known[spec.name]):
                    assert absent[spec.name] == FeatureStatus.NULL
                else:
                    assert spec.name not in absent
                    assert row[FEATURE + spec.name] == known[spec.name], spec.name


def latest(of_customers: DataFrameGroupBy[Any, Any], customer: str, at: datetime) -> pd.Series[Any] | None:
    if customer not in of_customers.groups:
        return None
    rows = of_customers.get_group(customer)
    rows = rows[rows["event_time"] <= at]
    return None if rows.empty else rows.sort_values("event_time").iloc[-1]


def test_every_row_saw_behaviour_of_the_week_before_or_the_customer_had_not_bought_yet(prepared_company: Path) -> None:
    times = pd.read_parquet(prepared_company / "feast/data/behaviour.parquet", columns=["customer_id", "event_time"])
    of_customers = times.groupby("customer_id")
    for row in pq.read_table(prepared_company / CAMPAIGNS).to_pylist()[::11]:
        known = latest(of_customers, row["customer_id"], row["decided_at"])
        if known is None:
            assert dict(row["absent_features"])["baskets_90d"] == FeatureStatus.NOT_FOUND
        else:
            assert timedelta(0) <= row["decided_at"] - known["event_time"] <= timedelta(days=7)
            assert row["feature_baskets_90d"] is not None


def test_what_is_not_over_is_censored(prepared_company: Path) -> None:
    """And a reward is 1 where a coupon was redeemed, else 0."""
    end = Dataset.load(prepared_company).data_end
    rows = pq.read_table(prepared_company / CAMPAIGNS).to_pylist()

    assert {row["reward"] for row in rows} == {None, 0.0, 1.0}
    for row in rows:
        assert row["is_censored"] == (row["window_ends_at"] > end) == (row["reward"] is None)
    targeted = pq.read_table(prepared_company / TARGETING).to_pylist()
    assert sum(row["reward"] or 0 for row in rows) == sum(
        pair["redeemed_28d"] for pair in targeted if pair["window_end"] <= end
    )
