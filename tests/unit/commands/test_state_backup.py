"""`rumbo state backup` while the store is used, `rumbo state restore` while it is not."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from click.testing import Result

from service.state.engines.steps import HEAD
from service.state.store import SqlState
from tests.builders import NOW
from tests.contract.rows import event, situation
from tests.contract.test_kill_readers import other_process
from tests.unit.commands.test_state_commands import PASSWORD, Place, database, fill
from tests.unit.commands.test_state_home import known, rumbo
from tests.unit.state.test_schema import old_file

__all__ = ["database"]

State = SqlState


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with an embedded store that holds rows."""
    made = tmp_path / "home"
    assert rumbo(made, "state", "init").exit_code == 0
    Place(made, None).within(fill)
    return made


@pytest.fixture
def copy(home: Path, tmp_path: Path) -> Path:
    """A backup of it."""
    assert backup(home, tmp_path / "copy.db").exit_code == 0
    return tmp_path / "copy.db"


def backup(home: Path, to: Path, *options: str) -> Result:
    return rumbo(home, "state", "backup", str(to), *options)


def restore(home: Path, file: Path) -> Result:
    return rumbo(home, "state", "restore", str(file))


def rows(file: Path, question: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(file)) as opened:
        return opened.execute(question).fetchall()


def events_in(file: Path) -> set[object]:
    return {event_id for (event_id,) in rows(file, "SELECT event_id FROM events")}


def refused(result: Result) -> str:
    """The one line of a command that failed."""
    assert (result.exit_code, result.stdout) == (1, ""), result.output
    (line,) = result.stderr.splitlines()
    return line


def test_a_backup_is_one_whole_file_that_only_its_owner_reads(home: Path, tmp_path: Path) -> None:
    result = backup(home, tmp_path / "copy.db")
    assert result.exit_code == 0
    told = f"{tmp_path / 'copy.db'}: the store {known(home)['embedded']}, until {NOW:%Y-%m-%d %H:%M:%S} UTC, "
    assert result.output.startswith(told)
    assert rows(tmp_path / "copy.db", "PRAGMA integrity_check") == [("ok",)]
    assert rows(tmp_path / "copy.db", "PRAGMA journal_mode") == [("delete",)]
    assert events_in(tmp_path / "copy.db") == {"e1", "e2"}
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.db", "home"]


def test_under_load_a_backup_holds_all_that_was_acknowledged_before_and_is_of_one_instant(
    home: Path, tmp_path: Path
) -> None:
    """Each transaction adds a pair; a copy of two instants would hold halves."""
    written: list[int] = []

    async def write_meanwhile(state: State) -> None:
        async def write() -> None:
            for number in range(100_000):
                pair = [event(f"{side}{number}", "purchase", customer_id=side, amount=1.0) for side in "ab"]
                await state.record_events(pair, NOW)
                written.append(number)

        writing = asyncio.create_task(write())
        while len(written) < 50:
            await asyncio.sleep(0)
        for copy in range(5):
            before = len(written)
            result = await asyncio.to_thread(backup, home, tmp_path / f"{copy}.db")
            assert result.exit_code == 0, result.output
            held = events_in(tmp_path / f"{copy}.db")
            assert held >= {f"a{number}" for number in range(before)}
            assert {f"b{str(one)[1:]}" for one in held if str(one)[0] == "a"} == {o for o in held if str(o)[0] == "b"}
        writing.cancel()

    Place(home, None).within(write_meanwhile)


def test_a_backup_replaces_nothing_unless_it_is_told_to(home: Path, copy: Path) -> None:
    before = copy.read_bytes()
    assert "is there already: use another name, or --overwrite" in refused(backup(home, copy))
    assert copy.read_bytes() == before
    Place(home, None).within(lambda state: _receive(state, "e3"))
    assert backup(home, copy, "--overwrite").exit_code == 0
    assert events_in(copy) == {"e1", "e2", "e3"}


async def _receive(state: State, event_id: str) -> None:
    await state.record_events([event(event_id, "purchase", amount=1.0)], NOW)


@pytest.mark.parametrize("name", ["state.db", "state.db-wal", "state.db-shm"])
def test_the_store_is_no_place_for_its_own_backup(home: Path, name: str) -> None:
    assert "belongs to the store itself" in refused(backup(home, home / name, "--overwrite"))


