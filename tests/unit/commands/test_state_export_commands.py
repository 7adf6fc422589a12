"""`rumbo state export` and `import`: from one home to another, bad rows named, a stop that leaves nothing behind."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from service.cli import INTERRUPTED, main
from service.state.export.denials import denials_schema
from service.state.export.fields import documented
from service.state.export.table import export_schema
from tests.builders import NOW
from tests.contract.history import DAY, decided, plain, present, table_in
from tests.example import SCHEMA
from tests.stores import sqlite_state

pytestmark = pytest.mark.usefixtures("of_the_example")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a decision on each of two days, whose windows ended years ago; those of one were presented."""

    async def fill() -> None:
        state = sqlite_state(tmp_path / "home" / "state.db")
        await decided(state, "d1")
        await present(state, "d1")
        await present(state, "d1", "survey")
        await decided(state, "d2", customer_id="2", now=NOW + DAY)
        await state.close()

    asyncio.run(fill())
    return tmp_path / "home"


def rumbo(home: Path, command: str, *arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["state", command, "--home", str(home), *map(str, arguments)])


def test_what_is_exported_from_one_home_is_imported_into_another(home: Path, tmp_path: Path) -> None:
    done = rumbo(home, "export", "--since", "2018-01-01", "--to", tmp_path / "table")
    assert (done.exit_code, done.stdout) == (0, f"4 rows of 2 days in {tmp_path / 'table'}\n")
    taken = rumbo(tmp_path / "new", "import", tmp_path / "table")
    assert (taken.exit_code, taken.stdout) == (0, "decisions: 2 new, 0 brought up to date, 0 known already\n")
    rumbo(tmp_path / "new", "export", "--since", "2018-01-01", "--to", tmp_path / "again")
    assert table_in(tmp_path / "again").equals(table_in(tmp_path / "table"))
    assert table_in(tmp_path / "table")["reward"].to_pylist() == [None, 0.0, None, None], "basket: its events are gone"


def test_until_is_not_a_part_and_no_day_is_said_to_be_none(home: Path, tmp_path: Path) -> None:
    rumbo(home, "export", "--since", "2018-01-03", "--until", "2018-01-04", "--to", tmp_path / "t")
    assert sorted(folder.name for folder in (tmp_path / "t").iterdir()) == ["_denials", "day=2018-01-03"]
    none = rumbo(home, "export", "--since", f"{datetime.now(UTC):%Y-%m-%d}", "--to", tmp_path / "u")
    assert (none.exit_code, none.stdout) == (0, "no decisions in these days\n")


def test_a_day_that_is_none_is_told_how_to_write_one(home: Path, tmp_path: Path) -> None:
    refused = rumbo(home, "export", "--since", "30/11/2018", "--to", tmp_path / "t")
    assert refused.exit_code == 2
    assert "Invalid value for '--since': '30/11/2018' is no day: write it as 2026-12-31" in refused.stderr
    one = rumbo(home, "export", "--since", "2018-01-03", "--until", "2018-01-04", "--to", tmp_path / "t")
    assert " rows of 1 day in " in one.stdout


def test_a_home_without_a_store_has_nothing_to_export(tmp_path: Path) -> None:
    refused = rumbo(tmp_path, "export", "--since", "2018-01-01", "--to", tmp_path / "t")
    assert refused.exit_code == 1
    assert "there is no state store" in refused.stderr
    assert not (tmp_path / "state.db").exists()


def test_a_table_with_a_bad_row_is_refused_and_the_others_are_taken_when_asked(home: Path, tmp_path: Path) -> None:
    file = plain(tmp_path / "in", {"customer_id": "7", "typo": 1}, {"customer_id": "8", "reward": math.nan})
    refused = rumbo(home, "import", file)
    assert refused.exit_code == 1
    assert "log.parquet, row 2, column reward: NOT_FINITE" in refused.stderr
    assert "nothing was imported" in refused.stderr
    taken = rumbo(home, "import", "--skip-bad", file)
    assert (taken.exit_code, taken.stdout) == (0, "decisions: 1 new, 0 brought up to date, 0 known already\n")
    assert "skipped: log.parquet, row 2, column reward: NOT_FINITE" in taken.stderr
    assert "columns that mean nothing here: typo" in taken.stderr


def test_a_record_in_a_form_that_is_not_known_ends_the_export_in_one_line(home: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(home / "state.db")) as database, database:
        database.execute("UPDATE decisions SET record = '7 ' || substr(record, 3) WHERE decision_id = 'd2'")
    done = rumbo(home, "export", "--since", "2018-01-01", "--to", tmp_path / "table")
    assert done.exit_code == 1
    assert "decision d2 is recorded in format 7, this program knows 1 to 3: use the later program\n" in done.stderr
    assert "Traceback" not in done.stderr
    assert [file.parent.name for file in (tmp_path / "table").rglob("*.parquet")] == ["day=2018-01-03"] * 2


def test_the_schema_is_told_as_a_table_for_each_file_without_a_store() -> None:
    shown = CliRunner().invoke(main, ["state", "export", "--schema"])
    assert shown.exit_code == 0
    before, *parts = shown.stdout.split("## ")
    assert before == ""
    assert [part.partition(":")[0] for part in parts] == [
        "day=YYYY-MM-DD/decisions.parquet",
        "_denials/day=YYYY-MM-DD/denials.parquet",
    ]
    for part, schema in zip(parts, (export_schema(SCHEMA), denials_schema()), strict=True):
        lines = [line for line in part.splitlines() if line.startswith("|")]
        assert [line.split(" | ")[0] for line in lines[2:]] == [f"| {name}" for name, *_ in documented(schema)]
        assert all(line.count(" | ") == 3 for line in lines[2:])


@pytest.mark.slow
def test_an_interrupted_export_ends_with_130_and_keeps_whole_days_only(home: Path, tmp_path: Path) -> None:
    """The draft of the second day is a pipe, so that the export gets no further until somebody reads from it."""
    folder = tmp_path / "table"
    command = [sys.executable, "-m", "service.cli", "state", "export", "--home", str(home), "--since", "2018-01-01"]
    with subprocess.Popen([*command, "--to", str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            draft = folder / "day=2018-01-04" / f".decisions.parquet.{process.pid}.draft"
            draft.parent.mkdir(parents=True)
            os.mkfifo(draft)
            while not (folder / "day=2018-01-03" / "decisions.parquet").exists():
                assert process.poll() is None
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            assert process.stderr is not None
            assert process.stderr.readline(), "the bar is put away once the export was told to stop"
            reader = os.open(draft, os.O_RDONLY | os.O_NONBLOCK)
            assert process.wait(30) == INTERRUPTED
            os.close(reader)
        finally:
            process.kill()
    assert [file.parent.name for file in folder.rglob("*.parquet")] == ["day=2018-01-03"] * 2
    assert pq.read_table(folder / "day=2018-01-03" / "decisions.parquet").num_rows == 2
