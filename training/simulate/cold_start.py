"""A new journey, learnt of after each day: how soon it has its share, and what one costs that nobody wants.

Its window is a day, so that a day's showings are known the next night but one; until then its prior speaks for it.
What is learnt serves at once: no gate, for what is asked is how fast the models tell. Draws are those of the company.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from features.company.company import load_company
from features.files import write_text
from models.scorer import Scorer
from service.bootstrap.in_process import Home
from service.decision.arms import Arm
from training.company import CompanyModels
from training.from_log import Order, train_from_log
from training.log.options import LogColumns
from training.simulate.compared import Played, Stage, play_policy, played_of
from training.simulate.folder import add_new_journey, change_policies, lay_out
from training.simulate.people import People
from training.simulate.play import Course, World
from training.simulate.policies import ORACLE, Told
from training.simulate.scenario import NEW_JOURNEY, Scenario
from training.simulate.service_room import Clock, ServiceRoom, service_room
from training.simulate.truth import Truth

ARMS = {"salt": "cold-start", "random": 0.05}
BEFORE = (7, 14)
"""Nights of learning before the journey comes, and the last one; afterwards every night is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColdStart:
    """By day since it came. Of the champion arm: the decisions that allowed it, those that showed it, and those of them
    that showed it by choice, not by exploration. `oracle_share`: of the decisions that allowed it there. Of all arms:
    the decisions that allowed it (`allowed_anywhere`), and every showing, by choice, exploration and the random arm
    (`presented`).
    """

    allowed: tuple[int, ...]
    shown: tuple[int, ...]
    chosen: tuple[int, ...]
    oracle_share: tuple[float, ...]
    allowed_anywhere: tuple[int, ...]
    presented: tuple[int, ...]

    def share_of_oracle(self, first: int, last: int) -> float:
        """Of the days in which it was presented for the first-th to the last-th time: its share over the oracle's."""
        total, days = 0, []
        for day, shown in enumerate(self.shown):
            if total < last and total + shown >= first:
                days.append(day)
            total += shown
        own = sum(self.shown[day] for day in days) / sum(self.allowed[day] for day in days)
        best = sum(self.oracle_share[day] * self.allowed[day] for day in days) / sum(self.allowed[day] for day in days)
        return own / best

    def presented_within(self, decisions: int) -> int:
        """How often it was shown, in any arm and for any reason, until so many decisions allowed it (whole days)."""
        total, presented = 0, 0
        for allowed, own in zip(self.allowed_anywhere, self.presented, strict=True):
            if total >= decisions:
                break
            total, presented = total + allowed, presented + own
        return presented

    def chosen_share(self, days: int) -> float:
        """Of the last days' decisions that allowed it, how many chose it."""
        return sum(self.chosen[-days:]) / sum(self.allowed[-days:])


def cold_start(scenario: Scenario, folder: Path) -> ColdStart:
    """Plays it, and the oracle beside it."""
    people = People(scenario)
    laid_out = lay_out(folder, people)
    for home in (laid_out.played, laid_out.first, laid_out.later):
        change_policies(home.company, arms=ARMS)
    _within_a_day(laid_out.later.company)
    world = asyncio.run(_play(people, laid_out.played))
    oracle = play_policy(Stage(scenario=scenario, first=laid_out.first, then=laid_out.later), ORACLE)
    return _told(scenario, played_of(world), oracle)


def _within_a_day(company: Path) -> None:
    file = company / "catalogue" / "journeys" / f"{NEW_JOURNEY}.yaml"
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    document["objective"]["within"] = "1d"
    write_text(file, yaml.safe_dump(document, sort_keys=False, allow_unicode=True))


async def _play(people: People, home: Home) -> World:
    clock, world = Clock(), World(Truth(people), people, "loop")
    async with service_room(home, people, clock) as room:
        daily = _Daily(people.scenario, home, room)
        await world.play(room, Course(clock=clock.move, morning=daily.morning, night=daily.night))
    return world


class _Daily:
    """Learns after each day from the one on that the journey comes; what is learnt serves."""

    def __init__(self, scenario: Scenario, home: Home, room: ServiceRoom) -> None:
        self._scenario = scenario
        self._home = home
        self._room = room
        self._models = CompanyModels.of(load_company(home.company), home.home)

    async def morning(self, day: int) -> None:
        if day == self._scenario.new_journey_on:
            add_new_journey(self._home.company)
            _within_a_day(self._home.company)
            await self._room.service.use_catalogue()

    async def night(self, day: int, told: Sequence[Told]) -> None:
        comes_on = self._scenario.new_journey_on
        assert comes_on is not None
        if day + 1 < comes_on and day + 1 not in BEFORE:
            return
        log = await self._room.service.export()
        order = Order(log=log, columns=LogColumns(), company=self._models, seed=self._scenario.seed)
        await self._room.service.use_models(Scorer(train_from_log(order, lambda stage: None).bundle))


def _told(scenario: Scenario, loop: Played, oracle: Played) -> ColdStart:
    assert scenario.new_journey_on is not None
    days = range(scenario.new_journey_on, scenario.days)
    every = list(loop.ledger.shown_of(NEW_JOURNEY))
    own = [(e, shown) for e, shown in every if e.arm == Arm.CHAMPION.value]
    best = [(e.day, shown) for e, shown in oracle.ledger.shown_of(NEW_JOURNEY)]
    return ColdStart(
        allowed=tuple(sum(e.day == day for e, _ in own) for day in days),
        shown=tuple(sum(e.day == day and shown for e, shown in own) for day in days),
        chosen=tuple(sum(e.day == day and shown and not e.is_exploration for e, shown in own) for day in days),
        oracle_share=tuple(_share([shown for on, shown in best if on == day]) for day in days),
        allowed_anywhere=tuple(sum(e.day == day for e, _ in every) for day in days),
        presented=tuple(sum(e.day == day and shown for e, shown in every) for day in days),
    )


def _share(shown: Sequence[bool]) -> float:
    return sum(shown) / len(shown) if shown else 0.0
