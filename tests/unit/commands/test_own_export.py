"""What `rumbo train` reads is brought up to date: what is settled stays, and what it lacks is added."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.bootstrap.export import update_export
from tests.builders import NOW
from tests.contract.history import DAY, decided, denials_in, present, table_in
from tests.example import COMPANY
from tests.stores import sqlite_state
from training.export import own_export
from training.log.files import LogFiles

DAYS = ["day=2018-01-03", "day=2018-01-04"]


@pytest.fixture(autouse=True)
def kept_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decisions of 2018 are kept; their events are gone, by the default."""
    for table in ("DECISIONS", "CONTACTS", "OUTCOMES"):
        monkeypatch.setenv(f"RUMBO_KEEP_{table}_DAYS", "36500")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a decision on each of two days, whose windows ended years ago."""

    async def fill() -> None:
        state = sqlite_state(tmp_path / "home" / "state.db")
        await decided(state, "d1")
        await present(state, "d1")
        await decided(state, "d2", customer_id="2", now=NOW + DAY)
        await state.close()

    asyncio.run(fill())
    return tmp_path / "home"


def changes(folder: Path) -> dict[str, tuple[int, int]]:
    """When each file of the folder was written, and which it is."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return {f"{file.relative_to(folder)}": (file.stat().st_mtime_ns, file.stat().st_ino) for file in files}


def test_a_settled_day_is_left_alone(home: Path) -> None:
    before = changes(update_export(COMPANY, home))
    assert sorted(before) == [
        *(f"_denials/{day}/denials.parquet" for day in DAYS),
        *(f"{day}/decisions.parquet" for day in DAYS),
    ]
    assert changes(update_export(COMPANY, home)) == before


@pytest.mark.parametrize("lack", ["none", "other columns", "no table"])
def test_a_settled_day_that_lacks_its_denials_gets_them_and_nothing_else(home: Path, lack: str) -> None:
    """Were its decisions written again, an event that told of a reward might be gone by now."""
    folder = update_export(COMPANY, home)
    before, denied = changes(folder), denials_in(folder)
    file = folder / "_denials" / DAYS[0] / "denials.parquet"
    if lack == "none":
        shutil.rmtree(file.parent)
    elif lack == "other columns":
        pq.write_table(pa.table({"decision_id": ["d1"]}), file)
    else:
        file.write_bytes(b"no table")
    after = changes(update_export(COMPANY, home))
    assert denials_in(folder).equals(denied)
    assert {name for name in before if after[name] != before[name]} == {f"_denials/{DAYS[0]}/denials.parquet"}


def test_a_day_past_its_time_gets_none_for_its_decisions_may_be_going(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = update_export(COMPANY, home)
    shutil.rmtree(folder / "_denials")
    before = changes(folder)
    monkeypatch.setenv("RUMBO_KEEP_DECISIONS_DAYS", "400")
    assert changes(update_export(COMPANY, home)) == before


def test_a_day_that_the_store_has_no_longer_stays_as_it_was_exported(home: Path) -> None:
    folder = update_export(COMPANY, home)
    shutil.rmtree(folder / "_denials" / DAYS[0])
    before = changes(folder)
    with closing(sqlite3.connect(home / "state.db")) as database, database:
        database.execute("DELETE FROM decisions WHERE decision_id = 'd1'")
    assert changes(update_export(COMPANY, home)) == before
    assert set(table_in(folder)["decision_id"].to_pylist()) == {"d1", "d2"}


def test_a_log_is_the_first_table_alone(home: Path) -> None:
    folder = update_export(COMPANY, home)
    log = LogFiles(folder)
    assert "codes" not in log.columns
    assert [f"{file.relative_to(folder)}" for file in log.read(log.columns).files] == [
        f"{day}/decisions.parquet" for day in DAYS
    ]


async def test_it_is_brought_up_to_date_in_a_notebook_too(home: Path) -> None:
    """Whose cells run inside of a loop."""
    assert table_in(own_export(COMPANY, home)).num_rows == 4
