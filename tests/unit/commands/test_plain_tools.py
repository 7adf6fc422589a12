"""The export is a plain table: the guide's lines for other tools, run as they stand there."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from service.cli import main
from tests.builders import NOW
from tests.contract.history import DAY, decided, present, table_in
from tests.documents import GUIDES, rows, section
from tests.stores import sqlite_state

pytestmark = pytest.mark.usefixtures("of_the_example")

LINES = {cells[0]: cells[1].strip("`") for cells in rows(section(GUIDES / "data-scientist.md", "In other tools"))}
"""The code of each tool, by its name."""
IN_PYTHON = ("pandas", "polars", "DuckDB")


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """A folder with `export`: four rows of two days."""
    place = tmp_path

    async def fill() -> None:
        state = sqlite_state(place / "home" / "state.db")
        await decided(state, "d1")
        await present(state, "d1", "survey")
        await decided(state, "d2", customer_id="2", now=NOW + DAY)
        await state.close()

    asyncio.run(fill())
    arguments = ["state", "export", "--home", str(place / "home"), "--since", "2018-01-01", "--to"]
    assert CliRunner().invoke(main, [*arguments, str(place / "export")]).exit_code == 0
    return place


def test_the_guide_has_a_line_for_each_tool() -> None:
    assert list(LINES) == [*IN_PYTHON, "R"]


@pytest.mark.parametrize("tool", IN_PYTHON)
def test_line_of_the_guide_reads_every_row_and_nothing_else(
    tool: str, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(exported)
    known: dict[str, Any] = {}
    exec(LINES[tool], known)
    log = known["log"]
    log = log.df() if tool == "DuckDB" else log
    expected = table_in(exported / "export")
    assert sorted(log["journey_id"]) == sorted(expected["journey_id"].to_pylist())
    assert set(expected.column_names) <= set(log.columns)


def test_line_for_r_reads_the_same_folder() -> None:
    """R is not there to run it; what it names is."""
    assert re.fullmatch(r'log <- arrow::open_dataset\("export"\)', LINES["R"])
