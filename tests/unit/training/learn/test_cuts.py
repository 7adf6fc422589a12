"""Rows are cut by what a log has: kinds, channels, segments, and sensitive features that no model sees."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.derived import Formula
from features.encoder import Encoder
from features.interactions import ModelFeatures
from features.schema import FeatureSchema, FeatureType, PersonalData
from tests.model_builders import spec
from training.company import sensitive_of
from training.learn.cuts import FEW_VALUES, MISSING, MOST_LEVELS, OTHER, cuts_of, sources_of
from training.learn.slices import Cut, Role
from training.log.decisions import decisions_of
from training.log.errors import LogInvalid
from training.log.files import LogFiles
from training.log.options import LogColumns

AT = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = 80
SCHEMA = FeatureSchema(
    (
        spec("visits", FeatureType.INT),
        replace(spec("income", FeatureType.DOUBLE), personal_data=PersonalData.SENSITIVE),
        replace(spec("status", FeatureType.STRING), personal_data=PersonalData.SENSITIVE),
        replace(spec("born_at", FeatureType.TIMESTAMP), personal_data=PersonalData.SENSITIVE),
        replace(spec("age", FeatureType.DOUBLE), formula=Formula.parsed("days_since(born_at)")),
    )
)


def exported(place: Path, **columns: object) -> LogFiles:
    """An exported log of ROWS rows, two journeys by turns."""
    journeys = [("offer", "help")[i % 2] for i in range(ROWS)]
    table = {
        "decision_id": [f"d{i}" for i in range(ROWS)],
        "customer_id": [f"c{i}" for i in range(ROWS)],
        "decided_at": pa.array([AT + timedelta(days=i) for i in range(ROWS)], pa.timestamp("us", "UTC")),
        "journey_id": journeys,
        "kind": ["promotional" if one == "offer" else "service" for one in journeys],
        "channel": ["app"] * ROWS,
        "eligible": pa.array([["offer", "help"]] * ROWS, pa.list_(pa.string())),
        "rank": [1] * ROWS,
        "is_censored": [False] * ROWS,
        "propensity": [0.5] * ROWS,
        "reward": [float(i % 3 == 0) for i in range(ROWS)],
        "attributes": pa.array([[("colour", one[0])] for one in journeys], pa.map_(pa.string(), pa.string())),
        "feature_visits": list(range(ROWS)),
        "feature_status": [("single", "married", None)[i % 3] for i in range(ROWS)],
        "feature_income": [float(i % 2) for i in range(ROWS)],
        "feature_born_at": pa.array([AT - timedelta(days=365 * i) for i in range(ROWS)], pa.timestamp("us", "UTC")),
    } | columns
    pq.write_table(pa.table(table), place / "log.parquet")
    return LogFiles(place / "log.parquet")


def cuts_in(files: LogFiles, *segments: str, schema: FeatureSchema | None = SCHEMA) -> dict[str, Cut]:
    sensitive = () if schema is None else sensitive_of(schema)
    log = decisions_of(files, LogColumns(features=("visits",)))
    held_out = log.where(np.arange(log.size) >= 2)
    encoder = Encoder.fit_columns({}, [], FeatureSchema(SCHEMA.features[:1]), ModelFeatures())
    found = cuts_of(files, held_out, sources_of(files, segments, schema, sensitive), encoder)
    return {cut.by: cut for cut in found}


def levels(cut: Cut) -> list[str]:
    return [cut.levels[code] for code in cut.codes]


def test_kind_channel_segments_and_sensitive_features_each_have_their_role(tmp_path: Path) -> None:
    cuts = cuts_in(exported(tmp_path), "visits", "colour")
    assert {by: cut.role for by, cut in cuts.items()} == {
        "kind": Role.KIND,
        "channel": Role.CHANNEL,
        "visits": Role.SEGMENT,
        "colour": Role.SEGMENT,
        "age": Role.SENSITIVE,
        "income": Role.SENSITIVE,
        "status": Role.SENSITIVE,
    }
    assert [by for by, cut in cuts.items() if cut.is_seen] == ["visits"]


def test_each_row_that_was_measured_has_the_level_of_its_own_row_of_the_log(tmp_path: Path) -> None:
    cuts = cuts_in(exported(tmp_path), "colour")
    assert levels(cuts["kind"])[:2] == ["promotional", "service"]
    assert levels(cuts["colour"])[:2] == ["o", "h"]
    assert levels(cuts["status"])[:3] == [MISSING, "single", "married"], "the first row measured is the log's third"


def test_numbers_with_many_values_are_cut_in_quarters_and_few_values_are_levels(tmp_path: Path) -> None:
    cuts = cuts_in(exported(tmp_path), "visits")
    visits = np.arange(2, ROWS)
    assert cuts["visits"].codes.tolist() == np.searchsorted(np.quantile(visits, [0.25, 0.5, 0.75]), visits).tolist()
    assert cuts["visits"].keys[:4] == ("q1", "q2", "q3", "q4")
    assert cuts["visits"].levels[:2] == ("≤ 21.25", "> 21.25, ≤ 40.5")
    assert levels(cuts["income"])[:2] == ["0", "1"]


def test_an_instant_is_cut_by_its_age_at_the_decision(tmp_path: Path) -> None:
    """Who was born a year earlier for each day of the log is 366 days older each."""
    age = cuts_in(exported(tmp_path))["age"]
    days = 366.0 * np.arange(2, ROWS)
    assert age.codes.tolist() == np.searchsorted(np.quantile(days, [0.25, 0.5, 0.75]), days).tolist()


def test_rare_levels_are_put_together(tmp_path: Path) -> None:
    """Of 30 levels the last ten are rarer."""
    frequent = [f"l{i:02}" for i in range(MOST_LEVELS)] * 3
    names = [*frequent, *(f"m{i}" for i in range(ROWS - len(frequent)))]
    cut = cuts_in(exported(tmp_path, feature_status=names))["status"]
    assert cut.levels == (*sorted(set(frequent)), OTHER, MISSING)
    assert levels(cut).count(OTHER) == ROWS - len(frequent)


def test_without_a_company_a_feature_of_an_exported_log_is_known_by_its_name(tmp_path: Path) -> None:
    cuts = cuts_in(exported(tmp_path), "status", schema=None)
    assert list(cuts) == ["kind", "channel", "status"]
    assert cuts["status"].role is Role.SEGMENT


def test_a_feature_that_is_named_as_a_segment_and_sensitive_is_cut_once(tmp_path: Path) -> None:
    cuts = cuts_in(exported(tmp_path), "status")
    assert cuts["status"].role is Role.SENSITIVE


def test_a_number_at_the_limit_of_few_values_is_cut_at_each(tmp_path: Path) -> None:
    cut = cuts_in(exported(tmp_path, feature_income=[float(i % FEW_VALUES) for i in range(ROWS)]))["income"]
    assert cut.levels == (*map(str, range(FEW_VALUES)), MISSING)


def test_what_the_log_does_not_have_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(LogInvalid, match=r"shoe_size: there is no such column to slice by; it has: .*visits"):
        sources_of(exported(tmp_path), ["shoe_size"], SCHEMA, ())


def test_a_column_of_lists_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LogInvalid, match="eligible: holds list"):
        cuts_in(exported(tmp_path), "eligible")
