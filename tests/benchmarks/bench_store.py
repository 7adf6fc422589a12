"""What the state stores cost by themselves: commits that share a transaction, and a store that has grown.

- 64 callers at once, against one loop that issues the same statements in batches of 64: same tables, same durability.
  Decisions are made, and their records written, before the clock starts; the limit is half of the loop's rate.
- Read and commit of a decision in a store of 10,000 decisions and in one of a million: at most 1.5 times the time.
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import psycopg
import pytest

from service.bootstrap.clock import uuid_of
from service.decision.arbitrate import Score, ScoreSource
from service.decision.decide import Decision, DecisionTerms, begin, conclude
from service.decision.facts import Situation
from service.decision.plan import Plan
from service.decision.variables import with_variables
from service.state.engines.engine import Durability
from service.state.engines.postgres_session import statement
from service.state.engines.session import Row, Session, Sql, Transaction, carry_out
from service.state.port import Committed
from service.state.rows.decisions import ProposedDecision
from service.state.store import SqlState
from tests.benchmarks.catalogues import NOW, customer, plan_of
from tests.benchmarks.grown import EACH, fill_postgres, fill_sqlite
from tests.benchmarks.results import tell
from tests.servers.postgres import PostgresServer, postgres_server
from tests.stores import postgres_state, sqlite_state

CALLERS, DECISIONS, GROUP, LONE, TURNS = 64, 8192, 64, 512, 8
HALF, GROWTH = 0.5, 1.5
SMALL, LARGE, SAMPLES = 10_000, 1_000_000, 600
Statements = list[Sql]
Issue = Callable[[Statements], None]
"""Issues a batch in one transaction, and waits until it is durable."""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server(on_disk=True) as running:
        yield running


@pytest.fixture(scope="module")
def plan() -> Plan:
    return plan_of(50)


def propose(plan: Plan, customer_id: str, situation: Situation | None = None) -> Decision:
    consents = customer().situation.consents
    known = Situation(consents=consents) if situation is None else replace(situation, consents=consents)
    draft = begin(plan, with_variables(replace(customer(), customer_id=customer_id, situation=known)))
    scores = {c.journey_id: Score(p_outcome=0.1, source=ScoreSource.MODEL) for c in draft.survivors}
    return conclude(draft, scores, DecisionTerms(decision_id=uuid_of(NOW), limit=1, model_version="m"))


class Recorder:
    """Passes on what a work asks and tells, and keeps it."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.cache = session.cache
        self.heard: Statements = []

    def prefetch(self, own: Sequence[Sql], shared: Sequence[Sql]) -> None:
        """Each question is asked in its turn."""

    def query(self, *questions: Sql) -> list[list[Row]]:
        self.heard += questions
        return self._session.query(*questions)

    def execute(self, *statements: Sql) -> None:
        self.heard += statements
        self._session.execute(*statements)


@pytest.mark.parametrize("durability", Durability)
def test_commits_that_wait_together_on_sqlite(plan: Plan, tmp_path: Path, durability: Durability) -> None:
    ours, heard, raw = (sqlite_state(tmp_path / f"{name}.db", durability) for name in ("ours", "heard", "raw"))
    asyncio.run(_ready(raw, plan))
    connection = sqlite3.connect(tmp_path / "raw.db", isolation_level=None)
    connection.execute(f"PRAGMA synchronous = {'FULL' if durability is Durability.POWER_SAFE else 'NORMAL'}")

    def issue(batch: Statements) -> None:
        connection.execute("BEGIN IMMEDIATE")
        for text, values in batch:
            connection.execute(text, values).fetchall()
        connection.execute("COMMIT")

    with closing(connection):
        _compare(f"sqlite, {durability.value}", plan, ours, heard, issue)


@pytest.mark.parametrize("durability", Durability)
def test_commits_that_wait_together_on_postgres(plan: Plan, server: PostgresServer, durability: Durability) -> None:
    name = durability.value.replace("-", "_")
    urls = [server.new_database(f"{which}_{name}") for which in ("ours", "heard", "raw")]
    ours, heard, raw = (postgres_state(url, durability) for url in urls)
    asyncio.run(_ready(raw, plan))
    is_safe = "on" if durability is Durability.POWER_SAFE else "off"
    connection = psycopg.connect(urls[2], autocommit=True, options=f"-c synchronous_commit={is_safe}")

    def issue(batch: Statements) -> None:
        with connection.pipeline():
            connection.execute("BEGIN")
            for text, values in batch:
                connection.execute(statement(text), values)
            connection.execute("COMMIT")

    with closing(connection):
        _compare(f"postgres, {durability.value}", plan, ours, heard, issue)


def _compare(what: str, plan: Plan, ours: SqlState, heard: SqlState, issue: Issue) -> None:
    """Turn by turn, so that what else the machine does meanwhile meets both; the median of the turns counts."""
    proposed = [ProposedDecision.of(propose(plan, f"c{i}")) for i in range(DECISIONS)]
    batches = asyncio.run(_statements(heard, plan, proposed[LONE:]))
    lone, rates, loops = asyncio.run(_in_turns(ours, plan, proposed, batches, issue))
    ratio = median(rate / loop for rate, loop in zip(rates, loops, strict=True))
    tell(f"group commit, {what}", lone_us=lone, per_s=median(rates), loop_per_s=median(loops), ratio=ratio)
    assert ratio >= HALF


