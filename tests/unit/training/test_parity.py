"""Rows that a model scored are scored by it again: alike, or the row, the column and the version are named."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.schema import FeatureSchema
from models.bundle import Bundle
from models.scorer import Scorer
from tests.model_builders import JOURNEYS, NOW, SCHEMA, bundle, customers
from training.backfill.record import write_record
from training.log.errors import LogInvalid
from training.log.files import LogFiles
from training.parity import Parity, demand_parity

NAMES = ("age_band", "spend_90d", "spend_soap_90d", "redemptions_total")
GONE = "0" * 16


@pytest.fixture(scope="module")
def trained() -> Bundle:
    return bundle()


def served(trained: Bundle) -> list[dict[str, Any]]:
    """Eight rows of the model, two of one that is gone, two of priors."""
    scorer, rows = Scorer(trained), []
    for i, customer in enumerate(customers(12, seed=3)):
        journey = JOURNEYS[i % 2]
        (p_outcome,) = scorer.score(customer, NOW, [journey])
        rows.append(
            {
                "decision_id": f"d{i}",
                "customer_id": f"c{i}",
                "decided_at": NOW,
                "rank": 1,
                "journey_id": journey.journey_id,
                "kind": journey.kind,
                "attributes": sorted(journey.attributes.items()),
                "p_outcome": float(p_outcome) if i < 8 else 0.5,
                "score_source": "PRIOR" if i >= 10 else "MODEL",
                "model_version": trained.version if i < 8 else GONE,
                "eligible": [journey.journey_id],
                "is_censored": True,
                **{f"feature_{name}": customer[name].value for name in NAMES},
            }
        )
    return rows


def parity_of(
    place: Path,
    rows: list[dict[str, Any]],
    known: Mapping[str, Bundle],
    schema: FeatureSchema = SCHEMA,
    *,
    folder: bool = False,
) -> Parity:
    texts = pa.map_(pa.string(), pa.string())
    inferred = pa.Table.from_pylist([{k: v for k, v in row.items() if k != "attributes"} for row in rows])
    said = pa.array([row["attributes"] for row in rows], texts)
    pq.write_table(inferred.append_column("attributes", said), place / "log.parquet")
    return demand_parity(LogFiles(place if folder else place / "log.parquet"), known.get, schema)


def test_rows_that_are_alike_are_counted_and_versions_that_are_gone_are_told(trained: Bundle, tmp_path: Path) -> None:
    found = parity_of(tmp_path, served(trained), {trained.version: trained})
    assert found == Parity(rescored=8, left={GONE: (2, "the registry does not have it")})
    assert list(found.lines())[1] == f"2 rows scored by model {GONE} were not: the registry does not have it"


def test_a_row_that_was_changed_is_named_with_version_column_and_features(trained: Bundle, tmp_path: Path) -> None:
    rows = served(trained)
    rows[5]["p_outcome"] += 2e-9
    told = rf"row 5: p_outcome: model {trained.version} gives 0\.\d+ .*most follows from: redemptions_total"
    with pytest.raises(LogInvalid, match=told):
        parity_of(tmp_path, rows, {trained.version: trained})
    rows[5]["p_outcome"] -= 1.5e-9
    assert parity_of(tmp_path, rows, {trained.version: trained}).rescored == 8


def test_what_the_model_read_and_the_log_lacks_is_named(trained: Bundle, tmp_path: Path) -> None:
    rows = [{k: v for k, v in row.items() if k != "feature_spend_90d"} for row in served(trained)]
    with pytest.raises(LogInvalid, match=f"feature_spend_90d: the log lacks what model {trained.version} reads"):
        parity_of(tmp_path, rows, {trained.version: trained})


def test_texts_where_the_model_read_numbers_are_named(trained: Bundle, tmp_path: Path) -> None:
    rows = [{**row, "feature_spend_90d": str(row["feature_spend_90d"])} for row in served(trained)]
    with pytest.raises(LogInvalid, match="feature_spend_90d: the model reads a number here, and this is a text"):
        parity_of(tmp_path, rows, {trained.version: trained})


def test_a_model_that_reads_what_the_company_lost_is_told_and_no_fault(trained: Bundle, tmp_path: Path) -> None:
    schema = FeatureSchema(tuple(spec for spec in SCHEMA.features if spec.name != "age_band"))
    found = parity_of(tmp_path, served(trained), {trained.version: trained}, schema)
    assert found.rescored == 0
    assert found.left[trained.version] == (
        8,
        "it reads what the company has no longer: age_band: there is no such feature",
    )


def test_attributes_that_are_not_known_are_told_where_the_model_reads_them(trained: Bundle, tmp_path: Path) -> None:
    rows = [{**row, "attributes": None} for row in served(trained)]
    found = parity_of(tmp_path, rows, {trained.version: trained})
    assert found.left[trained.version] == (8, "the log does not say the attributes of its journeys")


def test_rows_whose_features_gave_way_to_the_history_are_told_and_not_scored_again(
    trained: Bundle, tmp_path: Path
) -> None:
    write_record(tmp_path, {"replaced": {"spend_90d": 8, "shoe_size": 8}})
    served_rows = [{**row, "feature_spend_90d": 0.0} for row in served(trained)]
    inferred = parity_of(tmp_path, served_rows, {trained.version: trained}, folder=True)
    assert inferred.rescored == 0
    assert inferred.left[trained.version] == (8, "the log has other values than were served of spend_90d")
