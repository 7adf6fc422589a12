"""Two processes at odds: one tells the store what forbids a journey, the other decides about the same customers.

They talk over a pipe of their own, so that the decider knows what was acknowledged before it calls commit.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from service.decision.decide import Decision
from service.decision.journey import JourneyKind
from service.decision.plan import Plan
from service.decision.reports.effects import KnownEvent
from service.decision.reports.rows import RowStatus
from service.state.port import Committed, FactsMoved
from tests.builders import NOW, Entry, catalogue, journey
from tests.concurrency.processes import Pipe
from tests.contract.adapters import Store
from tests.contract.rows import codes, contacts, event, picked, propose

AT_ONCE = 64
JITTER_S, STEP_S = 0.001, 0.0006
_OPEN, _GUARDED = (journey(name, kind=JourneyKind.PROMOTIONAL) for name in ("open", "news"))
PLAN = catalogue(
    Entry(journey=_GUARDED, purposes=("marketing",)),
    Entry(journey=_OPEN),
    Entry(journey=journey("plain", tier=2)),
).plan
"""`news` needs a consent; an incident forbids it and `open`; `plain` is always allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    """How a race went.

    `was_acknowledged`: so much was heard before the first commit was called; `has_moved`: it found that the facts had.
    `codes` are why `news` is not ranked.
    """

    number: int
    proposed: Sequence[str]
    was_acknowledged: bool
    has_moved: bool
    ranked: Sequence[str]
    codes: Sequence[str]


class Line:
    """A pipe to another process, heard by the event loop until the other side hangs up."""

    def __init__(self, pipe: Pipe, heard: Callable[[Any], None], at_end: Callable[[], None] = lambda: None) -> None:
        self._pipe, self._heard, self._at_end = pipe, heard, at_end
        self._is_over = asyncio.Event()
        asyncio.get_running_loop().add_reader(pipe.fileno(), self.listen)

    def say(self, word: object) -> None:
        self._pipe.send(word)

    def listen(self) -> None:
        """Hears all that was said until now."""
        while not self._is_over.is_set() and self._pipe.poll():
            word = self._pipe.recv()
            if word is not None:
                self._heard(word)
                continue
            asyncio.get_running_loop().remove_reader(self._pipe.fileno())
            self._is_over.set()
            self._at_end()

    async def hang_up(self) -> None:
        """Both sides do; neither goes before it has heard all."""
        self.say(None)
        await self._is_over.wait()


def granted(number: int) -> KnownEvent:
    return event(f"g{number}", "consent.granted", customer_id=f"c{number}", purpose="marketing", channel="web")


def forbidding(number: int) -> KnownEvent:
    """An incident in every other race, of a built-in type and of a declared one in turn; a withdrawal in the others."""
    if number % 2:
        return event(f"e{number}", "consent.withdrawn", customer_id=f"c{number}", purpose="marketing", channel="web")
    type_ = "claim.opened" if number % 4 else "incident.opened"
    return event(f"e{number}", type_, customer_id=f"c{number}", incident_id="i1")


async def record(state: Store, pipe: Pipe, to_decider: Pipe) -> None:
    """Records the event of each race that the decider names, and names it back once it is acknowledged.

    Tells the test which journeys the customers had been granted by then: what is not among them is committed later.
    """
    named: asyncio.Queue[int | None] = asyncio.Queue()
    line = Line(to_decider, named.put_nowait, at_end=lambda: named.put_nowait(None))
    granted_by_then: dict[int, list[str]] = {}

    async def forbid(number: int) -> None:
        (result,) = await state.record_events([forbidding(number)], NOW)
        assert result.status is RowStatus.ACCEPTED
        line.say(number)
        granted_by_then[number] = [c.journey_id for c in await contacts(state, NOW, f"c{number}")]

    async with asyncio.TaskGroup() as recording:
        while (number := await named.get()) is not None:
            recording.create_task(forbid(number))
    await line.hang_up()
    pipe.send(granted_by_then)


async def decide_after(state: Store, pipe: Pipe, to_recorder: Pipe, races: int) -> None:
    """Each decision is proposed before its event is recorded, and committed after the acknowledgement was heard."""
    acknowledged = [asyncio.Event() for _ in range(races)]
    line = Line(to_recorder, lambda number: acknowledged[number].set())

    async def race(number: int) -> Race:
        proposed = await _propose(state, number)
        line.say(number)
        await acknowledged[number].wait()
        return await _race(state, proposed, number, acknowledged[number].is_set)

    pipe.send(await _some_at_once(race(number) for number in range(races)))
    await line.hang_up()


async def decide_meanwhile(state: Store, pipe: Pipe, to_recorder: Pipe, races: int, seed: int) -> None:
    """Nobody waits for anybody. Whoever wins starts later next time, so that every race is a close one."""
    chance, acknowledged, lead_s = random.Random(seed), set[int](), 0.0
    line = Line(to_recorder, acknowledged.add)

    async def start_event(number: int, later_s: float) -> None:
        await asyncio.sleep(later_s)
        line.say(number)

    async def race(number: int) -> Race:
        nonlocal lead_s
        proposed = await _propose(state, number)
        lead = lead_s + chance.uniform(-JITTER_S, JITTER_S)
        started = asyncio.create_task(start_event(number, max(0.0, -lead)))
        await asyncio.sleep(max(0.0, lead))
        line.listen()
        run = await _race(state, proposed, number, lambda: number in acknowledged)
        lead_s += -STEP_S if run.has_moved else STEP_S
        await started
        return run

    pipe.send(await _some_at_once(race(number) for number in range(races)))
    await line.hang_up()


async def _race(state: Store, proposed: Decision, number: int, has_heard: Callable[[], bool]) -> Race:
    first, was_acknowledged, has_moved = proposed, has_heard(), False
    while not isinstance(result := await state.commit(proposed, None), Committed):
        assert result == FactsMoved()
        proposed, has_moved = await _propose(state, number), True
    return Race(
        number=number,
        proposed=picked(first),
        was_acknowledged=was_acknowledged,
        has_moved=has_moved,
        ranked=picked(result.decision),
        codes=codes(result.decision).get("news", ()),
    )


async def _propose(state: Store, number: int, plan: Plan = PLAN) -> Decision:
    return await propose(state, plan, decision_id=f"d{number}", customer_id=f"c{number}")


async def _some_at_once(races: Iterable[Awaitable[Race]]) -> list[Race]:
    """`AT_ONCE` races run at any time."""
    waiting, done = iter(races), list[Race]()

    async def run() -> None:
        for race in waiting:
            done.append(await race)

    await asyncio.gather(*(run() for _ in range(AT_ONCE)))
    return done
