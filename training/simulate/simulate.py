"""A whole simulation: the loop, beside the worlds that it is compared with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from service.bootstrap.in_process import Home, bound_company
from training.simulate.compared import Played, Stage, at_once, played_of
from training.simulate.figures import Figures, figures_of
from training.simulate.folder import home_in, lay_out
from training.simulate.hindsight import Hindsight
from training.simulate.loop import LearningLoop, Week
from training.simulate.people import People
from training.simulate.play import World
from training.simulate.policies import COMPARED
from training.simulate.scenario import Scenario
from training.simulate.service_room import Clock, service_room
from training.simulate.truth import Truth

Announce = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Looped:
    """The loop's world, and its nights of learning."""

    played: Played
    weeks: tuple[Week, ...]


def simulate(
    scenario: Scenario,
    folder: Path,
    announce: Announce = lambda stage: None,
    processes: int = 1,
    *,
    is_over_grpc: bool = False,
) -> Figures:
    """Plays all of it in a folder of its own. `processes`: for the worlds beside the loop.

    Raises: FolderInUse; as `in_process`, `train_from_log` and `register`.
    """
    people = People(scenario)
    announce("company")
    laid_out = lay_out(folder, people)
    stage = Stage(scenario=scenario, first=laid_out.first, then=laid_out.later)
    for home in (stage.first, stage.then):
        bound_company(home)  # the homes then know the features, and no process of a world asks Feast
    with at_once(stage, COMPARED, processes) as worlds:
        looped = asyncio.run(play_loop(scenario, people, laid_out.played, announce, is_over_grpc=is_over_grpc))
        announce("the other policies")
        others = {policy: world.result() for policy, world in worlds.items()}
    return figures_of(scenario, looped.played, looped.weeks, others)


async def play_loop(
    scenario: Scenario, people: People, home: Home, announce: Announce, *, is_over_grpc: bool = False
) -> Looped:
    clock, hindsight, truth = Clock(), Hindsight(), Truth(people)
    world = World(truth, people, "loop", hindsight)
    async with service_room(home, people, clock, is_over_grpc=is_over_grpc) as room:
        loop = LearningLoop(scenario, home, clock, room, hindsight, announce)
        await world.play(room, loop.course)
    return Looped(played=played_of(world), weeks=tuple(loop.weeks))


def tracked(found: Figures, folder: Path) -> str:
    """As a run of the MLflow in which the loop's training is. Returns: its id."""
    from training.simulate.tracking import track

    return track(home_in(folder), found)
