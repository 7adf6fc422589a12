"""Logs of what was expected and what came, with known truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

START = np.datetime64("2026-01-01", "us")
DAY = np.timedelta64(1, "D")
KINDS = ("promotional", "service", "loyalty")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """`own_rate`: how much a customer's own log-odds vary beside what the model knows; `drift`: by which the rate is
    multiplied from the day `drift_from` on, and a customer's number x moved by `shift`.
    """

    seed: int
    days: int = 60
    a_day: int = 200
    customers: int = 5000
    rate: float = 0.1
    own_rate: float = 0.0
    drift: float = 1.0
    shift: float = 0.0
    drift_from: int = 60

    def table(self) -> pa.Table:
        """A plain log with a column of probabilities that are true, but for the drift."""
        draw, n = np.random.default_rng(self.seed), self.days * self.a_day
        day, customer = np.repeat(np.arange(self.days), self.a_day), draw.integers(0, self.customers, n)
        x, segment = draw.normal(size=self.customers), draw.integers(0, 4, self.customers)
        p = draw.beta(2.0, 2.0 / self.rate - 2.0, n)
        # A customer's own rate is of mean 1, so that p is true of customers as they come.
        own = draw.gamma(1.0 / self.own_rate, self.own_rate, self.customers) if self.own_rate else np.ones(1)
        has_drifted = day >= self.drift_from
        truth = p * own[customer % own.size] * np.where(has_drifted, self.drift, 1.0)
        moved = x[customer] + np.where(has_drifted, self.shift, 0.0)
        at = START + day * DAY + draw.integers(0, 86_400, n) * np.timedelta64(1, "s")
        return pa.table(
            {
                "customer_id": pa.array(customer).cast(pa.string()),
                "decided_at": pa.array(at).cast(pa.timestamp("us", "UTC")),
                "journey_id": [f"j{j}" for j in draw.integers(0, 5, n)],
                "kind": np.array(KINDS)[draw.choice(3, n, p=[0.6, 0.3, 0.1])],
                "reward": (draw.random(n) < np.minimum(truth, 1.0)).astype(np.float64),
                "p": p,
                "x": pa.array(moved, mask=draw.random(n) < 0.02),
                "segment": np.array(["a", "b", "c", "d"])[segment[customer]],
            }
        )

    def write(self, folder: Path, **columns: Any) -> Path:
        """The same as a file, with columns in place of those of that name or beside them; None leaves one out."""
        table = self.table()
        for name, values in columns.items():
            if name in table.column_names:
                table = table.drop_columns([name])
            if values is not None:
                table = table.append_column(name, values if isinstance(values, pa.Array) else pa.array(values))
        path = folder / "log.parquet"
        pq.write_table(table, path)
        return path
