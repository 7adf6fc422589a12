"""The closed loop against the oracle and plainer policies, by the known truth: a sample, and a proof."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.cli import main
from training.pictures import save
from training.simulate.figures import Figures
from training.simulate.pictures import simulation_picture
from training.simulate.scenario import Scenario
from training.simulate.seeds import over_seeds
from training.simulate.simulate import simulate

log = logging.getLogger(__name__)
SEEDS, CUSTOMERS, DAYS = 20, 3_000, 60
GOAL = 0.9
WORSE = ("random", "popularity", "first_day")
KEPT = "RUMBO_LOOP_FIGURES"
"""A variable that names a folder, where the proof leaves its figures and the picture."""


def _played(folder: Path, seed: int, *, customers: int, days: int = DAYS) -> Figures:
    scenario = Scenario(customers=customers, days=days, seed=seed, new_journey_on=days * 5 // 12)
    return simulate(scenario, folder / str(seed), processes=1)


def _demand_lawful(found: Figures) -> None:
    """Nothing forbidden was shown in any world, and caps were reached, not passed."""
    assert found.forbidden == []
    assert found.shown > 1_000
    assert found.caps["offers-week"] <= 6
    assert found.caps["email-week"] == 2
    assert found.caps["food-basket"] == 2
    assert found.caps["city-trip"] == 1


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_small_loop_beats_chance_and_shows_nothing_that_is_forbidden(tmp_path: Path, seed: int) -> None:
    """500 customers tell little in two months: what the loop is worth is shown by the proof."""
    found = _played(tmp_path, seed, customers=500)
    log.info("%s of the oracle", found.of_oracle)
    _demand_lawful(found)
    assert found.policies["random"].loop_minus_it.is_above_zero
    assert found.policies["oracle"].loop_minus_it.high < 0.0
    assert found.gate[0].ruling == "first"
    assert len(found.gate) >= 5


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_command_plays_draws_and_logs(tmp_path: Path) -> None:
    picture = tmp_path / "loop.png"
    asked = ["--customers", "120", "--days", "15", "--folder", str(tmp_path / "played"), "--plot", str(picture)]
    result = CliRunner().invoke(main, ["simulate", *asked, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    found = Figures.model_validate(json.loads(result.stdout))
    assert found.customers == 120
    assert len(found.by_day["loop"]) == 15
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert _logged(tmp_path / "played", "of_oracle") == pytest.approx(found.of_oracle.value)
    _demand_refusal(tmp_path)


def _logged(folder: Path, metric: str) -> float:
    """In the one run of the experiment of loops."""
    from features.company.company import load_company
    from models.tracking import Registry, client_of
    from training.simulate.folder import home_in

    home = home_in(folder)
    with client_of(Registry.of(load_company(home.company), home.home)) as client:
        experiment = client.get_experiment_by_name("simulated-loop")
        assert experiment is not None
        (run,) = client.search_runs([experiment.experiment_id])
        names = {file.path for file in client.list_artifacts(run.info.run_id)}
        assert names == {"simulation.json", "simulation.png"}
        return float(run.data.metrics[metric])


def _demand_refusal(folder: Path) -> None:
    """A folder that holds something else is left as it is."""
    (folder / "other").mkdir()
    (folder / "other" / "letter.txt").write_text("mine", encoding="utf-8")
    result = CliRunner().invoke(main, ["simulate", "--folder", str(folder / "other")])
    assert result.exit_code != 0
    assert "holds something else" in result.output
    assert (folder / "other" / "letter.txt").read_text(encoding="utf-8") == "mine"


@pytest.mark.proof
def test_after_two_months_the_loop_is_worth_nine_tenths_of_the_oracle(tmp_path: Path) -> None:
    """Twenty seeds: the mean over seeds with its interval, above GOAL; beyond each plainer policy by more than both."""
    runs = _all(partial(_played, tmp_path, customers=CUSTOMERS), SEEDS)
    _keep(runs)
    for found in runs:
        _demand_lawful(found)
    loop = over_seeds([found.of_oracle.value for found in runs])
    log.info("the loop: %s; all arms: %s", loop, over_seeds([found.of_oracle_all_arms.value for found in runs]))
    assert loop[1] >= GOAL
    for name in WORSE:
        other = over_seeds([found.policies[name].of_oracle.value for found in runs])
        log.info("%s: %s", name, other)
        assert loop[1] > other[2]


def _all(play: Callable[[int], Figures], seeds: int) -> list[Figures]:
    """One seed a core; each has a process for the worlds beside its loop."""
    with ProcessPoolExecutor(os.cpu_count() or 1, mp_context=get_context("spawn")) as pool:
        return list(pool.map(play, range(seeds)))


def _keep(runs: list[Figures]) -> None:
    folder = os.environ.get(KEPT)
    if folder is not None:
        Path(folder).mkdir(parents=True, exist_ok=True)
        text = json.dumps([run.model_dump() for run in runs], indent=1)
        (Path(folder) / "loops.json").write_text(text, encoding="utf-8")
        save(simulation_picture(runs), Path(folder) / "loops.png")
