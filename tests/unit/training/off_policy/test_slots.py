"""Several slots of one decision: in one slot the row's own propensity counts, summed over slots their product."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest

from tests.unit.training.off_policy.logs import log_of
from training.off_policy.difference import difference
from training.off_policy.estimators import NoOverlap, clustered_error, dm, dr, dr_shrinkage, ips, snips
from training.off_policy.evidence import Evidence, evidence, evidence_of_logging
from training.off_policy.intervals import Estimate, estimates, normal
from training.off_policy.logged import EmptyLog, Logged, LogUnfit
from training.off_policy.slots import Slates, rows_of_slot
from training.off_policy.support import Reason, support

DECISION = np.array([8, 5, 8, 5, 5])
SLOT = np.array([2, 1, 1, 3, 2])
LOG = log_of([0, 1, 0, 1, 0], [0.5, 0.25, 0.5, 0.5, 0.8], [3.0, 1.0, 4.0, 2.0, 6.0], customer=[1, 2, 1, 2, 2])
POLICY = np.array([[1.0, 0.0], [0.5, 0.5], [0.75, 0.25], [0.0, 1.0], [0.4, 0.6]])
MODEL = np.array([[1.0, 2.0], [1.0, 2.0], [3.0, 1.0], [0.0, 3.0], [2.0, 2.0]])
SLATES = Slates.of(decision=DECISION, slot=SLOT, customer=LOG.customer)
SEEN = evidence(LOG, POLICY, MODEL, SLATES)
"""Own weights 2, 2, 1.5, 2, 0.5. Decision 8: slots 1.5, 3. Decision 5: slots 2, 1, 2."""


def test_a_weight_is_the_product_of_its_slots_so_far() -> None:
    assert SEEN.weight == pytest.approx(np.array([3.0, 2.0, 1.5, 2.0, 1.0]))
    assert SEEN.reached == pytest.approx(np.array([1.5, 1.0, 1.0, 1.0, 2.0]))


def test_the_sum_over_slots_is_per_decision() -> None:
    assert ips(SEEN).value == pytest.approx((3 * 3 + 2 * 1 + 1.5 * 4 + 2 * 2 + 1 * 6) / 2)
    assert dm(SEEN).value == pytest.approx((1 + 1.5 + 2.5 + 3 + 2) / 2)
    corrections = 3 * (3 - 1) + 2 * (1 - 2) + 1.5 * (4 - 3) + 2 * (2 - 3) + 1 * (6 - 2)
    assert dr(SEEN).value == pytest.approx((1.5 * 1 + 1.5 + 2.5 + 3 + 2 * 2 + corrections) / 2)


def test_shrinkage_over_slots_keeps_the_model_of_slates() -> None:
    """With a model that knows each shown reward there is nothing to shrink, and both are its value of the slates."""
    known = MODEL.copy()
    known[np.arange(5), LOG.shown] = LOG.reward
    seen = evidence(LOG, POLICY, known, SLATES)
    assert dr_shrinkage(seen).value == pytest.approx((seen.reached * seen.expected).sum() / 2)
    assert dr_shrinkage(seen).value == dr(seen).value != dm(seen).value


def test_self_normalised_is_by_slot() -> None:
    """Slot 1: (1.5 · 4 + 2 · 1) / 3.5. Slot 2: (3 · 3 + 1 · 6) / 4. Slot 3, in half the decisions: 2."""
    assert snips(SEEN).value == pytest.approx(8 / 3.5 + 15 / 4 + 2 / 2)


def test_the_policy_that_wrote_the_slates_earned_what_they_brought() -> None:
    for told in estimates(evidence_of_logging(LOG, SLATES)).values():
        assert told is not None
        assert told.value == pytest.approx(16 / 2)
        assert told.se == pytest.approx(abs(7 - 9) / 2)


def test_equal_policies_differ_by_exactly_nothing_over_slots() -> None:
    assert normal(difference(SEEN, evidence(LOG, POLICY, MODEL, SLATES))) == Estimate(value=0, se=0, low=0, high=0)


def test_one_slot_a_decision_is_a_log_without_slots() -> None:
    one = Slates.of(decision=np.array([3, 1, 4, 0, 5]), slot=np.ones(5, dtype=np.int64), customer=LOG.customer)
    plain, slated = (estimates(evidence(LOG, POLICY, MODEL, slates)) for slates in (None, one))
    for name, told in plain.items():
        other = slated[name]
        assert told is not None
        assert other is not None
        assert (other.value, other.se) == pytest.approx((told.value, told.se)), name
    assert support(LOG, POLICY, one) == support(LOG, POLICY)


def _drawn(order: tuple[int, int], lean: tuple[int, int, int]) -> tuple[Fraction, Fraction]:
    """Probability of each slot's journey, drawn by leaning from those not shown yet."""
    first, second = order
    return Fraction(lean[first], sum(lean)), Fraction(lean[second], sum(lean) - lean[first])


