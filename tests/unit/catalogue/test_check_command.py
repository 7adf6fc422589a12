"""`rumbo catalogue check`: what CI and people see."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from service.catalogue.load import EXAMPLE
from service.check_command import check

FAULTY = Path(__file__).with_name("faulty")
NOW = ("--now", "2026-06-01")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(check, list(arguments))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small catalogue without a finding, to be broken."""
    return shutil.copytree(FAULTY / "base", tmp_path / "catalogue")


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_example_has_no_error() -> None:
    result = run(str(EXAMPLE))
    assert result.exit_code == 0, result.output
    assert "0 errors" in result.output


def test_catalogue_without_a_finding_passes(folder: Path) -> None:
    result = run(str(folder), "--strict", *NOW)
    assert (result.exit_code, result.output) == (0, "0 errors, 0 warnings, 0 notices\n")


def test_error_fails_and_is_told_with_its_place(folder: Path) -> None:
    change(folder / "journeys" / "pizza.yaml", "audience: customer.recency_days", "audience: customer.recencydays")
    result = run(str(folder), *NOW)
    place = f"{folder.as_posix()}/journeys/pizza.yaml:6:11"
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        f"{place}: error[CONDITION]: unknown name `customer.recencydays`, did you mean `customer.recency_days`?",
        "1 error, 0 warnings, 0 notices",
    ]


def test_warning_fails_only_where_it_is_to(folder: Path) -> None:
    change(folder / "journeys" / "pizza.yaml", "Noche de pizza", "Pizza night")
    assert "1 warning" in run(str(folder), *NOW).output
    assert run(str(folder), *NOW).exit_code == 0
    assert run(str(folder), *NOW, "--strict").exit_code == 1


def test_day_of_the_check_can_be_given(folder: Path) -> None:
    """The lever is over from 2030 on."""
    assert "LEVER" in run(str(folder), "--now", "2030-01-01").output
    assert "LEVER" not in run(str(folder), "--now", "2029-12-31T23:59:59Z").output
    assert run(str(folder), "--now", "yesterday").exit_code == 2


def test_json_holds_every_field(folder: Path) -> None:
    (folder / "journeys" / "late.yml").write_text("journey: late\n", encoding="utf-8")
    result = run(str(folder), "--json")
    assert result.exit_code == 1
    assert json.loads(result.output) == [
        {
            "file": f"{folder.as_posix()}/journeys/late.yml",
            "line": 1,
            "column": 1,
            "severity": "ERROR",
            "fault": "FILE",
            "text": "name it *.yaml",
            "suggestion": "",
        }
    ]


def test_older_catalogue_shows_ids_that_changed_their_meaning(folder: Path) -> None:
    change(folder / "journeys" / "help.yaml", "kind: service", "kind: resolution")
    assert run(str(folder), *NOW).exit_code == 0
    result = run(str(folder), *NOW, "--against", str(FAULTY / "base"))
    assert result.exit_code == 1
    assert "help.yaml:4:7: error[MEANING]: help was of kind service" in result.output


def test_folder_that_does_not_exist_is_a_wrong_call(tmp_path: Path) -> None:
    assert run(str(tmp_path / "nowhere")).exit_code == 2
