"""`rumbo state status`, `migrate` and `prune` over both stores, and `rumbo serve` over one that must be migrated."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from click.testing import CliRunner, Result
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from service.cli import main
from service.decision.reports.rows import OutcomeType
from service.state.engines.engine import Durability
from service.state.engines.inventory import TABLES
from service.state.engines.steps import HEAD, VERSION_TABLE, _config
from service.state.store import SqlState
from service.state.upkeep.prune import TABLES as PRUNED
from tests.builders import NOW
from tests.contract.rows import KEY, capped, committed, event, opened, outcome, propose
from tests.servers.postgres import PostgresServer, database_name
from tests.stores import postgres_state, sqlite_state
from tests.unit.state.test_schema import copied, old_file, written

pytestmark = pytest.mark.usefixtures("of_the_example")

ROOT = Path(__file__).parents[3]
FAST = Durability.PROCESS_SAFE
END_S = 150
PASSWORD = "hush-4711"


class Place:
    """A store of either kind, as the commands and as programs see it. Its home is `home`; `url` names a database."""

    def __init__(self, home: Path, url: str | None) -> None:
        self.home = home
        self.url = url

    @property
    def env(self) -> dict[str, str]:
        return {} if self.url is None else {"RUMBO_STATE_URL": self.url}

    @property
    def file(self) -> Path:
        return self.home / "state.db"

    def run(self, *arguments: str, **env: str) -> Result:
        """`rumbo state` with these arguments."""
        return CliRunner(env={**self.env, **env}).invoke(main, ["state", *arguments, "--home", str(self.home)])

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """`rumbo` in a process of its own."""
        command = [sys.executable, "-m", "service.cli", *arguments, "--home", str(self.home)]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=ROOT, env={**os.environ, **self.env}, stdout=pipe, stderr=pipe, text=True)

    def within(self, work: Callable[[SqlState], Awaitable[None]]) -> None:
        """Something done by a program that has the store open."""

        async def run() -> None:
            state = sqlite_state(self.file, FAST) if self.url is None else postgres_state(self.url, FAST)
            try:
                await work(state)
            finally:
                await state.close()

        asyncio.run(run())

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        if self.url is None:
            with closing(sqlite3.connect(self.file)) as database, database:
                return database.execute(statement).fetchall()
        with psycopg.connect(self.url) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """An empty store whose tables stand where they must."""
    if request.param == "sqlite":
        made = Place(tmp_path, None)
        made.within(lambda state: asyncio.sleep(0))
        yield made
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    name = database_name(tmp_path)
    yield Place(tmp_path, with_password(server.new_database(name)))
    server.drop_database(name)


@pytest.fixture
def database(postgres: PostgresServer, tmp_path: Path) -> Iterator[Place]:
    """A database without tables."""
    name = database_name(tmp_path)
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} STRATEGY file_copy".encode())
    yield Place(tmp_path, with_password(postgres.url(name)))
    postgres.drop_database(name)


def with_password(url: str) -> str:
    """The server of the tests asks for none, and takes any."""
    return url.replace("postgres@", f"postgres:{PASSWORD}@")


def stand_at(place: Place, step: str) -> None:
    place.execute(f"UPDATE {VERSION_TABLE} SET version_num = '{step}'")


async def fill(state: SqlState) -> None:
    """Rows at NOW, years ago."""
    await state.record_events([opened(), event("e2", "purchase", customer_id="2", amount=1.0)], NOW)
    await committed(state, await propose(state, capped(), customer_id="2"), KEY)
    await state.record_outcomes([outcome("o1", OutcomeType.PRESENTED)], NOW)


def test_status_of_a_store_in_order_counts_its_rows_and_what_waits(place: Place) -> None:
    place.within(fill)
    result = place.run("status", "--json")
    assert result.exit_code == 0, result.output
    status = json.loads(result.output)
    assert (status["step"], status["known_step"], status["to_do"]) == (HEAD, HEAD, "")
    assert {table: held["rows"] for table, held in status["tables"].items() if held["rows"]} == {
        "customers": 2,
        "events": 2,
        "latest_events": 1,
        "incidents": 1,
        "moves": 1,
        "enrolments": 1,
        "decisions": 1,
        "requests": 1,
        "contacts": 1,
        "outcomes": 1,
        "outbox": 1,
    }
    assert list(status["tables"]) == list(TABLES)
    assert all(held["is_exact"] for held in status["tables"].values())
    assert status["size_bytes"] > 0
    assert status["outbox"]["waiting"] == 1
    waited = datetime.now(UTC) - NOW
    assert timedelta(seconds=status["outbox"]["oldest_age_s"]) == pytest.approx(waited, abs=timedelta(minutes=1))


def test_status_for_people_names_the_store_but_no_password(place: Place) -> None:
    place.within(fill)
    result = place.run("status")
    assert result.exit_code == 0
    first, stands, *_ = result.output.splitlines()
    assert first.startswith(str(place.file) if place.url is None else f"PostgreSQL {database_name(place.home)} at ")
    assert stands == f"stands at step {HEAD}; this program knows {HEAD}"
    assert "waiting for the feature store: 1, the oldest for " in result.output
    assert "rumbo state migrate" not in result.output
    assert PASSWORD not in result.output


def test_nothing_waits_in_a_store_that_is_empty(place: Place) -> None:
    result = place.run("status", "--json")
    assert json.loads(result.output)["outbox"] == {"waiting": 0, "oldest_age_s": None}
    assert "waiting for the feature store: 0\n" in place.run("status").output


def test_status_of_a_store_of_a_later_program_says_so_and_fails(place: Place) -> None:
    stand_at(place, "9999")
    result = place.run("status")
    assert result.exit_code == 1
    assert f"stands at step 9999; this program knows {HEAD}" in result.output
    assert "a later program made these tables" in result.output
    refused = place.run("migrate")
    assert refused.exit_code == 1
    assert "later than" in refused.output
    for answer in (refused, place.run("prune")):
        assert (answer.exit_code, "a later program made these tables: use that one" in answer.output) == (1, True)
        assert "rumbo state migrate" not in answer.output


def test_without_a_store_there_is_no_status_and_none_is_made(tmp_path: Path) -> None:
    for name in ("status", "migrate", "prune"):
        result = Place(tmp_path, None).run(name)
        assert result.exit_code == 1
        assert f"there is no state store {tmp_path / 'state.db'}" in result.output
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_the_time_before_steps_is_migrated_with_every_row(tmp_path: Path) -> None:
    new = asyncio.run(written(tmp_path / "new.db"))
    copied(new, old_file(tmp_path / "state.db"))
    place = Place(tmp_path, None)
    status = place.run("status")
    assert status.exit_code == 1
    assert f"stands at step 0001; this program knows {HEAD}" in status.output
    assert "  0003  Rows that are past their time are found by index" in status.output
    assert "run `rumbo state migrate`" in status.output
    migrated = place.run("migrate")
    assert (migrated.exit_code, migrated.output) == (0, f"the tables went from step 0001 to step {HEAD}\n")
    assert place.run("status").exit_code == 0
    assert place.run("migrate").output == f"the tables stand at step {HEAD}: nothing to do\n"
    assert place.execute("SELECT DISTINCT catalogue_version FROM decisions") == [(capped().version,)]


def test_an_empty_database_gets_its_tables(database: Place) -> None:
    status = database.run("status")
    assert status.exit_code == 1
    assert f"has no tables; this program knows {HEAD}" in status.output
    migrated = database.run("migrate")
    assert (migrated.exit_code, migrated.output) == (0, f"the tables went from none to step {HEAD}\n")
    assert database.run("status").exit_code == 0
    assert PASSWORD not in status.output


@pytest.fixture
def old(tmp_path: Path) -> Place:
    """A file of the time before steps."""
    old_file(tmp_path / "state.db")
    return Place(tmp_path, None)


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("store", ["old", "database"])
def test_several_processes_may_migrate_one_store_at_once(request: pytest.FixtureRequest, store: str) -> None:
    place: Place = request.getfixturevalue(store)
    started = [place.start("state", "migrate") for _ in range(2)]
    said = [one.communicate(timeout=END_S) for one in started]
    assert [one.returncode for one in started] == [0, 0], said
    assert place.run("status").exit_code == 0


def test_what_a_database_of_an_earlier_step_recorded_names_its_catalogue_once_migrated(database: Place) -> None:
    url = database.url or ""
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=NullPool)
    with engine.begin() as connection:
        command.upgrade(_config(connection), "0002")
    database.execute("CREATE TABLE decisions_20180103 PARTITION OF decisions FOR VALUES FROM (0) TO (9)")
    insert = "INSERT INTO decisions (decision_id, customer_id, decided_at, valid_until, fingerprint, record) VALUES "
    database.execute(insert + """('d1', '1', 1, 1, '', '{"input": {"catalogue_version": "v7"}}')""")
    database.execute(insert + """('d2', '1', 2, 2, '', '{"history": {}}')""")
    assert database.run("migrate").output == f"the tables went from step 0002 to step {HEAD}\n"
    found = database.execute("SELECT decision_id, catalogue_version FROM decisions ORDER BY 1")
    assert found == [("d1", "v7"), ("d2", "")]


def test_prune_deletes_what_it_foretold_and_says_so(place: Place) -> None:
    place.within(fill)
    gone = {"events": 2, "requests": 1, "decisions": 1, "contacts": 1, "outcomes": 1}
    for options in (["--dry-run"], []):
        result = place.run("prune", "--force", "--json", *options)
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout) == {**dict.fromkeys(PRUNED, 0), **gone}
    assert set(json.loads(place.run("prune", "--force", "--json").stdout).values()) == {0}
    status = json.loads(place.run("status", "--json").output)
    left = {table: held["rows"] for table, held in status["tables"].items() if held["rows"]}
    assert left == {"customers": 2, "latest_events": 1, "incidents": 1, "moves": 1, "enrolments": 1, "outbox": 1}


def test_prune_shows_a_table_and_a_bar(place: Place) -> None:
    place.within(fill)
    foretold = place.run("prune", "--force", "--dry-run")
    assert foretold.stdout.splitlines()[0].strip() == "would be deleted"
    pruned = place.run("prune", "--force")
    assert pruned.stdout.splitlines()[0].strip() == "deleted"
    assert [line.split("│")[1:4] for line in pruned.stdout.splitlines() if "events" in line] == [
        [" events     ", " 400 days ", "    2 "]
    ]
    assert "events" in pruned.stderr
    assert "2/2" in pruned.stderr


def test_prune_that_fails_half_way_says_what_went(place: Place) -> None:
    """Contacts go after events, requests and decisions, and here they do not go."""
    place.within(fill)
    if place.url is None:
        place.execute("CREATE TRIGGER keep BEFORE DELETE ON contacts BEGIN SELECT RAISE(FAIL, 'not these'); END")
    else:
        place.execute("CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not these''; END'")
        place.execute("CREATE TRIGGER keep BEFORE DELETE ON contacts FOR EACH ROW EXECUTE FUNCTION keep()")
    result = place.run("prune", "--force", "--json")
    assert result.exit_code == 1
    assert "not these" in result.stderr
    went = {"events": 2, "requests": 1, "decisions": 1}
    assert json.loads(result.stdout) == {**dict.fromkeys(PRUNED, 0), **went}
    assert json.loads(place.run("prune", "--force", "--dry-run", "--json").stdout)["contacts"] == 1


def test_prune_goes_by_what_was_received_last_unless_it_is_forced(place: Place) -> None:
    """What is there was received years ago, and nothing since: by its own time it is of today."""
    place.within(fill)
    for options in (["--dry-run"], []):
        result = place.run("prune", "--json", *options)
        assert (result.exit_code, set(json.loads(result.stdout).values())) == (0, {0})


def test_prune_in_doubt_deletes_nothing_fails_and_says_how_to_go_on(place: Place) -> None:
    place.within(fill)
    assert place.run("prune").exit_code == 0
    place.execute("UPDATE rounds SET clock = 1")
    foretold = place.run("prune", "--dry-run")
    assert (foretold.exit_code, foretold.stderr[:14]) == (0, "it would stop:")
    stopped = place.run("prune", "--json")
    assert (stopped.exit_code, stopped.stdout) == (1, "")
    (line,) = stopped.stderr.splitlines()
    assert line.endswith("nothing was pruned; if the clock is right, run `rumbo state prune --force` once")
    assert place.run("prune", "--force").exit_code == 0
    assert place.run("prune").exit_code == 0


@pytest.mark.parametrize(
    ("name", "value"), [("PORT", "70000"), ("DURABILITY", "hopeful"), ("KEEP_EVENTS_DAYS", "ten"), ("DRAIN_S", "-1")]
)
def test_a_variable_that_is_not_what_it_must_be_is_named_and_its_value_kept_secret(
    tmp_path: Path, name: str, value: str
) -> None:
    refused = Place(tmp_path, None).run("status", **{f"RUMBO_{name}": value})
    assert refused.exit_code == 1
    assert refused.output.startswith(f"Error: RUMBO_{name}: Input should be ")
    assert value not in refused.output
    assert len(refused.output.splitlines()) == 1


def test_what_is_kept_is_set_by_the_environment_and_a_time_that_is_too_short_refused(place: Place) -> None:
    place.within(fill)
    age_days = (datetime.now(UTC) - NOW).days + 2
    longer = {f"RUMBO_KEEP_{table}_DAYS": str(age_days) for table in ("CONTACTS", "OUTCOMES")}
    kept = place.run("prune", "--force", "--json", RUMBO_KEEP_EVENTS_DAYS=str(age_days), **longer)
    rows = json.loads(kept.stdout)
    assert (rows["events"], rows["contacts"], rows["decisions"]) == (0, 0, 1)
    refused = place.run("prune", RUMBO_KEEP_CONTACTS_DAYS="30")
    assert refused.exit_code == 1
    assert refused.output.startswith("Error: contacts cannot be kept for 30 days: 400 at least")


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_serve_on_a_store_of_another_step_ends_with_one_line_that_says_what_to_do(place: Place) -> None:
    stand_at(place, "0002")
    serving = place.start("serve", "--port", "0")
    said, complained = serving.communicate(timeout=END_S)
    assert (serving.returncode, said) == (1, "")
    (line,) = complained.splitlines()
    assert line.startswith("Error: the state store ")
    assert line.endswith(f"its tables stand at step 0002, this program knows {HEAD}: run `rumbo state migrate`")
    assert PASSWORD not in line