LOGGING_LEAN, POLICY_LEAN = (1, 1, 2), (3, 2, 1)
REWARD = {(): (2, 5, 1), (0,): (0, 3, 4), (1,): (7, 0, 2), (2,): (1, 6, 0)}
"""Of each journey, given the slots before it."""


def _every_slate() -> tuple[Logged, Slates, np.ndarray, Fraction]:
    """A log that holds every slate as often as it is drawn, the policy, and the policy's value."""
    shown, propensity, reward, policy, truth = [], [], [], [], Fraction(0)
    for order in permutations(range(3), 2):
        of_log, of_policy = _drawn(order, LOGGING_LEAN), _drawn(order, POLICY_LEAN)
        earned = (REWARD[()][order[0]], REWARD[order[:1]][order[1]])
        truth += of_policy[0] * of_policy[1] * sum(earned)
        for _ in range(int(of_log[0] * of_log[1] * 24)):
            for slot in range(2):
                shown.append(order[slot])
                propensity.append(float(of_log[slot]))
                reward.append(float(earned[slot]))
                left = [lean if j not in order[:slot] else 0 for j, lean in enumerate(POLICY_LEAN)]
                policy.append([lean / sum(left) for lean in left])
    log = log_of(shown, propensity, reward, customer=[row // 2 for row in range(len(shown))], journeys=3)
    slots = np.tile([1, 2], len(shown) // 2)
    return log, Slates.of(decision=log.customer, slot=slots, customer=log.customer), np.array(policy), truth


def test_a_log_of_every_slate_gives_the_policys_value() -> None:
    log, slates, policy, truth = _every_slate()
    assert log.rows == 2 * 24
    wrong_model = np.tile([4.0, -1.0, 2.5], (log.rows, 1))
    seen = evidence(log, policy, wrong_model, slates)
    assert [e(seen).value for e in (ips, snips, dr)] == pytest.approx([float(truth)] * 3)
    assert support(log, policy, slates).mean_weight == pytest.approx(1.0)


def test_the_own_propensity_alone_would_not_give_it() -> None:
    """So that the test above says something: what slot 2 earns depends on slot 1."""
    log, slates, policy, truth = _every_slate()
    own = replace(evidence(log, policy, np.zeros_like(policy)), opens=slates.first)
    assert abs(ips(own).value - float(truth)) > 0.1


def test_in_one_slot_only_its_rows_count() -> None:
    rows = rows_of_slot(SLOT, 2)
    seen = evidence(LOG.take(rows), POLICY[rows], MODEL[rows])
    assert seen.weight.tolist() == [2.0, 0.5]
    assert ips(seen).value == pytest.approx((2 * 3 + 0.5 * 6) / 2)
    with pytest.raises(EmptyLog, match="slot 4"):
        rows_of_slot(SLOT, 4)


def test_errors_of_slates_are_clustered_by_customer() -> None:
    together = Slates.of(decision=DECISION, slot=SLOT, customer=LOG.customer)
    seen = evidence(LOG, POLICY, MODEL, together)
    per_decision = np.array([3 * 3 + 1.5 * 4, 2 + 4 + 6])
    assert clustered_error(ips(seen)) == pytest.approx(per_decision.std(ddof=1) / np.sqrt(2))


def test_support_of_slates_is_that_of_whole_slates() -> None:
    told = support(LOG, POLICY, SLATES)
    assert (told.ess, told.max_weight, told.max_share) == pytest.approx((25 / 13, 3.0, 0.6))
    assert Reason.ONE_ROW_DOMINATES in told.reasons


def test_without_overlap_in_a_slot_there_is_nothing_to_normalise_by() -> None:
    policy = POLICY.copy()
    policy[3] = [1.0, 0.0]
    seen: Evidence = evidence(LOG, policy, MODEL, SLATES)
    with pytest.raises(NoOverlap, match="slot 3"):
        snips(seen)


@pytest.mark.parametrize(
    ("slot", "customer", "row", "column"),
    [
        ([2, 1, 1, 3, 3], [1, 2, 1, 2, 2], 3, "slot"),
        ([2, 2, 1, 4, 3], [1, 2, 1, 2, 2], 1, "slot"),
        ([1, 0, 0, 2, 1], [1, 2, 1, 2, 2], 0, "slot"),
        (SLOT, [1, 2, 1, 2, 9], 4, "customer_id"),
    ],
)
def test_a_slate_that_lacks_a_slot_is_refused(slot: list[int], customer: list[int], row: int, column: str) -> None:
    with pytest.raises(LogUnfit, match=column) as raised:
        Slates.of(decision=DECISION, slot=np.array(slot), customer=np.array(customer))
    assert (raised.value.row, raised.value.column) == (row, column)
