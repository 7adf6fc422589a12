"""What a process does until it is killed.

Writers decide on a few customers under a cap and a capacity, some with request ids that they share, and report on what
was granted. Each says what was acknowledged, after it was.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.decision.constraints.registry import Cap
from service.decision.journey import JourneyKind
from service.decision.reports.effects import KnownEvent
from service.decision.reports.rows import Outcome, OutcomeType, RowStatus
from service.decision.windows import RollingWindow
from service.state.port import AlreadyDecided, Committed, RequestKey, StateUnavailable
from tests.builders import NOW, Entry, catalogue, journey
from tests.concurrency.processes import Pipe
from tests.contract.adapters import Store
from tests.contract.pools import units
from tests.contract.rows import WEEK, event, outcome, picked, propose

CAP, CUSTOMERS, UNITS = 3, 12, 25
AT_ONCE, REQUESTS = 4, 200
HOUR = timedelta(hours=1)
POOL = units(UNITS, RollingWindow(per=HOUR))
PLAN = catalogue(
    Entry(journey=journey("news", kind=JourneyKind.PROMOTIONAL), contact=Cap(at_most=CAP, per=WEEK), capacity=POOL),
    Entry(journey=journey("plain", tier=2)),
).plan


@dataclass(frozen=True, slots=True, kw_only=True)
class AcknowledgedDecision:
    """An acknowledged decision. `journeys` is its slate, if this call was the one that made it."""

    decision_id: str
    customer_id: str
    decided_at: datetime
    request_id: str
    journeys: Sequence[str] | None


Acknowledged = AcknowledgedDecision | KnownEvent | Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """Rounds are 26 hours apart and have customers of their own, so that each finds the whole capacity free.

    What is reserved by e-mail uses it for 24 hours.
    """

    number: int

    @property
    def now(self) -> datetime:
        return NOW + self.number * 26 * HOUR

    @property
    def customers(self) -> Sequence[str]:
        return [f"c{self.number}-{i}" for i in range(CUSTOMERS)]


async def write_until_killed(state: Store, pipe: Pipe, name: str, round_: Round, seed: int) -> None:
    pipe.send("ready")

    async def write(task: int) -> None:
        writer = _Writer(state, pipe.send, f"{name}-{task}", round_, random.Random(seed + task))
        while True:
            try:
                await writer.step()
            except StateUnavailable:
                await asyncio.sleep(0.001)  # the server was killed too

    await asyncio.gather(*map(write, range(AT_ONCE)))


class _Writer:
    def __init__(
        self, state: Store, say: Callable[[Acknowledged], None], name: str, round_: Round, chance: random.Random
    ) -> None:
        self._state, self._say, self._round, self._chance = state, say, round_, chance
        self._name = f"{round_.number}-{name}"
        self._steps = 0

    async def step(self) -> None:
        """A decision, an event, and what became of the decision."""
        self._steps += 1
        now, customer_id = self._round.now, self._chance.choice(self._round.customers)
        decided = await self._decide(customer_id, now)
        row = event(f"e-{self._name}-{self._steps}", "purchase", now, customer_id=customer_id, amount=1.0)
        (result,) = await self._state.record_events([row], now)
        assert result.status is RowStatus.ACCEPTED
        self._say(row)
        if decided is not None and decided.journeys and self._chance.random() < 0.75:
            await self._report(decided.decision_id, decided.journeys[0], now)

    async def _decide(self, customer_id: str, now: datetime) -> AcknowledgedDecision | None:
        decision_id, channel = f"d-{self._name}-{self._steps}", self._chance.choice(["web", "email"])
        proposed = await propose(
            self._state, PLAN, decision_id=decision_id, customer_id=customer_id, channel=channel, now=now
        )
        request_id = f"r{self._chance.randrange(REQUESTS)}"
        result = await self._state.commit(proposed, RequestKey(request_id=request_id, fingerprint=""))
        journeys: Sequence[str] | None = None
        match result:
            case Committed(decision=decision):
                journeys = picked(decision)
            case AlreadyDecided(stored=stored):
                decision_id = stored.decision_id
            case _:
                return None
        decided = AcknowledgedDecision(
            decision_id=decision_id,
            customer_id=customer_id,
            decided_at=now,
            request_id=request_id,
            journeys=journeys,
        )
        self._say(decided)
        return decided

    async def _report(self, decision_id: str, journey_id: str, now: datetime) -> None:
        type_ = self._chance.choice([OutcomeType.PRESENTED, OutcomeType.NOT_PRESENTED])
        row = outcome(f"o-{decision_id}", type_, now, decision_id=decision_id, journey_id=journey_id)
        (result,) = await self._state.record_outcomes([row], now)
        assert (result.status, result.late) == (RowStatus.ACCEPTED, False)
        self._say(row)
