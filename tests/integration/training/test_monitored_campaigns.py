"""`rumbo monitor` on real customers: the model of the example expects too much of later campaigns, and it says so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from models.registry import fetch_champion
from service.cli import main
from service.examples.complete_journey.data.campaigns import CAMPAIGNS, TEST_FROM
from tests.fixtures_features import company_at, registry_at

pytestmark = pytest.mark.timeout(300)  # fixtures of the session prepare a home and train


@pytest.fixture(scope="module")
def looked(trained_home: Path) -> Mapping[str, Any]:
    """What the command says of the champion; it ends with 1, for there are alarms."""
    company = company_at(trained_home)
    asked = ["--company", str(company), "--home", str(trained_home), "--log", str(company / CAMPAIGNS)]
    result = CliRunner().invoke(main, ["monitor", *asked, "--model", "champion", "--json"])
    assert result.exit_code == 1, result.output
    found: Mapping[str, Any] = json.loads(result.stdout)
    return found


def test_only_campaigns_that_the_model_had_not_seen_are_judged(looked: Mapping[str, Any], trained_home: Path) -> None:
    """Those from `test_from` of its run on, of journeys that it knows, whose 28 days are over."""
    history = fetch_champion(registry_at(trained_home)).history
    rows = [
        row
        for row in pq.read_table(company_at(trained_home) / CAMPAIGNS).to_pylist()
        if row["decided_at"] >= TEST_FROM and row["reward"] is not None and row["journey_id"] in history
    ]
    assert looked["rows_judged"] == len(rows) == 1_726
    assert sum(week["observed"] for week in looked["weeks"]) == sum(row["reward"] for row in rows)
    assert looked["judged_from"] == f"{TEST_FROM:%Y-%m-%d}"
    assert date.fromisoformat(looked["reference"]["ends"]) < TEST_FROM.date()


def test_less_comes_true_than_it_expects(looked: Mapping[str, Any]) -> None:
    """The interval of all campaigns that were held out, at all looks, leaves out that it expects what comes."""
    (alarm,) = [alarm for alarm in looked["alarms"] if alarm["figure"] == "calibration"]
    since = next(week for week in looked["weeks"] if week["rows"])
    assert alarm["of"] == "promotional"
    assert 0.4 < since["low_since"] < since["ratio_since"] < since["high_since"] < 1.0
    assert "× as much came true as was expected" in alarm["text"]


def test_customers_have_more_campaigns_behind_them_than_those_it_learnt_from(looked: Mapping[str, Any]) -> None:
    moved = {alarm["of"] for alarm in looked["alarms"] if alarm["figure"] == "psi"}
    assert {"campaigns_received_total", "first_seen_at"} <= moved
    assert {alarm["figure"] for alarm in looked["alarms"]} == {"calibration", "psi", "mix"}
