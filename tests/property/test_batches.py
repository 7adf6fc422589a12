"""Decided in a batch is decided one by one: answers, records and all rows of the store are equal to the last bit."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.application.deciding import ATTEMPTS
from service.application.question import Question
from service.application.scoring import Models, Scoring
from service.decision.arms import Arm, Arms
from service.decision.plan import Plan
from service.decision.reports.effects import KnownEvent
from service.state.engines.engine import Durability, Engine
from service.state.engines.postgres import PostgresEngine
from service.state.engines.sqlite import SqliteEngine
from tests.builders import NOW, SCHEMA
from tests.contract.exploring import CUSTOMERS as OF_ARMS
from tests.contract.exploring import PLAN as WITH_ARMS
from tests.contract.pools import holding, money, spending, units
from tests.contract.rows import ATTENTIVE, MINUTE, capped, event
from tests.exploration_strategies import DRAWING, EXPLORING
from tests.servers.postgres import PostgresServer
from tests.strategies import rows, seldom
from tests.twin_deciders import (
    UNREADABLE,
    BatchPlayed,
    Call,
    Fate,
    Leaning,
    Moved,
    Play,
    RestlessStore,
    ScoringApart,
    StoreApart,
    World,
)

PROOF = 10_000
LONE_SURROGATE = "\ud800"
"""Of a customer or a request whose name no database takes."""
CUSTOMERS = ("1", "1", "1", "2", "2", *sorted(set(OF_ARMS.values())))
NAMES = st.sampled_from([*CUSTOMERS * 12, UNREADABLE, LONE_SURROGATE])
QUESTIONS = st.builds(
    Question,
    customer_id=NAMES,
    channel=st.sampled_from(["web", "web", "web", "email"]),
    context=st.sampled_from([{}, {"basket": 10.0}]),
    limit=st.sampled_from([None, 0, 1, 1, 2, 3]),
    request_id=st.sampled_from([None, None, "r1", "r1", "r2"]) | seldom(st.just(LONE_SURROGATE), "r3"),
    is_dry_run=seldom(st.just(True), False),
)
CALLS = st.builds(Call, question=QUESTIONS, fate=st.sampled_from([*[Fate.ANSWERED] * 8, *Fate]))


def _told(customer_id: str, at: timedelta) -> list[KnownEvent]:
    """All that may be told of a customer, each with an id of its own."""
    name, then = f"{customer_id}-{at / MINUTE:g}", NOW + at
    marketing = {"purpose": "marketing", "channel": "*"}
    return [
        event(f"bought-{name}", "purchase", then, customer_id=customer_id, amount=1.0),
        event(f"opened-{name}", "incident.opened", then, customer_id=customer_id, incident_id="i1"),
        event(f"resolved-{name}", "incident.resolved", then, customer_id=customer_id, incident_id="i1"),
        event(f"granted-{name}", "consent.granted", then, customer_id=customer_id, **marketing),
        event(f"withdrawn-{name}", "consent.withdrawn", then, customer_id=customer_id, **marketing),
    ]


EVENTS = st.sampled_from(
    [
        told
        for customer_id in sorted(set(CUSTOMERS))
        for minutes in (-3, -2, -1)
        for told in _told(customer_id, minutes * MINUTE)
    ]
)
CONSENTS = [
    event(f"first-{name}", "consent.granted", NOW - 9 * MINUTE, customer_id=name, purpose="marketing", channel="web")
    for name in sorted(set(CUSTOMERS))
]
MOVED = st.builds(
    Moved,
    events=st.lists(EVENTS, max_size=3),
    killed=seldom(st.sampled_from(["journey:news", "journey:a", "kind:promotional", "*"]), None),
)
OVERTAKEN = [Moved(killed=f"journey:never offered {n}") for n in range(ATTEMPTS + 1)]
"""Each moves the version of the kill list under everybody, and denies nothing."""
PLAYED = st.builds(
    BatchPlayed,
    calls=st.lists(CALLS, min_size=1, max_size=10),
    after=st.sampled_from([timedelta(0), MINUTE, timedelta(hours=1), timedelta(days=8)]),
    meanwhile=st.just(()) | st.lists(MOVED, min_size=1, max_size=ATTEMPTS + 1) | st.permutations(OVERTAKEN),
)
KNOWN_PLANS: list[Plan] = [
    capped(1, with_open_door=True),
    capped(2),
    ATTENTIVE,
    holding(units(2)),
    spending(money(0.5)),
    WITH_ARMS,
]
PLANS = st.sampled_from(KNOWN_PLANS) | (EXPLORING | DRAWING).map(lambda made: made.plan)
CHAMPION, CHALLENGER = Leaning("champion", 0.1), Leaning("challenger", 0.7)
ARMS = Arms(shares={Arm.CHALLENGER: 0.5}, salt="s")
MODELS = st.sampled_from([Models(), Models(champion=CHAMPION), Models(champion=CHAMPION, challenger=CHALLENGER)])
PLAYS = st.builds(
    Play,
    plan=PLANS,
    known=st.fixed_dictionaries({name: rows(SCHEMA) for name in ("1", "2")}),
    told=st.lists(EVENTS, max_size=4).map(lambda more: [*CONSENTS, *more]),
    batches=st.lists(PLAYED, min_size=1, max_size=3),
    models=MODELS,
    doubled=seldom(st.frozensets(st.integers(2, 12), max_size=3), frozenset()),
)


async def assert_equal(play: Play, open_one: Callable[[], Engine]) -> None:
    """Played in batches and split into singles, each over a store of its own."""
    found = []
    for state, scoring in (
        (RestlessStore(open_one()), Scoring(None)),
        (StoreApart(open_one()), ScoringApart(None)),
    ):
        world = World(play, state, scoring)
        try:
            found.append((await world.played(), await world.rows()))
        finally:
            await world.close()
    (answers, kept), (answers_apart, kept_apart) = found
    assert answers == answers_apart
    assert kept == kept_apart


@pytest.fixture
def new_file(tmp_path: Path) -> Callable[[], Engine]:
    numbers = itertools.count()
    return lambda: SqliteEngine(tmp_path / str(next(numbers)) / "state.db", Durability.PROCESS_SAFE)


@settings(suppress_health_check=list(HealthCheck))
@given(play=PLAYS)
async def test_a_batch_is_decided_as_each_of_it_alone(new_file: Callable[[], Engine], play: Play) -> None:
    await assert_equal(play, new_file)


@pytest.mark.proof
@settings(max_examples=PROOF, suppress_health_check=list(HealthCheck))
@given(play=PLAYS)
async def test_ten_thousand_plays_are_decided_as_each_call_alone(new_file: Callable[[], Engine], play: Play) -> None:
    await assert_equal(play, new_file)


@pytest.mark.slow
@settings(max_examples=8, suppress_health_check=list(HealthCheck))
@given(play=PLAYS)
async def test_a_batch_is_decided_as_each_of_it_alone_on_a_server(postgres: PostgresServer, play: Play) -> None:
    numbers = itertools.count()
    names = [f"batches_{number}" for number in itertools.islice(numbers, 2)]
    urls = iter([postgres.new_database(name) for name in names])
    try:
        await assert_equal(play, lambda: PostgresEngine(next(urls), Durability.PROCESS_SAFE))
    finally:
        for name in names:
            postgres.drop_database(name)
