"""What training and the consent seed take from the campaigns: who was sent what, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from service.examples.complete_journey.data.journeys import LABEL_DAYS, campaign_journeys, redeemed_pairs
from service.examples.complete_journey.data.source import SourceTables, local_midnight

PURPOSES: Final = {
    "marketing": ("email", "app", "web", "push", "store"),
    "research": ("email", "app", "web"),
    "loyalty": ("email", "app", "web", "push", "store"),
}
"""Channels to which every targeted household is taken to have opted in, by purpose."""

SOME_ALSO: Final = {"sms": 3, "call_center": 4}
"""Channels to which only every third, every fourth household has: those whose number is divisible by it."""


def targeting(source: SourceTables) -> pa.Table:
    """One row per (household, campaign) with usable history, in order of time.

    `decided_at` is the start of the campaign; `redeemed_28d` whether a coupon was redeemed on one of its first 28
    dates; a row whose `window_end` lies after the end of the data is censored.
    """
    rows = _sent(source).merge(
        pd.DataFrame([asdict(journey) for journey in campaign_journeys(source)]), on="campaign_id"
    )
    positives = redeemed_pairs(source, within_days=LABEL_DAYS).assign(redeemed_28d=1)
    rows = rows.merge(positives, on=["campaign_id", "household_id"], how="left")
    rows["redeemed_28d"] = rows["redeemed_28d"].fillna(0)
    rows = rows.sort_values(["decided_at", "campaign_id", "household_id"], ignore_index=True)
    timestamp = pa.timestamp("us", tz="UTC")
    return pa.table(
        {
            "customer_id": pa.array(rows["household_id"].astype(str), type=pa.string()),
            "campaign_id": pa.array(rows["campaign_id"], type=pa.int64()),
            "journey_id": pa.array(rows["journey_id"], type=pa.string()),
            "campaign_type": pa.array(rows["campaign_type"], type=pa.string()),
            "category": pa.array(rows["category"], type=pa.string()),
            "decided_at": pa.array(rows["decided_at"].dt.as_unit("us"), type=timestamp),
            "duration_days": pa.array((rows["end_date"] - rows["start_date"]).dt.days, type=pa.int64()),
            "redeemed_28d": pa.array(rows["redeemed_28d"].astype("int8"), type=pa.int8()),
            "window_end": pa.array(
                (rows["decided_at"] + pd.Timedelta(days=LABEL_DAYS)).dt.as_unit("us"), type=timestamp
            ),
        }
    )


def consents(source: SourceTables) -> pa.Table:
    """One event per opt-in (customer_id, purpose, channel), at the start of the first campaign received."""
    first = _sent(source).groupby("household_id")["decided_at"].min()
    rows = pd.DataFrame(
        [
            (str(household), purpose, channel, at)
            for household, at in zip(first.index.to_numpy(np.int64), first, strict=True)
            for purpose, channel in _opt_ins(int(household))
        ],
        columns=["customer_id", "purpose", "channel", "occurred_at"],
    )
    rows["occurred_at"] = rows["occurred_at"].dt.as_unit("us")
    rows["source"], rows["type"] = "example", "consent.granted"
    day = rows["occurred_at"].dt.strftime("%Y%m%d")
    rows["event_id"] = "example-" + rows["customer_id"] + "-" + rows["purpose"] + "-" + rows["channel"] + "-" + day
    return pa.Table.from_pandas(rows, preserve_index=False).replace_schema_metadata()


def _sent(source: SourceTables) -> pd.DataFrame:
    rows = source.campaigns.merge(source.campaign_descriptions, on="campaign_id")
    return rows.drop(columns="campaign_type").assign(decided_at=local_midnight(rows["start_date"]))


def _opt_ins(household: int) -> Iterator[tuple[str, str]]:
    also = [channel for channel, every in SOME_ALSO.items() if household % every == 0]
    for purpose, channels in PURPOSES.items():
        for channel in [*channels, *also]:
            yield purpose, channel
