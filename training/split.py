"""Which pairs train, which test: by time, never at random.

The test period is that of The Complete Journey's campaigns starting 2017-09-20 ... 2017-12-03. A pair trains when its
label's window had closed before the test period begins; pairs between the two are left out, and so are pairs whose
window was still open when the data ended: nobody knows yet what they will do (censored, not negative).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from training.history import CampaignHistory, Pair

TEST_FROM = datetime(2017, 9, 20, 4, tzinfo=UTC)  # midnight in New York, unshifted, as is the next
TEST_UNTIL = datetime(2017, 12, 4, 5, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Pairs by use; `censored` and `left_out` are counts of those without one."""

    training: tuple[Pair, ...]
    test: tuple[Pair, ...]
    censored: int
    left_out: int


def split(history: CampaignHistory) -> Split:
    """Splits by time; the test period moves with the dataset's shift by whole weeks."""
    closed = [pair for pair in history.pairs if pair.window_end <= history.dataset.data_end]
    shift = timedelta(weeks=history.dataset.shift_weeks)
    training = _ended_by(closed, TEST_FROM + shift)
    test = tuple(pair for pair in closed if TEST_FROM + shift <= pair.decided_at < TEST_UNTIL + shift)
    return Split(
        training=training,
        test=test,
        censored=len(history.pairs) - len(closed),
        left_out=len(closed) - len(training) - len(test),
    )


def _ended_by(pairs: Sequence[Pair], moment: datetime) -> tuple[Pair, ...]:
    return tuple(pair for pair in pairs if pair.window_end <= moment)
