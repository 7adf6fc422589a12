"""What calling processes do: many callers at once ask for decisions, and say what they were told."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from service.decision.decide import Decision
from service.decision.plan import Plan
from service.decision.reach import Reach
from service.decision.reports.rows import OutcomeType, RowStatus
from service.state.port import Committed, RequestKey
from tests.builders import NOW
from tests.concurrency.processes import Pipe
from tests.contract.adapters import Store
from tests.contract.rows import outcome, picked, propose

CALLERS = 64
"""At once, in each process."""
PER = timedelta(hours=1)
"""What the cap of the rounds looks back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommittedSlate:
    """What a caller was told: a committed decision and its slate."""

    decision_id: str
    customer_id: str
    journeys: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Every caller asks once for one customer. With `reports`, who is granted something says what became of it."""

    name: str
    now: datetime
    reports: bool


@dataclass(slots=True, kw_only=True)
class RoundResult:
    """What came of a round in one process: grants and reports by decision id, and the most contacts ever seen."""

    decided: int = 0
    granted: list[str] = field(default_factory=list)
    reported: dict[str, OutcomeType] = field(default_factory=dict)
    most_contacts: int = 0


async def each_for_a_customer(state: Store, pipe: Pipe, plan: Plan, name: str, customers: Sequence[str]) -> None:
    """The callers share the customers. All propose before any commits, so that each believes in what is free."""
    waiting = iter(enumerate(customers))
    first = [(n, customer) for _, (n, customer) in zip(range(CALLERS), waiting, strict=False)]
    proposed = [await propose(state, plan, decision_id=f"{name}-{n}", customer_id=c, channel="email") for n, c in first]
    pipe.send([picked(decision) for decision in proposed])
    pipe.recv()
    told: list[CommittedSlate] = []

    async def call(decision: Decision) -> None:
        told.append(await _settled(state, decision, plan))
        for n, customer in waiting:
            told.append(await ask(state, plan, f"{name}-{n}", customer, "email", NOW))

    await asyncio.gather(*map(call, proposed))
    pipe.send(told)


async def all_for_one_customer(state: Store, pipe: Pipe, plan: Plan, name: str) -> None:
    """Each caller reads, decides and commits in its own time, once the test says so."""
    pipe.send("ready")
    pipe.recv()
    asked = (ask(state, plan, f"{name}-{n}", "1", "email", NOW) for n in range(CALLERS))
    pipe.send(await asyncio.gather(*asked))


async def in_rounds(state: Store, pipe: Pipe, plan: Plan, name: str, seed: int) -> None:
    """Rounds until the test sends None."""
    chance = random.Random(seed)
    while (one := pipe.recv()) is not None:
        happened = RoundResult()
        await asyncio.gather(*(_call(state, plan, f"{name}-{n}", one, happened, chance) for n in range(CALLERS)))
        pipe.send(happened)


async def decide_and_wait(
    state: Store, pipe: Pipe, plan: Plan, decision_id: str, customer_id: str, channel: str, now: datetime
) -> None:
    """The job of a process that is killed meanwhile: a decision, and a word once it is acknowledged."""
    proposed = await propose(
        state, plan, decision_id=decision_id, customer_id=customer_id, channel=channel, now=now, limit=4
    )
    pipe.send("begins")
    await state.commit(proposed, RequestKey(request_id=decision_id, fingerprint=""))
    pipe.send("acknowledged")
    pipe.recv()


async def ask(
    state: Store, plan: Plan, decision_id: str, customer_id: str, channel: str, now: datetime
) -> CommittedSlate:
    """As the service does: decided again from what the store says as often as the facts moved."""
    proposed = await propose(state, plan, decision_id=decision_id, customer_id=customer_id, channel=channel, now=now)
    return await _settled(state, proposed, plan)


async def _settled(state: Store, proposed: Decision, plan: Plan) -> CommittedSlate:
    facts, decision_id = proposed.facts, proposed.terms.decision_id
    result = await state.commit(proposed, None)
    if isinstance(result, Committed):
        return CommittedSlate(decision_id=decision_id, customer_id=facts.customer_id, journeys=picked(result.decision))
    return await ask(state, plan, decision_id, facts.customer_id, facts.channel, facts.now)


async def _call(state: Store, plan: Plan, name: str, one: Round, happened: RoundResult, chance: random.Random) -> None:
    """Three of four grants are reported as not shown, so that others may have their place; some are never reported."""
    told = await ask(state, plan, f"{one.name}-{name}", "1", "web", one.now)
    happened.decided += 1
    if told.journeys:
        happened.granted.append(told.decision_id)
        draw = chance.random()
        if one.reports and draw < 0.9:
            became = OutcomeType.NOT_PRESENTED if draw < 0.75 else OutcomeType.PRESENTED
            row = outcome(f"o-{told.decision_id}", became, one.now, decision_id=told.decision_id)
            (result,) = await state.record_outcomes([row], one.now)
            assert (result.status, result.late) == (RowStatus.ACCEPTED, False)
            happened.reported[told.decision_id] = became
    happened.most_contacts = max(happened.most_contacts, len(await counting(state, one.now)))


async def counting(state: Store, now: datetime) -> set[str]:
    """The decisions of the contacts that count under a cap an hour."""
    reading = await state.situation("1", now, Reach(contacts=PER))
    return {contact.decision_id for contact in reading.situation.contacts}
