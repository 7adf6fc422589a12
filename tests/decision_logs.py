"""Logs of randomised decisions with known truth: what each journey is really worth to each customer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
SIGMA = 1.5
"""Of the logarithm of an amount."""
START = np.datetime64("2026-01-01", "us")


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedLog:
    """A plain table, and `truth` (n, J): the mean reward of each journey in each row."""

    table: pa.Table
    truth: Matrix
    features: tuple[str, ...]

    @property
    def best_constant(self) -> float:
        return float(self.truth.mean(axis=0).max())

    def value(self, probability: Matrix) -> float:
        """The mean reward of a policy (n, J)."""
        return float((self.truth * probability).sum(axis=1).mean())


def simulated(
    seed: int,
    *,
    rows: int = 4000,
    journeys: int = 3,
    heterogeneity: float = 0.0,
    spread: float = 0.1,
    money: bool = False,
    met_share: float = 0.12,
    days: int = 1,
    rows_a_customer: int = 1,
    with_sets: bool = False,
    more: int = 0,
) -> SimulatedLog:
    """Journeys differ by `spread` (log-odds) for everyone, and by `heterogeneity` with the sign of a feature each.

    `money`: what is met brings a lognormal amount, of a mean that depends on another feature. `with_sets`: each row
    could have what its column `allowed` says, one journey at least; else all. `more` features say nothing.
    """
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(rows, journeys + 3 + more))
    segment = draw.integers(0, 4, rows)
    base = np.log(met_share / (1.0 - met_share)) + 0.5 * x[:, 0] + 0.2 * (segment == 2)
    sign = np.where(x[:, 1 : journeys + 1] > 0.0, 1.0, -1.0)
    log_odds = base[:, None] + spread * np.arange(journeys) + heterogeneity * sign
    p = 1.0 / (1.0 + np.exp(-log_odds))
    eligible = draw.random((rows, journeys)) < (0.7 if with_sets else 1.0)
    eligible[np.arange(rows), draw.integers(0, journeys, rows)] = True
    shown = np.argmax(np.where(eligible, draw.random(eligible.shape), -1.0), axis=1)
    met = draw.random(rows) < p[np.arange(rows), shown]
    mean = np.exp(1.0 + 0.3 * x[:, -1]) if money else np.ones(rows)
    amount = mean * np.exp(SIGMA * draw.normal(size=rows) - SIGMA**2 / 2.0) if money else mean
    names_of = [f"j{j:0{len(str(journeys - 1))}}" for j in range(journeys)]  # their order is that of the texts
    names = tuple(f"x{i}" for i in range(x.shape[1]))
    table = pa.table(
        {
            "customer_id": [f"c{i // rows_a_customer}" for i in range(rows)],
            "decided_at": pa.array(START + draw.integers(0, days, rows) * np.timedelta64(1, "D")).cast(
                pa.timestamp("us", "UTC")
            ),
            "journey_id": [names_of[j] for j in shown],
            "propensity": 1.0 / eligible.sum(axis=1),
            "reward": np.where(met, amount, 0.0),
            **dict(zip(names, x.T, strict=True)),
            "segment": [f"s{s}" for s in segment],
            **({"allowed": [[names_of[j] for j in np.flatnonzero(row)] for row in eligible]} if with_sets else {}),
        }
    )
    return SimulatedLog(table=table, truth=p * mean[:, None], features=(*names, "segment"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ValuedLog:
    """An exported table of journeys `a` and `b`, whose values are learned, and `c`, whose value is fixed.

    Of other customers, `judged`, the true (m, 3) chances that each is met, and what it is worth to each then.
    """

    table: pa.Table
    judged: pa.Table
    p_met: Matrix
    value: Matrix

    def worth(self, chosen: NDArray[np.int64]) -> float:
        """The mean reward of a choice (m,) of journeys."""
        return float((self.p_met * self.value)[np.arange(chosen.size), chosen].mean())


FIXED_VALUE = 22.0
SCATTER = (0.5, 1.0)
"""Of the logarithms of single amounts around the customer's own, by journey."""


