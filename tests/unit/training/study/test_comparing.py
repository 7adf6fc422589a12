"""What a notebook tells of a challenger, on a simulated log whose rewards follow from features."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow.parquet as pq
import pytest

from models.valuation import Valuation
from tests.decision_logs import simulated
from training.from_log import Order, train_from_log
from training.log.options import LogColumns
from training.off_policy.intervals import Estimate
from training.study import comparing
from training.study.comparing import Challenger, Duel
from training.study.shown import Lacking, Picture, Sentence, Table
from training.study.subject import Subject


@pytest.fixture(scope="module")
def challenger(tmp_path_factory: pytest.TempPathFactory) -> Challenger:
    """Of no company: `models` is looked at by who registers, and by who asks for a champion."""
    source = simulated(7, rows=1500, heterogeneity=1.0)
    file = tmp_path_factory.mktemp("comparing") / "log.parquet"
    pq.write_table(source.table, file)
    order = Order(log=file, columns=LogColumns(features=(*source.features, "segment"), categorical=("segment",)))
    return Challenger(models=cast(Any, None), order=order, trained=train_from_log(order, lambda said: None))


def test_what_it_learnt_from_is_told_with_rows_and_days(challenger: Challenger) -> None:
    told = str(comparing.what_it_learnt_from(challenger))
    assert "learnt from **1,500 rows** of 1,500 customers, 2026-01-01 to 2026-01-01" in told
    assert "measured on 1,500 (each by models that had not seen it)" in told


def test_contributions_add_up_to_the_score(challenger: Challenger) -> None:
    """The sum of all parts and the base is the log-odds of the probability before calibration."""
    for place in (0, -1):
        journey, table = comparing.contributions(challenger, place)
        bundle, log = challenger.trained.bundle, challenger.trained.judged.log
        plain = replace(bundle, calibration=type(bundle.calibration)())
        row = int(np.argsort(log.decided_at, kind="stable")[place])
        learnt = next(one for one in plain.policy.journeys if one.journey_id == journey)  # type: ignore[union-attr]
        (p_met,) = Valuation(plain).p_met(log.choices.features.take(np.array([row])), learnt)
        assert table["part"].sum() == pytest.approx(np.log(p_met / (1.0 - p_met)))
        assert log.choices.journeys[log.shown[row]] == journey
        assert table.index[-1] == "(base)"
        sizes = table["part"].abs().to_numpy()[:-1]
        assert (np.diff(sizes) <= 0.0).all()


def test_the_values_beside_contributions_are_those_of_the_row(challenger: Challenger) -> None:
    _, table = comparing.contributions(challenger, 0)
    log = challenger.trained.judged.log
    facts = log.choices.features.take(np.array([int(np.argsort(log.decided_at, kind="stable")[0])]))
    values = table["value"].to_dict()
    assert values["x1"] == f"{facts.numbers['x1'][0]:.4g}"
    assert values["segment"] == facts.texts["segment"].levels[facts.texts["segment"].codes[0]]


def test_every_picture_and_table_is_drawn(challenger: Challenger) -> None:
    for draw in (comparing.picture_of_calibration, comparing.picture_of_importance, comparing.one_decision):
        found = draw(challenger)
        assert isinstance(found, Picture)
        assert found._repr_png_().startswith(b"\x89PNG")
    assert isinstance(comparing.measures(challenger), Table)


def test_a_log_without_anything_to_cut_by_is_told_so(challenger: Challenger) -> None:
    found = comparing.slices(challenger)
    assert isinstance(found, Lacking)
    assert "neither kind nor channel" in found.text


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.01, 0.05, "the challenger is better"), (-0.05, -0.01, "the champion is"), (-0.01, 0.03, "neither is proven")],
)
def test_the_verdict_follows_the_interval(challenger: Challenger, low: float, high: float, said: str) -> None:
    p_met = np.array([0.2, 0.6])
    gain = Estimate(value=(low + high) / 2, se=0.01, low=low, high=high)
    duel = Duel(version="v1", champion=p_met, challenger=p_met, is_met=np.array([0.0, 1.0]), strangers=1, gain=gain)
    told = comparing.verdict(duel, challenger)
    assert isinstance(told, Sentence)
    assert f"**{said}" in told.text
    assert "1 rows are of journeys that the champion does not know" in told.text


def test_nothing_is_registered_unless_the_environment_says_so(challenger: Challenger, tmp_path: Path) -> None:
    subject = Subject.of({"RUMBO_HOME": str(tmp_path / "home")})
    assert "Nothing was registered" in str(comparing.registered(challenger, subject))
    assert not (tmp_path / "home").exists()


def test_without_a_company_there_is_nothing_to_train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lacking = comparing.challenger(Subject.of({}))
    assert isinstance(lacking, Lacking)
    assert comparing.measures(lacking) is comparing.one_decision(lacking) is lacking
