"""Pairs are split by time, and nobody's open window counts as a refusal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from features.dataset import Dataset
from tests.model_builders import PANTRY
from training.history import CampaignHistory, Pair
from training.split import split

DATA_END = datetime(2018, 1, 1, 4, 1, 20, tzinfo=UTC)
WINDOW = timedelta(days=28)


def pair(start: datetime) -> Pair:
    return Pair(
        customer_id="1",
        campaign_id=1,
        journey=PANTRY,
        decided_at=start,
        window_end=start + WINDOW,
        is_redeemed=False,
        row={},
    )


def history(starts: list[datetime], weeks: int) -> CampaignHistory:
    shift = timedelta(weeks=weeks)
    return CampaignHistory(
        pairs=tuple(pair(start + shift) for start in starts),
        dataset=Dataset(
            source="test", shift_weeks=weeks, data_end=DATA_END + shift, prepared_at=DATA_END + shift, tables={}
        ),
        fingerprint="",
    )


def midnight(month: int, day: int, hour: int = 4) -> datetime:
    """Midnight in New York: 04:00 UTC in summer, 05:00 in winter."""
    return datetime(2017, month, day, hour, tzinfo=UTC)


@pytest.mark.parametrize("weeks", [0, 463])
@pytest.mark.parametrize(
    ("start", "use"),
    [
        (midnight(8, 23), "training"),  # its 28 days end with 19 September
        (midnight(8, 24), "left out"),
        (midnight(9, 4), "left out"),
        (midnight(9, 20), "test"),
        (midnight(12, 3, 5), "test"),
        (midnight(12, 4, 5), "left out"),  # closes on 1 January, 05:00: after the end of the data
    ],
)
def test_a_campaign_has_its_use_by_its_start(start: datetime, use: str, weeks: int) -> None:
    parts = split(history([start], weeks))
    found = {
        "training": len(parts.training),
        "test": len(parts.test),
        "left out": parts.left_out + parts.censored,
    }
    assert found == {name: int(name == use) for name in found}


def test_an_open_window_is_censored() -> None:
    parts = split(history([midnight(12, 6, 5), midnight(12, 4, 4)], weeks=0))
    # 4 December, 04:00: closes on 1 January, 04:00:00, eighty seconds before the end of the data
    assert (parts.censored, parts.left_out, len(parts.test)) == (1, 0, 1)


def test_every_pair_has_one_use() -> None:
    starts = [midnight(2, 8, 5) + timedelta(days=days) for days in range(0, 330, 7)]
    parts = split(history(starts, weeks=3))
    assert len(parts.training) + len(parts.test) + parts.left_out + parts.censored == len(starts)
    assert max(p.window_end for p in parts.training) <= min(p.decided_at for p in parts.test)
