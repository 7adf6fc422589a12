"""What boosting leaves of a journey's own level, against a naive search and the trees that LightGBM then has."""

from __future__ import annotations

import lightgbm
import numpy as np
import pytest

from models.bundle import Bundle
from models.calibration import Calibration, CalibrationKind, logit
from models.scorer import Scorer
from models.trees import demand_trees
from tests.model_builders import JOURNEYS, NOW, PANTRY, SOAP, bundle, customers
from training.learn.boosting import Vector
from training.learn.levels import JOURNEY, SPREAD, FittedRows, levels_of, with_levels

AS_IT_IS = Calibration()
STEEPER = Calibration(kind=CalibrationKind.PLATT, intercept=0.3, slope=1.4)


def _rows(raw: Vector, met: int) -> FittedRows:
    """Of journey 0, the first `met` of them met."""
    label = (np.arange(raw.size) < met).astype(np.float64)
    return FittedRows(matrix=np.empty((raw.size, 0)), shown=np.zeros(raw.size, dtype=np.int64), met=label)


@pytest.mark.parametrize("calibration", [AS_IT_IS, STEEPER])
@pytest.mark.parametrize("met", [0, 3, 60])
def test_a_level_is_the_likeliest_beside_a_prior_of_no_level(met: int, calibration: Calibration) -> None:
    raw = np.linspace(0.05, 0.25, 120)
    (level,) = levels_of(raw, _rows(raw, met), calibration).values()
    tried = np.linspace(-8.0, 8.0, 4_001)
    # the root of met - expected - b / SPREAD², looked for on a grid
    expected = [calibration.apply(1.0 / (1.0 + np.exp(-(logit(raw) + b)))).sum() for b in tried]
    slope = met - np.array(expected) - tried / SPREAD**2
    assert level == pytest.approx(tried[np.argmin(np.abs(slope))], abs=0.005)


def test_a_journey_within_chance_of_what_is_expected_has_no_level() -> None:
    raw = np.full(100, 0.1)  # 10 expected, with an error of 3: from 5.5 to 14.5 there is none
    told = {met: bool(levels_of(raw, _rows(raw, met), AS_IT_IS)) for met in (5, 6, 10, 14, 15)}
    assert told == {5: True, 6: False, 10: False, 14: False, 15: True}


def test_few_rows_move_a_level_little_and_many_all_the_way() -> None:
    few, many = np.full(30, 0.1), np.full(3_000, 0.1)
    (little,) = levels_of(few, _rows(few, 0), AS_IT_IS).values()
    (much,) = levels_of(many, _rows(many, 150), AS_IT_IS).values()
    assert -1.2 < little < -0.9  # as if about eight more rows of its kin had been seen: 0.037
    assert much == pytest.approx(np.log((0.05 / 0.95) / (0.1 / 0.9)), abs=0.02)


@pytest.fixture(scope="module")
def model() -> Bundle:
    return bundle(AS_IT_IS)


def _fitted(model: Bundle, unmet: int) -> FittedRows:
    """300 customers, each beside one of both journeys; of `unmet` none was met, the other as the model says."""
    encoder, everyone = model.encoder, customers(300)
    shown = np.arange(300) % 2
    matrix = np.concatenate([encoder.matrix(one, NOW, [JOURNEYS[j]]) for one, j in zip(everyone, shown, strict=True)])
    p = np.array([Scorer(model).score(one, NOW, [JOURNEYS[j]])[0] for one, j in zip(everyone, shown, strict=True)])
    other = np.flatnonzero(shown != unmet)
    met = np.zeros(300)
    met[other[np.argsort(-p[other])[: round(p[other].sum())]]] = 1.0
    return FittedRows(matrix=matrix, shown=shown, met=met)


def _bundle_of(model: Bundle, text: str) -> Bundle:
    return Bundle(
        model_text=text,
        encoder=model.encoder,
        calibration=model.calibration,
        history=frozenset({PANTRY.journey_id, SOAP.journey_id}),
        objective=model.objective,
    )


def _gains(text: str) -> dict[str, float]:
    booster = lightgbm.Booster(model_str=text)
    return dict(zip(booster.feature_name(), booster.feature_importance("gain").tolist(), strict=True))


@pytest.mark.parametrize("unmet", [0, 1])
def test_one_journey_moves_by_its_level_and_all_others_stay_to_the_bit(model: Bundle, unmet: int) -> None:
    rows, everyone = _fitted(model, unmet), customers(300)
    text = with_levels(model.model_text, rows, model.encoder, model.calibration)
    demand_trees(text)
    before, after = (Scorer(_bundle_of(model, one)) for one in (model.model_text, text))
    stranger = type(PANTRY)(journey_id="unknown", kind="promotional", attributes={})
    told = []
    for one in customers(20, seed=5):  # whom the model had not seen
        was, now = (scorer.score(one, NOW, [*JOURNEYS, stranger]) for scorer in (before, after))
        told.append(logit(now[unmet : unmet + 1])[0] - logit(was[unmet : unmet + 1])[0])
        assert now[1 - unmet] == was[1 - unmet]
        assert now[2] == was[2]
        parts = after.contributions(one, NOW, list(JOURNEYS))
        assert parts.sum(axis=1) == pytest.approx(logit(now[:2]), abs=1e-9)
    raw = np.array([before.score(one, NOW, [JOURNEYS[j]])[0] for one, j in zip(everyone, rows.shown, strict=True)])
    (level,) = levels_of(raw, rows, model.calibration).values()
    assert level < -2.0
    p = raw[rows.shown == unmet]
    moved = 1.0 / (1.0 + np.exp(-(logit(p) + level)))
    gained = 2.0 * (np.log1p(-moved) - np.log1p(-p)).sum()  # none was met
    assert _gains(text)[JOURNEY] - _gains(model.model_text)[JOURNEY] == pytest.approx(gained, rel=1e-3)
    assert told == pytest.approx([level] * 20, abs=1e-9)


def test_a_model_that_tells_every_journey_right_keeps_its_text(model: Bundle) -> None:
    rows = _fitted(model, 0)
    scorer, met = Scorer(model), rows.met.copy()
    mine = np.flatnonzero(rows.shown == 0)
    told = np.array([scorer.score(one, NOW, [PANTRY])[0] for one in customers(300)])[mine]
    met[mine[np.argsort(-told)[: round(told.sum())]]] = 1.0
    right = FittedRows(matrix=rows.matrix, shown=rows.shown, met=met)
    assert with_levels(model.model_text, right, model.encoder, model.calibration) == model.model_text