async def _ready(state: SqlState, plan: Plan, *, is_closed: bool = True) -> None:
    """The pools are counted, and the day has its place."""
    await state.situation("nobody", NOW, plan.reach_on("email"))
    await state.engine.make_room(NOW)
    if is_closed:
        await state.close()


async def _in_turns(
    state: SqlState, plan: Plan, proposed: Sequence[ProposedDecision], batches: Sequence[Statements], issue: Issue
) -> tuple[float, list[float], list[float]]:
    """The median in µs of lone commits; then decisions a second of all callers at once, and of the loop, by turns."""
    await _ready(state, plan, is_closed=False)
    taken: list[float] = []
    for one in proposed[:LONE]:
        begins = perf_counter()
        await state.engine.write(state.commits.transaction(one, None))
        taken.append((perf_counter() - begins) * 1e6)
    rates, loops = list[float](), list[float]()
    size = len(batches) // TURNS
    for turn in range(TURNS):
        own = batches[turn * size : (turn + 1) * size]
        first = LONE + turn * size * GROUP
        rates.append(await _together(state, proposed[first : first + size * GROUP]))
        begins = perf_counter()
        for batch in own:
            issue(batch)
        loops.append(size * GROUP / (perf_counter() - begins))
    await state.close()
    return median(taken), rates, loops


async def _together(state: SqlState, proposed: Sequence[ProposedDecision]) -> float:
    """Decisions a second with all callers at once."""
    waiting = iter(proposed)

    async def caller() -> None:
        for one in waiting:
            await state.engine.write(state.commits.transaction(one, None))

    begins = perf_counter()
    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return len(proposed) / (perf_counter() - begins)


async def _statements(state: SqlState, plan: Plan, proposed: Sequence[ProposedDecision]) -> list[Statements]:
    """What the commits ask and tell, in batches as a group does them."""
    await _ready(state, plan, is_closed=False)
    transactions = [state.commits.transaction(one, None) for one in proposed]
    batches: list[Statements] = []
    for first in range(0, len(transactions), GROUP):
        group = transactions[first : first + GROUP]
        batches.append(await state.engine.write(Transaction(partial(_heard, transactions=group))))
    await state.close()
    return batches


def _heard(session: Session, transactions: Sequence[Transaction[Any]]) -> Statements:
    recorder = Recorder(session)
    carry_out(recorder, transactions, [work.locks(recorder) for work in transactions])
    return recorder.heard


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_store_of_a_million_decisions_is_hardly_slower(
    plan: Plan, tmp_path: Path, server: PostgresServer, kind: str
) -> None:
    record = ProposedDecision.of(propose(plan, "c0")).record
    stores: dict[int, Callable[[], SqlState]] = {}
    for size in (SMALL, LARGE):
        begins = perf_counter()
        if kind == "sqlite":
            file = tmp_path / f"{size}.db"
            asyncio.run(_ready(sqlite_state(file), plan))
            fill_sqlite(file, size, record)
            stores[size] = partial(sqlite_state, file, Durability.PROCESS_SAFE)
        else:
            url = server.new_database(f"grown_{size}")
            asyncio.run(_ready(postgres_state(url), plan))
            fill_postgres(url, size, record)
            stores[size] = partial(postgres_state, url, Durability.PROCESS_SAFE)
        os.write(1, f"\n{kind}: {size:,} decisions made in {perf_counter() - begins:.0f} s".encode())
    us = asyncio.run(_read_and_commit(stores[SMALL](), stores[LARGE](), plan))
    small, large = median(us[0]), median(us[1])
    tell(f"grown, {kind}", small_us=small, large_us=large, ratio=large / small)
    assert large / small <= GROWTH


async def _read_and_commit(small: SqlState, large: SqlState, plan: Plan) -> tuple[list[float], list[float]]:
    """µs of a decision's read and commit in each store, in turns; deciding in between is not counted."""
    us: tuple[list[float], list[float]] = ([], [])
    draw = random.Random(1)
    reach = plan.reach_on("email")
    for number in range(SAMPLES + 50):
        for state, size, taken in ((small, SMALL, us[0]), (large, LARGE, us[1])):
            customer_id = f"c{draw.randrange(size // EACH)}"
            begins = perf_counter()
            reading = await state.situation(customer_id, NOW, reach)
            read = perf_counter() - begins
            proposed = ProposedDecision.of(propose(plan, customer_id, reading.situation))
            begins = perf_counter()
            result = await state.engine.write(state.commits.transaction(proposed, None))
            assert isinstance(result, Committed)
            if number >= 50:
                taken.append((read + perf_counter() - begins) * 1e6)
    await small.close()
    await large.close()
    return us
