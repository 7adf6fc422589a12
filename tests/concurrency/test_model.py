"""Decide, present, release, expire, crash, retry in any order: a store does what its naive twin does."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.concurrency.conftest import Home
from tests.concurrency.machine import StoreMachine

SLOW = [pytest.mark.slow, pytest.mark.timeout(900)]
FEW = pytest.param(1, 12, marks=pytest.mark.timeout(300))
EXAMPLES = {"sqlite": 24, "postgres": 8}


@pytest.mark.parametrize(
    ("times", "steps"), [FEW, pytest.param(4, 60, marks=SLOW), pytest.param(20, 60, marks=pytest.mark.proof)]
)
def test_a_store_does_what_its_naive_twin_does(home: Home, times: int, steps: int) -> None:
    class Here(StoreMachine):
        pass

    Here.home = home
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=times * EXAMPLES[home.adapter],
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
