"""Which store a home belongs to: another one, or none, is refused by name, and `rumbo state init` begins anew."""

from __future__ import annotations

import asyncio
import json
import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from service.cli import main
from service.state.engines.store_file import parts
from tests.unit.commands.test_state_commands import PASSWORD, Place, database, fill, place

OF_THE_COMPANY = (".gitignore", "company.json", "features.json")
"""Whose the home is, which is told before a store is opened."""

pytestmark = pytest.mark.usefixtures("of_the_example")

__all__ = ["database", "place"]


def rumbo(home: Path, *arguments: str, answer: str | None = None, url: str | None = None) -> Result:
    env = {} if url is None else {"RUMBO_STATE_URL": url}
    return CliRunner(env=env).invoke(main, [*arguments, "--home", str(home)], input=answer)


def known(home: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads((home / "store.json").read_text())
    return found


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with an embedded store that holds rows."""
    made = Place(tmp_path / "home", None)
    assert rumbo(made.home, "state", "init").exit_code == 0
    made.within(fill)
    return made.home


def remove(home: Path) -> None:
    for part in parts(home / "state.db"):
        part.unlink(missing_ok=True)


def empty(home: Path) -> None:
    os.truncate(home / "state.db", 0)


def test_a_home_without_a_store_gets_one_and_has_it_from_then_on(tmp_path: Path) -> None:
    made = rumbo(tmp_path / "home", "state", "init")
    found = re.fullmatch(rf"{tmp_path / 'home'} has a new store ([0-9a-f]{{32}})\n", made.output)
    assert found is not None
    assert known(tmp_path / "home") == {"embedded": found[1]}
    again = rumbo(tmp_path / "home", "state", "init")
    assert (again.exit_code, again.output) == (0, f"{tmp_path / 'home'} has the store {found[1]}\n")


@pytest.mark.parametrize("damage", [remove, empty])
@pytest.mark.parametrize(
    "command",
    [
        ["serve", "--port", "0"],
        ["kill", "*", "--why", "a test"],
        ["unkill", "*"],
        ["kills"],
        ["state", "prune"],
        ["state", "status"],
        ["state", "migrate"],
        ["state", "export", "--since", "2018-01-01", "--to", "exported"],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_no_command_makes_a_store_where_one_was(home: Path, damage: object, command: list[str]) -> None:
    before = known(home)["embedded"]
    assert callable(damage)
    damage(home)
    left = sorted(home.iterdir())
    result = rumbo(home, *command)
    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert re.match(rf"Error: {home / 'state.db'} is (gone|empty), which held the store {before} of this home", line)
    assert "`rumbo state restore`" in line
    assert "`rumbo state init`" in line
    assert [path for path in sorted(home.iterdir()) if path.name not in OF_THE_COMPANY] == left


def test_a_store_of_another_home_is_named(home: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    rumbo(other, "state", "init")
    remove(home)
    (other / "state.db").rename(home / "state.db")
    result = rumbo(home, "kills")
    assert result.exit_code == 1
    named = f"{home / 'state.db'} holds the store {known(other)['embedded']}, and this home belongs to"
    assert result.stderr.startswith(f"Error: {named} {known(home)['embedded']}: ")


def test_beginning_anew_tells_what_is_lost_and_does_nothing_unless_it_is_confirmed(home: Path) -> None:
    before = known(home)["embedded"]
    remove(home)
    refused = rumbo(home, "state", "init", answer="n\n")
    assert refused.exit_code == 1
    assert f"belongs to the store {before}. With an empty one in its place everything" in refused.output
    assert rumbo(home, "state", "init", answer="").exit_code == 1  # nobody is there to answer
    assert (known(home)["embedded"], (home / "state.db").exists()) == (before, False)
    confirmed = rumbo(home, "state", "init", answer="y\n")
    assert confirmed.exit_code == 0
    assert known(home)["embedded"] != before
    assert rumbo(home, "kills").output == "nothing is killed\n"


def test_what_is_left_of_a_store_whose_file_is_gone_is_kept_aside(home: Path) -> None:
    (home / "state.db").unlink()
    (home / "state.db-wal").write_bytes(b"what was not in the file yet")
    assert rumbo(home, "state", "init", "--yes").exit_code == 0
    assert (home / "state.db.aside-1-wal").read_bytes() == b"what was not in the file yet"


def test_a_home_may_be_given_the_store_of_another(home: Path, tmp_path: Path) -> None:
    rumbo(tmp_path / "other", "state", "init")
    remove(home)
    (tmp_path / "other" / "state.db").rename(home / "state.db")
    asked = rumbo(home, "state", "init", answer="y\n")
    assert f"With the store {known(tmp_path / 'other')['embedded']}, which is there, in its place" in asked.output
    assert asked.exit_code == 0
    assert known(home) == known(tmp_path / "other")


def test_a_file_that_nobody_can_read_does_not_say_what_the_home_has(home: Path) -> None:
    (home / "store.json").write_text("{")
    refused = rumbo(home, "kills")
    assert (refused.exit_code, "store.json, which says what store this home has" in refused.output) == (1, True)
    assert rumbo(home, "state", "init", "--yes").exit_code == 0
    assert rumbo(home, "kills").exit_code == 0


def test_a_home_whose_state_is_in_a_database_makes_no_file_when_the_url_is_forgotten(database: Place) -> None:
    assert rumbo(database.home, "state", "init", url=database.url).exit_code == 0
    assert known(database.home).keys() == {"postgresql"}
    for command in (["serve", "--port", "0"], ["state", "import", str(database.home)]):
        forgotten = rumbo(database.home, *command)
        assert (forgotten.exit_code, "RUMBO_STATE_URL is not set" in forgotten.output) == (1, True), forgotten.output
    assert not (database.home / "state.db").exists()


def test_another_database_than_that_of_the_home_is_named(database: Place) -> None:
    assert rumbo(database.home, "state", "init", url=database.url).exit_code == 0
    before = known(database.home)["postgresql"]
    database.execute("UPDATE store SET store_id = 'another'")
    refused = rumbo(database.home, "kills", url=database.url)
    assert refused.exit_code == 1
    assert f"holds the store another, and this home belongs to {before}" in refused.output
    assert PASSWORD not in refused.output
    assert rumbo(database.home, "state", "init", "--yes", url=database.url).exit_code == 0
    assert rumbo(database.home, "kills", url=database.url).exit_code == 0


def test_nothing_is_given_up_while_the_store_is_in_use(home: Path) -> None:
    async def meanwhile(state: object) -> None:
        refused = await asyncio.to_thread(rumbo, home, "state", "init", "--yes")
        assert (refused.exit_code, "is in use: stop its services" in refused.output) == (1, True)

    Place(home, None).within(meanwhile)


def test_no_home_is_made_by_who_only_asks_a_database(database: Place, tmp_path: Path) -> None:
    """Nor is the home itself, when a command is run from elsewhere."""
    database.run("migrate")
    assert rumbo(tmp_path / "elsewhere", "kills", url=database.url).exit_code == 0
    assert not (tmp_path / "elsewhere").exists()
