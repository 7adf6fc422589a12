"""What rumbo.yaml says of training holds where no option says otherwise."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from service.cli import main
from tests.example import COMPANY
from training.from_log import Order, Trained
from training.log.errors import LogInvalid

DAY = np.datetime64("2026-11-22", "us")
OTHER = np.datetime64("2026-12-01", "us")


@pytest.fixture
def order_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Order]:
    """What `rumbo train` with these options sets out to learn for a company whose `training:` says this."""
    seen: list[Order] = []

    def learning(order: Order, announce: Callable[[str], None]) -> Trained:
        seen.append(order)
        raise LogInvalid(order.log, "nothing is learnt here")

    monkeypatch.setattr("training.from_log.train_from_log", learning)

    def asked(said: str, *options: str) -> Order:
        company, left_out = tmp_path / "company", shutil.ignore_patterns("*.py", "catalogue", "__pycache__")
        shutil.copytree(COMPANY, company, ignore=left_out, dirs_exist_ok=True)
        text = (COMPANY / "rumbo.yaml").read_text(encoding="utf-8").partition("training:")[0]
        (company / "rumbo.yaml").write_text(f"{text}training: {said}\n", encoding="utf-8")
        arguments = ["train", "--company", str(company), "--log", str(tmp_path / "log.parquet"), *options]
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 2, result.output
        return seen[-1]

    return asked


@pytest.mark.parametrize(
    ("said", "options", "test_from", "folds"),
    [
        ("{}", (), None, 5),
        ("{test_from: 2026-11-22}", (), DAY, 5),
        ("{folds: 7}", (), None, 7),
        ("{test_from: 2026-11-22, folds: 7}", (), DAY, 7),
        ("{test_from: 2026-11-22, folds: 7}", ("--test-from", "2026-12-01"), OTHER, 7),
        ("{test_from: 2026-11-22}", ("--folds", "3"), None, 3),
        ("{folds: 7}", ("--folds", "3"), None, 3),
    ],
)
def test_the_split(
    order_of: Callable[..., Order], said: str, options: tuple[str, ...], test_from: Any, folds: int
) -> None:
    order = order_of(said, *options)
    assert (order.test_from, order.folds) == (test_from, folds)


def test_baselines_and_the_objective(order_of: Callable[..., Order]) -> None:
    order = order_of("{baselines: ['rate:age_band'], objective: bought}")
    assert order.baselines == ("rate:age_band",)
    assert order.company is not None
    assert order.company.objective == "bought"
    assert order_of("{baselines: ['rate:age_band']}", "--baseline", "rate:category").baselines == ("rate:category",)


def test_slices(order_of: Callable[..., Order]) -> None:
    assert order_of("{}").slices == ()
    assert order_of("{slices: [age_band, campaign_type]}").slices == ("age_band", "campaign_type")
    assert order_of("{slices: [age_band]}", "--slice", "channel", "--slice", "tone").slices == ("channel", "tone")


def test_a_time_says_its_zone(order_of: Callable[..., Order]) -> None:
    order = order_of("{test_from: 2026-11-22T05:00:00+01:00}")
    assert order.test_from == np.datetime64(datetime(2026, 11, 22, 4, tzinfo=UTC).replace(tzinfo=None), "us")