def valued(seed: int, *, rows: int, judged: int = 20_000) -> ValuedLog:
    """What `a` and `b` are worth varies tenfold between customers, each by a feature of its own: 20 x 10^(x / 2).

    Single amounts are lognormal around it. Who is shown what is drawn evenly.
    """
    draw = np.random.default_rng(seed)
    x = draw.uniform(-1.0, 1.0, (rows + judged, 5))
    log_odds = np.array([-1.1, -1.0, -0.9]) + 0.4 * x[:, 2:3]
    p_met = 1.0 / (1.0 + np.exp(-log_odds))
    value = np.column_stack([20.0 * 10.0 ** (x[:, :2] / 2.0), np.full(rows + judged, FIXED_VALUE)])
    shown = draw.integers(0, 3, rows)
    met = draw.random(rows) < p_met[np.arange(rows), shown]
    scatter = np.array([*SCATTER, 0.0])[shown]
    noise = np.exp(scatter * draw.normal(size=rows) - scatter**2 / 2.0)
    amount = value[np.arange(rows), shown] * noise
    features = {f"feature_x{i}": x[:, i] for i in range(x.shape[1])}
    table = pa.table(
        {
            "decision_id": [f"d{i}" for i in range(rows)],
            "customer_id": [f"c{i}" for i in range(rows)],
            "decided_at": pa.array([START] * rows).cast(pa.timestamp("us", "UTC")),
            "rank": np.ones(rows, np.int64),
            "journey_id": [LEARNED_AND_FIXED[j] for j in shown],
            "kind": ["promotional"] * rows,
            "eligible": [list(LEARNED_AND_FIXED)] * rows,
            "propensity": np.full(rows, 1.0 / 3.0),
            "reward": np.where(met, amount, 0.0),
            "is_censored": [False] * rows,
            "value": np.full(rows, FIXED_VALUE),
            "value_source": np.array(["PRIOR", "PRIOR", "FIXED"])[shown],
            **{name: column[:rows] for name, column in features.items()},
        }
    )
    others = pa.table({name: column[rows:] for name, column in features.items()})
    return ValuedLog(table=table, judged=others, p_met=p_met[rows:], value=value[rows:])


LEARNED_AND_FIXED = ("a", "b", "c")


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedLog:
    """An exported table of journeys with FIXED values, as a bank's: `p_met` (n, J) is the truth of each row."""

    table: pa.Table
    p_met: Matrix


FIXED_VALUES = {"call": 1.0, "card": 10.0, "loan": 500.0}


def priced(seed: int, *, rows: int) -> PricedLog:
    """Who is likely to take what depends on a feature; the dearer a journey, the rarer it is met. Drawn evenly."""
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(rows, 3))
    log_odds = np.array([-0.6, -1.5, -2.8]) + x * np.array([0.8, -0.8, 0.8])
    p_met = 1.0 / (1.0 + np.exp(-log_odds))
    shown = draw.integers(0, 3, rows)
    met = draw.random(rows) < p_met[np.arange(rows), shown]
    values = np.array(list(FIXED_VALUES.values()))
    table = pa.table(
        {
            "decision_id": [f"d{i}" for i in range(rows)],
            "customer_id": [f"c{i}" for i in range(rows)],
            "decided_at": pa.array([START] * rows).cast(pa.timestamp("us", "UTC")),
            "rank": np.ones(rows, np.int64),
            "journey_id": [list(FIXED_VALUES)[j] for j in shown],
            "kind": ["promotional"] * rows,
            "eligible": [list(FIXED_VALUES)] * rows,
            "propensity": np.full(rows, 1.0 / 3.0),
            "reward": np.where(met, values[shown], 0.0),
            "is_censored": [False] * rows,
            "value": values[shown],
            "value_source": ["FIXED"] * rows,
            **{f"feature_x{i}": x[:, i] for i in range(3)},
        }
    )
    return PricedLog(table=table, p_met=p_met)
