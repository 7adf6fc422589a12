"""The path of a home: one under which some part would not find it again is refused by name, at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from features.cli import strange_in
from service.cli import main

ODD = 'a home, of "Ana\'s" & Søn + (日本) = {1;2}: @~$!^`|<>,.-_'
"""Everything else that a name may hold."""


@pytest.mark.parametrize("command", ["train", "serve", "seed", "demo", "kills"])
@pytest.mark.parametrize("name", ["a#b", "100%", "a%20b", "what?", "[a]", "*", "back\\slash", "new\nline", "\x7f"])
def test_a_home_that_would_not_be_found_again_is_refused_by_name(tmp_path: Path, command: str, name: str) -> None:
    home = tmp_path / name
    refused = CliRunner().invoke(main, [command, "--home", str(home)])
    assert refused.exit_code == 2
    assert "the path of a home cannot have" in refused.output
    assert list(tmp_path.iterdir()) == []


def test_a_folder_above_counts_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    above = tmp_path / "50%"
    above.mkdir()
    monkeypatch.chdir(above)
    assert strange_in(Path(".rumbo")) == "'%'"


def test_a_home_that_the_variable_names_is_refused_alike(tmp_path: Path) -> None:
    refused = CliRunner(env={"RUMBO_HOME": str(tmp_path / "a#b")}).invoke(main, ["kills"])
    assert refused.exit_code == 2
    assert "'#'" in refused.output


def test_any_other_name_is_a_home(tmp_path: Path) -> None:
    assert strange_in(tmp_path / ODD) == ""
