"""What a company says of its models, and what of it a log can fill."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.columns.arrow import columns_of
from features.derived import Formula
from features.interactions import ModelFeatures
from features.schema import FeatureSchema, FeatureType, PersonalData
from tests.model_builders import spec
from training.company import CompanyModels, ModelTerms, sensitive_of
from training.log.errors import LogInvalid
from training.log.files import LogFiles
from training.log.options import LogColumns

SCHEMA = FeatureSchema(
    (
        spec("rating", FeatureType.STRING),
        spec("visits", FeatureType.INT),
        replace(spec("income", FeatureType.DOUBLE), personal_data=PersonalData.SENSITIVE),
        replace(spec("born_at", FeatureType.TIMESTAMP), personal_data=PersonalData.SENSITIVE),
        spec("seen_at", FeatureType.TIMESTAMP),
        spec("spend_food", FeatureType.DOUBLE),
        replace(spec("spend_drinks", FeatureType.DOUBLE), personal_data=PersonalData.SENSITIVE),
        replace(spec("age", FeatureType.DOUBLE), formula=Formula.parsed("days_since(born_at)")),
        replace(spec("recency", FeatureType.DOUBLE), formula=Formula.parsed("days_since(seen_at)")),
    )
)
MODEL = ModelFeatures.of((), {"affinity": "spend_{category}", "share": "spend_{category} / income"})
AT = datetime(2026, 1, 1, tzinfo=UTC)
ROW = {
    "at": AT,
    "rating": 3,
    "visits": 2,
    "income": 9.0,
    "born_at": AT,
    "seen_at": AT,
    "spend_food": 1.0,
    "spend_drinks": 2.0,
}


def models(*let_in: str, schema: FeatureSchema = SCHEMA) -> CompanyModels:
    return CompanyModels(
        schema=schema,
        model=MODEL,
        monotone={"recency": -1},
        group="journey_id",
        sensitive=sensitive_of(schema) - frozenset(let_in),
        objective="bought",
    )


def learnt_from(place: Path, own: CompanyModels, asked: LogColumns, **row: object) -> tuple[LogColumns, ModelTerms]:
    """Of a plain log of one row: the columns that are read, and the terms of what is in them."""
    table = pa.Table.from_pylist([{**ROW, **row}])
    pq.write_table(table, place / "log.parquet")
    files = LogFiles(place / "log.parquet")
    columns = own.columns_for(files, asked)
    return columns, own.terms_for(files, asked, columns_of(table, columns.features, "at", columns.categorical))


def test_sensitive_features_are_in_no_column_no_age_and_no_interaction(tmp_path: Path) -> None:
    columns, terms = learnt_from(tmp_path, models(), LogColumns())
    assert columns.features == ("rating", "visits", "seen_at", "spend_food")
    assert columns.categorical == ("rating",), "by the schema, whatever the log has"
    assert [one.name for one in terms.schema.features] == ["rating", "visits", "seen_at", "spend_food", "recency"]
    assert list(terms.model.interactions) == ["affinity"]
    assert terms.model.interactions["affinity"].features(terms.schema) == {"spend_food"}
    assert terms.notices == (
        "sensitive, not let in by `training.sensitive`: age, born_at, income, spend_drinks",
        "interactions of features that are left out: share",
    )


def test_what_is_let_in_by_name_is_learnt_from(tmp_path: Path) -> None:
    columns, terms = learnt_from(tmp_path, models("income", "age"), LogColumns())
    assert "born_at" in columns.features, "the age is counted from it"
    names = {one.name for one in terms.schema.features}
    assert ({"income", "age"} <= names, "born_at" in names) == (True, False)
    assert list(terms.model.interactions) == ["affinity", "share"]


def test_features_that_a_log_lacks_or_has_in_another_type_are_left_out_with_a_notice(tmp_path: Path) -> None:
    wider = FeatureSchema((*SCHEMA.features, spec("newer", FeatureType.DOUBLE)))
    _, terms = learnt_from(tmp_path, models(schema=wider), LogColumns(), visits="two")
    assert "visits" not in terms.schema.by_name
    assert "not in the log, or of another type there: visits, newer" in terms.notices


def test_a_log_of_another_company_is_refused(tmp_path: Path) -> None:
    """It has none of the features, or those of these names in other types alone."""
    with pytest.raises(LogInvalid, match="it has no feature of the company that models may learn from"):
        learnt_from(tmp_path, models(schema=FeatureSchema((spec("shoe_size", FeatureType.DOUBLE),))), LogColumns())
    with pytest.raises(LogInvalid, match="is it another company's log"):
        learnt_from(
            tmp_path, models(schema=FeatureSchema((spec("visits", FeatureType.INT),))), LogColumns(), visits="?"
        )


def test_a_feature_that_is_asked_for_and_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LogInvalid, match="shoe_size: the company has no such feature"):
        learnt_from(tmp_path, models(), LogColumns(features=("shoe_size",)))


def test_sensitive_features_stay_out_though_they_are_asked_for(tmp_path: Path) -> None:
    columns, terms = learnt_from(tmp_path, models(), LogColumns(features=("income", "visits")))
    assert columns.features == ("visits",)
    assert [one.name for one in terms.schema.features] == ["visits"]
