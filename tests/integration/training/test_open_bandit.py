"""The small Open Bandit Dataset, judged by the command: published estimates come out to their last digit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from service.cli import main
from tests.open_bandit import (
    Behaviour,
    Campaign,
    impressions,
    prior_rate,
    random_policy,
    thompson_policy,
    write_log,
    write_policy,
)


def judged(campaign: Campaign, behaviour: Behaviour, folder: Path) -> dict[str, Any]:
    """The other behaviour's policy, judged by the log of this one."""
    seen = impressions(campaign, behaviour)
    policy = thompson_policy(seen, campaign) if behaviour == "random" else random_policy(seen)
    write_log(seen, folder / "log.parquet")
    write_policy(policy, prior_rate(campaign), folder / "policy.parquet")
    asked = ["evaluate", "--log", str(folder / "log.parquet"), "--policy", str(folder / "policy.parquet"), "--json"]
    done = CliRunner().invoke(main, asked)
    assert done.exit_code == 0, done.output
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@pytest.mark.parametrize(
    ("campaign", "ips", "snips"),
    [("all", 0.00455288, 0.00477583), ("men", 0.00453356, None), ("women", 0.00681347, None)],
)
def test_the_published_estimates(campaign: Campaign, ips: float, snips: float | None, tmp_path: Path) -> None:
    told = judged(campaign, "random", tmp_path)["policies"]["model"]

    assert told["ips"]["value"] == pytest.approx(ips, abs=5e-9)
    assert snips is None or told["snips"]["value"] == pytest.approx(snips, abs=5e-9)


def test_the_reverse_on_women_is_thin_and_proves_nothing(tmp_path: Path) -> None:
    told = judged("women", "bts", tmp_path)

    assert told["support"]["verdict"] == "thin"
    assert told["support"]["ess"] == pytest.approx(2.08, abs=0.005)
    assert told["gain"] == "not_enough_evidence"
