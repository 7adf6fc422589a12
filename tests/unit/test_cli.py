"""The `rumbo` command: cheap to ask, plain when it fails."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points, version
from typing import NoReturn

import click
import pytest
from click.testing import CliRunner

from features.errors import RumboError
from service.cli import SHORT_HELP, Commands, main

HEAVY = {"feast", "mlflow", "lightgbm", "grpc", "pandas", "pyarrow", "duckdb", "matplotlib", "sqlalchemy", "pydantic"}
COMMAND_MODULES = {
    "features.cli",
    "training.commands.train",
    "service.commands.serve",
    "service.examples.complete_journey.demo",
}


class StoreBroken(RumboError):
    """A failure that people are told about."""


@click.command()
def fine() -> None:
    """Says so. And more."""
    click.echo("fine")


@click.command()
def broken() -> NoReturn:
    raise StoreBroken("the store at .rumbo holds no model: run `rumbo train`")


@click.command()
def interrupted() -> NoReturn:
    raise KeyboardInterrupt


@click.command()
def faulty() -> NoReturn:
    raise ZeroDivisionError("a bug")


def points(**values: str) -> Callable[[], Mapping[str, EntryPoint]]:
    found = {name: EntryPoint(name, value, "rumbo.commands") for name, value in values.items()}
    return lambda: found


@pytest.fixture
def group(monkeypatch: pytest.MonkeyPatch) -> Commands:
    """A group over the commands of this file, and one whose module does not exist."""
    monkeypatch.setitem(sys.modules, "cases", sys.modules[__name__])
    names = ("fine", "broken", "interrupted", "faulty")
    found = points(**{name: f"cases:{name}" for name in names}, serve="nowhere.at_all:serve")
    return Commands(name="rumbo", find=found)


def imported_by(*arguments: str) -> set[str]:
    """Every module that a fresh interpreter imports to run `rumbo` with these arguments."""
    command = [sys.executable, "-X", "importtime", "-m", "service.cli", *arguments]
    report = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    return set(re.findall(r"^import time:.*\| +([\w.]+)$", report, flags=re.MULTILINE))


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_asking_what_rumbo_can_do_imports_nothing_heavy(option: str) -> None:
    """Half a second is the budget; feast alone costs six. Imports are counted, not timed: clocks make tests flaky."""
    modules = imported_by(option)
    assert "click" in modules
    assert {module.split(".")[0] for module in modules} & HEAVY == set()
    assert modules & COMMAND_MODULES == set()


def test_help_lists_every_declared_command_with_one_line() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    for name in {point.name for point in entry_points(group="rumbo.commands")}:
        assert re.search(rf"^  {name} +\S", result.output, flags=re.MULTILINE)


def test_the_table_of_short_helps_names_every_command_of_this_project() -> None:
    """A command missing there would be loaded by `rumbo --help`, with all that it imports."""
    assert {point.name for point in entry_points(group="rumbo.commands")} == SHORT_HELP.keys()


def test_version_is_that_of_the_installed_project() -> None:
    assert CliRunner().invoke(main, ["--version"]).output == f"rumbo {version('rumbo')}\n"


def test_help_lists_a_known_command_without_loading_it(group: Commands) -> None:
    result = CliRunner().invoke(group, ["--help"])
    assert result.exit_code == 0
    assert "Answer decisions over gRPC." in result.output


def test_help_takes_the_line_of_a_foreign_command_from_the_command(group: Commands) -> None:
    assert re.search(r"^  fine +Says so\.$", CliRunner().invoke(group, ["--help"]).output, flags=re.MULTILINE)


def test_a_command_is_loaded_and_run(group: Commands) -> None:
    result = CliRunner().invoke(group, ["fine"])
    assert (result.exit_code, result.output) == (0, "fine\n")


def test_a_rumbo_error_is_its_text_on_stderr_and_status_1(group: Commands) -> None:
    result = CliRunner().invoke(group, ["broken"])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == "Error: the store at .rumbo holds no model: run `rumbo train`\n"


def test_ctrl_c_is_status_130_without_a_traceback(group: Commands) -> None:
    result = CliRunner().invoke(group, ["interrupted"])
    assert result.exit_code == 130
    assert "Traceback" not in result.output


def test_a_bug_is_not_dressed_up_as_an_error_for_people(group: Commands) -> None:
    assert isinstance(CliRunner().invoke(group, ["faulty"]).exception, ZeroDivisionError)


def test_an_unknown_command_is_status_2_and_named(group: Commands) -> None:
    result = CliRunner().invoke(group, ["no-such"])
    assert result.exit_code == 2
    assert "no-such" in result.stderr


def test_an_entry_point_that_is_no_command_is_refused() -> None:
    group = Commands(name="rumbo", find=points(path="os:path"))
    assert isinstance(CliRunner().invoke(group, ["path"]).exception, TypeError)
