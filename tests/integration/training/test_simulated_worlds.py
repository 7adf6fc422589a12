"""Worlds of the simulator: in memory as in the store, audited, and ordered as the truth would have it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pytest

from service.bootstrap.in_process import Home, bound_company
from service.decision.arms import Arm
from service.decision.decide import Decision
from service.decision.plan import NO_RULES, Candidate, JourneyOnChannel, Plan
from service.decision.reports.rows import CustomerEvent, Outcome
from tests.simulated import SMALL, laid_out_once, stage
from training.simulate.compared import play_policy
from training.simulate.figures import minus
from training.simulate.folder import LaidOut, add_new_journey, change_policies
from training.simulate.memory import MemoryRoom
from training.simulate.people import People, Visit
from training.simulate.play import Course, Room, World
from training.simulate.policies import Priors, Told, plan_of
from training.simulate.service_room import Clock, service_room
from training.simulate.simulate import play_loop
from training.simulate.truth import JOURNEYS, Truth

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> LaidOut:
    return laid_out_once(tmp_path_factory)


@dataclass(slots=True)
class _Noted:
    """A room whose decisions are noted."""

    room: Room
    decisions: list[tuple[str, datetime, tuple[str, ...], dict[str, tuple[str, ...]]]]

    async def decide(self, visit: Visit, decision_id: str) -> Decision:
        decision = await self.room.decide(visit, decision_id)
        denied = {r.journey_id: tuple(reason.code for reason in r.reasons) for r in decision.rejected}
        shown = tuple(pick.journey_id for pick in decision.picks)
        self.decisions.append((decision.facts.customer_id, decision.decided_at, shown, denied))
        return decision

    async def tell(self, events: Sequence[CustomerEvent]) -> None:
        await self.room.tell(events)

    async def report(self, outcomes: Sequence[Outcome]) -> None:
        await self.room.report(outcomes)


async def _nothing(day: int) -> None:
    """Nothing happens."""


async def _nothing_told(day: int, told: Sequence[Told]) -> None:
    """Nobody learns."""


async def test_what_is_decided_in_memory_is_what_the_service_decides(laid_out: LaidOut, tmp_path: Path) -> None:
    """Every decision of both, with every reason of every denial, the new journey's day among them."""
    company = tmp_path / "company"
    shutil.copytree(laid_out.first.company, company)
    change_policies(company, exploration=None, arms=None)
    people = People(SMALL)
    served = _Noted(room=None, decisions=[])  # type: ignore[arg-type]
    clock = Clock()
    async with service_room(Home(company=company, home=tmp_path / "home"), people, clock) as room:
        served.room = room

        async def morning(day: int) -> None:
            if day == SMALL.new_journey_on:
                add_new_journey(company)
                await room.service.use_catalogue()

        world = World(Truth(people), people, "service")
        await world.play(served, Course(clock=clock.move, morning=morning, night=_nothing_told))

    first, later = bound_company(laid_out.first), bound_company(laid_out.later)
    memory = MemoryRoom(people, first.schema, plan_of("first_day", first.plan), Priors())

    async def new_plan(day: int) -> None:
        if day == SMALL.new_journey_on:
            memory.use_plan(plan_of("first_day", later.plan))

    noted = _Noted(room=memory, decisions=[])
    beside = World(Truth(people), people, "memory")
    await beside.play(noted, Course(clock=lambda at: None, morning=new_plan, night=_nothing_told))
    assert len(served.decisions) > 200
    assert served.decisions == noted.decisions
    assert world.ledger.entries == beside.ledger.entries
    assert {code for *_, denied in noted.decisions for codes in denied.values() for code in codes} >= {
        "CONTACT_CAP", "PRESSURE_CAP", "COOLDOWN", "CAPACITY", "INCIDENT_OPEN", "CONSENT_MISSING", "QUIET_HOURS",
        "AUDIENCE",
    }  # fmt: skip


def test_an_auditor_finds_what_a_plan_without_rules_shows(laid_out: LaidOut) -> None:
    people, bound = People(SMALL), bound_company(laid_out.later)
    room = MemoryRoom(people, bound.schema, plan_of("random", _without_rules(bound.plan)), Priors())
    world = World(Truth(people), people, "lawless")
    asyncio.run(world.play(room, Course(clock=lambda at: None, morning=_nothing, night=_nothing_told)))
    whys = " ".join(world.auditor.violations)
    for why in ("an incident is open", "no consent to", "quiet hours", "rests after", "a member for", "no incident is"):
        assert why in whys
    for cap in ("offers-week", "email-week", "units of gadget-deal", "tips: ", "of 2 slots of app"):
        assert cap in whys
    assert "not in the catalogue yet" in whys  # this plan has it from the first day
    assert "not on " not in whys


def _without_rules(plan: Plan) -> Plan:
    """With a slot for every journey, so that each is shown whenever it can be."""

    def lawless(candidate: Candidate) -> Candidate:
        return replace(candidate, rules=NO_RULES)

    def listed(offered: JourneyOnChannel) -> JourneyOnChannel:
        stages = {stage: tuple(map(lawless, every)) for stage, every in offered.by_stage.items()}
        return replace(offered, by_stage=stages, elsewhere=())

    channels = {name: replace(channel, slots=len(JOURNEYS)) for name, channel in plan.channels.items()}
    journeys = {channel: tuple(map(listed, every)) for channel, every in plan.journeys.items()}
    return replace(plan, channels=channels, journeys=journeys)


def test_the_oracle_is_worth_most_and_chance_least_and_none_shows_what_is_forbidden(laid_out: LaidOut) -> None:
    played = {policy: play_policy(stage(SMALL, laid_out), policy) for policy in ("oracle", "popularity", "random")}
    days = range(SMALL.days)
    for name in ("popularity", "random"):
        assert minus(played["oracle"].ledger, played[name].ledger, days).low > 0.0
    for one in played.values():
        assert one.audit.violations == ()
        assert one.audit.shown > 200
        assert {entry.arm for entry in one.ledger.entries} == {Arm.CHAMPION.value}


@pytest.mark.timeout(600)
async def test_over_the_wire_with_the_online_store_the_same_is_decided_and_learnt(
    laid_out: LaidOut, tmp_path: Path
) -> None:
    """Both learn on two nights; the served champion is that which the registry names."""
    played = []
    for name, is_over_grpc in (("wire", True), ("core", False)):
        company = tmp_path / name / "company"
        shutil.copytree(laid_out.first.company, company)
        home = Home(company=company, home=tmp_path / name / "home")
        played.append(await play_loop(SMALL, People(SMALL), home, lambda stage: None, is_over_grpc=is_over_grpc))
    wire, core = played
    assert wire.played.ledger.entries == core.played.ledger.entries
    assert len({entry.model_version for entry in wire.played.ledger.entries}) > 1
    assert wire.played.audit.violations == ()
