"""The source's purchases, redemptions and campaigns as integers: cents, epoch seconds, customers by position."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from service.examples.complete_journey.data.source import SourceTables, local_day_end, local_midnight
from service.examples.complete_journey.data.weekly import FactTimes, Ints

MICROSECONDS: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Shopping:
    """Everyone with a purchase, and what they did.

    `customer_ids` (n_customers,) by household number; `line` and `basket` hold one row per fact of `lines` and
    `baskets`, which are in order of time.
    """

    customer_ids: NDArray[np.object_]
    line: pd.DataFrame
    lines: FactTimes
    basket: pd.DataFrame
    baskets: FactTimes
    redemptions: FactTimes
    redeemed_campaigns: FactTimes
    received_campaigns: FactTimes


def read_shopping(source: SourceTables) -> Shopping:
    """Lines with their products, baskets, redemptions (all, and the first of each campaign), campaigns received."""
    households = np.unique(source.transactions["household_id"].to_numpy(np.int64))
    line = _lines(source, households)
    basket = _baskets(line)
    redemptions = source.coupon_redemptions.assign(at=local_day_end(source.coupon_redemptions["redemption_date"]))
    first = redemptions.groupby(["household_id", "campaign_id"])["at"].min().reset_index()
    received = source.campaigns.merge(source.campaign_descriptions, on="campaign_id")
    received = received.assign(at=local_midnight(received["start_date"]))
    return Shopping(
        customer_ids=households.astype(str).astype(object),
        line=line,
        lines=FactTimes(customer=line["customer"].to_numpy(np.int64), at_s=line["at_s"].to_numpy(np.int64)),
        basket=basket,
        baskets=FactTimes(customer=basket["customer"].to_numpy(np.int64), at_s=basket["at_s"].to_numpy(np.int64)),
        redemptions=_facts(redemptions, households),
        redeemed_campaigns=_facts(first, households),
        received_campaigns=_facts(received, households),
    )


def instants(at_s: Ints) -> pa.Array:
    """Epoch seconds as UTC timestamps in microseconds; null where negative."""
    return pa.array(at_s * MICROSECONDS, mask=at_s < 0).cast(pa.timestamp("us", tz="UTC"))


def epoch(at: pd.Series[pd.Timestamp]) -> Ints:
    """Aware instants as epoch seconds."""
    return at.dt.as_unit("s").to_numpy("datetime64[s]").astype(np.int64)


def _facts(rows: pd.DataFrame, households: Ints) -> FactTimes:
    """Rows of households without any purchase are left out: they are not customers yet."""
    rows = rows[rows["household_id"].isin(households)]
    return FactTimes(customer=np.searchsorted(households, rows["household_id"].to_numpy()), at_s=epoch(rows["at"]))


def _lines(source: SourceTables, households: Ints) -> pd.DataFrame:
    """Transaction lines with customer position, epoch seconds, cents and what the product is."""
    rows = source.transactions.sort_values("transaction_timestamp", kind="stable", ignore_index=True)
    product = source.products.set_index("product_id")[["department", "brand", "product_category"]].astype("category")
    facts = pd.DataFrame(
        {
            "customer": np.searchsorted(households, rows["household_id"].to_numpy()),
            "at_s": epoch(rows["transaction_timestamp"].dt.tz_localize("UTC")),
            "basket_id": rows["basket_id"],
            "store_id": rows["store_id"],
            "product_id": rows["product_id"],
            "cents": _cents(rows["sales_value"]),
            "discount_cents": _cents(rows["retail_disc"]),
            "coupon_cents": _cents(rows["coupon_disc"]) + _cents(rows["coupon_match_disc"]),
            "match_cents": _cents(rows["coupon_match_disc"]),
        }
    )
    return facts.join(product, on="product_id")


def _baskets(line: pd.DataFrame) -> pd.DataFrame:
    """One row a basket; all lines of a basket share customer, store and instant."""
    keys = ["basket_id", "customer", "at_s", "store_id"]
    return line.groupby(keys, sort=False)[["cents", "coupon_cents"]].sum().reset_index()


def _cents(dollars: pd.Series[float]) -> Ints:
    return np.rint(dollars.to_numpy() * 100).astype(np.int64)
