"""Files that are whole or as they were, and the one that says a home is prepared."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from features.errors import CannotWrite
from features.files import replacing, replacing_folder, write_text
from service.examples.complete_journey.data.dataset import Dataset, HomeNotPrepared

DATASET = Dataset(
    source="The Complete Journey",
    shift_weeks=412,
    data_end=datetime(2025, 11, 24, 4, 1, 20, tzinfo=UTC),
    prepared_at=datetime(2025, 11, 26, 9, 0, tzinfo=UTC),
    tables={"seed/consents.parquet": "0" * 64},
)


def test_a_write_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "table"
    write_text(path, "before")

    def fail() -> None:
        with replacing(path) as draft:
            draft.write_text("half", encoding="utf-8")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert path.read_text(encoding="utf-8") == "before"
    assert list(tmp_path.iterdir()) == [path]


def filled(path: Path, name: str, *, fails: bool = False) -> None:
    with replacing_folder(path) as draft:
        (draft / "day").mkdir()
        write_text(draft / "day" / name, "whole")
        if fails:
            raise OSError("disk full")


def test_a_folder_appears_whole_and_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "log"
    filled(path, "a")
    filled(path, "b")
    assert [file.relative_to(path) for file in path.rglob("*")] == [Path("day"), Path("day/b")]
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_could_not_be_filled_is_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "log"
    filled(path, "a")
    with pytest.raises(CannotWrite, match="log cannot be written: disk full"):
        filled(path, "b", fails=True)
    assert [file.name for file in path.rglob("*")] == ["day", "a"]
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_of_a_folder_is_swept(tmp_path: Path) -> None:
    gone = 2**22 + 1  # above what Linux gives
    for name in (f".log.{gone}.draft", f".log.former.{gone}.draft"):
        (tmp_path / name / "day").mkdir(parents=True)
    filled(tmp_path / "log", "a")
    assert [entry.name for entry in tmp_path.iterdir()] == ["log"]


def test_a_dataset_is_read_back_as_it_was_saved(tmp_path: Path) -> None:
    DATASET.save(tmp_path / "new")
    assert Dataset.load(tmp_path / "new") == DATASET


def test_a_home_without_its_dataset_is_not_prepared(tmp_path: Path) -> None:
    with pytest.raises(HomeNotPrepared, match="rumbo prepare"):
        Dataset.load(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"source": "x", "shift_weeks": "y"}', "\x00"])
def test_a_damaged_dataset_file_says_to_prepare_again(tmp_path: Path, text: str) -> None:
    write_text(tmp_path / "dataset.json", text)
    with pytest.raises(HomeNotPrepared, match="again"):
        Dataset.load(tmp_path)
