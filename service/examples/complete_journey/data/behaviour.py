"""Weekly snapshots of shopping behaviour: on Mondays 05:00 UTC, of everything strictly before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from service.examples.complete_journey.data.journeys import COUPON_CATEGORIES
from service.examples.complete_journey.data.shopping import Shopping, instants
from service.examples.complete_journey.data.source import TIME_ZONE
from service.examples.complete_journey.data.weekly import DAY_S, FactTimes, Ints, WeeklyGrid

FIRST_SNAPSHOT: Final = datetime(2017, 1, 2, 5, 0, tzinfo=UTC)
N_SNAPSHOTS: Final = 53
"""The last one, 2018-01-01 05:00, is the first after the last purchase on record."""

MORNING_ENDS_H: Final = 12
EVENING_STARTS_H: Final = 18
SATURDAY: Final = 5

DEPARTMENTS: Final = {
    "grocery": ("GROCERY",),
    "drug_gm": ("DRUG GM",),
    "produce": ("PRODUCE",),
    "meat": ("MEAT", "MEAT-PCKGD"),
    "deli": ("DELI",),
    "pastry": ("PASTRY",),
    "cosmetics": ("COSMETICS",),
    "nutrition": ("NUTRITION",),
}
"""Departments behind each `share_*_90d`."""

Grid = NDArray[np.float64]


def snapshots(shopping: Shopping) -> pa.Table:
    """One row per customer and snapshot, from the first snapshot after the first purchase on; times unshifted.

    Columns: customer_id, event_time, then one per feature of the view `behaviour`. Doubles are null where a ratio has
    no denominator; window sums are over [snapshot - days, snapshot).
    """
    grid = WeeklyGrid(
        first_s=int(FIRST_SNAPSHOT.timestamp()), n_customers=len(shopping.customer_ids), n_weeks=N_SNAPSHOTS
    )
    is_seen = grid.total(shopping.baskets) > 0
    customer, week = np.nonzero(is_seen)
    columns: dict[str, pa.Array] = {
        "customer_id": pa.array(shopping.customer_ids[customer], type=pa.string()),
        "event_time": instants(grid.snapshots_s[week]),
    }
    for name, values in _features(grid, shopping):
        cells = values[customer, week]
        if name.startswith("last_"):
            columns[name] = instants(cells.astype(np.int64))
        else:
            columns[name] = pa.array(cells, from_pandas=True)
    return pa.table(columns)


def _features(grid: WeeklyGrid, shopping: Shopping) -> Iterator[tuple[str, Ints | Grid]]:
    """Every feature of the view, by name, as (n_customers, n_weeks)."""
    yield from _volumes(grid, shopping)
    yield from _baskets_90d(grid, shopping)
    yield from _shares_90d(grid, shopping)
    yield from _coupons(grid, shopping)
    yield from _campaigns(grid, shopping)
    yield from _habits_90d(grid, shopping)
    yield from _category_spend_90d(grid, shopping)


def _volumes(grid: WeeklyGrid, shopping: Shopping) -> Iterator[tuple[str, Ints | Grid]]:
    cents = _cents(shopping.basket, "cents")
    spend = {days: grid.window(shopping.baskets, days, cents) for days in (7, 30, 90)}
    for days in (7, 30, 90):
        yield f"baskets_{days}d", grid.window(shopping.baskets, days)
    for days in (7, 30, 90):
        yield f"spend_{days}d", _dollars(spend[days])
    yield "spend_trend_30d", _ratio(3 * spend[30], spend[90])


def _baskets_90d(grid: WeeklyGrid, shopping: Shopping) -> Iterator[tuple[str, Ints | Grid]]:
    baskets = grid.window(shopping.baskets, 90)
    span_s = grid.last(shopping.baskets) - grid.first_in_window(shopping.baskets, 90)
    yield (
        "basket_value_mean_90d",
        _ratio(grid.window(shopping.baskets, 90, _cents(shopping.basket, "cents")), 100 * baskets),
    )
    yield "basket_gap_mean_90d", _ratio(span_s, DAY_S * np.maximum(baskets - 1, 0))
    yield "stores_90d", grid.distinct(shopping.baskets, 90, shopping.basket["store_id"].to_numpy())
    yield "categories_90d", grid.distinct(*_known_categories(shopping))
    yield "products_90d", grid.distinct(shopping.lines, 90, shopping.line["product_id"].to_numpy())


def _shares_90d(grid: WeeklyGrid, shopping: Shopping) -> Iterator[tuple[str, Ints | Grid]]:
    line = shopping.line
    cents, discount = _cents(line, "cents"), _cents(line, "discount_cents")
    spend = grid.window(shopping.lines, 90, cents)
    for name, departments in DEPARTMENTS.items():
        inside = cents * line["department"].isin(departments).to_numpy(np.int64)
        yield f"share_{name}_90d", _ratio(grid.window(shopping.lines, 90, inside), spend)
    private = cents * (line["brand"] == "Private").to_numpy(np.int64)
    yield "private_label_share_90d", _ratio(grid.window(shopping.lines, 90, private), spend)
    discounted = grid.window(shopping.lines, 90, discount)
    yield "discount_share_90d", _ratio(discounted, spend + discounted)


def _coupons(grid: WeeklyGrid, shopping: Shopping) -> Iterator[tuple[str, Ints | Grid]]:
    coupon = _cents(shopping.basket, "coupon_cents")
    has_coupon = (coupon > 0).astype(np.int64)
    yield "coupon_baskets_90d", grid.window(shopping.baskets, 90, has_coupon)
    yield "coupon_baskets_total", grid.total(shopping.baskets, has_coupon)
    is_matched = (_cents(shopping.line, "match_cents") > 0).astype(np.int64)
    yield "coupon_match_lines_90d", grid.window(shopping.lines, 90, is_matched)
    yield "coupon_discount_90d", _dollars(grid.window(shopping.baskets, 90, coupon))
    yield "redemptions_90d", grid.window(shopping.redemptions, 90)
    yield "redemptions_total", grid.total(shopping.redemptions)
    yield "last_redemption_at", grid.last(shopping.redemptions)


def _campaigns(grid: WeeklyGrid, shopping: Shopping) -> Iterator[tuple[str, Ints | Grid]]:
    received, redeemed = grid.total(shopping.received_campaigns), grid.total(shopping.redeemed_campaigns)
    yield "campaigns_received_total", received
    yield "campaigns_redeemed_total", redeemed
    yield "campaigns_received_90d", grid.window(shopping.received_campaigns, 90)
    yield "campaign_redemption_rate_total", _ratio(redeemed, received)


def _habits_90d(grid: WeeklyGrid, shopping: Shopping) -> Iterator[tuple[str, Ints | Grid]]:
    local = pd.to_datetime(shopping.basket["at_s"], unit="s", utc=True).dt.tz_convert(TIME_ZONE)
    baskets = grid.window(shopping.baskets, 90)
    habits: Mapping[str, pd.Series[bool]] = {
        "morning": local.dt.hour < MORNING_ENDS_H,
        "evening": local.dt.hour >= EVENING_STARTS_H,
        "weekend": local.dt.dayofweek >= SATURDAY,
    }
    for name, is_so in habits.items():
        yield f"{name}_share_90d", _ratio(grid.window(shopping.baskets, 90, is_so.to_numpy().astype(np.int64)), baskets)


def _category_spend_90d(grid: WeeklyGrid, shopping: Shopping) -> Iterator[tuple[str, Ints | Grid]]:
    cents = _cents(shopping.line, "cents")
    for product_category, name in COUPON_CATEGORIES.items():
        inside = cents * (shopping.line["product_category"] == product_category).to_numpy(np.int64)
        yield f"spend_{name}_90d", _dollars(grid.window(shopping.lines, 90, inside))


def _known_categories(shopping: Shopping) -> tuple[FactTimes, int, Ints]:
    codes, _ = pd.factorize(shopping.line["product_category"])
    is_known = codes >= 0
    facts = FactTimes(customer=shopping.lines.customer[is_known], at_s=shopping.lines.at_s[is_known])
    return facts, 90, codes[is_known]


def _cents(frame: pd.DataFrame, column: str) -> Ints:
    return frame[column].to_numpy(np.int64)


def _dollars(cents: Ints) -> Grid:
    return np.asarray(cents / 100.0, dtype=np.float64)


def _ratio(part: Ints, whole: Ints) -> Grid:
    """part / whole; NaN (stored as null) where whole is 0."""
    out = np.full(part.shape, np.nan)
    np.divide(part, whole, out=out, where=whole > 0)
    return out
