"""The behaviour of one household computed from rows, one by one: slow, and plainly what each feature says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa

from service.examples.complete_journey.data.source import SourceTables

LOCAL = ZoneInfo("America/New_York")
CATEGORIES = {
    "cold_cereal": "COLD CEREAL",
    "frozen_meat": "FRZN MEAT/MEAT DINNERS",
    "makeup": "MAKEUP AND TREATMENT",
    "baby_food": "BABY FOODS",
    "frozen_pizza": "FROZEN PIZZA",
    "greeting_cards": "GREETING CARDS/WRAP/PARTY SPLY",
    "hair_care": "HAIR CARE PRODUCTS",
    "soap": "SOAP - LIQUID & BAR",
}
DEPARTMENTS = {
    "grocery": {"GROCERY"},
    "drug_gm": {"DRUG GM"},
    "produce": {"PRODUCE"},
    "meat": {"MEAT", "MEAT-PCKGD"},
    "deli": {"DELI"},
    "pastry": {"PASTRY"},
    "cosmetics": {"COSMETICS"},
    "nutrition": {"NUTRITION"},
}

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Household:
    """A household's rows: purchase lines with their product, redemptions and campaigns, each with its instant `at`."""

    lines: list[Row]
    redemptions: list[Row]
    campaigns: list[Row]

    @classmethod
    def of(cls, source: SourceTables, number: int) -> Household:
        lines = source.transactions[source.transactions["household_id"] == number]
        lines = lines.merge(source.products, on="product_id", how="left")
        redemptions = source.coupon_redemptions[source.coupon_redemptions["household_id"] == number]
        campaigns = source.campaigns[source.campaigns["household_id"] == number]
        campaigns = campaigns.merge(source.campaign_descriptions, on="campaign_id")
        return cls(
            lines=[{**row, "at": row["transaction_timestamp"].replace(tzinfo=UTC)} for row in _rows(lines)],
            redemptions=[
                {**row, "at": row["redemption_date"].replace(hour=23, minute=59, second=59, tzinfo=LOCAL)}
                for row in _rows(redemptions)
            ],
            campaigns=[{**row, "at": row["start_date"].replace(tzinfo=LOCAL)} for row in _rows(campaigns)],
        )

    def snapshot(self, at: datetime) -> dict[str, float | datetime | None]:
        """Every feature of the view behaviour, of everything strictly before `at`."""
        recent = _within(self.lines, at, 90)
        spend = _sum(recent, "sales_value")
        return {
            **_volumes(self.lines, at),
            **_baskets(recent),
            **{f"share_{k}_90d": _part(recent, spend, _in("department", v)) for k, v in DEPARTMENTS.items()},
            "private_label_share_90d": _part(recent, spend, _in("brand", {"Private"})),
            "discount_share_90d": _ratio(_sum(recent, "retail_disc"), spend + _sum(recent, "retail_disc")),
            **{f"spend_{k}_90d": _sum(filter(_in("product_category", {v}), recent)) for k, v in CATEGORIES.items()},
            **self._campaign_facts(at),
        }

    def _campaign_facts(self, at: datetime) -> dict[str, float | datetime | None]:
        redemptions = [row for row in self.redemptions if row["at"] < at]
        received = [row for row in self.campaigns if row["at"] < at]
        redeemed = {row["campaign_id"] for row in redemptions}
        return {
            "redemptions_90d": len(_within(self.redemptions, at, 90)),
            "redemptions_total": len(redemptions),
            "last_redemption_at": max((row["at"].astimezone(UTC) for row in redemptions), default=None),
            "campaigns_received_total": len(received),
            "campaigns_redeemed_total": len(redeemed),
            "campaigns_received_90d": len(_within(self.campaigns, at, 90)),
            "campaign_redemption_rate_total": _ratio(len(redeemed), len(received)),
        }


def _volumes(lines: list[Row], at: datetime) -> dict[str, float | datetime | None]:
    values: dict[str, float | datetime | None] = {}
    for days in (7, 30, 90):
        inside = _within(lines, at, days)
        values[f"baskets_{days}d"] = len({row["basket_id"] for row in inside})
        values[f"spend_{days}d"] = _sum(inside)
    with_coupon = (
        row["basket_id"] for row in lines if row["at"] < at and row["coupon_disc"] + row["coupon_match_disc"] > 0
    )
    values["coupon_baskets_total"] = len(set(with_coupon))
    values["coupon_match_lines_90d"] = sum(row["coupon_match_disc"] > 0 for row in _within(lines, at, 90))
    month, quarter = _sum(_within(lines, at, 30)), _sum(_within(lines, at, 90))
    values["spend_trend_30d"] = _ratio(month, quarter / 3)
    return values


def _baskets(recent: list[Row]) -> dict[str, float | datetime | None]:
    baskets: dict[int, list[Row]] = {}
    for row in recent:
        baskets.setdefault(row["basket_id"], []).append(row)
    times = sorted(rows[0]["at"] for rows in baskets.values())
    gaps = [(later - earlier) / timedelta(days=1) for earlier, later in pairwise(times)]
    saved = [_sum(rows, "coupon_disc") + _sum(rows, "coupon_match_disc") for rows in baskets.values()]
    local = [at.astimezone(LOCAL) for at in times]
    return {
        "basket_value_mean_90d": _ratio(_sum(recent), len(baskets)),
        "basket_gap_mean_90d": _ratio(sum(gaps), len(gaps)),
        "stores_90d": len({row["store_id"] for row in recent}),
        "categories_90d": len({row["product_category"] for row in recent} - {None}),
        "products_90d": len({row["product_id"] for row in recent}),
        "coupon_baskets_90d": sum(amount > 0 for amount in saved),
        "coupon_discount_90d": sum(saved),
        "morning_share_90d": _ratio(sum(at.hour < 12 for at in local), len(local)),
        "evening_share_90d": _ratio(sum(at.hour >= 18 for at in local), len(local)),
        "weekend_share_90d": _ratio(sum(at.strftime("%a") in {"Sat", "Sun"} for at in local), len(local)),
    }


def _within(rows: list[Row], at: datetime, days: int) -> list[Row]:
    return [row for row in rows if at - timedelta(days=days) <= row["at"] < at]


def _in(column: str, values: set[str]) -> Callable[[Row], bool]:
    return lambda row: row[column] in values


def _part(rows: list[Row], whole: float, is_inside: Callable[[Row], bool]) -> float | None:
    return _ratio(_sum(filter(is_inside, rows)), whole)


def _sum(rows: Iterable[Row], column: str = "sales_value") -> float:
    return float(sum(row[column] for row in rows))


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None


def _rows(table: pd.DataFrame) -> list[Row]:
    rows: list[Row] = pa.Table.from_pandas(table, preserve_index=False).to_pylist()
    return rows
