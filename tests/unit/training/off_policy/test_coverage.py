"""Intervals hold the truth as often as they say, on logs whose truth is known and whose rows are not independent."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from tests.unit.training.off_policy.logs import OTHER, POLICY, simulated, truth
from training.off_policy.difference import difference
from training.off_policy.estimators import dr, ips, snips
from training.off_policy.evidence import evidence
from training.off_policy.intervals import Estimate, normal

log = logging.getLogger("off_policy")


def _told(seed: int) -> dict[str, Estimate]:
    drawn = simulated(seed)
    one, other = (evidence(drawn.logged, drawn.policy(p), drawn.reward_model) for p in (POLICY, OTHER))
    told = {"ips": ips(one), "snips": snips(one), "dr": dr(one), "difference": difference(one, other)}
    return {name: normal(scores) for name, scores in told.items()}


@pytest.mark.parametrize(
    ("runs", "least"),
    [
        pytest.param(200, 0.91, id="some"),  # 2.6 standard errors of 200 runs below 95 %
        pytest.param(1000, 0.935, id="many", marks=pytest.mark.proof),
    ],
)
def test_intervals_cover_the_truth(runs: int, least: float) -> None:
    value = truth(POLICY)
    known = {"ips": value, "snips": value, "dr": value, "difference": value - truth(OTHER)}
    covered: Counter[str] = Counter()
    for seed in range(1000, 1000 + runs):
        covered.update(name for name, told in _told(seed).items() if told.low <= known[name] <= told.high)
    share = {name: covered[name] / runs for name in known}
    log.info("of %d intervals of 95 %% cover the truth: %s", runs, share)
    assert all(covers >= least for covers in share.values()), share


def test_intervals_that_ignore_the_customer_do_not_cover() -> None:
    """So that the test above says something: rows of a customer are not independent here."""
    narrow = 0
    for seed in range(30):
        drawn = simulated(seed)
        seen = evidence(drawn.logged, drawn.policy(POLICY), drawn.reward_model)
        by_row = replace(drawn.logged, customer=np.arange(drawn.logged.rows))
        narrow += normal(snips(evidence(by_row, drawn.policy(POLICY), drawn.reward_model))).se < normal(snips(seen)).se
    assert narrow >= 25
