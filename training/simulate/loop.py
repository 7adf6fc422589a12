"""The closed loop: the service decides, what followed is exported, learnt from, judged, and promoted if it is proven.

night of each week:  export ─> the standing challenger against the champion ─> promote, or hold it back
                        └────> learn another challenger ─> register
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from features.company.company import Company, load_company
from models.bundle import Bundle
from models.registry import promote
from models.scorer import Scorer
from models.tracking import Registry
from service.bootstrap.in_process import Home, bound_company
from service.decision.plan import Plan
from training.company import CompanyModels
from training.from_log import Order, Trained, train_from_log
from training.log.errors import LogInvalid
from training.log.options import LogColumns
from training.register import KeptBundles, register
from training.simulate.folder import add_new_journey
from training.simulate.gate import Ruling, Verdict, judge
from training.simulate.hindsight import Hindsight
from training.simulate.play import Course
from training.simulate.policies import Told
from training.simulate.scenario import Scenario
from training.simulate.service_room import Clock, ServiceRoom

Announce = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """A night of learning. `verdict` is of `version`; `true_gain`: what the truth says of it, a decision."""

    day: int
    version: str
    verdict: Verdict
    true_gain: float | None
    learnt_from: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Challenger:
    number: str
    trained: Trained


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
        self._champion: Bundle | None = None
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
        began = time.monotonic()
        log = await self._room.service.export()
        models = CompanyModels.of(self._company, self._home.home)
        plan = bound_company(self._home).plan
        judged = self._judged(log, models, plan)
        try:
            trained = self._trained(log, models, day)
        except LogInvalid:  # too little, yet, to learn from
            return
        published = register(self._registry, self._order(log, models, day), trained, models.schema, datetime.now(UTC))
        if published.is_champion:
            self._champion = trained.bundle
            judged = published.registry_version, Verdict(ruling=Ruling.FIRST, why="no other"), None
            self._standing = None
        else:
            self._standing = _Challenger(number=published.registry_version, trained=trained)
        await self._serve()
        if judged is not None:
            version, verdict, true_gain = judged
            self.weeks.append(
                Week(
                    day=day,
                    version=version,
                    verdict=verdict,
                    true_gain=true_gain,
                    learnt_from=trained.learnt_from.rows,
                    seconds=time.monotonic() - began,
                )
            )

    def _judged(self, log: Path, models: CompanyModels, plan: Plan) -> tuple[str, Verdict, float | None] | None:
        """The standing challenger, on what was decided since it learnt; promoted, it serves at once."""
        standing, champion = self._standing, self._champion
        if standing is None or champion is None:
            return None
        challenger = standing.trained.bundle
        verdict = judge(log, models, plan, champion, challenger, standing.trained.learnt_from.last)
        true_gain = self._hindsight.gain(Scorer(challenger), Scorer(champion))
        if verdict.ruling is Ruling.PROMOTED:
            promote(self._registry, standing.number, datetime.now(UTC))
            self._champion = challenger
        return standing.number, verdict, true_gain

    async def _serve(self) -> None:
        """As a service that follows its registry would: the champion, and the challenger to its arm."""
        if self._champion is not None:
            standing = self._standing
            challenger = None if standing is None else Scorer(standing.trained.bundle)
            await self._room.service.use_models(Scorer(self._champion), challenger)

    def _trained(self, log: Path, models: CompanyModels, day: int) -> Trained:
        return train_from_log(self._order(log, models, day), lambda stage: None)

    def _order(self, log: Path, models: CompanyModels, day: int) -> Order:
        order = Order(log=log, columns=LogColumns(), company=models, seed=self._scenario.seed)
        return replace(order, bundle_of=KeptBundles(self._registry).get)
