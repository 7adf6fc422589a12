"""The tables of a SQLite file and their steps: made, brought forward with every row, or refused."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.decision.record import canonical
from service.decision.reports.rows import OutcomeType, RowStatus
from service.state.engines.engine import Durability
from service.state.engines.sqlite import APPLICATION_ID, migrate_file, status_of
from service.state.engines.steps import HEAD, VERSION_TABLE, steps
from service.state.port import ContactState, StateUnavailable
from service.state.rows.record import record_of
from tests.builders import NOW
from tests.contract.rows import KEY, committed, contacts, event, opened, outcome, picked, propose, situation
from tests.stores import sqlite_state

FAST = Durability.PROCESS_SAFE
BEFORE_STEPS = Path(__file__).with_name("tables_before_steps.sql")
"""The tables as a program made them that did not count steps, and wrote `user_version` 2 instead."""
SPLIT = {"facts_version": "events_version + incidents_version + consents_version + places_version + outcomes_version"}
"""Columns that are several since."""
MOVED = {"last_purchase_at": "(SELECT at FROM new.latest_events l WHERE l.customer_id = customers.customer_id)"}
"""Columns that are rows of another table since."""
Rows = dict[str, list[tuple[Any, ...]]]


def old_file(file: Path, user_version: int = 2) -> Path:
    """An empty store of the time before steps."""
    with closing(sqlite3.connect(file)) as database:
        database.executescript(BEFORE_STEPS.read_text())
        database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        database.execute(f"PRAGMA user_version = {user_version}")
    return file


async def written(file: Path) -> Path:
    """A store of today in which every table that there was before steps has rows."""
    state = sqlite_state(file, FAST)
    await state.record_events(
        [
            opened(class_="delivery"),
            event("e2", "consent.granted", purpose="marketing", channel="email"),
            event("e3", "purchase", amount=12.5),
            event("e4", "journey.entered", journey_id="news", stage="need"),
            event("h1", "feed.heartbeat", customer_id=""),
        ],
        NOW,
    )
    await state.kill("kind:promotional", "a test", NOW)
    await state.unkill("kind:promotional")
    await state.kill("another", "stays", NOW)
    await state.keep_catalogue("v1", "journeys: []")
    await committed(state, await propose(state, customer_id="2", decision_id="d1"), KEY)
    await committed(state, await propose(state, customer_id="2", decision_id="d2", limit=0))
    await state.record_outcomes([outcome("o1", OutcomeType.PRESENTED), outcome("o2", OutcomeType.ENGAGED)], NOW)
    await state.close()
    return file


def copied(new: Path, old: Path) -> Rows:
    """Puts the rows of the new file into the old one. Returns: the rows of every old table."""
    with closing(sqlite3.connect(old)) as database:
        database.create_function("document", 1, document)
        database.execute("ATTACH ? AS new", (str(new),))
        for table in tables(database):
            names = columns(database, table)
            now = ", ".join(MOVED.get(name, SPLIT.get(name, _read(name))) for name in names)
            database.execute(f"INSERT INTO main.{table} ({', '.join(names)}) SELECT {now} FROM new.{table}")
        database.commit()
        return rows_of(database)


def document(record: str) -> str:
    """What a record says, in the words of before it was packed."""
    return canonical(record_of({"decision_id": "", "record": record}))


def _read(column: str) -> str:
    return "document(record)" if column == "record" else column


def tables(database: sqlite3.Connection) -> list[str]:
    rows = database.execute("SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return [name for (name,) in rows]


def columns(database: sqlite3.Connection, table: str) -> list[str]:
    return [str(row[1]) for row in database.execute(f"PRAGMA main.table_info({table})")]


def rows_of(database: sqlite3.Connection, like: Rows | None = None) -> Rows:
    """Every row of these tables, without columns that came later, or that are elsewhere now."""
    database.create_function("document", 1, document)
    listed = tables(database) if like is None else list(like)
    width = {table: len(rows[0]) for table, rows in (like or {}).items()}
    stayed = {table: [name for name in columns(database, table) if name not in MOVED] for table in listed}
    return {
        table: sorted(
            database.execute(f"SELECT {', '.join(map(_read, stayed[table][: width.get(table)]))} FROM {table}")
        )
        for table in listed
    }


def shape(file: Path) -> dict[str, Any]:
    """Each table: how it is stored, its columns and indexes. The text of the statements that made it may differ."""
    with closing(sqlite3.connect(file)) as database:
        kinds = {row[1]: row[2:] for row in database.execute("PRAGMA table_list") if row[0] == "main"}
        return {
            table: {
                "kind": kinds[table],
                "columns": [column(*row) for row in database.execute(f"PRAGMA table_xinfo({table})")],
                "indexes": sorted(
                    (*row[1:], *map(tuple, database.execute(f"PRAGMA index_info({row[1]})")))
                    for row in database.execute(f"PRAGMA index_list({table})")
                ),
            }
            for table in sorted(tables(database))
        }


def column(
    _: int, name: str, type_: str, is_required: int, default: str | None, key: int, hidden: int
) -> tuple[Any, ...]:
    """A key is required whether it says so or not, and '0' in a column of whole numbers is 0."""
    return name, type_, bool(is_required or key), None if default is None else default.strip("'"), key, hidden


def at_step(file: Path, step: str) -> None:
    with closing(sqlite3.connect(file)) as database:
        database.execute(f"UPDATE {VERSION_TABLE} SET version_num = ?", (step,))
        database.commit()


def test_the_last_step_that_the_program_knows_is_the_last_there_is() -> None:
    numbers = [number for number, _ in steps()]
    assert numbers == [f"{i:04}" for i in range(1, len(numbers) + 1)]
    assert numbers[-1] == HEAD
    assert all(what for _, what in steps())


async def test_a_new_file_stands_at_the_last_step_and_migrating_it_changes_nothing(tmp_path: Path) -> None:
    file = await written(tmp_path / "state.db")
    with closing(sqlite3.connect(file)) as database:
        before = rows_of(database)
    assert status_of(file) == HEAD
    assert migrate_file(file) == (HEAD, HEAD)
    with closing(sqlite3.connect(file)) as database:
        assert rows_of(database) == before


async def test_a_file_of_the_time_before_steps_is_refused_with_the_command_that_helps(tmp_path: Path) -> None:
    file = old_file(tmp_path / "state.db")
    before = shape(file)
    with pytest.raises(StateUnavailable, match=rf"stand at step 0001, .* knows {HEAD}: run `rumbo state migrate`"):
        sqlite_state(file, FAST)
    assert shape(file) == before
    assert status_of(file) == "0001"


async def test_a_file_of_the_time_before_steps_is_brought_forward_with_every_row(tmp_path: Path) -> None:
    file = old_file(tmp_path / "old.db")
    before = copied(await written(tmp_path / "new.db"), file)
    assert all(before.values()), "a table without rows shows nothing"
    assert migrate_file(file) == ("0001", HEAD)
    with closing(sqlite3.connect(file)) as database:
        assert rows_of(database, before) == before
    assert status_of(file) == HEAD


async def test_what_the_steps_add_to_old_rows_is_what_the_program_writes_today(tmp_path: Path) -> None:
    file = old_file(tmp_path / "old.db")
    copied(await written(tmp_path / "new.db"), file)
    migrate_file(file)
    with closing(sqlite3.connect(file)) as old, closing(sqlite3.connect(tmp_path / "new.db")) as new:
        found, expected = rows_of(old), rows_of(new)
    ((old_id,),), ((new_id,),) = found.pop("store"), expected.pop("store")
    expected["customers"] = [_of_one_version(*row) for row in expected["customers"]]
    expected["outbox"] = [(*row[:3], None, None, None) for row in expected["outbox"]]  # nobody said what they are about
    assert found == expected
    assert (len(old_id), old_id != new_id) == (32, True)  # each store has an id of its own


def _of_one_version(
    customer_id: str, events: int, contacts: int, has_events: int, *others: int
) -> tuple[str | int, ...]:
    """Of a time when every event and outcome raised one version for all kinds."""
    all_kinds = events + sum(others)
    return customer_id, all_kinds, contacts, has_events, *[all_kinds] * len(others)


async def test_what_was_told_of_wrong_times_counts_as_it_does_today_once_the_file_is_brought_forward(
    tmp_path: Path,
) -> None:
    """As a program of then kept it: shown 8 days before it was decided, and granted 4 minutes after it was told."""
    new, file, minute, day = tmp_path / "new.db", old_file(tmp_path / "old.db"), 60_000_000, 86_400_000_000
    state = sqlite_state(new, FAST)
    await state.record_events([event("g", "consent.granted", purpose="marketing", channel="email")], NOW)
    await state.record_events([event("w", "consent.withdrawn", purpose="marketing", channel="email")], NOW)
    await committed(state, await propose(state, customer_id="2", decision_id="d1"))
    await state.record_outcomes([outcome("o1", OutcomeType.PRESENTED), outcome("o2", OutcomeType.REJECTED)], NOW)
    await state.close()
    copied(new, file)
    with closing(sqlite3.connect(file)) as database:
        database.execute("UPDATE contacts SET at = at - ?", (8 * day,))
        database.execute("UPDATE outcomes SET occurred_at = occurred_at - ?", (8 * day,))
        database.execute("UPDATE events SET occurred_at = occurred_at + ? WHERE event_id = 'g'", (4 * minute,))
        database.execute("UPDATE consents SET granted_at = granted_at + ?", (4 * minute,))
        database.commit()
    migrate_file(file)
    state, today = sqlite_state(file, FAST), sqlite_state(new, FAST)
    for customer_id in ("1", "2"):
        found, expected = await situation(state, customer_id), await situation(today, customer_id)
        assert replace(found, versions=expected.versions) == expected
    assert not (await situation(state, "1")).consents.holds("marketing", "email")
    await state.close()
    await today.close()


async def test_the_store_works_on_a_file_that_was_brought_forward(tmp_path: Path) -> None:
    file = old_file(tmp_path / "old.db")
    copied(await written(tmp_path / "new.db"), file)
    migrate_file(file)
    state, kept = sqlite_state(file, FAST), sqlite_state(tmp_path / "new.db", FAST)
    for customer_id in ("1", "2"):
        found, expected = await situation(state, customer_id), await situation(kept, customer_id)
        assert len(set(found.versions.values())) == 1
        assert replace(found, versions={}) == replace(expected, versions={})
    assert await state.decision_of_request("2", KEY.request_id, NOW) == await kept.decision("d1", NOW)
    assert await state.kills() == await kept.kills()
    (again,) = await state.record_events([opened(class_="delivery")], NOW)
    assert again.status is RowStatus.DUPLICATE
    assert picked(await committed(state, await propose(state, customer_id="3", decision_id="d3"), KEY)) == ["news"]
    stored = await state.decision("d3", NOW)
    assert stored is not None
    assert stored.contact_states == {"news": ContactState.RESERVED}
    assert len(await contacts(state, customer_id="2")) == 1
    await state.close()
    await kept.close()


async def test_a_file_that_was_brought_forward_has_the_tables_of_a_new_one(tmp_path: Path) -> None:
    file = old_file(tmp_path / "old.db")
    migrate_file(file)
    await sqlite_state(tmp_path / "new.db", FAST).close()
    assert shape(file) == shape(tmp_path / "new.db")


@pytest.mark.parametrize("user_version", [0, 1, 3])
def test_a_file_of_any_other_version_before_steps_is_refused_and_left_as_it_is(
    tmp_path: Path, user_version: int
) -> None:
    file = old_file(tmp_path / "state.db", user_version)
    before = shape(file)
    for refuse in (sqlite_state, migrate_file, status_of):
        with pytest.raises(StateUnavailable, match=f"version {user_version}"):
            refuse(file)
    assert shape(file) == before


@pytest.mark.parametrize("use", [sqlite_state, migrate_file])
async def test_a_file_of_a_later_step_is_refused_and_left_as_it_is(
    tmp_path: Path, use: Callable[[Path], object]
) -> None:
    file = await written(tmp_path / "state.db")
    at_step(file, "9999")
    before = shape(file)
    with pytest.raises(StateUnavailable, match=rf"at step 9999, .*{HEAD}"):
        use(file)
    assert (shape(file), status_of(file)) == (before, "9999")


@pytest.mark.parametrize("use", [sqlite_state, migrate_file, status_of])
def test_a_file_of_another_program_is_refused_and_left_as_it_is(tmp_path: Path, use: Callable[[Path], object]) -> None:
    file = tmp_path / "state.db"
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE songs (title TEXT)")
    with pytest.raises(StateUnavailable, match=r"state\.db cannot be opened: it belongs to another program"):
        use(file)
    assert list(shape(file)) == ["songs"]


@pytest.mark.parametrize("use", [migrate_file, status_of])
def test_what_is_not_there_is_not_made_by_asking(tmp_path: Path, use: Callable[[Path], object]) -> None:
    with pytest.raises(StateUnavailable, match="there is no state store"):
        use(tmp_path / "state.db")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_not_migrated(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    file.write_bytes(b"this is no database" * 1000)
    with pytest.raises(StateUnavailable, match="file is not a database"):
        migrate_file(file)
    assert file.read_bytes() == b"this is no database" * 1000


def test_the_name_of_a_file_that_is_brought_forward_may_hold_any_sign(tmp_path: Path) -> None:
    assert migrate_file(old_file(tmp_path / "a?b %41 'ü'.db")) == ("0001", HEAD)


@pytest.mark.parametrize("round_", range(5))
async def test_several_threads_may_bring_one_file_forward_at_once(tmp_path: Path, round_: int) -> None:
    file = old_file(tmp_path / "old.db")
    before = copied(await written(tmp_path / "new.db"), file)
    results = at_once(4, lambda _: migrate_file(file))
    assert [after for _, after in results] == [HEAD] * 4
    with closing(sqlite3.connect(file)) as database:
        assert rows_of(database, before) == before
    assert shape(file) == shape(tmp_path / "new.db")


def test_several_threads_may_make_and_bring_forward_files_of_their_own_at_once(tmp_path: Path) -> None:
    """What carries out the steps keeps its place in a variable of its module."""

    def make_and_migrate(i: int) -> tuple[str, str]:
        return migrate_file(old_file(tmp_path / f"{i}.db"))

    assert at_once(6, make_and_migrate) == [("0001", HEAD)] * 6


@pytest.mark.slow
async def test_several_processes_may_bring_one_file_forward_at_once(tmp_path: Path) -> None:
    file = old_file(tmp_path / "old.db")
    before = copied(await written(tmp_path / "new.db"), file)
    code = (
        "import sys, pathlib; from service.state.engines.sqlite import migrate_file;"
        " migrate_file(pathlib.Path(sys.argv[1]))"
    )
    running = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, str(file), cwd=Path(__file__).parents[3], stderr=subprocess.PIPE
        )
        for _ in range(3)
    ]
    errors = [(await process.communicate())[1] for process in running]
    assert [process.returncode for process in running] == [0] * 3, errors
    with closing(sqlite3.connect(file)) as database:
        assert rows_of(database, before) == before
    assert shape(file) == shape(tmp_path / "new.db")


def at_once(count: int, run: Callable[[int], Any]) -> list[Any]:
    """What each of several threads returns, or raises, that begin together."""
    barrier, results = threading.Barrier(count), [None] * count

    def task(i: int) -> None:
        barrier.wait()
        try:
            results[i] = run(i)
        except Exception as error:  # noqa: BLE001 - the caller compares it with what it expects
            results[i] = repr(error)  # type: ignore[call-overload]

    threads = [threading.Thread(target=task, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
