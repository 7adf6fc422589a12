"""A PostgreSQL server that goes away: nothing is acknowledged that is not kept, and the store object goes on after."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest

from service.decision.facts import FactKind
from service.decision.reports.rows import OutcomeType
from service.state.engines.postgres import READERS
from service.state.port import StateUnavailable
from service.state.store import SqlState
from tests.builders import NOW
from tests.contract.rows import FAR, accepted, committed, contacts, event, opened, outcome, propose, situation
from tests.servers.postgres import PostgresServer
from tests.stores import postgres_state

WRITERS = 6
BEFORE_IT_GOES = 60
WAIT_S = 30
DAY = timedelta(days=1)
End = Callable[[PostgresServer], None]
Call = Callable[[SqlState], Awaitable[object]]

ENDS = pytest.mark.parametrize("end", [PostgresServer.stop, PostgresServer.kill], ids=["stopped", "killed"])


async def commit_today(state: SqlState) -> None:
    await committed(state, await propose(state, decision_id="d-later", customer_id="another"))


async def commit_tomorrow(state: SqlState) -> None:
    """The first decision of a day makes the place where it lies."""
    await committed(state, await propose(state, decision_id="d-later", customer_id="another", now=NOW + DAY))


async def read_by_all_readers(state: SqlState) -> None:
    await asyncio.gather(*(situation(state) for _ in range(4 * READERS)))


CALLS: dict[str, Call] = {
    "situation": lambda state: state.situation("1", NOW, FAR),
    "situations": read_by_all_readers,
    "decision": lambda state: state.decision("d1", NOW),
    "kills": lambda state: state.kills(),
    "commit": commit_today,
    "commit-on-a-new-day": commit_tomorrow,
    "events": lambda state: state.record_events([opened("e-later")], NOW),
    "outcomes": lambda state: state.record_outcomes([outcome("o-later", OutcomeType.PRESENTED)], NOW),
    "kill": lambda state: state.kill("news", "a test", NOW),
}
EACH_CALL = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())


@contextmanager
def gone(server: PostgresServer, end: End = PostgresServer.stop) -> Iterator[None]:
    end(server)
    try:
        yield
    finally:
        server.start()


async def used(state: SqlState) -> None:
    """Opens every connection of the store."""
    await committed(state, await propose(state))
    await state.record_events([event("e0", "purchase", amount=1.0)], NOW)
    await read_by_all_readers(state)


class Writer:
    """Writes until the store is away. It keeps what was acknowledged, and tells once there is enough of it."""

    def __init__(self, state: SqlState) -> None:
        self.decisions: list[str] = []
        self.events: list[str] = []
        self.is_busy = asyncio.Event()
        self._state = state

    async def write(self, name: str) -> None:
        for step in range(1_000_000):
            proposed = await propose(
                self._state, decision_id=f"d{name}-{step}", customer_id=f"{name}-{step}", channel="email"
            )
            await committed(self._state, proposed)
            self.decisions.append(proposed.terms.decision_id)
            row = event(f"e{name}-{step}", "purchase", customer_id=f"{name}-{step}", amount=1.0)
            assert await self._state.record_events([row], NOW) == [accepted(row.event_id)]
            self.events.append(row.event_id)
            if len(self.decisions) > BEFORE_IT_GOES:
                self.is_busy.set()


@ENDS
async def test_what_was_acknowledged_before_the_server_went_is_there_once_it_is_back(
    state: SqlState, server: PostgresServer, end: End
) -> None:
    writer = Writer(state)
    tasks = [asyncio.create_task(writer.write(str(i))) for i in range(WRITERS)]
    async with asyncio.timeout(WAIT_S):
        await writer.is_busy.wait()
        await asyncio.to_thread(end, server)
        try:
            results = await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            await asyncio.to_thread(server.start)
    assert [type(result) for result in results] == [StateUnavailable] * WRITERS
    assert len(writer.decisions) > BEFORE_IT_GOES
    for decision_id in writer.decisions:
        assert await state.decision(decision_id, NOW) is not None
        assert len(await contacts(state, customer_id=decision_id.removeprefix("d"))) == 1
    for event_id in writer.events:
        (result,) = await state.record_events([event(event_id, "purchase", amount=2.0)], NOW)
        assert result.code == "ID_REUSED"


@EACH_CALL
async def test_no_call_is_answered_while_the_server_is_away(
    state: SqlState, server: PostgresServer, call: Call
) -> None:
    await used(state)
    proposed = await propose(state, decision_id="d-away", customer_id="2")
    with gone(server):
        for _ in range(2):
            with pytest.raises(StateUnavailable, match="did not answer"):
                await call(state)
        with pytest.raises(StateUnavailable, match="did not answer"):
            await state.commit(proposed, None)
    await call(state)
    assert await state.decision("d-away", NOW) is None
    assert await contacts(state, customer_id="2") == ()


@ENDS
@EACH_CALL
async def test_the_first_call_after_the_server_was_away_unnoticed_is_answered(
    state: SqlState, server: PostgresServer, end: End, call: Call
) -> None:
    """Every connection of the store is broken, and the store does not know it yet."""
    await used(state)
    with gone(server, end):
        pass
    await call(state)


@EACH_CALL
async def test_the_first_call_after_the_server_ended_every_connection_is_answered(
    state: SqlState, url: str, call: Call
) -> None:
    await used(state)
    assert ended(url, "application_name = 'rumbo'") >= 2
    await call(state)


async def test_a_write_whose_connection_is_ended_before_its_commit_is_done_again_once(
    state: SqlState, url: str
) -> None:
    await used(state)
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
        writing = asyncio.create_task(state.record_events([opened("e1")], NOW))
        await blocked(url)
        assert ended(url, "wait_event_type = 'Lock'") == 1
        await blocked(url)
        other.rollback()
        assert await writing == [accepted("e1")]
    assert (await situation(state)).versions[FactKind.INCIDENTS] == 1


async def test_a_write_whose_connection_is_ended_again_and_again_is_unavailable(state: SqlState, url: str) -> None:
    await used(state)
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
        writing = asyncio.create_task(state.record_events([opened("e1")], NOW))
        for _ in range(2):
            await blocked(url)
            assert ended(url, "wait_event_type = 'Lock'") == 1
        with pytest.raises(StateUnavailable, match="did not answer"):
            await writing
    assert await state.record_events([opened("e1")], NOW) == [accepted("e1")]


@pytest.mark.slow
async def test_a_lock_that_is_never_given_back_is_unavailable_and_the_store_goes_on_after(
    state: SqlState, url: str
) -> None:
    await used(state)
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(StateUnavailable, match="statement timeout"):
            await state.record_events([opened("e1")], NOW)
    assert await state.record_events([opened("e1")], NOW) == [accepted("e1")]


def ended(url: str, which: str) -> int:
    """Ends these connections of the database. Returns: how many they were."""
    with psycopg.connect(url) as connection:
        question = (
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            f" WHERE datname = current_database() AND pid <> pg_backend_pid() AND {which}"
        )
        return len(connection.execute(question.encode()).fetchall())


async def blocked(url: str) -> None:
    """Returns once a connection of the store waits for a lock."""
    question = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'rumbo'"
        " AND wait_event_type = 'Lock'"
    )
    async with asyncio.timeout(WAIT_S):
        with psycopg.connect(url, autocommit=True) as connection:
            while connection.execute(question).fetchone() != (1,):
                await asyncio.sleep(0.002)


async def test_a_read_that_took_too_long_leaves_nothing_behind(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whenever it comes: among the calls before are those after which the driver prepares its statements."""
    monkeypatch.setattr("service.state.engines.postgres_connection.STATEMENT_MS", 100)
    for reads_before in range(3, 8):
        state = postgres_state(url)
        with psycopg.connect(url) as holding:
            for _ in range(reads_before):
                await situation(state)
            holding.execute("LOCK TABLE customers")
            with pytest.raises(StateUnavailable):
                await situation(state)
            holding.rollback()
            await read_by_all_readers(state)
        await state.close()
