"""A pooler before PostgreSQL: in session mode all holds that a session was asked for; in other modes nothing starts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.state.engines.engine import Durability
from service.state.engines.postgres_connection import IDLE_MS, STATEMENT_MS
from service.state.engines.session import Session, Sql, Transaction, placeholders
from service.state.port import StateUnavailable
from service.state.store import SqlState
from tests.builders import NOW
from tests.contract.rows import accepted, committed, event, propose, situation
from tests.servers.pooler import Mode, pooler
from tests.servers.postgres import PostgresServer, database_name
from tests.stores import postgres_state

CALLERS = 64
SHOWN = ("statement_timeout", "idle_in_transaction_session_timeout", "synchronous_commit", "row_security")


@pytest.fixture
def database(server: PostgresServer, tmp_path: Path) -> Iterator[str]:
    name = database_name(tmp_path)
    server.new_database(name)
    yield name
    server.drop_database(name)


def shown(session: Session) -> dict[str, str]:
    (found,) = session.query(Sql(f"SELECT name, setting FROM pg_settings WHERE name IN {placeholders(SHOWN)}", SHOWN))
    return {row["name"]: row["setting"] for row in found}


@pytest.mark.parametrize(("durability", "commits"), [(Durability.POWER_SAFE, "on"), (Durability.PROCESS_SAFE, "off")])
async def test_limits_and_durability_hold_behind_a_pooler_in_session_mode(
    server: PostgresServer, database: str, durability: Durability, commits: str
) -> None:
    with pooler(server.folder, database, Mode.SESSION) as url:
        state = postgres_state(url, durability)
        await state.engine.demand_service()
        for settings in (await state.engine.write(Transaction(shown)), await state.engine.read(shown)):
            assert settings == {
                "statement_timeout": str(STATEMENT_MS),
                "idle_in_transaction_session_timeout": str(IDLE_MS),
                "synchronous_commit": commits,
                "row_security": "off",
            }
        await state.close()


async def every_caller_is_answered(state: SqlState) -> None:
    async def call(name: str) -> None:
        assert await state.record_events([event(f"e{name}", "purchase", customer_id=name, amount=1.0)], NOW) == [
            accepted(f"e{name}")
        ]
        await committed(state, await propose(state, decision_id=f"d{name}", customer_id=name, channel="email"))
        await situation(state, name)

    await asyncio.gather(*(call(str(i)) for i in range(CALLERS)))


@pytest.mark.parametrize("size", [20, 5, 2])
async def test_every_caller_is_answered_behind_a_pooler_with_few_sessions(
    server: PostgresServer, database: str, size: int
) -> None:
    """Connections that the pooler keeps waiting are not waited for by any caller."""
    with pooler(server.folder, database, Mode.SESSION, size=size) as url:
        state = postgres_state(f"{url}?connect_timeout=1")
        await state.engine.demand_service()
        await every_caller_is_answered(state)
        await state.close()


@pytest.mark.parametrize(
    ("size", "is_full", "in_turn"),
    [(1, False, False), (2, False, False), (5, True, False), (5, True, True), (20, True, True)],
    ids=["one", "two", "five", "five-in-turn", "twenty-in-turn"],
)
async def test_a_pooler_in_transaction_mode_is_refused_with_what_to_set(
    server: PostgresServer, database: str, size: int, is_full: bool, in_turn: bool
) -> None:
    shared = pooler(server.folder, database, Mode.TRANSACTION, size=size, is_full=is_full, in_turn=in_turn)
    with shared as url, pytest.raises(StateUnavailable, match="set it to session mode"):
        postgres_state(f"{url}?connect_timeout=1")


async def test_a_pooler_without_a_session_for_reads_is_refused_in_seconds(
    server: PostgresServer, database: str
) -> None:
    why = "its pool may be full: a service takes 2 to 5 connections"
    with pooler(server.folder, database, Mode.SESSION, size=1) as url, pytest.raises(StateUnavailable, match=why):
        postgres_state(f"{url}?connect_timeout=1")
