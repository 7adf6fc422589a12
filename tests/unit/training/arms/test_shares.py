"""Whether customers fell into the arms by their shares: by hand, over changes of shares, and how often it errs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chi2  # type: ignore[import-untyped]

from service.decision.arms import Arm
from tests.arm_logs import World, arms_of, first_decisions_in, instants
from training.arms.decided import Decided
from training.arms.shares import are_independent, phases_of, ratio_of

Told = Sequence[tuple[str, float]]


def decided(rows: Told) -> Decided:
    """A customer a row, a row a day."""
    names = tuple(sorted({arm for arm, _ in rows}))
    return Decided(
        path=Path("log.parquet"),
        arms=names,
        customer=np.arange(len(rows)),
        arm=np.array([names.index(arm) for arm, _ in rows]),
        share=np.array([share for _, share in rows]),
        decided_at=instants(np.arange(float(len(rows)))),
        value=np.zeros(len(rows)),
        told=np.zeros(len(rows)),
        known_at=instants(np.arange(float(len(rows)))),
    )


def mixed(counts: dict[str, tuple[int, float]], seed: int = 0) -> list[tuple[str, float]]:
    rows = [(arm, share) for arm, (count, share) in counts.items() for _ in range(count)]
    return [rows[place] for place in np.random.default_rng(seed).permutation(len(rows))]


def test_the_statistic_is_that_worked_out_by_hand() -> None:
    """Of 1,000: 130 where 100 are due, 870 where 900 are: 900 / 100 + 900 / 900 = 10."""
    found = decided(mixed({"HOLDOUT": (130, 0.1), "CHAMPION": (870, 0.9)}))
    ratio = ratio_of(found, phases_of(found))
    assert ratio.statistic == pytest.approx(10.0)
    assert ratio.freedom == 1
    assert ratio.p == pytest.approx(float(chi2.sf(10.0, 1)))
    assert not ratio.is_off, "p = .0016"
    assert ratio.expected == pytest.approx({"HOLDOUT": 100.0, "CHAMPION": 900.0})


def test_an_arm_that_is_missing_altogether_is_told() -> None:
    found = decided([("CHAMPION", 0.9)] * 200)
    ratio = ratio_of(found, phases_of(found))
    assert ratio.statistic == pytest.approx(20.0**2 / 20.0 + 20.0**2 / 180.0)
    assert ratio.is_off


def failing(customers: int, share: float, seed: int) -> Decided:
    """The challenger, 20 %, fails in such a share of decisions: then the champion has its customers too."""
    draw = np.random.default_rng(seed)
    arms = draw.choice(["HOLDOUT", "CHALLENGER", "CHAMPION"], customers, p=[0.1, 0.2, 0.7])
    fails = draw.random(customers) < share
    rows = [
        ("HOLDOUT", 0.1) if arm == "HOLDOUT" else ("CHAMPION", 0.9) if fail else (arm, {"CHAMPION": 0.7}.get(arm, 0.2))
        for arm, fail in zip(arms.tolist(), fails.tolist(), strict=True)
    ]
    return decided(rows)


@pytest.mark.parametrize("share", [0.001, 0.01, 0.1])
def test_a_challenger_that_fails_in_single_decisions_withholds_no_verdict(share: float) -> None:
    """What the champion was lent counts for both by their shares, and in no comparison."""
    p = []
    for seed in range(20):
        found = failing(20_000, share, seed)
        phases = phases_of(found)
        lent = found.share == 0.9
        assert (phases.lent == lent).mean() > 0.999, "but for where as many of those around were lent"
        assert not phases.with_both("CHAMPION", "CHALLENGER")[lent].all()
        ratio = ratio_of(found, phases)
        assert sum(ratio.observed.values()) == pytest.approx(20_000, rel=1e-3)
        assert ratio.p is not None
        p.append(ratio.p)
    assert min(p) > 0.001
    assert 0.2 < float(np.median(p)) < 0.8


def test_a_challenger_that_fails_for_long_is_a_time_of_its_own() -> None:
    found = failing(3_000, 0.0, 1)
    away = slice(1_000, 2_000)
    arm, of_share = found.arm.copy(), found.share.copy()
    held = found.arm[away] == found.arms.index("HOLDOUT")
    arm[away] = np.where(held, arm[away], found.arms.index("CHAMPION"))
    of_share[away] = np.where(held, 0.1, 0.9)
    phases = phases_of(replace(found, arm=arm, share=of_share))
    assert not phases.lent.any()
    assert sorted(sorted(one) for one in phases.shares) == [
        ["CHALLENGER", "CHAMPION", "HOLDOUT"],
        ["CHAMPION", "HOLDOUT"],
    ]


def test_shares_that_change_are_judged_each_for_their_time() -> None:
    """The challenger comes, goes and comes again, as at promotions: all counts are as they should be."""
    without = mixed({"HOLDOUT": (50, 0.1), "CHAMPION": (450, 0.9)})
    with_it = mixed({"HOLDOUT": (50, 0.1), "CHALLENGER": (100, 0.2), "CHAMPION": (350, 0.7)})
    found = decided([*without, *with_it, *without, *with_it])
    phases = phases_of(found)
    ratio = ratio_of(found, phases)
    assert len(phases.shares) == 2
    assert ratio.freedom == 3
    assert ratio.p is not None
    assert ratio.p > 0.9
    both = phases.with_both("CHALLENGER", "CHAMPION")
    assert not both[:490].any()
    assert both[510:990].all()


def test_shares_that_change_while_that_of_most_stays_are_told_apart() -> None:
    first = mixed({"HOLDOUT": (20, 0.02), "RANDOM": (80, 0.08), "CHAMPION": (900, 0.9)})
    then = mixed({"HOLDOUT": (80, 0.08), "RANDOM": (20, 0.02), "CHAMPION": (900, 0.9)})
    found = decided([*first, *then])
    phases = phases_of(found)
    assert [dict(shares) for shares in phases.shares if shares] == [
        {"CHAMPION": 0.9, "RANDOM": 0.08, "HOLDOUT": 0.02},
        {"CHAMPION": 0.9, "HOLDOUT": 0.08, "RANDOM": 0.02},
    ]
    assert ratio_of(found, phases).p == pytest.approx(1.0, abs=0.05)


def test_a_log_without_shares_is_not_checked() -> None:
    found = decided([("X", np.nan), ("Y", np.nan)] * 50)
    assert ratio_of(found, phases_of(found)).p is None


def test_cells_of_which_little_is_due_are_taken_together() -> None:
    found = decided(mixed({"HOLDOUT": (0, 0.01), "RANDOM": (4, 0.02), "CHAMPION": (96, 0.97)}))
    assert ratio_of(found, phases_of(found)).freedom == 0, "3 due in two arms, below 5"


def test_customers_assigned_by_the_service_pass() -> None:
    """20 salts of 5,000 customers, in the order of their numbers."""
    shares = {Arm.HOLDOUT: 0.02, Arm.RANDOM: 0.05, Arm.CHALLENGER: 0.1}
    full = {**shares, Arm.CHAMPION: 0.83}
    for salt in range(20):
        found = decided([(arm.value, full[arm]) for arm in arms_of(shares, f"s{salt}", 5_000)])
        assert not ratio_of(found, phases_of(found)).is_off


def test_p_is_uniform_where_all_is_well() -> None:
    found = [first_decisions_in(World(customers=1_000), seed) for seed in range(300)]
    p = [ratio_of(one, phases_of(one)).p or 0.0 for one in found]
    assert 0.43 < np.mean(p) < 0.57, "4 standard errors of a mean of 300"
    assert 0.01 < np.mean(np.array(p) < 0.05) < 0.11


def test_one_customer_in_twenty_of_an_arm_lost_is_found() -> None:
    """Of 40,000: 180 lost of 4,000 that are due, and so on; 2 % of the holdout are not."""
    world = World(customers=40_000)
    found = first_decisions_in(world, 1)
    holdout = np.flatnonzero(found.of("HOLDOUT"))
    lost = np.ones(found.size, dtype=np.bool_)
    lost[holdout[::10]] = False
    assert not ratio_of(found, phases_of(found)).is_off
    short = found.take(lost)
    assert ratio_of(short, phases_of(short)).is_off


def test_independence_is_told_from_dependence() -> None:
    draw = np.random.default_rng(5)
    before, now = draw.integers(0, 3, 400), draw.integers(0, 2, 400)
    assert are_independent(now, before)
    assert are_independent(now, np.zeros(400, dtype=np.int64)), "all had been in one"
    assert not are_independent(before, before)
