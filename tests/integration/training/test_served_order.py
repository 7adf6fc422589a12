"""What is judged before a promotion is what the service would do: its own choices are found again from the table."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from features.company.company import load_company
from models.bundle import Bundle
from models.registry import fetch
from models.tracking import Registry
from service.bootstrap.export import bring_up_to_date
from service.bootstrap.in_process import Home
from service.decision.arms import Arm
from service.decision.journey import NO_JOURNEY
from tests.simulated import SMALL, laid_out_once
from training.log.files import LogFiles
from training.promote.served import served_policy
from training.simulate.people import People
from training.simulate.simulate import play_loop

pytestmark = pytest.mark.slow
SCENARIO = replace(SMALL, days=27)


@pytest.fixture
async def played(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Home:
    company = tmp_path / "company"
    shutil.copytree(laid_out_once(tmp_path_factory).first.company, company)
    home = Home(company=company, home=tmp_path / "home")
    await play_loop(SCENARIO, People(SCENARIO), home, lambda stage: None)
    return home


def _champion(home: Home) -> Bundle:
    return fetch(Registry.of(load_company(home.company), home.home), "1")


@pytest.mark.timeout(600)
async def test_the_choices_of_the_champion_are_found_again_from_the_table_alone(played: Home) -> None:
    """Of every slot that it filled without exploring, tiers, levers, own values and unknown journeys among them."""
    bundle = _champion(played)
    log = await bring_up_to_date(played.settings, lambda: SCENARIO.at(SCENARIO.days + 30))
    table: pa.Table = LogFiles(log).read({"journey_id", "arm", "is_exploration", "model_version", "tier"}).table
    policy = served_policy(bundle, Path("version 1"), log)
    assert policy is not None
    chosen = [policy.journeys[j] for j in policy.probability.argmax(axis=1)]
    compared = [
        (row["journey_id"], one)
        for row, one in zip(table.to_pylist(), chosen, strict=True)
        if row["model_version"] == bundle.version
        and row["arm"] == Arm.CHAMPION.value
        and not row["is_exploration"]
        and row["journey_id"] != NO_JOURNEY
    ]
    assert len(compared) > 100
    assert {shown for shown, _ in compared} > {"tips", "city-trip", "food-basket"}
    assert [one for one in compared if one[0] != one[1]] == []


def test_a_plain_log_says_no_order(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"customer_id": ["a"], "journey_id": ["x"]}), tmp_path / "log.parquet")
    from tests.model_builders import bundle

    assert served_policy(bundle(), Path("version 1"), tmp_path / "log.parquet") is None
