"""The MLflow model answers what the scorer and the valuation of its bundle tell, row by row."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from mlflow.exceptions import MlflowException
from mlflow.models.model import Model

from features.encoder import JourneyRow
from features.interactions import ModelFeatures
from features.values import FeatureRow
from models.bundle import Bundle
from models.learnt import RewardKind
from models.predictions import ATTRIBUTES, DECIDED_AT, JOURNEY, KIND, P_OUTCOME, REWARD, VALUE, Predictor, example_of
from models.pyfunc import BUNDLE, save_model
from models.scorer import Scorer
from models.valuation import Valuation
from tests.decision_logs import simulated
from tests.model_builders import JOURNEYS, NOW, PANTRY, SOAP, bundle, customers, row
from training.learn.learn import Settings, learn
from training.learn.plain import schema_of
from training.log.decisions import DecisionLog, read_decisions
from training.log.options import LogColumns

AT = pd.Timestamp(NOW).tz_localize(None)


def saved(own: Bundle, place: Path) -> Path:
    """The folder of the model."""
    own.save(place / BUNDLE)
    save_model(place / "model", place / BUNDLE, own, NOW, Model())
    return place / "model"


def asked(facts: FeatureRow, journey: JourneyRow) -> dict[str, object]:
    """The row of a table that says so."""
    told = {name: value.value for name, value in facts.items()}
    return {
        **told,
        JOURNEY: journey.journey_id,
        KIND: journey.kind,
        ATTRIBUTES: dict(journey.attributes),
        DECIDED_AT: AT,
    }


@pytest.fixture(scope="module")
def plain() -> Bundle:
    """Tells probabilities alone."""
    return bundle()


@pytest.fixture(scope="module")
def loaded(plain: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return mlflow.pyfunc.load_model(str(saved(plain, tmp_path_factory.mktemp("model"))))


def test_the_model_that_mlflow_loads_tells_what_the_scorer_does(plain: Bundle, loaded: Any) -> None:
    """In the order asked, whatever the journey, known or not."""
    journeys = [PANTRY, SOAP, replace(SOAP, journey_id="never-seen"), PANTRY]
    facts = customers(40, seed=9)
    pairs = [(one, journeys[i % 4]) for i, one in enumerate(facts)]
    table = pd.DataFrame([asked(*pair) for pair in pairs]).astype({"redemptions_total": float})
    told = loaded.predict(table)
    scorer = Scorer(plain)
    expected = [scorer.score(facts, NOW, [journey])[0] for facts, journey in pairs]
    np.testing.assert_allclose(told[P_OUTCOME].astype(float), expected, rtol=0, atol=1e-12)
    assert np.ptp(expected) > 0.1
    assert told[[VALUE, REWARD]].isna().to_numpy().all()


def test_what_is_not_said_is_missing(plain: Bundle, loaded: Any) -> None:
    table = pd.DataFrame([{JOURNEY: SOAP.journey_id, DECIDED_AT: AT}])
    unknown = JourneyRow(journey_id=SOAP.journey_id, kind="", attributes={})
    assert loaded.predict(table)[P_OUTCOME][0] == Scorer(plain).score({}, NOW, [unknown])[0]
    some = pd.DataFrame([asked(row(spend_90d=5.0, age_band=None), SOAP)])
    assert loaded.predict(some)[P_OUTCOME][0] == Scorer(plain).score(row(spend_90d=5.0), NOW, [SOAP])[0]


def test_texts_for_numbers_are_refused(loaded: Any) -> None:
    table = pd.DataFrame([{**asked(row(age_band="65+"), SOAP), "spend_90d": "much"}])
    with pytest.raises(MlflowException, match="spend_90d"):
        loaded.predict(table)


def test_the_example_is_of_nobody_and_can_be_asked(plain: Bundle, loaded: Any) -> None:
    example = example_of(plain, NOW)
    assert list(example[JOURNEY]) == sorted(one.journey_id for one in JOURNEYS)
    assert (example["spend_90d"] == 1.0).all()
    assert loaded.predict(example)[P_OUTCOME].notna().all()
    signature = loaded.metadata.signature
    assert [column.name for column in signature.inputs.inputs if column.required] == [JOURNEY, DECIDED_AT]
    assert signature.outputs.input_names() == [P_OUTCOME, VALUE, REWARD]


def test_a_bundle_that_was_altered_is_not_loaded(plain: Bundle, tmp_path: Path) -> None:
    folder = saved(plain, tmp_path)
    text = folder / "artifacts" / BUNDLE / "model.txt"
    text.write_text(text.read_text(encoding="utf-8").replace("0", "1", 1), encoding="utf-8")
    with pytest.raises(Exception, match="do not match the sha256"):
        mlflow.pyfunc.load_model(str(folder))


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> DecisionLog:
    """With amounts."""
    source = simulated(4, rows=1200, money=True, met_share=0.3)
    file = tmp_path_factory.mktemp("log") / "log.parquet"
    pq.write_table(source.table, file)
    return read_decisions(file, LogColumns(features=source.features))


def learnt(log: DecisionLog, **settings: Any) -> Bundle:
    asked = Settings(objective="bought", folds=2, **settings)
    return learn(log, schema_of(log), ModelFeatures(), asked, lambda stage: None).bundle


def table_of(log: DecisionLog, rows: int = 50) -> pd.DataFrame:
    facts = log.choices.features
    segment = facts.texts["segment"]
    return pd.DataFrame(
        {
            **{name: values[:rows] for name, values in facts.numbers.items()},
            "segment": [segment.levels[code] for code in segment.codes[:rows]],
            JOURNEY: [log.choices.journeys[code] for code in log.shown[:rows]],
            DECIDED_AT: log.decided_at[:rows],
        }
    )


def rewards(own: Bundle, log: DecisionLog, rows: int = 50) -> Any:
    return Valuation(own).rewards(log.choices.features.take(np.arange(rows)))[np.arange(rows), log.shown[:rows]]


def test_the_reward_is_the_probability_times_the_value_given_met(log: DecisionLog) -> None:
    own = learnt(log, by_probability=True)
    assert own.policy is not None
    assert own.policy.reward.kind is RewardKind.TWO_PART
    told = Predictor(own).predict(table_of(log))
    np.testing.assert_allclose(told[REWARD], rewards(own, log), rtol=1e-12)
    np.testing.assert_allclose(told[REWARD], told[P_OUTCOME] * told[VALUE], rtol=1e-12)
    assert told[VALUE].std() > 0.0
    assert told[P_OUTCOME].between(0.0, 1.0).all()


def test_gains_over_another_journey_are_in_the_reward(log: DecisionLog) -> None:
    own = learnt(log, by_probability=True, against="j0")
    np.testing.assert_allclose(Predictor(own).predict(table_of(log))[REWARD], rewards(own, log), rtol=1e-12)


def test_a_bundle_that_tells_mean_rewards_tells_no_probability(log: DecisionLog) -> None:
    own = learnt(replace(log, reward=log.reward - 0.5))
    assert own.policy is not None
    assert own.policy.reward.kind is RewardKind.MEAN
    told = Predictor(own).predict(table_of(log))
    assert told[[P_OUTCOME, VALUE]].isna().to_numpy().all()
    np.testing.assert_allclose(told[REWARD].astype(float), rewards(own, log), rtol=1e-12)
