"""A log is thin for exactly the reasons that it gives, and a sound one for none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tests.unit.training.off_policy.logs import LOGGING, OTHER, POLICY, log_of, simulated
from training.off_policy.arrays import Matrix
from training.off_policy.logged import Logged
from training.off_policy.policies import constant, uniform
from training.off_policy.slots import Slates
from training.off_policy.support import Reason, share_without_support, support


def _few() -> tuple[Logged, Matrix]:
    log = log_of([0, 1] * 30, [0.5] * 60, [0.0] * 60)
    return log, uniform(log)


def _small_share() -> tuple[Logged, Matrix]:
    """400 of 50,000 rows show what the policy always chooses, as their propensity says."""
    log = log_of([1] * 400 + [0] * 49_600, [0.008] * 400 + [0.992] * 49_600, [0.0] * 50_000)
    return log, constant(log, 1)


def _heavy_row() -> tuple[Logged, Matrix]:
    log = log_of([0, 1] * 1000, [0.5] * 1999 + [0.5 / 110], [0.0] * 2000)
    return log, uniform(log)


def _shown_too_often() -> tuple[Logged, Matrix]:
    """The propensity says every second row, the log shows it in three of five."""
    log = log_of([0, 0, 1, 1, 1] * 200, [0.5] * 1000, [0.0] * 1000)
    return log, constant(log, 1)


def _never_shown() -> tuple[Logged, Matrix]:
    log = log_of([0, 1] * 200, [0.5] * 400, [0.0] * 400, journeys=3)
    return log, np.tile([0.95, 0.0, 0.05], (400, 1))


def _impossible() -> tuple[Logged, Matrix]:
    """The third journey is shown, but in most rows it had no chance."""
    shown = [0, 1] * 200 + [2]
    known = np.array([[0.5, 0.5, 0.0]] * 400 + [[0.0, 0.0, 1.0]])
    log = log_of(shown, [0.5] * 400 + [1.0], [0.0] * 401, journeys=3, propensities=known)
    return log, np.array([[0.95, 0.0, 0.05]] * 400 + [[0.0, 0.0, 1.0]])


def _certain() -> tuple[Logged, Matrix]:
    """In 40 rows nothing but the first journey could be shown, and the policy wants the other half the time."""
    log = log_of([0, 1] * 200 + [0] * 40, [0.5] * 400 + [1.0] * 40, [0.0] * 440)
    return log, np.array([[1.0, 0.0]] * 400 + [[0.5, 0.5]] * 40)


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (_few, Reason.FEW_EFFECTIVE_ROWS),
        (_small_share, Reason.SMALL_EFFECTIVE_SHARE),
        (_heavy_row, Reason.ONE_ROW_DOMINATES),
        (_shown_too_often, Reason.MEAN_WEIGHT_OFF),
        (_never_shown, Reason.WITHOUT_SUPPORT),
        (_impossible, Reason.WITHOUT_SUPPORT),
        (_certain, Reason.WITHOUT_SUPPORT),
    ],
)
def test_each_reason_stands_alone_in_some_log(made: Callable[[], tuple[Logged, Matrix]], reason: Reason) -> None:
    told = support(*made())
    assert told.reasons == (reason,)
    assert told.verdict == "thin"


def test_limits_themselves_are_not_thin() -> None:
    """100 effective rows, 1 % of the rows, 5 % of the weight in one, 1 % of the mass: enough. A little off: thin."""
    for rows, reasons in ((99, (Reason.FEW_EFFECTIVE_ROWS,)), (100, ())):
        log = log_of([0, 1] * 50, [0.5] * 100, [0.0] * 100).take(np.arange(rows))
        assert support(log, uniform(log)).reasons == reasons
    for rows, reasons in ((399, (Reason.SMALL_EFFECTIVE_SHARE,)), (400, ())):
        log = log_of([1] * rows + [0] * (40_000 - rows), [0.01] * 40_000, [0.0] * 40_000)
        assert support(log, constant(log, 1)).reasons == reasons
    for share, reasons in ((0.051, (Reason.ONE_ROW_DOMINATES,)), (0.049, ())):
        heavy = share * 1999 / (1 - share)
        log = log_of([0, 1] * 1000, [0.5] * 1999 + [0.5 / heavy], [0.0] * 2000)
        assert support(log, uniform(log)).reasons == reasons
    for share, reasons in ((0.011, (Reason.WITHOUT_SUPPORT,)), (0.009, ())):
        log = log_of([0, 1] * 200, [0.5] * 400, [0.0] * 400, journeys=3)
        assert support(log, np.tile([1.0 - share, 0.0, share], (400, 1))).reasons == reasons


def test_no_reason_is_without_its_log() -> None:
    assert len(Reason) == 5


def test_of_200_sound_logs_none_is_thin() -> None:
    for seed in range(200):
        log = simulated(seed)
        for policy in (*map(log.policy, (POLICY, OTHER, LOGGING)), uniform(log.logged), constant(log.logged, 2)):
            told = support(log.logged, policy)
            assert told.reasons == (), (seed, told)


def test_numbers_by_hand() -> None:
    """Weights 1, 2, 0, 1 of an expected 1 each."""
    log = log_of([0, 1, 0, 1], [0.5, 0.25, 0.5, 0.5], [0.0] * 4)
    told = support(log, np.array([[0.5, 0.5], [0.5, 0.5], [0.0, 1.0], [0.5, 0.5]]))
    assert (told.ess, told.max_weight, told.max_share, told.mean_weight) == pytest.approx((16 / 6, 2.0, 0.5, 1.0))
    assert told.share_without_support == 0.0


def test_a_policy_that_never_meets_its_log_is_thin_and_no_fault() -> None:
    log = log_of([0] * 200, [0.5] * 200, [0.0] * 200)
    told = support(log, constant(log, 1))
    assert (told.ess, told.max_share, told.share_without_support) == (0.0, 0.0, 1.0)
    assert set(told.reasons) == set(Reason) - {Reason.ONE_ROW_DOMINATES}


def test_propensities_of_a_few_digits_are_not_off() -> None:
    """Rounded to 0.3333 every weight is 1.0001, without an error that would excuse it."""
    log = log_of([0, 1, 2] * 100, [0.3333] * 300, [0.0] * 300, journeys=3)
    assert support(log, uniform(log)).verdict == "ok"


def test_a_row_of_unknown_distribution_has_support_for_what_the_log_shows() -> None:
    log, policy = _impossible()
    assert log.propensities is not None
    unknown = log.propensities.copy()
    unknown[:200] = np.nan
    assert share_without_support(replace(log, propensities=unknown), policy) == pytest.approx(200 * 0.05 / 401)


def test_a_later_slot_that_the_policy_never_comes_to_needs_no_support() -> None:
    """Of 210 decisions ten begin with what the policy never takes; what follows there was certain to be the first."""
    log = log_of([0, 1] * 200 + [1, 0] * 10, [0.5] * 400 + [0.5, 1.0] * 10, [0.0] * 420)
    decision = np.repeat(np.arange(210), 2)
    slates = Slates.of(decision=decision, slot=np.tile([1, 2], 210), customer=decision)
    policy = np.tile([[1.0, 0.0], [0.0, 1.0]], (210, 1))
    assert share_without_support(log, policy) == pytest.approx(10 / 420)
    assert support(replace(log, customer=decision), policy, slates).share_without_support == 0.0
