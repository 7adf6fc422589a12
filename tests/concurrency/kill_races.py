"""Two processes at odds over the kill list: one kills a journey and lifts that again, the other decides."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count

from service.decision.decide import Decision
from service.decision.journey import JourneyKind
from service.state.port import Committed, FactsMoved
from tests.builders import NOW, Entry, catalogue, journey
from tests.concurrency.processes import Pipe
from tests.concurrency.races import AT_ONCE, Line
from tests.contract.adapters import Store
from tests.contract.pools import units
from tests.contract.rows import picked, propose, situation

NEWS = units(10**6)
"""More than is ever used: it counts the grants of `news`, to everybody."""
PLAN = catalogue(
    Entry(journey=journey("news", kind=JourneyKind.PROMOTIONAL), capacity=NEWS),
    Entry(journey=journey("plain", tier=2)),
).plan
A_WHILE = 16
"""So many decisions are made before the list changes again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RaceResult:
    """`has_moved`: the first commit found that the list had changed.

    `phase_before` and `phase_after`: what had been heard of the list when the last commit was called, and answered.
    """

    decision_id: str
    proposed: Sequence[str]
    has_moved: bool
    ranked: Sequence[str]
    phase_before: str
    phase_after: str


async def kill_and_lift(state: Store, pipe: Pipe, to_decider: Pipe) -> None:
    """Each word of the decider changes the list. Said before a change begins, and after it is acknowledged.

    Tells the test how often `news` was granted between the acknowledgement of each kill and its end.
    """
    during_kills: list[float] = []
    asked: asyncio.Queue[bool] = asyncio.Queue()
    line = Line(to_decider, asked.put_nowait, at_end=lambda: asked.put_nowait(False))
    for number in count():
        if not await asked.get():
            break
        line.say(f"killing {number}")
        await state.kill("news", "wrong price", NOW)
        line.say(f"killed {number}")
        before = await _grants(state)
        is_over = not await asked.get()
        during_kills.append(await _grants(state) - before)
        if is_over:
            break
        line.say(f"lifting {number}")
        assert await state.unkill("news")
        line.say(f"lifted {number}")
    await line.hang_up()
    pipe.send(during_kills)


async def _grants(state: Store) -> float:
    uses = (await situation(state, "never seen", NOW, [NEWS])).uses
    return sum(use.amount for use in uses.get(NEWS.pool_id, ()))


async def decide_after_each_kill(state: Store, pipe: Pipe, to_killer: Pipe, rounds: int) -> None:
    """In each round all are proposed, then `news` is killed, then all are committed, then that is lifted."""
    heard: asyncio.Queue[str] = asyncio.Queue()
    line, raced = Line(to_killer, heard.put_nowait), list[RaceResult]()

    async def change() -> str:
        line.say(True)
        await heard.get()
        return await heard.get()

    async def play(round_: int) -> list[RaceResult]:
        ids = [f"d{round_}-{n}" for n in range(AT_ONCE)]
        proposed = [await _propose(state, decision_id) for decision_id in ids]
        phase = await change()
        return await asyncio.gather(*(_commit(state, one, lambda: phase) for one in proposed))

    for round_ in range(rounds):
        raced += await play(round_)
        await change()
    pipe.send(raced)
    await line.hang_up()


async def decide_meanwhile(state: Store, pipe: Pipe, to_killer: Pipe, races: int) -> None:
    """The list changes whenever some have been decided, while others are under way."""
    phase, numbers, raced = "", iter(range(races)), list[RaceResult]()

    def hear(word: str) -> None:
        nonlocal phase
        phase = word

    line = Line(to_killer, hear)

    def phase_now() -> str:
        line.listen()
        return phase

    async def run() -> None:
        for number in numbers:
            raced.append(await _commit(state, await _propose(state, f"d{number}"), phase_now))
            if number % A_WHILE == 0:
                line.say(True)

    await asyncio.gather(*(run() for _ in range(AT_ONCE)))
    pipe.send(raced)
    await line.hang_up()


async def _propose(state: Store, decision_id: str) -> Decision:
    return await propose(state, PLAN, decision_id=decision_id, customer_id=f"c{decision_id}")


async def _commit(state: Store, proposed: Decision, phase_now: Callable[[], str]) -> RaceResult:
    first, has_moved, phase = proposed, False, phase_now()
    while not isinstance(result := await state.commit(proposed, None), Committed):
        assert result == FactsMoved()
        has_moved = True
        proposed = await _propose(state, first.terms.decision_id)
        phase = phase_now()
    return RaceResult(
        decision_id=first.terms.decision_id,
        proposed=picked(first),
        has_moved=has_moved,
        ranked=picked(result.decision),
        phase_before=phase,
        phase_after=phase_now(),
    )
