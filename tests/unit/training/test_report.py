"""Figures in the report follow their formulae."""

from __future__ import annotations

import pytest

from training.report import PACKAGES, environment, wilson


def test_wilson_interval_worked_out_by_hand() -> None:
    # 0 of 10, z 1.96: upper end z^2 / (n + z^2) = 3.8416 / 13.8416
    assert wilson(0.0, 10) == pytest.approx((0.0, 3.8416 / 13.8416))
    assert wilson(10.0, 10) == pytest.approx((10.0 / 13.8416, 1.0))
    low, high = wilson(5.0, 10)
    assert low == pytest.approx(1.0 - high)


def test_the_environment_names_every_package_that_decides_the_result() -> None:
    assert environment().keys() == {"python", *PACKAGES}
