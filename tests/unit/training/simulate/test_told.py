"""Simulations as they are told: in a terminal, and over seeds in the guide."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.decision.arms import Arm
from training.simulate.compared import Audit, Played
from training.simulate.figures import Figures, figures_of
from training.simulate.gate import Ruled, Ruling
from training.simulate.ledger import Entry, Ledger
from training.simulate.loop import Week
from training.simulate.policies import COMPARED, ORACLE
from training.simulate.scenario import Scenario
from training.simulate.seeds import main, over_seeds, table
from training.simulate.tables import print_figures

SCENARIO = Scenario(customers=4, days=21, new_journey_on=None)
UNBOUNDED = Ruled(ruling=Ruling.HELD_BACK, why="nothing is proven", difference=0.25, decisions=9)


def _world(name: str, value: float, arms: tuple[Arm, ...] = (Arm.CHAMPION,)) -> Played:
    """Four customers who come each day, in these arms by turns."""
    entries = [
        Entry(
            day=day,
            who=who,
            arm=arms[who % len(arms)].value,
            value=value,
            allowed=0,
            shown=0,
            is_exploration=False,
            model_version="",
        )
        for day in range(SCENARIO.days)
        for who in range(SCENARIO.customers)
    ]
    return Played(ledger=Ledger(name, entries), audit=Audit(shown=7, violations=(), most={}))


def _found(loop: float = 1.8) -> Figures:
    weeks = [
        Week(day=6, version="1", ruled=Ruled(ruling=Ruling.FIRST)),
        Week(day=13, version="2", ruled=UNBOUNDED, true_gain=0.5),
    ]
    others = {name: _world(name, 2.0 if name == ORACLE else 1.0) for name in COMPARED}
    return figures_of(SCENARIO, _world("loop", loop, (Arm.CHAMPION, Arm.CHALLENGER)), weeks, others)


def test_holding_back_costs_the_champion_arm_alone_and_until_the_next_ruling() -> None:
    # two of four customers, 7 of 21 days: 14 decisions lose 0.5 each; all 84 are worth 1.8
    assert _found().cost_of_holding_back == pytest.approx(14 * 0.5 / (84 * 1.8))


def test_a_ruling_by_few_decisions_is_told_without_ends_of_its_interval(capsys: pytest.CaptureFixture[str]) -> None:
    print_figures(_found(), Path("simulation"))
    told = " ".join(capsys.readouterr().out.split())
    assert "held back +0.250 (? to ?) +0.500" in told
    assert "the loop 1.800 90.0%" in told


def test_over_seeds_there_is_the_mean_with_the_interval_of_student() -> None:
    # mean 0.9, standard deviation 0.1, the 0.975 quantile of 2 degrees of freedom is 4.302653
    assert over_seeds([0.8, 0.9, 1.0]) == pytest.approx(
        (0.9, 0.9 - 4.302653 * 0.1 / 3**0.5, 0.9 + 4.302653 * 0.1 / 3**0.5)
    )
    assert over_seeds([0.8]) == (0.8, 0.8, 0.8)


def test_the_guides_table_and_picture_follow_from_the_figures_that_the_proof_keeps(tmp_path: Path) -> None:
    loops = tmp_path / "loops.json"
    loops.write_text(json.dumps([_found(value).model_dump() for value in (1.7, 1.8, 1.9)]), encoding="utf-8")
    result = CliRunner().invoke(main, [str(loops), "--plot", str(tmp_path / "loops.png")], catch_exceptions=False)
    assert result.exit_code == 0
    assert "| the loop | 90.0% | 77.6% to 102.4% | 85.0% | 95.0% |" in result.stdout
    assert "A seed has 0.0 promotions and 1.0 rulings that held back, 1.0 of them" in result.stdout
    assert "Forbidden among 126 journeys shown in all worlds: 0." in result.stdout
    assert 1_000 < (tmp_path / "loops.png").stat().st_size < 150_000


def test_what_was_forbidden_in_any_world_is_counted_in_the_table() -> None:
    one = _found()
    assert table([_with_forbidden(one, ["night"]), one]).endswith("shown in all worlds: 1.")


def _with_forbidden(found: Figures, forbidden: list[str]) -> Figures:
    return found.model_copy(update={"forbidden": forbidden})
