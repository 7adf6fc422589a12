"""The card says what was learnt, how well it does for whom, and what it cannot tell."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.decision_logs import simulated
from training.card import MOST_JOURNEYS, card_of, fairness_line
from training.from_log import Order, Trained, train_from_log
from training.learn.slices import Role
from training.log.errors import LogInvalid
from training.log.options import LogColumns
from training.register import metrics_of_run
from training.run_files import write_files

COLUMNS = LogColumns(features=("x0", "x1"))


def trained(log: Path, *, slices: tuple[str, ...] = ()) -> Trained:
    return train_from_log(Order(log=log, columns=COLUMNS, folds=2, slices=slices), lambda stage: None)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Randomised, of one day; a tenth of the customers are told to live abroad, and some say nothing."""
    source = simulated(6, rows=1000, journeys=2, rows_a_customer=2)
    place = tmp_path_factory.mktemp("card") / "log.parquet"
    abroad = ["abroad" if i % 10 == 0 else "here" for i in range(1000)]
    rare = ["few" if i < 30 else None for i in range(1000)]
    pq.write_table(source.table.append_column("home", pa.array(abroad)).append_column("rare", pa.array(rare)), place)
    return place


@pytest.fixture(scope="module")
def found(file: Path) -> Trained:
    return trained(file, slices=("home", "rare", "x0"))


def test_it_names_log_periods_customers_and_journeys(found: Trained) -> None:
    card = card_of(found)
    assert f"`log.parquet`, sha256 `{found.fingerprint}`" in card
    assert "| learnt from | 1,000 | 500 | 2026-01-01 00:00 | 2026-01-01 00:00 | 100.0% |" in card
    assert "each told by a model that had not seen it" in card
    assert all(f"| `{journey.journey_id}` |" in card for journey in found.bundle.policy.journeys)  # type: ignore[union-attr]


def test_a_slice_too_small_is_shown_and_not_judged(found: Trained) -> None:
    assert "| few | 30 | too small |" in card_of(found)
    assert "slice.rare.few.rate" not in metrics_of_run(found)
    assert "slice.rare.missing.rate" in metrics_of_run(found)


def test_slices_have_the_rows_of_the_log(found: Trained) -> None:
    metrics = metrics_of_run(found)
    assert (metrics["slice.home.abroad.rows"], metrics["slice.home.here.rows"]) == (100.0, 900.0)
    reward = np.asarray(found.judged.reward)
    assert metrics["slice.home.abroad.rate"] == pytest.approx((reward[::10] != 0.0).mean())
    assert {f"slice.x0.q{i}.ece" for i in (1, 2, 3, 4)} <= metrics.keys()


def test_what_chance_had_no_part_in_is_told_as_a_limit_and_has_no_picture_of_gains(
    found: Trained, tmp_path: Path
) -> None:
    assert "drawn by chance" not in card_of(found)
    sure = replace(found, learnt_from=replace(found.learnt_from, drawn=0.0))
    assert "Nothing in the log was drawn by chance" in card_of(sure)
    write_files(tmp_path / "drawn", found)
    write_files(tmp_path / "sure", sure)
    pictures = [{path.name for path in (tmp_path / name).glob("*.png")} for name in ("drawn", "sure")]
    assert pictures[0] - pictures[1] == {"gains.png"}
    assert {"calibration.png", "importance.png", "slices.png"} == pictures[1]


def test_a_shortened_card_has_whole_sections_and_says_so(found: Trained) -> None:
    whole, short = card_of(found), card_of(found, at_most=2_000)
    assert len(short) <= 2_000 < len(whole)
    assert "Shortened" in short
    assert "Shortened" not in whole
    assert {line for line in short.splitlines() if line.startswith("|")} <= set(whole.splitlines())


def test_fairness_is_told_plainly(found: Trained) -> None:
    (by_home,) = (one for one in found.slices if one.by == "home")
    alike = replace(by_home, role=Role.SENSITIVE, p_alike=0.4)
    assert "home** (no column of the model): observed ÷ expected lies from" in fairness_line(alike)
    assert "no more apart than by chance (p = 0.4)" in fairness_line(alike)
    apart = replace(alike, p_alike=0.0004, is_seen=True)
    assert "(the model has a column of it): **levels differ beyond chance** (p = 0.0004" in fairness_line(apart)
    card = card_of(replace(found, slices=(apart,)))
    assert "levels differ beyond chance" in card.partition("## Fairness")[2].partition("## Use")[0]


def test_of_many_journeys_those_shown_most_are_listed_and_the_others_that_were_shown_counted(found: Trained) -> None:
    policy = found.bundle.policy
    assert policy is not None
    journeys = tuple(replace(policy.journeys[0], journey_id=f"k{rows}", rows=rows) for rows in range(MOST_JOURNEYS + 3))
    card = card_of(replace(found, bundle=replace(found.bundle, policy=replace(policy, journeys=journeys))))
    assert "And 2 others with fewer rows." in card
    assert "| `k3` |" in card
    assert "| `k2` |" not in card
    assert "Journeys that were never shown have no history" in card


def test_a_slice_that_the_log_lacks_is_refused_before_anything_is_learnt(file: Path) -> None:
    stages: list[str] = []
    with pytest.raises(LogInvalid, match="shoe_size: there is no such column to slice by"):
        train_from_log(Order(log=file, columns=COLUMNS, slices=("shoe_size",)), stages.append)
    assert stages == ["log"]
