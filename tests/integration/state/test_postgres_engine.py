"""The PostgreSQL engine: groups of which one work fails alone, keys in one order, days, and what is durable."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from service.decision.reports.rows import OutcomeType
from service.state.engines.engine import Durability
from service.state.engines.postgres import PostgresEngine
from service.state.engines.session import Locks, Row, Session, Sql, Transaction, placeholders
from service.state.port import StatementRefused, StateUnavailable
from service.state.rows.decision_ids import find_row
from service.state.store import SqlState
from tests.builders import NOW
from tests.contract.rows import accepted, committed, event, opened, outcome, propose, situation, taken
from tests.integration.state.conftest import OpenEngine, OpenState
from tests.integration.state.works import TRANSACTION, WAIT_S, HeldTransaction, adding


async def together(engine: PostgresEngine, *transactions: Transaction[str]) -> list[str | BaseException]:
    """Hands these in while another transaction runs."""
    held = await HeldTransaction(engine).begun()
    answers = [engine.write(work) for work in transactions]
    await held.end()
    return await asyncio.gather(*answers, return_exceptions=True)


async def customers(engine: PostgresEngine) -> list[str]:
    (rows,) = await engine.read(lambda session: session.query(Sql("SELECT customer_id FROM customers ORDER BY 1")))
    return [row["customer_id"] for row in rows]


async def test_works_that_wait_share_one_transaction(engine: PostgresEngine) -> None:
    transactions = await together(engine, *map(adding, "abc"))
    assert len(set(transactions)) == 1
    assert await customers(engine) == ["a", "b", "c"]


async def test_works_whose_questions_are_fetched_ahead_share_a_transaction_with_those_that_ask_later(
    engine: PostgresEngine,
) -> None:
    def looking(*names: str, ahead: bool) -> Transaction[str]:
        question = Sql(f"SELECT customer_id FROM customers WHERE customer_id IN {placeholders(names)}", list(names))
        first = (Sql(question.text, tuple(names)),) if ahead else ()

        def run(session: Session) -> str:
            assert [row["customer_id"] for row in session.query(*first or (question,))[0]] == [*names]
            return str(session.query(TRANSACTION)[0][0]["id"])

        return Transaction(run, lambda _: Locks(exclusive=frozenset(names)), first)

    await together(engine, *map(adding, "abcd"))
    transactions = [looking("a", ahead=True), looking("b", "c", ahead=False), looking("d", ahead=True)]
    assert len(set(await together(engine, *transactions))) == 1


@pytest.mark.parametrize("place", [0, 2, 3])
@pytest.mark.parametrize(("wrong", "why"), [("kept", "duplicate key value"), ("a\x00b", "NUL")], ids=["twice", "nul"])
async def test_a_row_that_is_refused_fails_alone_and_the_others_are_kept(
    engine: PostgresEngine, wrong: str, why: str, place: int
) -> None:
    """Each of the others is done again in a transaction of its own."""
    await engine.write(adding("kept"))
    transactions = [adding("a"), adding("b"), adding("c")]
    transactions.insert(place, adding(wrong))
    results = await together(engine, *transactions)
    with pytest.raises(StatementRefused, match=why):
        raise_(results.pop(place))
    assert len(set(results)) == 3
    assert await customers(engine) == ["a", "b", "c", "kept"]


def raise_(result: object) -> None:
    assert isinstance(result, BaseException)
    raise result


async def test_an_event_with_a_nul_is_refused_for_its_caller_alone(state: SqlState) -> None:
    names = [f"c{i}" for i in range(12)]
    names[5] = "c\x005"
    rows = [event(f"e{i}", "purchase", customer_id=name, amount=1.0) for i, name in enumerate(names)]
    results = await asyncio.gather(*(state.record_events([row], NOW) for row in rows), return_exceptions=True)
    assert isinstance(results.pop(5), StatementRefused)
    assert results == [[accepted(f"e{i}")] for i in range(12) if i != 5]
    assert [(await situation(state, f"c{i}")).has_events for i in range(12)] == [i != 5 for i in range(12)]


async def test_days_are_made_by_several_store_objects_at_once_each_once(open_engine: OpenEngine, url: str) -> None:
    engines = [await open_engine() for _ in range(4)]
    days = [NOW + timedelta(days=i) for i in range(40)]
    orders = [days, days[::-1], days[20:] + days[:20], days]
    await asyncio.gather(*(engine.make_room(at) for engine, order in zip(engines, orders, strict=True) for at in order))
    await engines[0].make_room(NOW)
    with psycopg.connect(url) as connection:
        question = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'decisions'::regclass"
        made = sorted(name for (name,) in connection.execute(question))
    assert made == [f"decisions_{at:%Y%m%d}" for at in days]


async def test_a_day_begins_and_ends_at_midnight_utc(engine: PostgresEngine, url: str) -> None:
    await engine.make_room(datetime.fromisoformat("2018-01-04T01:00:00+05:45"))
    with psycopg.connect(url) as connection:
        insert = (
            "INSERT INTO decisions (decision_id, customer_id, decided_at, valid_until, fingerprint, record)"
            " VALUES (%s, '1', %s, 0, '', '{}')"
        )
        begins = int(datetime(2018, 1, 3, tzinfo=UTC).timestamp()) * 1_000_000
        ends = begins + 24 * 3600 * 1_000_000
        for i, at in enumerate((begins, ends - 1)):
            connection.execute(insert, (f"d{i}", at))
        for at in (begins - 1, ends):
            with pytest.raises(psycopg.IntegrityError, match="no partition"), connection.transaction():
                connection.execute(insert, ("outside", at))


async def test_what_must_be_durable_is_on_the_disk_though_others_need_not_be(engine: PostgresEngine) -> None:
    """A kill that a server forgot would come again under its number, for another one."""

    def asked(session: Session) -> str:
        return str(session.query(Sql("SHOW synchronous_commit"))[0][0]["synchronous_commit"])

    found = [await engine.write(Transaction(asked, is_durable=durable)) for durable in (False, True, False)]
    assert found == ["off", "on", "off"]


@pytest.mark.parametrize(
    ("durability", "setting"), [(Durability.POWER_SAFE, "on"), (Durability.PROCESS_SAFE, "off")], ids=str
)
async def test_the_durability_asked_for_is_that_of_every_commit(url: str, durability: Durability, setting: str) -> None:
    engine = PostgresEngine(url, durability)
    ((row,),) = await engine.write(Transaction(lambda session: session.query(Sql("SHOW synchronous_commit"))))
    await engine.close()
    assert row["synchronous_commit"] == setting


class PartitionsRead:
    """Answers a question with the partitions that the server would look in."""

    def __init__(self, session: Session) -> None:
        self.cache = session.cache
        self._session = session

    def prefetch(self, own: Sequence[Sql], shared: Sequence[Sql]) -> None: ...

    def query(self, *questions: Sql) -> list[list[Row]]:
        return self._session.query(*(Sql(f"EXPLAIN (FORMAT JSON) {text}", values) for text, values in questions))

    def execute(self, *statements: Sql) -> None:
        raise AssertionError


async def test_a_decision_is_looked_for_in_the_one_partition_that_its_id_tells(engine: PostgresEngine) -> None:
    for i in range(30):
        await engine.make_room(NOW + timedelta(days=i))
    asked = NOW + timedelta(days=7)
    decision_id = UUID(int=int(asked.timestamp() * 1000) << 80 | 7 << 76 | 2 << 62 | 12345)
    row = await engine.read(lambda session: find_row(PartitionsRead(session), str(decision_id)))
    assert row is not None
    assert _partitions(row["QUERY PLAN"]) == {f"decisions_{date(2018, 1, 10):%Y%m%d}"}


async def test_a_decision_is_found_though_its_id_tells_another_day(state: SqlState) -> None:
    """As one that was taken over from elsewhere may."""
    decision_id = str(UUID(int=1 << 80 | 7 << 76 | 2 << 62))
    await committed(state, await propose(state, decision_id=decision_id))
    assert (await state.decision(decision_id, NOW)) is not None
    shown = outcome("o1", OutcomeType.PRESENTED, decision_id=decision_id)
    assert await state.record_outcomes([shown], NOW) == [taken("o1", decision_id)]


def _partitions(plan: object) -> set[str]:
    """Every table that a plan reads."""
    if isinstance(plan, list):
        return set[str]().union(*map(_partitions, plan))
    if not isinstance(plan, dict):
        return set()
    own = {str(plan["Relation Name"])} if "Relation Name" in plan else set[str]()
    return own.union(*(_partitions(value) for value in plan.values()))


async def test_closing_leaves_no_connection_and_later_calls_are_unavailable(open_state: OpenState, url: str) -> None:
    state = await open_state()
    await asyncio.gather(*(situation(state) for _ in range(32)), state.record_events([opened()], NOW))
    await state.close()
    await state.close()
    question = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'rumbo'"
    with psycopg.connect(url, autocommit=True) as connection:
        async with asyncio.timeout(WAIT_S):  # the server notices when it comes to it
            while connection.execute(question).fetchone() != (0,):
                await asyncio.sleep(0.01)
    with pytest.raises(StateUnavailable, match="closed"):
        await situation(state)
    with pytest.raises(StateUnavailable, match="closed"):
        await state.record_events([opened("e2")], NOW)


async def test_what_was_fetched_for_all_is_asked_again_once_anything_was_told(engine: PostgresEngine) -> None:
    """Both run together, and the first changes what both may ask."""
    question = Sql("SELECT count(*) AS found FROM kills")

    def tell(session: Session) -> None:
        session.execute(Sql("INSERT INTO kills (target, since, why) VALUES ('news', 1, 'why')"))

    def ask(session: Session) -> int:
        return int(session.query(question)[0][0]["found"])

    held = await HeldTransaction(engine).begun()
    answers = [engine.write(Transaction(run, shared=(question,))) for run in (tell, ask)]
    await held.end()
    assert await asyncio.gather(*answers) == [None, 1]
