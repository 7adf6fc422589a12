"""The closed loop: the service decides, what followed is exported, learnt from, judged, and promoted if it is proven.

night of each week:  export ─> the standing challenger against the champion ─> promote, or hold it back
                        └────> learn another challenger ─> register
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from features.company.company import Company, load_company
from models.registry import promote
from models.scorer import Scorer
from models.tracking import Registry
from service.bootstrap.in_process import Home
from training.company import CompanyModels
from training.from_log import Order, train_from_log
from training.log.errors import LogInvalid
from training.log.options import LogColumns
from training.promote.judge import Contender
from training.register import KeptBundles, register
from training.simulate.folder import add_new_journey
from training.simulate.gate import Ruled, Ruling, rule
from training.simulate.hindsight import Hindsight
from training.simulate.play import Course
from training.simulate.policies import Told
from training.simulate.scenario import Scenario
from training.simulate.service_room import Clock, ServiceRoom

Announce = Callable[[str], None]


STANDS = 2
"""Nights of learning on which one challenger is judged: each brings it more decisions. Then another takes its place."""
LEAST_ROWS, ROWS_A_CUSTOMER = 4_500, 1.5
"""With a known reward, for a first model, which is champion without a look: so many, or so many a customer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """A night on which the gate ruled. `true_gain`: what the truth says of `version`, a decision."""

    day: int
    version: str
    ruled: Ruled
    true_gain: float | None = None


@dataclass(slots=True, kw_only=True)
class _Challenger:
    contender: Contender
    judged: int = 0


class LearningLoop:
    """The course of the world whose decisions the service makes."""

    def __init__(
        self, scenario: Scenario, home: Home, clock: Clock, room: ServiceRoom, hindsight: Hindsight, announce: Announce
    ) -> None:
        self._scenario = scenario
        self._home = home
        self._clock = clock
        self._room = room
        self._hindsight = hindsight
        self._announce = announce
        self._company: Company = load_company(home.company)
        self._registry = Registry.of(self._company, home.home)
        self._champion: Contender | None = None
        self._standing: _Challenger | None = None
        self.weeks: list[Week] = []

    @property
    def course(self) -> Course:
        return Course(clock=self._clock.move, morning=self._morning, night=self._night)

    async def _morning(self, day: int) -> None:
        self._announce(f"day {day + 1}")
        await self._room.morning(day)
        if day == self._scenario.new_journey_on:
            add_new_journey(self._home.company)
            await self._room.service.use_catalogue()

    async def _night(self, day: int, told: Sequence[Told]) -> None:
        is_last = day + 1 >= self._scenario.days
        if (day + 1) % self._scenario.learns_every == 0 and not is_last:
            self._announce(f"day {day + 1}: learning")
            await self._learn(day)
            self._hindsight.forget()

    async def _learn(self, day: int) -> None:
        log = await self._room.service.export()
        if self._standing is not None and self._champion is not None:
            await self._judge(day, log, self._standing, self._champion)
        if self._standing is None:
            await asyncio.to_thread(self._train, day, log)
        await self._serve()

    async def _judge(self, day: int, log: Path, standing: _Challenger, champion: Contender) -> None:
        """Promoted it serves at once; else it stands until it was judged STANDS times, or is refused."""
        one, standing.judged = standing.contender, standing.judged + 1
        ruled = await asyncio.to_thread(rule, self._home, self._registry, log, one, champion)
        true_gain = self._hindsight.gain(Scorer(one.bundle), Scorer(champion.bundle))
        self.weeks.append(Week(day=day, version=one.number, ruled=ruled, true_gain=true_gain))
        if ruled.ruling is Ruling.PROMOTED:
            await asyncio.to_thread(promote, self._registry, one.number, datetime.now(UTC))
            self._champion = one
        if ruled.ruling is not Ruling.HELD_BACK or standing.judged >= STANDS:
            self._standing = None

    def _train(self, day: int, log: Path) -> None:
        """The first of all is champion; every other one stands as challenger."""
        models = CompanyModels.of(self._company, self._home.home)
        bundle_of = KeptBundles(self._registry).get
        order = Order(log=log, columns=LogColumns(), company=models, seed=self._scenario.seed, bundle_of=bundle_of)
        try:
            trained = train_from_log(order, lambda stage: None)
        except LogInvalid:  # nothing is known yet of what came
            return
        if self._champion is None and trained.learnt_from.rows < self._least_rows:
            return
        published = register(self._registry, order, trained, models.schema, datetime.now(UTC))
        contender = Contender(number=published.registry_version, bundle=trained.bundle)
        if published.is_champion:
            self._champion = contender
            self.weeks.append(Week(day=day, version=contender.number, ruled=Ruled(ruling=Ruling.FIRST)))
        else:
            self._standing = _Challenger(contender=contender)

    @property
    def _least_rows(self) -> float:
        return min(LEAST_ROWS, ROWS_A_CUSTOMER * self._scenario.customers)

    async def _serve(self) -> None:
        """As a service that follows its registry: the champion, and the challenger to its arm."""
        if self._champion is not None:
            challenger = None if self._standing is None else Scorer(self._standing.contender.bundle)
            await self._room.service.use_models(Scorer(self._champion.bundle), challenger)
