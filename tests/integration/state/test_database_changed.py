"""A database that is changed under a store: what cannot be kept is unavailable, and all goes on once it is in order."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from psycopg.conninfo import conninfo_to_dict

from service.state.engines.postgres_schema import migrate_database
from service.state.engines.steps import VERSION_TABLE
from service.state.port import StateUnavailable
from service.state.store import SqlState
from tests.builders import NOW
from tests.contract.rows import accepted, committed, event, propose
from tests.integration.state.roles import carry_out
from tests.integration.state.test_server_gone import ended, read_by_all_readers
from tests.servers.postgres import PostgresServer
from tests.stores import postgres_state

CATALOGUE, SOURCE = "v1", "the text of a catalogue"
BOUGHT = event("e1", "purchase", amount=1.0)


@pytest.fixture
async def used(state: SqlState) -> SqlState:
    """A store that has all its connections, a catalogue in force and a decision of today."""
    await state.keep_catalogue(CATALOGUE, SOURCE)
    await committed(state, await propose(state, decision_id="d0", customer_id="0"))
    await read_by_all_readers(state)
    return state


async def goes_on(state: SqlState, customer_id: str = "1") -> None:
    row = event(f"e-{customer_id}", "purchase", customer_id=customer_id, amount=1.0)
    assert await state.record_events([row], NOW) == [accepted(row.event_id)]
    await committed(state, await propose(state, decision_id=f"d-{customer_id}", customer_id=customer_id))


def database_dropped_and_made(server: PostgresServer, url: str) -> None:
    """Every connection is ended by that."""
    database = str(conninfo_to_dict(url)["dbname"])
    server.drop_database(database)
    carry_out(server.url(), f"CREATE DATABASE {database} STRATEGY file_copy")


def schema_dropped_and_made(server: PostgresServer, url: str) -> None:
    """The connections stay."""
    carry_out(url, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")


MADE_AGAIN = pytest.mark.parametrize("made_again", [database_dropped_and_made, schema_dropped_and_made])
MakeAgain = Callable[[PostgresServer, str], None]


@MADE_AGAIN
async def test_a_new_store_in_the_place_of_another_is_not_written_until_it_is_opened(
    used: SqlState, server: PostgresServer, url: str, made_again: MakeAgain
) -> None:
    made_again(server, url)
    for _ in range(2):
        with pytest.raises(StateUnavailable):
            await used.record_events([BOUGHT], NOW)
    with pytest.raises(StateUnavailable, match=r"it has no tables, .* run `rumbo state migrate`"):
        await used.record_events([BOUGHT], NOW)
    migrate_database(url)
    for _ in range(2):
        with pytest.raises(StateUnavailable, match="another store"):
            await used.record_events([BOUGHT], NOW)
    opened = postgres_state(url)
    await goes_on(opened)
    await opened.close()


async def test_a_backup_of_the_store_has_the_catalogue_in_force_before_anything_else_is_written(
    used: SqlState, url: str
) -> None:
    """It is of the time before this catalogue and before the days that were made."""
    ended(url, "application_name = 'rumbo'")
    carry_out(url, "DELETE FROM catalogues", "DROP TABLE decisions_20180103")
    await goes_on(used)
    assert await used.catalogue(CATALOGUE) == SOURCE


async def test_a_day_that_somebody_dropped_is_made_again(used: SqlState, url: str) -> None:
    carry_out(url, "DROP TABLE decisions_20180103")
    with pytest.raises(StateUnavailable):
        await goes_on(used)
    await goes_on(used, "2")


@pytest.mark.parametrize("table", ["events", "decisions", "kills", "contacts"])
async def test_a_table_that_went_is_missed_by_name_until_it_is_back(used: SqlState, url: str, table: str) -> None:
    carry_out(url, f"ALTER TABLE {table} RENAME TO gone")
    with pytest.raises(StateUnavailable, match=table):
        await goes_on(used)
    carry_out(url, f"ALTER TABLE gone RENAME TO {table}")
    await goes_on(used, "2")


async def test_tables_of_a_later_program_are_not_written_by_connections_that_come_after(
    used: SqlState, url: str
) -> None:
    carry_out(url, f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    ended(url, "application_name = 'rumbo'")
    with pytest.raises(StateUnavailable, match=r"stand at step 9999, .* a later program made these tables"):
        await used.record_events([BOUGHT], NOW)


@pytest.mark.parametrize("whose", ["SYSTEM", "DATABASE {}", "ROLE postgres IN DATABASE {}"])
async def test_a_database_that_was_read_only_for_a_while_is_written_again_at_once(
    used: SqlState, server: PostgresServer, url: str, whose: str
) -> None:
    changed = f"ALTER {whose.format(conninfo_to_dict(url)['dbname'])}"
    carry_out(server.url(), f"{changed} SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
    ended(url, "application_name = 'rumbo'")
    for _ in range(2):
        with pytest.raises(StateUnavailable, match="read-only"):
            await used.record_events([BOUGHT], NOW)
    in_writing = "SET default_transaction_read_only = off"
    carry_out(server.url(), in_writing, f"{changed} RESET default_transaction_read_only", "SELECT pg_reload_conf()")
    await goes_on(used)
