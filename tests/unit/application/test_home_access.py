"""What a home holds is for its owner alone: every command writes so, and what others can write is not served."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from features.files import write_parquet, write_text
from service.application.home_access import HomeUnsafe, demand_own, private_files
from service.cli import main
from tests.example import COMPANY
from tests.unit.commands.test_state_commands import Place, fill

OTHERS = stat.S_IRWXG | stat.S_IRWXO


@pytest.fixture(autouse=True)
def generous() -> Iterator[None]:
    """The umask of a user whose files are everybody's."""
    before = os.umask(0)
    yield
    os.umask(before)


def rumbo(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--home", str(home)])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a store that holds rows, as commands make it."""
    made = tmp_path / "home"
    assert rumbo(made, "state", "init").exit_code == 0
    with private_files():
        Place(made, None).within(fill)
    return made


def open_to_others(*roots: Path) -> list[Path]:
    found = [path for root in roots for path in (root, *root.rglob("*"))]
    assert found
    return [path for path in found if not path.is_symlink() and path.stat().st_mode & OTHERS]


WRITERS = {
    "state init": ["state", "init"],
    "kill": ["kill", "news", "--why", "a test"],
    "unkill": ["unkill", "other"],
    "kills": ["kills"],
    "state status": ["state", "status"],
    "state prune": ["state", "prune", "--force"],
    "state backup": ["state", "backup", "OUT/copy.db"],
    "state restore": ["state", "restore", "OUT/given.db"],
}


@pytest.mark.parametrize("command", WRITERS)
def test_what_a_command_writes_is_for_its_owner_alone(home: Path, tmp_path: Path, command: str) -> None:
    out = tmp_path / "out"
    with private_files():
        out.mkdir()
        assert rumbo(home, "state", "backup", str(out / "given.db")).exit_code == 0
        assert rumbo(home, "kill", "other", "--why", "a test").exit_code == 0
    arguments = [word.replace("OUT", str(out)) for word in WRITERS[command]]
    result = rumbo(home, *arguments)
    assert result.exit_code == 0, result.output
    assert open_to_others(home, out) == []


def test_what_every_room_writes_by_is_for_its_owner_alone_within_a_command(tmp_path: Path) -> None:
    """As `prepare` and `train` write: whole files by renaming, databases, folders."""
    import sqlite3

    import pyarrow as pa

    with private_files():
        write_text(tmp_path / "a" / "dataset.json", "{}")
        write_parquet(tmp_path / "b" / "table.parquet", pa.table({"x": [1]}))
        with closing(sqlite3.connect(tmp_path / "a" / "mlflow.db")) as database:
            database.execute("CREATE TABLE runs (run TEXT)")
    assert open_to_others(tmp_path / "a", tmp_path / "b") == []


def test_the_umask_of_a_command_is_no_wider_than_that_of_its_user_and_ends_with_it() -> None:
    os.umask(0o200)
    with private_files():
        assert os.umask(0o277) == 0o277
    assert os.umask(0o022) == 0o200


@pytest.mark.parametrize("name", ["", "state.db", "store.json", "services", "feast", "feast/online_store.db", "mlflow"])
@pytest.mark.parametrize("mode", [stat.S_IWGRP, stat.S_IWOTH])
def test_what_others_can_write_is_not_served_and_is_named(home: Path, name: str, mode: int) -> None:
    with private_files():
        for folder in ("services", "feast", "mlflow"):
            (home / folder).mkdir(exist_ok=True)
        (home / "feast" / "online_store.db").touch()
    path = home / name if name else home
    assert demand_own(home) == []
    path.chmod(path.stat().st_mode | mode)
    result = rumbo(home, "serve", "--port", "0", "--company", str(COMPANY))
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"Error: others can write {path}: run `chmod go-w` on it")


def test_a_volume_that_a_group_can_write_is_served_if_that_is_meant(home: Path) -> None:
    for path in (home, *home.rglob("*")):
        path.chmod(path.stat().st_mode | stat.S_IRGRP | stat.S_IWGRP)
    with pytest.raises(HomeUnsafe, match="RUMBO_TRUST_GROUP=true"):
        demand_own(home)
    assert demand_own(home, trusts_group=True) == []
    (home / "state.db").chmod(0o662)
    with pytest.raises(HomeUnsafe, match=r"state\.db: run `chmod o-w` on it$"):
        demand_own(home, trusts_group=True)


def test_what_lies_behind_a_link_is_looked_at_with_its_folder(home: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(0o777)
    (home / "state.db").rename(elsewhere / "state.db")
    (home / "state.db").symlink_to(elsewhere / "state.db")
    with pytest.raises(HomeUnsafe, match=str(elsewhere)):
        demand_own(home)


def test_what_others_can_read_is_told_and_served(home: Path) -> None:
    (home / "state.db").chmod(0o644)
    told = f"others can read {home / 'state.db'}, which tells of customers: run `chmod -R o-rwx {home}`"
    assert demand_own(home) == [told]


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser gives files away")
def test_what_another_user_owns_is_told_and_served(home: Path) -> None:
    os.chown(home / "state.db", 65534, -1)
    assert demand_own(home) == [f"another user owns {home / 'state.db'}, and can write it"]


def test_a_home_that_is_not_there_yet_is_nobodys(tmp_path: Path) -> None:
    assert demand_own(tmp_path / "home") == []
