"""The tables of a PostgreSQL database and their steps: made, kept, or refused."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from service.decision.reports.rows import RowStatus
from service.state.engines.engine import Durability
from service.state.engines.postgres_schema import migrate_database, status_of
from service.state.engines.steps import HEAD, VERSION_TABLE
from service.state.port import StateUnavailable
from tests.builders import NOW
from tests.contract.rows import KEY, committed, opened, picked, propose, situation
from tests.servers.postgres import PostgresServer, database_name
from tests.stores import postgres_state

FAST = Durability.PROCESS_SAFE
USES: list[Callable[[str], object]] = [postgres_state, migrate_database]


@pytest.fixture
def url(postgres: PostgresServer, tmp_path: Path) -> Iterator[str]:
    """An empty database."""
    name = database_name(tmp_path)
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} STRATEGY file_copy")
    yield postgres.url(name)
    postgres.drop_database(name)


def catalogue_of(url: str) -> list[tuple[Any, ...]]:
    """Every table and index of the database, and every column with its type."""
    question = (
        "SELECT c.relname, c.relkind, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull"
        " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0"
        " WHERE c.relnamespace = 'public'::regnamespace ORDER BY 1, a.attnum"
    )
    with psycopg.connect(url) as connection:
        return connection.execute(question).fetchall()


def at_step(url: str, step: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = %s", (step,))


def test_a_database_without_tables_is_refused_with_the_command_that_helps(url: str) -> None:
    with pytest.raises(StateUnavailable, match=rf"it has no tables, .* knows {HEAD}: run `rumbo state migrate`"):
        postgres_state(url)
    assert status_of(url) is None
    assert catalogue_of(url) == []


async def test_an_empty_database_gets_its_tables_and_the_store_works_on_them(url: str) -> None:
    assert migrate_database(url) == (None, HEAD)
    assert status_of(url) == HEAD
    state = postgres_state(url, FAST)
    assert [r.status for r in await state.record_events([opened()], NOW)] == [RowStatus.ACCEPTED]
    assert picked(await committed(state, await propose(state, customer_id="2"), KEY)) == ["news"]
    await state.close()


async def test_migrating_a_database_again_changes_nothing(url: str) -> None:
    migrate_database(url)
    state = postgres_state(url, FAST)
    await state.record_events([opened()], NOW)
    before = await situation(state), catalogue_of(url)
    assert migrate_database(url) == (HEAD, HEAD)
    assert (await situation(state), catalogue_of(url)) == before
    await state.close()


def test_several_may_migrate_an_empty_database_at_once(url: str, postgres: PostgresServer) -> None:
    barrier, results = threading.Barrier(4), list[object]()

    def run() -> None:
        barrier.wait()
        try:
            results.append(migrate_database(url)[1])
        except Exception as error:  # noqa: BLE001 - compared below
            results.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [HEAD] * 4
    name = database_name(Path(url))
    assert catalogue_of(url) == catalogue_of(postgres.new_database(name))
    postgres.drop_database(name)


@pytest.mark.parametrize("use", USES)
def test_a_database_of_a_later_step_is_refused_and_left_as_it_is(url: str, use: Callable[[str], object]) -> None:
    migrate_database(url)
    at_step(url, "9999")
    before = catalogue_of(url)
    with pytest.raises(StateUnavailable, match=rf"at step 9999, .*{HEAD}"):
        use(url)
    assert (catalogue_of(url), status_of(url)) == (before, "9999")


def test_a_database_of_an_earlier_step_is_refused_with_the_command_that_helps(url: str) -> None:
    migrate_database(url)
    at_step(url, "0001")
    with pytest.raises(StateUnavailable, match=rf"stand at step 0001, .* knows {HEAD}: run `rumbo state migrate`"):
        postgres_state(url)


@pytest.mark.parametrize("use", [*USES, status_of])
def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path, use: Callable[[str], object]) -> None:
    with pytest.raises(StateUnavailable, match="No such file or directory"):
        use(f"postgresql://postgres@/state?host={tmp_path}")


@pytest.mark.parametrize("use", [*USES, status_of])
def test_a_database_that_is_not_there_is_unavailable(postgres: PostgresServer, use: Callable[[str], object]) -> None:
    with pytest.raises(StateUnavailable, match='database "nowhere" does not exist'):
        use(postgres.url("nowhere"))


@pytest.mark.parametrize("use", [*USES, status_of])
@pytest.mark.parametrize("url_", ["postgresql://rumbo:hush%zz@/state", "postgresql://rumbo:hush@[/state"])
def test_a_url_that_is_none_is_refused_without_the_password_in_it(url_: str, use: Callable[[str], object]) -> None:
    with pytest.raises(StateUnavailable, match="RUMBO_STATE_URL h") as refused:
        use(url_)
    told: BaseException | None = refused.value
    while told is not None:
        assert "hush" not in str(told)
        told = told.__cause__ or (None if told.__suppress_context__ else told.__context__)
