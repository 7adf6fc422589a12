"""What the example's model learns from, cell by cell: the encoder's code may change, what it makes of a row may not."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from features.columns.encode import matrix_of
from features.columns.facts import levels_of
from features.company.company import load_company
from features.encoder import Encoder, JourneyRow
from service.examples.complete_journey.data.campaigns import CAMPAIGNS, TEST_FROM
from tests.example import MODEL, SCHEMA
from training.company import CompanyModels
from training.log.decisions import DecisionLog, read_decisions
from training.log.files import LogFiles
from training.log.options import LogColumns

pytestmark = pytest.mark.timeout(300)  # a fixture of the session prepares a home

KEPT: dict[str, Any] = json.loads(Path(__file__).with_name("kept_matrix.json").read_text(encoding="utf-8"))
"""Of the encoder whose ages and interactions were constants: every column, some rows, and a hash of all rows."""


def test_the_matrix_of_real_customers_is_what_it_was_bit_for_bit(prepared_company: Path, tmp_path: Path) -> None:
    """With what is sensitive, which the model did not leave out then."""
    file = prepared_company / CAMPAIGNS
    models = replace(CompanyModels.of(load_company(prepared_company), tmp_path), sensitive=frozenset())
    log = read_decisions(file, models.columns_for(LogFiles(file), LogColumns()))
    begins = np.datetime64(TEST_FROM.replace(tzinfo=None), "us")
    assert log.window_ends_at is not None
    training, test = log.where(log.window_ends_at <= begins), log.where(log.decided_at >= begins)
    journeys = [
        JourneyRow(journey_id=name, kind=kind, attributes=attributes)
        for name, kind, attributes in zip(log.choices.journeys, log.kinds, log.attributes, strict=True)
    ]
    seen = [journeys[place] for place in np.unique(training.shown)]
    encoder = Encoder.fit_columns(levels_of(training.choices.features), seen, SCHEMA, MODEL)
    assert list(encoder.columns) == KEPT["columns"]
    assert list(encoder.categorical) == KEPT["categorical"]
    of_training, of_test = (_matrix(encoder, part, journeys) for part in (training, test))
    names = pq.read_table(file, columns=["decision_id"])["decision_id"].to_pylist()
    for kept in KEPT["pairs"]:
        place = names.index(f"campaign-{kept['campaign_id']}-{kept['customer_id']}")
        (at,) = np.flatnonzero(training.row == place)
        assert _cells(of_training[at]) == dict(zip(KEPT["columns"], kept["row"], strict=True))
    assert _summary(of_training) == KEPT["training"]
    assert _summary(of_test) == KEPT["test"]


def _matrix(encoder: Encoder, log: DecisionLog, journeys: list[JourneyRow]) -> NDArray[np.float64]:
    return matrix_of(encoder, log.choices.features, journeys, log.shown)


def _cells(row: NDArray[np.float64]) -> dict[str, float | None]:
    return {name: None if np.isnan(cell) else float(cell) for name, cell in zip(KEPT["columns"], row, strict=True)}


def _summary(matrix: NDArray[np.float64]) -> dict[str, object]:
    """Its shape, and a hash of its cells, every NaN alike."""
    cells = np.ascontiguousarray(np.where(np.isnan(matrix), np.nan, matrix))
    return {"shape": list(matrix.shape), "sha256": hashlib.sha256(cells.tobytes()).hexdigest()}
