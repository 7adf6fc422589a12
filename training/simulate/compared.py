"""The worlds that a loop is compared with: one a policy, each by itself, several at once in processes of their own."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from service.bootstrap.in_process import BoundCompany, Home, bound_company
from training.simulate.ledger import Ledger
from training.simulate.memory import MemoryRoom
from training.simulate.people import People
from training.simulate.play import Course, World
from training.simulate.policies import Told, plan_of, scorer_of
from training.simulate.scenario import Scenario
from training.simulate.truth import Truth


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What an auditor found of a world: journeys shown, those that should not have been, the most by cap."""

    shown: int
    violations: tuple[str, ...]
    most: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A world that was played."""

    ledger: Ledger
    audit: Audit


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where it is played: the scenario, and the company with its catalogue as it begins and as it is later."""

    scenario: Scenario
    first: Home
    then: Home


def played_of(world: World) -> Played:
    auditor = world.auditor
    audit = Audit(shown=auditor.shown, violations=tuple(auditor.violations), most=dict(auditor.most))
    return Played(ledger=world.ledger, audit=audit)


def play_policy(stage: Stage, policy: str) -> Played:
    """The whole of a world in memory; what is bound is bound here, for plans do not travel between processes."""
    people = People(stage.scenario)
    truth = Truth(people)
    return asyncio.run(_play(people, truth, policy, bound_company(stage.first), bound_company(stage.then)))


async def _play(people: People, truth: Truth, policy: str, first: BoundCompany, then: BoundCompany) -> Played:
    scenario = people.scenario
    world, scorer = World(truth, people, policy), scorer_of(policy, truth)
    room = MemoryRoom(people, first.schema, plan_of(policy, first.plan), scorer)

    async def morning(day: int) -> None:
        if day == scenario.new_journey_on:
            room.use_plan(plan_of(policy, then.plan))

    async def night(day: int, told: Sequence[Told]) -> None:
        scorer.hear(told)
        if (day + 1) % scenario.learns_every == 0:
            scorer.learn()

    await world.play(room, Course(clock=_nobody, morning=morning, night=night))
    return played_of(world)


def _nobody(at: datetime) -> None:
    """A state in memory takes the time of each visit."""


@contextmanager
def at_once(stage: Stage, policies: Sequence[str], processes: int) -> Iterator[dict[str, Future[Played]]]:
    """What is yielded has each policy's world, when it is done."""
    context = multiprocessing.get_context("spawn")  # gRPC and threads do not survive a fork
    pool: Executor = ProcessPoolExecutor(processes, mp_context=context)
    try:
        yield {policy: pool.submit(play_policy, stage, policy) for policy in policies}
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
