"""What a run leaves for people follows its formulae."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from training.learn.measures import unit_of
from training.pictures import interval
from training.run_files import environment, installed


def rewards(positives: int, n: int, unit: float = 1.0) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.repeat([unit, 0.0], [positives, n - positives])


def test_the_interval_of_a_rate_is_wilson_s_worked_out_by_hand() -> None:
    # 0 of 10, z 1.96: upper end z^2 / (n + z^2) = 3.8416 / 13.8416
    assert interval(rewards(0, 10), 1.0) == pytest.approx((0.0, 3.8416 / 13.8416))
    assert interval(rewards(10, 10), 1.0) == pytest.approx((10.0 / 13.8416, 1.0))
    low, high = interval(rewards(5, 10), 1.0)
    assert low == pytest.approx(1.0 - high)


@pytest.mark.parametrize("unit", [12.5, -2.0])
def test_one_that_is_worth_something_is_that_many_times_as_much(unit: float) -> None:
    of_rate = interval(rewards(3, 10), 1.0)
    assert interval(rewards(3, 10, unit), unit) == pytest.approx(sorted(unit * end for end in of_rate))


def test_the_value_of_one_is_that_of_all_rewards_and_not_of_a_part_without_any() -> None:
    of_all = np.concatenate([rewards(0, 100), rewards(4, 100, 50.0)])
    assert unit_of(of_all) == 50.0
    assert interval(of_all[:100], unit_of(of_all))[1] == pytest.approx(50.0 * 3.8416 / 103.8416)
    assert unit_of(np.array([0.0, 1.0, 2.0])) is None


def test_the_interval_of_any_other_mean_is_normal() -> None:
    # 0, 1, 2, 3: mean 1.5, standard deviation sqrt(1.25), over sqrt(4)
    half = 1.96 * np.sqrt(1.25) / 2.0
    assert interval(np.array([0.0, 1.0, 2.0, 3.0]), None) == pytest.approx((1.5 - half, 1.5 + half))


def test_the_environment_names_every_package_that_decides_the_result() -> None:
    assert environment().keys() == {
        "python",
        "lightgbm",
        "numpy",
        "scipy",
        "pyarrow",
        "feast",
        "mlflow",
        "matplotlib",
    }
    assert environment()["numpy"] == np.__version__


def test_what_a_removal_has_left_of_a_package_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = installed()
    (tmp_path / "left_over-1.0.dist-info").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert installed() == before
    assert before["numpy"] == np.__version__
