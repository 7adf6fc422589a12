"""`rumbo catalogue test` and `schema`: what CI and people see."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from service.commands.catalogue import catalogue
from tests.example import EXAMPLE

pytestmark = pytest.mark.usefixtures("of_the_example")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(catalogue, list(arguments))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The example catalogue, to be broken."""
    return shutil.copytree(EXAMPLE, tmp_path / "catalogue")


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_example_passes() -> None:
    result = run("test")
    assert result.exit_code == 0, result.output
    assert result.output.endswith("every constraint in use denies in one case and allows in another\n")


def test_changed_rule_fails_the_cases_that_pin_it(copy: Path) -> None:
    change(copy / "journeys" / "welcome.yaml", "REJECTED: 90d", "REJECTED: 10d")
    result = run("test", str(copy))
    assert result.exit_code == 1
    lines = (copy / "cases" / "limits.yaml").read_text(encoding="utf-8").splitlines()
    line = 1 + next(i for i, text in enumerate(lines) if "name: a newcomer who refused is left alone" in text)
    assert f"cases/limits.yaml:{line}:5: a newcomer who refused is left alone" in result.output
    assert "denied: COOLDOWN" in result.output
    assert "no case that denies alone: COOLDOWN welcome" in result.output


def test_removed_case_leaves_its_constraint_undecided(copy: Path) -> None:
    """A rule of which no case would notice that it is gone."""
    _without_a_case(copy)
    result = run("test", str(copy))
    assert result.exit_code == 1
    assert "no case that denies alone: CAPACITY spend-milestone" in result.output


def _without_a_case(copy: Path) -> None:
    """A constraint that no case decides, while each case is met."""
    file = copy / "cases" / "limits.yaml"
    text = file.read_text(encoding="utf-8")
    begins = text.index("  - name: the tastings of the week are booked out")
    file.write_text(text[:begins] + text[text.index("  - name: one seat is left") :], encoding="utf-8")


def test_gaps_are_told_and_fail_nothing_if_so_asked(copy: Path) -> None:
    _without_a_case(copy)
    warned = run("test", str(copy), "--gaps", "warn")
    assert warned.exit_code == 0
    assert "no case that denies alone: CAPACITY spend-milestone" in warned.output
    report = json.loads(run("test", str(copy), "--gaps", "warn", "--json").output)
    assert (report["good"], report["never_denies"]) == (True, ["CAPACITY spend-milestone"])
    assert run("test", str(copy), "--gaps", "error").exit_code == 1


def test_case_that_is_not_met_fails_whatever_gaps_are(copy: Path) -> None:
    change(copy / "journeys" / "welcome.yaml", "REJECTED: 90d", "REJECTED: 10d")
    assert run("test", str(copy), "--gaps", "warn").exit_code == 1


def test_fault_of_a_case_is_told_once_by_its_place(copy: Path) -> None:
    """What `defaults` have wrong is wrong in each case."""
    defaults = copy / "cases" / "defaults.yaml"
    change(defaults, "channel: app", "channel: apq")
    result = run("test", str(copy))
    line = defaults.read_text(encoding="utf-8").split("channel: apq")[0].count("\n") + 1
    assert result.exit_code == 1
    assert result.output.count(f"cases/defaults.yaml:{line}:3: channel: channel 'apq' is not declared") == 1


def test_report_is_for_programs_too(copy: Path) -> None:
    change(copy / "journeys" / "welcome.yaml", "REJECTED: 90d", "REJECTED: 10d")
    result = run("test", str(copy), "--json")
    assert result.exit_code == 1
    report = json.loads(result.output)
    assert report["good"] is False
    assert report["never_denies"] == ["COOLDOWN welcome"]
    (failed,) = [case for case in report["cases"] if not case["met"]]
    assert failed["name"] == "a newcomer who refused is left alone"
    assert failed["differences"] == [
        {"about": "eligible", "journey": "welcome", "expected": "denied: COOLDOWN", "found": "eligible"}
    ]


def test_catalogue_that_is_invalid_is_not_tested(copy: Path) -> None:
    change(copy / "journeys" / "welcome.yaml", "kind: onboarding", "kind: sales")
    result = run("test", str(copy))
    assert result.exit_code == 1
    assert "journeys/welcome.yaml:5:1: kind" in str(result.exception)


def test_schemas_are_written_once(tmp_path: Path) -> None:
    first, second = run("schema", str(tmp_path)), run("schema", str(tmp_path))
    names = {file.name for file in tmp_path.iterdir()}
    assert names == {"journey.json", "policies.json", "cases.json", "rumbo.json", "features.json"}
    assert first.output.count("wrote") == 5
    assert second.output == "nothing changed\n"
