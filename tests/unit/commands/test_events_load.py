"""`rumbo events load`: what it says, what it lists, and how it ends."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from service.cli import main
from tests.event_files import as_csv
from tests.example import COMPANY

TOLD: Mapping[str, Any] = {
    "event_id": "e1",
    "customer_id": "1",
    "source": "till",
    "type": "purchase",
    "occurred_at": datetime(2026, 1, 2, tzinfo=UTC),
    "amount": 1.5,
}
NO_ZONE: Mapping[str, Any] = {**TOLD, "event_id": "e2", "occurred_at": "2026-01-02T00:00:00"}
NO_AMOUNT: Mapping[str, Any] = {**TOLD, "event_id": 'e"3', "amount": None}


def load(home: Path, file: Path, *options: str | Path) -> Result:
    return CliRunner().invoke(
        main, ["events", "load", "--company", str(COMPANY), "--home", str(home), str(file), *map(str, options)]
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def test_events_are_taken_in_once_and_nothing_is_listed(home: Path, tmp_path: Path) -> None:
    file = as_csv(tmp_path, [TOLD, TOLD])
    first, again = load(home, file), load(home, file)
    before = "1 that stand in the file before"
    assert (first.exit_code, first.stdout) == (0, f"events: 1 taken in, 0 known already, {before}\n")
    assert (again.exit_code, again.stdout) == (0, f"events: 0 taken in, 1 known already, {before}\n")
    assert "100%" in first.stderr
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [file.name]


def test_refused_rows_are_listed_until_a_load_refuses_none(home: Path, tmp_path: Path) -> None:
    listed = tmp_path / "events.csv.refused.csv"
    first = load(home, as_csv(tmp_path, [NO_ZONE, TOLD, NO_AMOUNT]))
    assert first.exit_code == 1
    assert first.stdout.splitlines() == [
        "events: 1 taken in, 0 known already, 2 refused (1 MISSING, 1 NO_ZONE)",
        f"refused rows are listed in {listed}",
    ]
    text = 'row,event_id,field,code\n1,e2,occurred_at,NO_ZONE\n3,"e""3",amount,MISSING\n'
    assert listed.read_text(encoding="utf-8") == text
    mended = load(home, as_csv(tmp_path, [TOLD, {**NO_AMOUNT, "amount": 2.5}]))
    assert (mended.exit_code, mended.stdout) == (0, "events: 1 taken in, 1 known already\n")
    assert not listed.exists()


def test_the_list_stands_where_it_is_asked_for(home: Path, tmp_path: Path) -> None:
    place = tmp_path / "for the desk" / "today.csv"
    done = load(home, as_csv(tmp_path, [NO_ZONE]), "--refused", place)
    assert (done.exit_code, place.is_file()) == (1, True)
    assert not (tmp_path / "events.csv.refused.csv").exists()


def test_the_file_itself_is_no_place_for_the_list(home: Path, tmp_path: Path) -> None:
    file = as_csv(tmp_path, [NO_ZONE])
    content = file.read_bytes()
    refused = load(home, file, "--refused", tmp_path / "home" / ".." / file.name)
    assert (refused.exit_code, file.read_bytes()) == (2, content)
    assert "--refused" in refused.stderr


def test_a_place_that_cannot_be_written_is_told_before_anything_is_taken_in(home: Path, tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    refused = load(home, as_csv(tmp_path, [TOLD]), "--refused", tmp_path / "a file" / "list.csv")
    assert refused.exit_code == 1
    assert refused.stderr.startswith("Error: ")
    assert not home.exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("customer_id,source\n1,till\n", "events.csv, column type: MISSING"),
        ("", "events.csv, column occurred_at: MISSING"),
        ("\ufffe", "events.csv, column *: NOT_UTF8"),
    ],
)
def test_a_file_that_is_no_table_of_events_is_told_in_lines_and_makes_no_store(
    home: Path, tmp_path: Path, content: str, said: str
) -> None:
    (tmp_path / "events.csv").write_text(content, encoding="utf-16-le" if content.startswith("\ufffe") else "utf-8")
    refused = load(home, tmp_path / "events.csv")
    assert refused.exit_code == 1
    assert refused.stderr.startswith("Error: the file cannot be taken as events:\n")
    assert said in refused.stderr
    assert "Traceback" not in refused.output
    assert not home.exists()


def test_a_file_without_rows_is_told(home: Path, tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text(",".join(TOLD) + "\n", encoding="utf-8")
    refused = load(home, tmp_path / "events.csv")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "events.csv, column *: EMPTY" in refused.stderr


def test_a_file_that_is_damaged_half_way_says_how_far_it_came_and_is_loaded_again_once_mended(
    home: Path, tmp_path: Path
) -> None:
    rows = [{**TOLD, "event_id": f"e{i}"} for i in range(1_500)]
    file = as_csv(tmp_path, rows)
    sound = file.read_text(encoding="utf-8")
    file.write_text(sound + '"e1500,', encoding="utf-8")
    damaged = load(home, file)
    assert damaged.exit_code == 1
    assert "ended after row 1,000: events: 1,000 taken in" in damaged.stderr
    assert "events.csv, row 1501, column *: UNREADABLE (unexpected end of data)" in damaged.stderr
    file.write_text(sound, encoding="utf-8")
    assert load(home, file).stdout == "events: 500 taken in, 1,000 known already\n"
