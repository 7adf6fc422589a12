"""Plain policies stay in the eligible set, and a matrix that is none is refused by row."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.training.off_policy.logs import log_of
from training.off_policy.policies import PolicyUnfit, checked, constant, deterministic, uniform

LOG = replace(
    log_of([0, 1, 2], [0.5, 0.5, 0.5], [0.0, 1.0, 0.0], journeys=3),
    eligible=np.array([[True, True, True], [False, True, True], [False, False, True]]),
)


def test_uniform_divides_a_row_among_its_eligible() -> None:
    assert uniform(LOG).tolist() == [[1 / 3, 1 / 3, 1 / 3], [0.0, 0.5, 0.5], [0.0, 0.0, 1.0]]


def test_a_constant_is_uniform_where_its_journey_is_not_eligible() -> None:
    assert constant(LOG, 0).tolist() == [[1.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.0, 0.0, 1.0]]
    assert constant(LOG, 2).tolist() == [[0.0, 0.0, 1.0]] * 3


def test_a_choice_is_a_policy() -> None:
    assert deterministic(np.array([2, 0]), 3).tolist() == [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]


def test_plain_policies_are_policies() -> None:
    for policy in (uniform(LOG), constant(LOG, 1), deterministic(np.array([0, 2, 2]), 3)):
        assert checked(policy, LOG) is policy


@pytest.mark.parametrize(
    ("cell", "row"),
    [
        ((1, [0.5, 0.25, 0.25]), 1),
        ((0, [0.5, 0.5, 0.1]), 0),
        ((2, [0.0, 0.0, float("nan")]), 2),
        ((0, [1.5, -0.5, 0.0]), 0),
        ((2, [0.0, 0.0, 0.0]), 2),
    ],
)
def test_what_is_no_policy_names_its_row(cell: tuple[int, list[float]], row: int) -> None:
    policy = uniform(LOG)
    policy[cell[0]] = cell[1]
    with pytest.raises(PolicyUnfit, match=f"row {row}, column probability") as raised:
        checked(policy, LOG)
    assert raised.value.row == row


def test_a_policy_has_the_shape_of_its_log() -> None:
    with pytest.raises(PolicyUnfit, match=r"\(2, 3\)"):
        checked(uniform(LOG)[:2], LOG)
