"""What is asked about many customers at once is answered as to each alone, and as whoever reads every table."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from service.decision.reach import Reach
from service.state.engines.session import Row, Session, Sql, Transaction
from service.state.port import SituationQuestion, StateReading
from service.state.rows.pools import PoolsUnknown, register
from service.state.rows.situation import read_situation, read_situations
from service.state.store import SqlState
from tests.builders import NOW
from tests.contract.adapters import Store
from tests.contract.plain_reading import plain_reading, read_tables
from tests.contract.pools import give, holding, units
from tests.contract.random_rows import CHANNELS, CUSTOMERS, NAMES, PURPOSES, SOURCES, STRANGERS, RandomRows
from tests.contract.rows import FAR, event

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BATCHES = 60
POOLS = (units(5), units(7, journey_id="other"), units(9, journey_id="plain"))


def question(customer_id: str, reach: Reach = FAR) -> SituationQuestion:
    return SituationQuestion(customer_id=customer_id, now=NOW, reach=reach)


def drawn_reach(draw: random.Random) -> Reach:
    def some(of: tuple[str, ...]) -> frozenset[str]:
        return frozenset(draw.sample(of, draw.randint(0, len(of))))

    return Reach(
        channels=some(CHANNELS[:3]),
        contacts=draw.choice((timedelta(0), 5 * HOUR, 2 * DAY)),
        responses=draw.choice((timedelta(0), 9 * HOUR, 2 * DAY)),
        grace=draw.choice((timedelta(0), 7 * HOUR, 2 * DAY)),
        purposes=some(PURPOSES[:3]),
        sources=some(SOURCES),
        latest=some(NAMES),
        pools=tuple(draw.sample(POOLS, draw.randint(0, len(POOLS)))),
    )


def drawn_batch(draw: random.Random, reaches: list[Reach]) -> list[SituationQuestion]:
    """The same customers again and again, at other times and by other plans."""
    return [
        SituationQuestion(
            customer_id=draw.choice((*CUSTOMERS, *STRANGERS)),
            now=NOW - draw.choice((0, 0, 1, 6)) * HOUR,
            reach=draw.choice(reaches),
            named=draw.sample(("i1", "i2", "i250", "unheard"), draw.randint(0, 3)),
        )
        for _ in range(draw.choice((1, 2, 3, 5, 8, 17, 33)))
    ]


@pytest.mark.parametrize("seed", range(3))
async def test_a_batch_is_read_as_each_of_it_alone_and_as_who_reads_every_table(state: Store, seed: int) -> None:
    assert isinstance(state, SqlState)
    draw = random.Random(seed)
    await state.count_pools(POOLS, NOW)
    for journey in ("news", "other"):
        await give(state, holding(units(5, journey_id=journey)), f"stranger to {journey}")
    await state.engine.write(Transaction(RandomRows(draw).write))
    batches = [drawn_batch(draw, [drawn_reach(draw) for _ in range(3)]) for _ in range(BATCHES)]

    def compare(session: Session) -> None:
        tables = read_tables(session)
        for batch in batches:
            found = read_situations(session, batch)
            for one, reading in zip(batch, found, strict=True):
                assert reading == plain_reading(tables, one)
            assert found == [alone(session, one) for one in batch]

    await state.engine.read(compare)


def alone(session: Session, one: SituationQuestion) -> StateReading:
    return read_situation(session, one.customer_id, one.now, one.reach, one.named)


async def test_what_is_asked_again_in_a_batch_is_the_same_reading(state: Store) -> None:
    assert isinstance(state, SqlState)
    first, other, again = await state.engine.read(
        lambda session: read_situations(session, [question("1"), question("2"), question("1")])
    )
    assert first is again
    assert first is not other


async def test_nothing_asked_is_nothing_read(state: Store) -> None:
    assert isinstance(state, SqlState)
    assert await state.engine.read(lambda session: read_situations(session, [])) == []


async def test_a_pool_that_one_of_a_batch_asks_for_must_be_counted(state: Store) -> None:
    assert isinstance(state, SqlState)
    asked = [question("1"), question("2", replace(FAR, pools=POOLS))]
    with pytest.raises(PoolsUnknown):
        await state.engine.read(lambda session: read_situations(session, asked))
    await state.engine.write(Transaction(lambda session: register(session, POOLS, NOW)))
    assert len(await state.engine.read(lambda session: read_situations(session, asked))) == len(asked)


class Counted:
    """A session that counts what it is asked."""

    def __init__(self, session: Session) -> None:
        self.cache = session.cache
        self.asked: list[str] = []
        self._session = session

    def prefetch(self, own: Sequence[Sql], shared: Sequence[Sql]) -> None: ...

    def query(self, *questions: Sql) -> list[list[Row]]:
        self.asked += [text for text, _ in questions]
        return self._session.query(*questions)

    def execute(self, *statements: Sql) -> None:
        raise AssertionError


async def test_a_table_is_asked_once_for_all_and_not_about_who_has_nothing_there(state: Store) -> None:
    assert isinstance(state, SqlState)
    await state.record_events([event("e1", "consent.granted", purpose="marketing", channel="web")], NOW)

    def tables(session: Session, *customers: str) -> list[str]:
        counted = Counted(session)
        read_situations(counted, [question(one) for one in customers])
        names = ("versions", "kills", "feeds", "customers", "contacts", "outcomes", "incidents", "consents",
                 "enrolments", "latest_events")  # fmt: skip
        return [name for name in names for text in counted.asked if f" {name}" in text.replace("incidents i ", "")]

    everybodys = ["versions", "kills", "feeds", "customers"]
    assert await state.engine.read(lambda session: tables(session, "nobody", "2", "3")) == everybodys
    found = await state.engine.read(lambda session: tables(session, "1", "2", "1"))
    assert found == [*everybodys, "consents", "latest_events"]


async def test_batches_of_every_length_have_few_texts(state: Store) -> None:
    """So that what databases keep prepared suffices."""
    assert isinstance(state, SqlState)
    await state.engine.write(Transaction(RandomRows(random.Random(5)).write))

    def texts(session: Session) -> set[str]:
        counted = Counted(session)
        for length in range(1, 33):
            customers = [*CUSTOMERS, *(f"x{n}" for n in range(length))][:length]
            read_situations(counted, [question(one) for one in customers])
        return set(counted.asked)

    assert len(await state.engine.read(texts)) <= 60