@pytest.mark.parametrize("place", ["", "missing/copy.db", "file/copy.db"])
def test_a_place_where_no_file_can_be_is_named(home: Path, tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    assert str(tmp_path / place) in refused(backup(home, tmp_path / place, "--overwrite"))


def test_a_backup_for_which_there_is_no_room_leaves_nothing(home: Path, tmp_path: Path) -> None:
    with no_file_beyond(65_536):
        line = refused(backup(home, tmp_path / "copy.db"))
    assert line.startswith("Error: the copy cannot be made: ")
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """As on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def test_a_restored_store_is_as_it_was_and_the_one_that_was_there_is_kept(home: Path, copy: Path) -> None:
    Place(home, None).within(lambda state: _receive(state, "later"))
    result = restore(home, copy)
    assert result.exit_code == 0, result.output
    aside = home / "state.db.aside-1"
    assert f"the store that was there is kept: {aside}\n" in result.output
    assert "whatever was received later is forgotten" in result.output
    assert events_in(home / "state.db") == {"e1", "e2"}
    assert events_in(aside) == {"e1", "e2", "later"}
    Place(home, None).within(lambda state: _receive(state, "later"))  # it is not known any more
    assert rumbo(home, "kills").exit_code == 0
    assert copy.is_file()


def lose(home: Path) -> None:
    for part in ("state.db", "state.db-wal", "state.db-shm"):
        (home / part).unlink(missing_ok=True)


def spoil(home: Path) -> None:
    (home / "state.db").write_bytes(b"garbage" * 1000)


def lose_all(home: Path) -> None:
    lose(home)
    (home / "store.json").unlink()


@pytest.mark.parametrize("damage", [lose, spoil, lose_all])
def test_a_store_that_is_lost_or_spoilt_is_restored(home: Path, copy: Path, damage: Callable[[Path], None]) -> None:
    damage(home)
    assert restore(home, copy).exit_code == 0
    assert events_in(home / "state.db") == {"e1", "e2"}
    assert rumbo(home, "kills").output == "nothing is killed\n"


def test_a_log_that_was_left_behind_is_not_read_into_what_is_restored(home: Path, copy: Path) -> None:
    """As a process leaves it that is killed."""

    async def leave_a_log(state: State) -> None:
        await _receive(state, "later")
        (home / "left").write_bytes((home / "state.db-wal").read_bytes())

    Place(home, None).within(leave_a_log)
    lose(home)
    (home / "left").rename(home / "state.db-wal")
    assert restore(home, copy).exit_code == 0
    assert events_in(home / "state.db") == {"e1", "e2"}


def test_what_was_killed_since_then_is_named(home: Path, copy: Path) -> None:
    assert rumbo(home, "kill", "news", "--why", "wrong price").exit_code == 0
    result = restore(home, copy)
    assert "warning: news was killed (wrong price), and is not on the kill list any more\n" in result.stderr


def test_another_home_may_be_given_the_copy(copy: Path, home: Path, tmp_path: Path) -> None:
    """As on another machine, when the first is gone."""
    assert restore(tmp_path / "new", copy).exit_code == 0
    assert known(tmp_path / "new") == known(home)
    assert rumbo(tmp_path / "new", "kills").exit_code == 0


def test_nothing_is_restored_while_the_store_is_in_use(home: Path, copy: Path) -> None:
    async def meanwhile(state: State) -> None:
        line = refused(await asyncio.to_thread(restore, home, copy))
        assert "is in use: stop its services" in line
        await _receive(state, "e3")
        assert (await situation(state)).has_events

    Place(home, None).within(meanwhile)
    assert events_in(home / "state.db") == {"e1", "e2", "e3"}


def test_nor_while_its_file_is_gone_under_a_service_and_at_once_when_that_was_killed(home: Path, copy: Path) -> None:
    with other_process("sqlite", home) as process:
        lose(home)
        assert "is in use: stop its services" in refused(restore(home, copy))
        process.kill()
        process.wait()
    assert restore(home, copy).exit_code == 0


def test_nor_while_another_program_has_the_file_open(home: Path, copy: Path) -> None:
    with closing(sqlite3.connect(home / "state.db")) as shell:
        shell.execute("SELECT count(*) FROM events").fetchall()
        assert "is in use by another program" in refused(restore(home, copy))


def cut(copy: Path) -> None:
    os.truncate(copy, copy.stat().st_size - 4096 * 3)


def flip(copy: Path) -> None:
    """In the middle of each page but the first."""
    spoilt = bytearray(copy.read_bytes())
    for page in range(4096, len(spoilt), 4096):
        spoilt[page : page + 64] = b"\xa5" * 64
    copy.write_bytes(spoilt)


def empty(copy: Path) -> None:
    os.truncate(copy, 0)


def of_another_program(copy: Path) -> None:
    copy.unlink()
    with closing(sqlite3.connect(copy)) as other, other:
        other.execute("CREATE TABLE notes (note TEXT)")


def of_a_later_program(copy: Path) -> None:
    with closing(sqlite3.connect(copy)) as other, other:
        other.execute("UPDATE schema_version SET version_num = '9999'")


def of_no_database(copy: Path) -> None:
    copy.write_text("this is no database" * 1000)


def gone(copy: Path) -> None:
    copy.unlink()


def of_a_folder(copy: Path) -> None:
    copy.unlink()
    copy.mkdir()


@pytest.mark.parametrize(
    "fault", [cut, flip, empty, of_another_program, of_a_later_program, of_no_database, gone, of_a_folder]
)
def test_a_copy_that_is_no_whole_store_is_refused_and_all_stays_as_it_is(
    home: Path, copy: Path, fault: Callable[[Path], None]
) -> None:
    fault(copy)
    before = sorted(path.name for path in home.iterdir())
    assert refused(restore(home, copy)).startswith("Error: ")
    assert sorted(path.name for path in home.iterdir()) == before
    assert events_in(home / "state.db") == {"e1", "e2"}


def test_the_store_itself_is_no_copy_of_it(home: Path) -> None:
    assert "is the store itself" in refused(restore(home, home / "state.db"))


def test_a_copy_of_an_earlier_step_is_restored_and_must_be_migrated(tmp_path: Path, home: Path) -> None:
    result = restore(home, old_file(tmp_path / "old.db"))
    assert (result.exit_code, "its tables stand at step 0001: run `rumbo state migrate`" in result.output) == (0, True)
    assert f"this program knows {HEAD}" in refused(rumbo(home, "kills"))
    assert rumbo(home, "state", "migrate").exit_code == 0
    assert rumbo(home, "kills").exit_code == 0


def test_a_store_that_must_be_migrated_is_backed_up_before(tmp_path: Path) -> None:
    old_file(tmp_path / "state.db")
    assert backup(tmp_path, tmp_path / "copy.db").exit_code == 0


def test_a_database_is_left_to_its_own_tools(database: Place, tmp_path: Path) -> None:
    for command in (["backup", str(tmp_path / "copy.db")], ["restore", str(tmp_path / "copy.db")]):
        line = refused(database.run(*command))
        assert "pg_dump" in line
        assert PASSWORD not in line
