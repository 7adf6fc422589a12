"""Customers in arms, with known truth: what each does within the windows from the first decision on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from service.decision.arms import Arm, Arms
from training.arms.decided import Decided

START = np.datetime64("2026-01-01", "us")
DAY = np.timedelta64(86_400_000_000, "us")
SHARES = {Arm.HOLDOUT: 0.1, Arm.RANDOM: 0.1, Arm.CHALLENGER: 0.2}


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Customers come in evenly over `days`, and buy within `window` days with the probability `rate` of their arm.

    `spread`: of the logarithm of what a purchase is worth, whose mean is 1; 0 for alike. Half of the customers buy
    twice as often as the others.
    """

    customers: int = 3_000
    days: int = 60
    window: int = 7
    rate: float = 0.1
    more: Mapping[Arm, float] = field(default_factory=dict)
    shares: Mapping[Arm, float] = field(default_factory=lambda: SHARES)
    spread: float = 0.0

    def lift(self, one: Arm, other: Arm) -> float:
        return self.more.get(one, 0.0) - self.more.get(other, 0.0)


def arms_of(shares: Mapping[Arm, float], salt: str, customers: int) -> list[Arm]:
    """As the service assigns them."""
    arms = Arms(shares=shares, salt=salt)
    return [arms.of(f"c{one}") for one in range(customers)]


def first_decisions_in(world: World, seed: int) -> Decided:
    """One decision a customer, as a log that was read has them; nothing is known of whose windows are open."""
    draw = np.random.default_rng(seed)
    arms = Arms(shares=world.shares, salt=str(seed)).with_share
    names = tuple(sorted(arm.value for arm in arms))
    arm = draw.choice(len(names), world.customers, p=[arms[Arm(name)] for name in names])
    at = np.sort(draw.uniform(0.0, world.days, world.customers))
    own = np.where(draw.random(world.customers) < 0.5, 2.0 / 3.0, 4.0 / 3.0)
    rate = own * (world.rate + np.array([world.more.get(Arm(name), 0.0) for name in names])[arm])
    worth = np.exp(world.spread * draw.normal(size=world.customers) - world.spread**2 / 2.0)
    known_at = at + world.window
    value = np.where(draw.random(world.customers) < rate, worth, 0.0)
    return Decided(
        path=Path("log.parquet"),
        arms=names,
        customer=np.arange(world.customers),
        arm=arm,
        share=np.array([arms[Arm(name)] for name in names])[arm],
        decided_at=instants(at),
        value=np.where(known_at > world.days, np.nan, value),
        told=np.zeros(value.size),
        known_at=instants(known_at),
    )


def instants(days: NDArray[np.float64]) -> NDArray[np.datetime64]:
    return START + (days * 86_400_000_000).astype(np.int64).astype("timedelta64[us]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of an exported table; `at` and `ends` in days, `met` what the customer did: journey, day, worth."""

    customer: str
    at: float
    arm: str | None = "CHAMPION"
    share: float | None = 0.6
    ends: float | None = 7.0
    met: tuple[tuple[str, float, float], ...] | None = ()
    by: str = "EVENT"
    rank: int = 1


MET = pa.list_(
    pa.struct(
        [("journey_id", pa.string()), ("at", pa.timestamp("us", "UTC")), ("worth", pa.float64()), ("by", pa.string())]
    )
)


def exported(rows: list[Row]) -> pa.Table:
    """The columns of the export that tell of arms, and those that it is known by."""
    times = pa.timestamp("us", "UTC")
    known = [row.met is not None for row in rows]
    return pa.table(
        {
            "decision_id": [f"d{number}" for number in range(len(rows))],
            "customer_id": [row.customer for row in rows],
            "decided_at": pa.array([_moment(row.at) for row in rows], times),
            "rank": pa.array([row.rank for row in rows], pa.int32()),
            "journey_id": ["NO_JOURNEY" if row.arm == "HOLDOUT" else "welcome" for row in rows],
            "kind": pa.nulls(len(rows), pa.string()),
            "arm": pa.array([row.arm for row in rows], pa.string()),
            "share": pa.array([row.share for row in rows], pa.float64()),
            "eligible": pa.array([[] for _ in rows], pa.list_(pa.string())),
            "is_censored": [not told for told in known],
            "met_in_windows": pa.array([_met(row) for row in rows], MET),
            "windows_end_at": pa.array([_moment(row.ends) for row in rows], times),
        }
    )


def _met(row: Row) -> list[dict[str, object]] | None:
    if row.met is None:
        return None
    return [{"journey_id": journey, "at": _moment(at), "worth": worth, "by": row.by} for journey, at, worth in row.met]


def _moment(day: float | None) -> object:
    return None if day is None else instants(np.array([day]))[0].item()
