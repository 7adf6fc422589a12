"""Logs whose truth is known: what three journeys bring if shown, and what comes of them if nothing is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tests.decision_logs import START

Matrix = NDArray[np.float64]
JOURNEYS = ("a", "b", "c")
VALUE, COST = 10.0, 0.4
ANYWAY = np.array([0.6, 0.0, -0.4])
"""How much likelier each objective is to be met, shown or not, in log-odds."""
ELEMENT = pa.struct(
    [
        pa.field("journey_id", pa.string()),
        pa.field("place", pa.string()),
        pa.field("outcome_in_window", pa.bool_()),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SilentLog:
    """`shown`: rows of journeys, `silent`: of NO_JOURNEY; `judged` others, whose (k, 3) chances are known."""

    shown: pa.Table
    silent: pa.Table
    judged: pa.Table
    p_shown: Matrix
    p_silent: Matrix

    @property
    def whole(self) -> pa.Table:
        """Both kinds of rows, as they are exported."""
        return pa.concat_tables([self.shown, self.silent])

    def gain(self, chosen: NDArray[np.int64]) -> float:
        """What a choice (k,) of journeys, -1 for none, brings a customer beyond what would have come by itself."""
        uplift = np.column_stack([(self.p_shown - self.p_silent) * VALUE - COST, np.zeros(chosen.size)])
        return float(uplift[np.arange(chosen.size), chosen].mean())


def logged(seed: int, *, shown: int, silent: int, judged: int = 20_000, share: float = 0.1) -> SilentLog:
    """`x0` says who would come anyway; whom `a` and `b` move or put off, `x1` and `x2` say; `c` moves all a little.

    Who is shown what is drawn evenly. Silent are a `share` of the customers, the holdout.
    """
    draw = np.random.default_rng(seed)
    x = draw.uniform(-1.0, 1.0, (shown + silent + judged, 5))
    of_itself = -0.8 + 2.0 * x[:, :1] + ANYWAY
    moved = np.column_stack([1.8 * x[:, 1], 1.8 * x[:, 2], np.full(len(x), 0.25)])
    p_silent, p_shown = (1.0 / (1.0 + np.exp(-odds)) for odds in (of_itself, of_itself + moved))
    drawn = draw.integers(0, 3, shown)
    met = draw.random(shown) < p_shown[np.arange(shown), drawn]
    came = draw.random((silent, 3)) < p_silent[shown : shown + silent]
    begin, end = x[:shown], x[shown : shown + silent]
    all_of = [{"journey_id": name, "place": "ELIGIBLE", "outcome_in_window": None} for name in JOURNEYS]
    return SilentLog(
        shown=_rows(
            "s",
            begin,
            journey_id=[JOURNEYS[j] for j in drawn],
            kind=["promotional"] * shown,
            eligible=[all_of] * shown,
            propensity=np.full(shown, 1.0 / 3.0),
            propensity_over_arms=np.full(shown, (1.0 - share) / 3.0),
            arm=["RANDOM"] * shown,
            reward=met * VALUE,
        ),
        silent=_rows(
            "h",
            end,
            journey_id=["NO_JOURNEY"] * silent,
            kind=pa.nulls(silent, pa.string()),
            eligible=[
                [
                    {"journey_id": name, "place": "HELD_OUT", "outcome_in_window": bool(row[j])}
                    for j, name in enumerate(JOURNEYS)
                ]
                for row in came
            ],
            propensity=np.ones(silent),
            propensity_over_arms=np.full(silent, share),
            arm=["HOLDOUT"] * silent,
            reward=np.zeros(silent),
        ),
        judged=pa.table({f"feature_x{i}": x[shown + silent :, i] for i in range(x.shape[1])}),
        p_shown=p_shown[shown + silent :],
        p_silent=p_silent[shown + silent :],
    )


def _rows(prefix: str, x: Matrix, **columns: object) -> pa.Table:
    """One for each decision, on twenty days."""
    size = len(x)
    days = np.sort(np.arange(size) % 20).astype("timedelta64[D]")
    at = START.astype("datetime64[us]") + days
    said = {
        name: pa.array(cells, pa.list_(ELEMENT)) if name == "eligible" else cells for name, cells in columns.items()
    }
    return pa.table(
        {
            "decision_id": [f"{prefix}{i}" for i in range(size)],
            "customer_id": [f"{prefix}{i}" for i in range(size)],
            "decided_at": pa.array(at, pa.timestamp("us")).cast(pa.timestamp("us", "UTC")),
            "rank": np.ones(size, np.int64),
            "is_censored": [False] * size,
            **said,
            **{f"feature_x{i}": x[:, i] for i in range(x.shape[1])},
        }
    )
