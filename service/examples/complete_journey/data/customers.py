"""Who the customers are and when they bought: the tables of the views demographics, profile and purchases."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa

from service.examples.complete_journey.data.shopping import Shopping, instants
from service.examples.complete_journey.data.source import (
    DATA_START,
    HOLIDAY_REGION,
    TIME_ZONE,
    TRUNCATION_END,
    SourceTables,
)

DEMOGRAPHICS: Final = {
    "age": "age_band",
    "income": "income_band",
    "home_ownership": "home_ownership",
    "marital_status": "marital_status",
    "household_size": "household_size",
    "household_comp": "household_composition",
    "kids_count": "kids_count",
}
"""The source's column and the feature's name."""


def demographics(source: SourceTables) -> pa.Table:
    """One row per household that has any; true since the year began."""
    rows = source.demographics
    since = np.full(len(rows), int(DATA_START.timestamp()), dtype=np.int64)
    columns = {
        "customer_id": pa.array(rows["household_id"].astype(str), type=pa.string()),
        "event_time": instants(since),
    }
    for column, feature in DEMOGRAPHICS.items():
        columns[feature] = pa.array(rows[column], type=pa.string(), from_pandas=True)
    return pa.table(columns)


def profile(shopping: Shopping) -> pa.Table:
    """One row per customer, true since the first purchase; no anniversary where recording began too late to know it."""
    n_customers = len(shopping.customer_ids)
    first_s = np.full(n_customers, np.iinfo(np.int64).max)
    np.minimum.at(first_s, shopping.baskets.customer, shopping.baskets.at_s)
    return pa.table(
        {
            "customer_id": pa.array(shopping.customer_ids, type=pa.string()),
            "event_time": instants(first_s),
            "first_seen_at": instants(first_s),
            "anniversary_from": instants(np.where(first_s >= int(TRUNCATION_END.timestamp()), first_s, -1)),
            "time_zone": pa.array([TIME_ZONE] * n_customers),
            "holiday_region": pa.array([HOLIDAY_REGION] * n_customers),
        }
    )


def purchases(shopping: Shopping) -> pa.Table:
    """One row per customer and instant of purchase; baskets of the same second are one purchase."""
    basket = shopping.basket.groupby(["customer", "at_s"], sort=True)["cents"].sum().reset_index()
    at = instants(basket["at_s"].to_numpy(np.int64))
    return pa.table(
        {
            "customer_id": pa.array(shopping.customer_ids[basket["customer"].to_numpy()], type=pa.string()),
            "event_time": at,
            "last_purchase_at": at,
            "last_purchase_amount": pa.array(basket["cents"].to_numpy() / 100.0),
        }
    )
