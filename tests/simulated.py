"""A laid out simulation for tests, made once a session: registering features with Feast costs seconds."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.bootstrap.in_process import bound_company
from tests.shared import made_once
from training.simulate.compared import Stage
from training.simulate.folder import LaidOut, home_in, lay_out
from training.simulate.people import People
from training.simulate.scenario import Scenario

SMALL = Scenario(customers=150, days=16, seed=11, new_journey_on=8)


def laid_out_once(session: pytest.TempPathFactory, scenario: Scenario = SMALL) -> LaidOut:
    """To be read only."""

    def make(folder: Path) -> None:
        made = lay_out(folder, People(scenario))
        for home in (made.first, made.later):
            bound_company(home)

    folder = made_once(session, f"simulated-{scenario.customers}-{scenario.days}-{scenario.seed}", make)
    return LaidOut(played=home_in(folder), first=home_in(folder / "first"), later=home_in(folder / "later"))


def stage(scenario: Scenario, laid_out: LaidOut) -> Stage:
    return Stage(scenario=scenario, first=laid_out.first, then=laid_out.later)
