"""What is learnt of silence: from which rows, how they weigh, and when nothing is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from features.columns.facts import FeatureColumns, levels_of
from features.encoder import Encoder, JourneyRow
from features.interactions import ModelFeatures
from features.schema import FeatureSchema, FeatureType
from models.silence import SilentRows
from tests.decision_logs import START
from tests.model_builders import spec
from training.learn import silence
from training.learn.boosting import Vector
from training.learn.silence import MIN_DECISIONS, MIN_PAIRS, NO_SILENT_ROWS, Silence, learn_silence
from training.log.silent import SilentPairs

JOURNEYS = [JourneyRow(journey_id=name, kind="promotional", attributes={}) for name in "ab"]
SCHEMA = FeatureSchema((spec("noise", FeatureType.DOUBLE),))


def pairs_of(
    met: Vector, p_silent: Vector, *, is_holdout: bool = False, seed: int = 0, journey: int = 0
) -> SilentPairs:
    """Each of a decision and a customer of its own, on ten days; the only feature says nothing."""
    size = met.size
    days = (np.arange(size) % 10).astype("timedelta64[D]")
    at = START.astype("datetime64[us]") + days
    noise = np.random.default_rng(seed).uniform(size=size)
    return SilentPairs(
        journeys=("a", "b"),
        journey=np.full(size, journey),
        met=met.astype(np.bool_),
        p_silent=p_silent,
        is_holdout=np.full(size, is_holdout),
        decision=np.arange(size),
        customer=np.arange(size),
        decided_at=at,
        window_ends_at=at + np.timedelta64(7, "D"),
        features=FeatureColumns(at=at, numbers={"noise": noise}, texts={}, instants={}),
    )


def learnt(pairs: SilentPairs | None) -> Silence:
    facts = None if pairs is None else pairs.features
    encoder = Encoder.fit_columns({} if facts is None else levels_of(facts), JOURNEYS, SCHEMA, ModelFeatures())
    return learn_silence(pairs, encoder, JOURNEYS, folds=3, seed=0)


def p_of(found: Silence) -> float:
    """What its model tells of everybody alike, for the feature says nothing: in the mean."""
    import lightgbm

    booster = lightgbm.Booster(model_str=found.text)
    columns = booster.feature_name()
    matrix = np.zeros((101, len(columns)))
    matrix[:, columns.index("noise")] = np.linspace(0.0, 1.0, 101)
    raw = np.asarray(booster.predict(matrix, num_threads=1))
    assert found.learnt is not None
    return float(found.learnt.calibration.apply(raw).mean())


def selected(seed: int = 0) -> SilentPairs:
    """P(met) is 0.25 for half of the customers, who are silent with 0.9, and 0.55 for the others, with 0.1.

    So 0.4 among all, and (0.9 × 0.25 + 0.1 × 0.55) / 1 = 0.28 among the silent.
    """
    draw = np.random.default_rng(seed)
    is_low = draw.random(20_000) < 0.5
    p_silent = np.where(is_low, 0.9, 0.1)
    is_silent = draw.random(20_000) < p_silent
    met = draw.random(20_000) < np.where(is_low, 0.25, 0.55)
    return pairs_of(met[is_silent].astype(np.float64), p_silent[is_silent], seed=seed)


def test_what_was_silent_because_little_was_expected_weighs_by_how_probable_that_was() -> None:
    """No feature tells the two halves apart: the mean of the silent is 0.28, that of all is 0.4."""
    pairs = selected()
    assert pairs.met.mean() == pytest.approx(0.28, abs=0.01)
    found = learnt(pairs)
    assert found.learnt is not None
    assert found.learnt.learnt_from is SilentRows.ALL
    assert p_of(found) == pytest.approx(0.4, abs=0.02)
    assert "each weighing 1 / P(silence)" in found.said


def joined(one: SilentPairs, other: SilentPairs) -> SilentPairs:
    """Of different customers."""

    def both(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(one, name), getattr(other, name)])

    at = both("decided_at")
    noise = np.concatenate([one.features.numbers["noise"], other.features.numbers["noise"]])
    return SilentPairs(
        journeys=one.journeys,
        journey=both("journey"),
        met=both("met"),
        p_silent=both("p_silent"),
        is_holdout=both("is_holdout"),
        decision=np.arange(at.size),
        customer=np.arange(at.size),
        decided_at=at,
        window_ends_at=both("window_ends_at"),
        features=FeatureColumns(at=at, numbers={"noise": noise}, texts={}, instants={}),
    )


def test_the_holdout_alone_is_learnt_from_where_it_is_enough() -> None:
    """Half of the holdout came by themselves, and a tenth of the others."""
    draw = np.random.default_rng(1)
    holdout = pairs_of((draw.random(2_000) < 0.5).astype(np.float64), np.full(2_000, 0.1), is_holdout=True)
    others = pairs_of((draw.random(4_000) < 0.1).astype(np.float64), np.full(4_000, 0.9))
    found = learnt(joined(holdout, others))
    assert found.learnt is not None
    assert (found.learnt.learnt_from, found.learnt.decisions) == (SilentRows.HOLDOUT, 2_000)
    assert p_of(found) == pytest.approx(0.5, abs=0.03)
    small = learnt(joined(holdout.take(np.arange(MIN_DECISIONS - 1)), others))
    assert small.learnt is not None
    assert (small.learnt.learnt_from, small.learnt.decisions) == (SilentRows.ALL, 4_000 + MIN_DECISIONS - 1)


@pytest.mark.parametrize(
    ("size", "met", "is_learnt"),
    [(500, 50, True), (499, 50, False), (500, 49, False), (500, 451, False), (500, 450, True), (0, 0, False)],
)
def test_too_few_decisions_or_too_few_of_either_end_teach_nothing(size: int, met: int, is_learnt: bool) -> None:
    came = np.zeros(size)
    came[np.linspace(0, size - 1, met).astype(np.int64) if met else []] = 1.0
    found = learnt(pairs_of(came, np.ones(size)))
    assert (found.learnt is not None) is is_learnt
    assert found.said.startswith("None: ") is not is_learnt


def test_it_is_told_of_journeys_alone_that_have_enough_pairs() -> None:
    draw = np.random.default_rng(2)
    many = pairs_of((draw.random(1_000) < 0.3).astype(np.float64), np.ones(1_000))
    few = pairs_of((draw.random(MIN_PAIRS - 1) < 0.3).astype(np.float64), np.ones(MIN_PAIRS - 1), journey=1)
    found = learnt(joined(many, few))
    assert found.learnt is not None
    assert found.learnt.journeys == ("a",)
    alone = learnt(few)
    assert alone.learnt is None


def test_a_log_without_silence_says_so() -> None:
    assert learnt(None) == NO_SILENT_ROWS


def test_equal_rows_give_an_equal_model_and_of_many_a_sample_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    first, again = learnt(selected()), learnt(selected())
    assert first == again
    monkeypatch.setattr(silence, "MOST_PAIRS", 3_000)
    sampled = learnt(selected())
    assert sampled.text != first.text
    assert p_of(sampled) == pytest.approx(0.4, abs=0.06)
