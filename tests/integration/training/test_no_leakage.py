"""Nothing after the decision time is a feature: the future is rewritten, and the matrix does not move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from features.encoder import Encoder
from service.examples.complete_journey.data.prepare import prepare_company
from service.examples.complete_journey.data.source import SourceTables
from tests.example import MODEL, SCHEMA
from tests.fixtures_features import NOW
from training.history import Pair, encode, read_history

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
    before, after = (read_history(home, SCHEMA).pairs for home in (prepared_company, tmp_path / "home"))

    encoder = Encoder.fit((pair.row for pair in before), [pair.journey for pair in before], SCHEMA, MODEL)
    np.testing.assert_array_equal(known_by_moment(before, encoder), known_by_moment(after, encoder))
    assert not np.array_equal(known_later(before, encoder), known_later(after, encoder))


def known_by_moment(pairs: Sequence[Pair], encoder: Encoder) -> NDArray[np.float64]:
    return encode([pair for pair in pairs if pair.decided_at <= MOMENT], encoder).matrix


def known_later(pairs: Sequence[Pair], encoder: Encoder) -> NDArray[np.float64]:
    return encode([pair for pair in pairs if pair.decided_at > MOMENT], encoder).matrix
