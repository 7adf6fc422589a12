"""What the example's model learns from, cell by cell: the encoder's code may change, what it makes of a row may not."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from features.encoder import Encoder
from tests.example import MODEL, SCHEMA
from training.history import encode, read_history
from training.split import split

pytestmark = pytest.mark.timeout(300)  # a fixture of the session prepares a home

KEPT: dict[str, Any] = json.loads(Path(__file__).with_name("kept_matrix.json").read_text(encoding="utf-8"))
"""Of the encoder whose ages and interactions were constants: every column, some rows, and a hash of all rows."""


def test_the_matrix_of_real_households_is_what_it_was_bit_for_bit(prepared_company: Path) -> None:
    parts = split(read_history(prepared_company, SCHEMA))
    journeys = {pair.journey.journey_id: pair.journey for pair in parts.training}
    encoder = Encoder.fit((pair.row for pair in parts.training), journeys.values(), SCHEMA, MODEL)
    training, test = encode(parts.training, encoder).matrix, encode(parts.test, encoder).matrix
    assert list(encoder.columns) == KEPT["columns"]
    assert list(encoder.categorical) == KEPT["categorical"]
    for kept in KEPT["pairs"]:
        (at,) = (
            i
            for i, pair in enumerate(parts.training)
            if (pair.customer_id, pair.campaign_id) == (kept["customer_id"], kept["campaign_id"])
        )
        assert _cells(training[at]) == dict(zip(KEPT["columns"], kept["row"], strict=True))
    assert _summary(training) == KEPT["training"]
    assert _summary(test) == KEPT["test"]


def _cells(row: NDArray[np.float64]) -> dict[str, float | None]:
    return {name: None if np.isnan(cell) else float(cell) for name, cell in zip(KEPT["columns"], row, strict=True)}


def _summary(matrix: NDArray[np.float64]) -> dict[str, object]:
    """Its shape, and a hash of its cells, every NaN alike."""
    cells = np.where(np.isnan(matrix), np.nan, matrix)
    return {"shape": list(matrix.shape), "sha256": hashlib.sha256(cells.tobytes()).hexdigest()}
