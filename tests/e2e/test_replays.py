"""Decisions of a service, decided again by another model: what a rule denies is not shown, and would be told."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from service.application.scoring import Model
from service.bootstrap.replays import Replayed, replayed_by, violations
from service.decision.journey import JourneyKind
from tests.builders import COMPILER, Entry, catalogue, decide, facts, feature, journey
from tests.e2e.test_model_gone import FaultyModel
from tests.e2e.wire import REGULAR, SECOND_REGULAR
from tests.fixtures_features import NOW
from tests.fixtures_service import running, settings_of

BROKEN = FaultyModel(lambda count: np.full(count, np.nan))
DRAWN = FaultyModel(lambda count: np.random.default_rng(count).random(count))


@pytest.fixture
async def decided_home(own_home: Path) -> Path:
    """Three decisions were made in it."""
    async with running(own_home) as service:
        for customer, channel in ((REGULAR, "web"), (SECOND_REGULAR, "app"), (REGULAR, "app")):
            await service.decide(customer, channel)
    return own_home


async def replayed(home: Path, model: Model, since: timedelta = timedelta(0)) -> Replayed | None:
    company = settings_of(home).company
    assert company is not None
    return await asyncio.to_thread(replayed_by, company, home, model, NOW + since)


async def test_no_model_shows_what_a_rule_denies(decided_home: Path) -> None:
    assert await replayed(decided_home, DRAWN) == Replayed(decisions=3, violations=(), unscored=0)


async def test_decisions_of_before_are_left_out_and_a_model_that_fails_is_told(decided_home: Path) -> None:
    assert await replayed(decided_home, BROKEN) == Replayed(decisions=3, violations=(), unscored=3)
    assert await replayed(decided_home, DRAWN, timedelta(days=1)) == Replayed(decisions=0, violations=(), unscored=0)


async def test_a_home_in_which_nothing_was_decided_is_told_apart(tmp_path: Path, own_home: Path) -> None:
    company = settings_of(own_home).company
    assert company is not None
    assert await asyncio.to_thread(replayed_by, company, tmp_path / "elsewhere", DRAWN, NOW) is None


def test_a_pick_that_a_rule_denies_is_told() -> None:
    """As if arbitration had taken a journey that the audience leaves out."""
    rich = Entry(
        journey=journey("rich", kind=JourneyKind.PROMOTIONAL), audience=COMPILER.compile("customer.spend > 100.0")
    )
    plan = catalogue(rich, Entry(journey=journey("all"))).plan
    decision = decide(plan, facts(features=[feature("spend", 12.5)]), limit=1)
    assert list(violations(decision)) == []
    (denied,) = decision.rejected
    pick = decision.picks[0]
    forged = replace(pick, scored=replace(pick.scored, candidate=denied.candidate))
    broken = replace(decision, selection=replace(decision.selection, picks=(forged,)))
    assert list(violations(broken)) == ["rich"]
