"""A server that gives few connections: reads share what there is, and the writer has its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from service.state.engines.postgres import READERS
from service.state.port import StateUnavailable
from service.state.store import SqlState
from tests.builders import NOW
from tests.contract.rows import accepted, committed, event, opened, propose, situation
from tests.integration.state.roles import carry_out, owned
from tests.servers.postgres import PostgresServer, database_name
from tests.stores import postgres_state

CALLERS = 64
WAIT_S = 30


@pytest.fixture
def role(tmp_path: Path) -> str:
    return database_name(tmp_path)


@pytest.fixture
def own_url(server: PostgresServer, role: str) -> Iterator[str]:
    with owned(server, role) as url:
        yield url


def limit(server: PostgresServer, role: str, connections: int) -> None:
    carry_out(server.url(), f"ALTER ROLE {role} CONNECTION LIMIT {connections}")


def end_all(server: PostgresServer, role: str) -> None:
    with psycopg.connect(server.url()) as connection:
        question = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = %s"
        connection.execute(question, (role,))


def connections(server: PostgresServer, role: str) -> int:
    with psycopg.connect(server.url()) as connection:
        question = "SELECT count(*) FROM pg_stat_activity WHERE usename = %s"
        ((count,),) = connection.execute(question, (role,)).fetchall()
        return int(count)


async def every_caller_is_answered(state: SqlState, again: str) -> None:
    async def call(name: str) -> None:
        row = event(f"e{name}", "purchase", customer_id=name, amount=1.0)
        assert await state.record_events([row], NOW) == [accepted(row.event_id)]
        await committed(state, await propose(state, decision_id=f"d{name}", customer_id=name, channel="email"))
        await situation(state, name)

    await asyncio.gather(*(call(f"{again}-{i}") for i in range(CALLERS)))


@pytest.mark.parametrize("connections", [2, 3, 1 + READERS])
async def test_every_caller_is_answered_whatever_the_limit_also_after_all_were_lost(
    server: PostgresServer, role: str, own_url: str, connections: int
) -> None:
    limit(server, role, connections)
    state = postgres_state(own_url)
    await state.engine.demand_service()
    for again in ("once", "twice"):
        await every_caller_is_answered(state, again)
        end_all(server, role)
    await every_caller_is_answered(state, "thrice")
    await state.close()


async def test_the_writer_takes_a_connection_from_the_reads_that_took_them_all(
    server: PostgresServer, role: str, own_url: str
) -> None:
    limit(server, role, 2)
    state = postgres_state(own_url)
    end_all(server, role)
    both = threading.Barrier(2, timeout=WAIT_S)
    await asyncio.gather(*(state.engine.read(lambda session: both.wait()) for _ in range(2)))
    assert connections(server, role) == 2
    await state.record_events([event("e1", "purchase", amount=1.0)], NOW)
    await situation(state)
    assert connections(server, role) == 2
    await state.close()


async def test_a_service_does_not_start_without_a_connection_for_reads(
    server: PostgresServer, role: str, own_url: str
) -> None:
    limit(server, role, 1)
    state = postgres_state(own_url)
    with pytest.raises(StateUnavailable, match="too many connections for role"):
        await state.engine.demand_service()
    await state.kill("news", "a kill needs one", NOW)
    await state.close()


async def test_connections_that_there_are_are_used_while_no_other_is_let_in(
    server: PostgresServer, role: str, own_url: str
) -> None:
    """As after the password was changed."""
    state = postgres_state(own_url)
    await state.engine.demand_service()
    carry_out(server.url(), f"ALTER ROLE {role} NOLOGIN")
    await every_caller_is_answered(state, "shared")
    end_all(server, role)
    with pytest.raises(StateUnavailable, match="not permitted to log in"):
        await state.record_events([opened()], NOW)
    carry_out(server.url(), f"ALTER ROLE {role} LOGIN")
    await every_caller_is_answered(state, "back")
    await state.close()
