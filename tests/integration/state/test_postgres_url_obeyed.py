"""What RUMBO_STATE_URL says is obeyed by every command alike, whatever variables say, and only UTF-8 is taken."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result
from psycopg.conninfo import conninfo_to_dict

from service.cli import main
from service.state.engines.postgres_schema import migrate_database, status_of, store_at, survey_of
from service.state.port import StateUnavailable
from service.state.store import SqlState
from tests.builders import NOW
from tests.contract.rows import accepted, committed, event, propose, situation
from tests.integration.state.roles import carry_out
from tests.servers.postgres import PostgresServer, database_name
from tests.stores import postgres_state

USES: list[Callable[[str], object]] = [postgres_state, status_of, store_at, survey_of, migrate_database]
NAME = "Ána 漢 😀"


@pytest.fixture
def empty_url(server: PostgresServer, tmp_path: Path) -> Iterator[str]:
    """A database without tables."""
    name = database_name(tmp_path)
    carry_out(server.url(), f"CREATE DATABASE {name} STRATEGY file_copy")
    yield server.url(name)
    server.drop_database(name)


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
@pytest.mark.parametrize("use", USES)
def test_a_database_that_keeps_text_as_no_utf_8_is_refused_by_all(
    server: PostgresServer, tmp_path: Path, encoding: str, use: Callable[[str], object]
) -> None:
    name = database_name(tmp_path)
    carry_out(server.url(), f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'")
    with pytest.raises(StateUnavailable, match=f"keeps text as {encoding}: make one with .* ENCODING 'UTF8'"):
        use(server.url(name))
    server.drop_database(name)


def rumbo(url: str, home: Path, *arguments: str) -> Result:
    result = CliRunner(env={"RUMBO_STATE_URL": url}).invoke(main, [*arguments, "--home", str(home)])
    assert result.exit_code == 0, result.output
    return result


def test_a_search_path_in_the_url_is_obeyed_by_migrate_and_by_all_others(empty_url: str, tmp_path: Path) -> None:
    carry_out(empty_url, "CREATE SCHEMA own", "CREATE SCHEMA other")
    url = f"{empty_url}&options=-c%20search_path%3Down"
    rumbo(url, tmp_path, "state", "migrate")
    rumbo(url, tmp_path, "kill", "*", "--why", "a test")
    asyncio.run(decided(url))
    assert "*  since" in rumbo(url, tmp_path, "kills").output
    assert rumbo(url, tmp_path, "state", "status").exit_code == 0
    with psycopg.connect(empty_url) as connection:
        found = connection.execute("SELECT DISTINCT schemaname FROM pg_tables WHERE schemaname !~ '^(pg_|info)'")
        assert found.fetchall() == [("own",)]
        assert connection.execute("SELECT count(*) FROM own.decisions").fetchone() == (1,)
    with pytest.raises(StateUnavailable, match="it has no tables"):
        postgres_state(f"{empty_url}&options=-c%20search_path%3Dother")


async def decided(url: str) -> None:
    state = postgres_state(url)
    await state.engine.demand_service()
    await committed(state, await propose(state, customer_id=NAME))
    await state.close()


async def test_variables_of_libpq_do_not_lead_elsewhere_nor_change_a_session(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = {
        "PGHOST": "/nowhere",
        "PGHOSTADDR": "192.0.2.1",
        "PGPORT": "1",
        "PGUSER": "nobody",
        "PGDATABASE": "nowhere",
        "PGCLIENTENCODING": "LATIN1",
        "PGOPTIONS": "-c search_path=nowhere",
        "PGTARGETSESSIONATTRS": "standby",
        "PGAPPNAME": "another",
        "PGCONNECT_TIMEOUT": "0",
    }
    for name, value in elsewhere.items():
        monkeypatch.setenv(name, value)
    assert status_of(url) is not None
    state = postgres_state(url)
    row = event("e1", "purchase", customer_id=NAME, amount=1.0)
    assert await state.record_events([row], NOW) == [accepted("e1")]
    await situation(state, NAME)
    await state.close()


@pytest.mark.parametrize("use", USES)
def test_of_several_hosts_the_one_that_can_be_had_is_taken(url: str, use: Callable[[str], object]) -> None:
    place = str(conninfo_to_dict(url)["host"])
    used = use(url.replace(f"host={place}", f"host=/nowhere,{place}"))
    if isinstance(used, SqlState):
        asyncio.run(used.close())


@pytest.mark.parametrize("use", USES)
def test_a_setting_that_does_not_exist_is_named(url: str, use: Callable[[str], object]) -> None:
    with pytest.raises(StateUnavailable, match="unrecognized configuration parameter"):
        use(f"{url}&options=-c%20serch_path%3Down")
