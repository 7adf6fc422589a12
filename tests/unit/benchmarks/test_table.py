"""What a run has found, as people read it."""

from __future__ import annotations

import math

import pytest
from rich.table import Table

from tests.benchmarks.speed.table import _number, markdown, tables

FOUND = {
    "run": {"rounds": 5, "seconds": 4.0, "cores": 2},
    "answer_bytes": 1053,
    "compared": {
        "glue": {"per_s": 4301.4, "throughput_ratio_sqlite": 0.05},
        "servers": {"per_s": 1000.4, "throughput_ratio_sqlite": 0.6},
    },
    "overload": {},
}


def test_a_table_of_markdown_has_a_line_of_heads_and_one_a_row() -> None:
    table = Table("", "a", title="told")
    table.add_row("rate", "7")
    assert markdown(table) == "**told**\n\n|  | a |\n| --- | --- |\n| rate | 7 |\n"


def test_what_was_not_measured_has_no_row_and_no_table() -> None:
    told = "\n".join(markdown(table) for table in tables(FOUND))
    assert "| calls a second, 32 callers | 4,301 | 1,000 |" in told
    assert "| throughput ÷ that of Rumbo on SQLite | 0.05 | 0.60 |" in told
    assert "99th percentile" not in told
    assert "saturation" not in told


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (0.0, "0"), (4301.4, "4,301"), (44.26, "44.3"), (4.0, "4"), (0.2045, "0.20"), (0.0021, "0.0021")],
)
def test_a_number_has_the_digits_that_a_measurement_bears(value: float | None, text: str) -> None:
    assert _number(value) == text


def test_what_is_no_number_says_so() -> None:
    assert _number(math.nan) == "nan"
