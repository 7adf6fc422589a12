"""Published estimates on real randomised data come out to their last digit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.open_bandit import Campaign, impressions, prior_rate, random_policy, thompson_policy, write_log, write_policy
from training.off_policy.estimators import ips, snips
from training.off_policy.evidence import Evidence, evidence
from training.off_policy.policies import checked, uniform
from training.off_policy.support import Reason, support


def _random_to_thompson(campaign: Campaign) -> Evidence:
    seen = impressions(campaign, "random")
    policy = checked(thompson_policy(seen, campaign), seen.logged)
    return evidence(seen.logged, policy, np.zeros_like(policy))


@pytest.mark.parametrize(("campaign", "published"), [("all", 0.00455288), ("men", 0.00453356), ("women", 0.00681347)])
def test_random_impressions_judge_thompson_sampling_as_published(campaign: Campaign, published: float) -> None:
    """Source for "all": the quickstart of the Open Bandit Pipeline; the others were computed with it."""
    assert ips(_random_to_thompson(campaign)).value == pytest.approx(published, abs=5e-9)


def test_self_normalised_as_published() -> None:
    assert snips(_random_to_thompson("all")).value == pytest.approx(0.00477583, abs=5e-9)


def test_thompson_sampling_tells_little_of_a_random_choice() -> None:
    """Of 10,000 impressions two hold nearly all of the weight."""
    seen = impressions("women", "bts")
    told = support(seen.logged, random_policy(seen))
    assert told.ess == pytest.approx(2.08, abs=0.005)
    assert told.verdict == "thin"
    assert {Reason.FEW_EFFECTIVE_ROWS, Reason.ONE_ROW_DOMINATES} <= set(told.reasons)


def test_random_impressions_have_support_for_a_random_choice() -> None:
    seen = impressions("men", "random")
    assert np.array_equal(uniform(seen.logged), random_policy(seen))
    assert support(seen.logged, random_policy(seen)).verdict == "ok"


def test_the_plain_tables_say_the_same(tmp_path: Path) -> None:
    seen = impressions("men", "random")
    policy = thompson_policy(seen, "men")
    write_log(seen, tmp_path / "log.parquet")
    write_policy(policy, prior_rate("men"), tmp_path / "policy.parquet")
    log, table = (pd.read_parquet(tmp_path / name) for name in ("log.parquet", "policy.parquet"))
    assert list(log.columns[:6]) == ["customer_id", "decided_at", "journey_id", "propensity", "reward", "position"]
    assert list(table.columns) == ["row", "journey_id", "value", "probability"]
    assert table.groupby("row")["probability"].sum().to_numpy() == pytest.approx(np.ones(10_000))
    shown = log.rename_axis("row").reset_index().merge(table, on=["row", "journey_id"])
    assert len(shown) == 10_000
    weighted = shown["probability"] / shown["propensity"] * shown["reward"]
    assert weighted.mean() == pytest.approx(0.00453356, abs=5e-9)
