"""Train, score and evaluate over one log, by their commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from models.bundle import Bundle
from service.cli import main
from tests.decision_logs import SimulatedLog, simulated
from training.evaluation import Evaluation

SEED = 5


def run(*arguments: object) -> Result:
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    return done


@pytest.fixture(scope="module")
def log() -> SimulatedLog:
    return simulated(SEED, rows=6000, heterogeneity=1.2, days=2, with_sets=True)


@pytest.fixture(scope="module")
def folder(log: SimulatedLog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With log.parquet, where one reward in ten is not known, a bundle trained on it, and its scores of all rows."""
    folder = tmp_path_factory.mktemp("policies")
    draw = np.random.default_rng(SEED)
    known = log.table.column("reward").to_numpy()
    reward = pa.array(known, mask=draw.random(known.size) < 0.1)
    table = log.table.set_column(log.table.column_names.index("reward"), "reward", reward)
    pq.write_table(table, folder / "log.parquet")
    run("train", *named(log, folder), "--eligible", "allowed", "--out", folder / "bundle")
    run("score", "--log", folder / "log.parquet", "--model", folder / "bundle", "--out", folder / "all.parquet")
    score = ("score", "--log", folder / "log.parquet", "--model", folder / "bundle", "--eligible", "allowed")
    run(*score, "--out", folder / "sets.parquet")
    return folder


def named(log: SimulatedLog, folder: Path) -> tuple[object, ...]:
    return ("--log", folder / "log.parquet", "--features", ",".join(log.features))


def evaluated(folder: Path, *arguments: object) -> dict[str, Any]:
    done = run("evaluate", "--log", folder / "log.parquet", "--eligible", "allowed", "--json", *arguments)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_scores_are_a_policy_over_every_row(folder: Path) -> None:
    """Rows whose reward is not known too; each row's probabilities add up to 1."""
    scores = pq.read_table(folder / "all.parquet")

    rows = np.asarray(scores.column("row"))
    probability = np.asarray(scores.column("probability"))
    assert rows.tolist() == sorted([*range(6000)] * 3)
    assert np.bincount(rows, weights=probability).tolist() == [1.0] * 6000
    assert np.isfinite(np.asarray(scores.column("value"))).all()


def test_no_choice_lies_outside_of_its_set(folder: Path) -> None:
    allowed = pq.read_table(folder / "log.parquet").column("allowed").to_pylist()
    scores = pq.read_table(folder / "sets.parquet")

    pairs = list(zip(scores.column("row").to_pylist(), scores.column("journey_id").to_pylist(), strict=True))
    assert pairs == [(row, journey) for row, ids in enumerate(allowed) for journey in ids]
    assert np.bincount(scores.column("row"), weights=scores.column("probability")).tolist() == [1.0] * 6000


def test_a_policy_in_a_file_is_judged_as_the_model_that_wrote_it(folder: Path) -> None:
    by_model = evaluated(folder, "--model", folder / "bundle")
    by_file = evaluated(folder, "--policy", folder / "sets.parquet")

    for policy, estimates in by_model["policies"].items():
        for name, estimate in estimates.items():
            assert by_file["policies"][policy][name] == pytest.approx(estimate, abs=1e-12), (policy, name)
    assert by_file["differences"]["model"] == pytest.approx(by_model["differences"]["model"], abs=1e-12)


def test_the_value_lies_within_two_errors_of_the_truth(folder: Path, tmp_path: Path) -> None:
    """On a log that the model was not trained on."""
    fresh, scored = simulated(SEED + 1, rows=6000, heterogeneity=1.2, with_sets=True), tmp_path / "scores.parquet"
    pq.write_table(fresh.table, tmp_path / "log.parquet")
    asked = ("--log", tmp_path / "log.parquet", "--model", folder / "bundle", "--eligible", "allowed")
    run("score", *asked, "--out", scored)
    scores = pq.read_table(scored)
    probability = np.zeros(fresh.truth.shape)
    journeys = [int(name[1:]) for name in scores.column("journey_id").to_pylist()]
    probability[scores.column("row").to_pylist(), journeys] = scores.column("probability")

    told = json.loads(run("evaluate", *asked, "--json").stdout)

    for name in ("ips", "snips", "dr"):
        estimate = told["policies"]["model"][name]
        assert abs(estimate["value"] - fresh.value(probability)) <= 2.0 * estimate["se"], name


def test_a_policy_against_itself_differs_by_nothing(folder: Path) -> None:
    told = evaluated(folder, "--model", folder / "bundle", "--against", folder / "sets.parquet")

    assert told["differences"]["model"] == {"value": 0.0, "se": 0.0, "low": 0.0, "high": 0.0}
    assert told["gain"] == "not_enough_evidence"


def test_the_json_is_as_its_schema_says(folder: Path) -> None:
    schema = json.loads(run("evaluate", "--schema").stdout)

    told = evaluated(folder, "--model", folder / "bundle", "--against", "constant:j1")

    assert set(told) == set(schema["required"]) == set(schema["properties"])
    assert set(told["support"]) == set(schema["$defs"]["SupportForm"]["required"])
    Evaluation.model_validate(told)
    assert set(told["policies"]) == {"model", "logging", "uniform", "constant:j0", "constant:j1", "constant:j2"}
    assert set(told["policies"]["model"]) == {"dm", "ips", "clipped_ips", "snips", "dr", "dr_shrinkage"}
    assert told["support"]["verdict"] == "ok"


def test_a_person_gets_a_table_and_a_picture(folder: Path, tmp_path: Path) -> None:
    picture = tmp_path / "values.png"

    done = run(
        "evaluate", "--log", folder / "log.parquet", "--eligible", "allowed", "--model", folder / "bundle", "--plot",
        picture,
    )  # fmt: skip

    assert "constant:j0" in done.stdout
    assert "Support: effective sample size" in done.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_equal_logs_and_seeds_give_equal_models(folder: Path, log: SimulatedLog, tmp_path: Path) -> None:
    run("train", *named(log, folder), "--eligible", "allowed", "--out", tmp_path / "again")

    assert Bundle.load(tmp_path / "again").sha256 == Bundle.load(folder / "bundle").sha256


def test_what_was_strongly_different_is_found(folder: Path, log: SimulatedLog) -> None:
    """Of what the best choice for each row would gain over the best constant, most."""
    scores = pq.read_table(folder / "all.parquet")
    probability = np.asarray(scores.column("probability")).reshape(-1, 3)

    gained = log.value(probability) - log.best_constant
    assert gained >= 0.7 * (float(log.truth.max(axis=1).mean()) - log.best_constant)


def test_a_cost_moves_the_policy_to_what_is_cheaper(folder: Path, tmp_path: Path) -> None:
    """A journey that costs more than any reward is never taken, the guard being taken anew."""
    out = tmp_path / "dear.parquet"
    run(
        "score", "--log", folder / "log.parquet", "--model", folder / "bundle", "--out", out,
        "--cost", "j1=2", "--cost", "j2=2",
    )  # fmt: skip

    scores = pq.read_table(out)
    taken = scores.filter(pa.compute.greater(scores.column("probability"), 0.5)).column("journey_id").to_pylist()
    assert set(taken) == {"j0"}


def test_the_gain_over_a_journey_is_what_ranks(folder: Path, log: SimulatedLog, tmp_path: Path) -> None:
    bundle, out = tmp_path / "bundle", tmp_path / "scores.parquet"
    run("train", *named(log, folder), "--uplift-against", "j0", "--out", bundle)
    run("score", "--log", folder / "log.parquet", "--model", bundle, "--uplift-against", "j0", "--out", out)

    policy = Bundle.load(bundle).policy
    assert policy is not None
    assert policy.against == "j0"
    assert policy.learner is not None
    probability = np.asarray(pq.read_table(out).column("probability")).reshape(-1, 3)
    assert log.value(probability) > log.best_constant


def test_gains_over_any_journey_are_differences_of_values(folder: Path, tmp_path: Path) -> None:
    """So a bundle that was trained without has them too; one over what is no journey is refused."""
    plain, asked = tmp_path / "plain.parquet", ("--log", folder / "log.parquet", "--model", folder / "bundle")
    run("score", *asked, "--out", plain)
    run("score", *asked, "--uplift-against", "j1", "--out", tmp_path / "gains.parquet")
    assert pq.read_table(tmp_path / "gains.parquet").equals(pq.read_table(plain))
    assert "the bundle has no journey 'j9'; it has: j0, j1, j2" in refused(
        "score", *asked, "--uplift-against", "j9", "--out", tmp_path / "none.parquet"
    )


def refused(*arguments: object) -> str:
    """What the one line of an error says."""
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1), done.output
    return done.stderr


def test_a_policy_of_another_log_is_refused(folder: Path, tmp_path: Path) -> None:
    half, policy = tmp_path / "half.parquet", folder / "sets.parquet"
    pq.write_table(pq.read_table(folder / "log.parquet").slice(0, 3000), half)
    asked = ("evaluate", "--log", half, "--eligible", "allowed", "--policy", policy)
    assert "row: it says something of row 5999, and the log has 3000 rows" in refused(*asked)
    against = ("--model", folder / "bundle", "--against", policy)
    assert "row 5999" in refused("evaluate", "--log", half, "--eligible", "allowed", *against)


def test_a_journey_that_stands_twice_is_named_by_its_row(folder: Path, tmp_path: Path) -> None:
    table = pq.read_table(folder / "sets.parquet")
    pq.write_table(pa.concat_tables([table, table.slice(4, 1)]), tmp_path / "twice.parquet")
    told = refused("evaluate", "--log", folder / "log.parquet", "--policy", tmp_path / "twice.parquet")
    row = table.column("row")[4].as_py()
    assert f"row {table.num_rows}: journey_id: this journey stands twice for row {row} of the log" in told


def test_texts_where_a_model_reads_numbers_are_refused_and_not_taken_for_missing(folder: Path, tmp_path: Path) -> None:
    log = pq.read_table(folder / "log.parquet")
    words = pa.array([None, *["old"] * (log.num_rows - 1)])
    pq.write_table(log.set_column(log.column_names.index("x0"), "x0", words), tmp_path / "words.parquet")
    asked = ("--log", tmp_path / "words.parquet", "--model", folder / "bundle", "--out", tmp_path / "out.parquet")
    assert "row 1: x0: the model reads a number here, and this is a text" in refused("score", *asked)
    assert not (tmp_path / "out.parquet").exists()


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_learnt(folder: Path, log: SimulatedLog) -> None:
    done = CliRunner().invoke(main, [str(a) for a in ("train", *named(log, folder), "--out", "/proc/none/bundle")])
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("Error: /proc/none/bundle cannot be written: ")


def test_a_place_for_scores_or_a_picture_is_tried_before_a_log_is_read(folder: Path, tmp_path: Path) -> None:
    asked = ("--log", tmp_path / "none.parquet", "--model", folder / "bundle")
    assert "/proc/none cannot be written: " in refused("score", *asked, "--out", "/proc/none/scores.parquet")
    assert "/proc/none cannot be written: " in refused("evaluate", *asked, "--plot", "/proc/none/values.png")


def test_a_bundle_that_is_not_there_is_named_by_its_path(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    log = ("--log", folder / "log.parquet")
    for missing in (tmp_path / "nosuch", tmp_path / "empty"):
        told = refused("score", *log, "--model", missing, "--out", tmp_path / "scores.parquet")
        assert f"--model: there is no bundle in '{missing}', no manifest.json" in told
    assert f"there is no bundle in '{tmp_path / 'empty'}'" in refused("evaluate", *log, "--model", tmp_path / "empty")


def test_a_log_whose_rows_could_have_one_journey_each_compares_nothing(folder: Path, tmp_path: Path) -> None:
    log = pq.read_table(folder / "log.parquet").drop_columns(["allowed"])
    alone = pa.array([[shown] for shown in log.column("journey_id").to_pylist()])
    pq.write_table(log.append_column("allowed", alone), tmp_path / "alone.parquet")
    asked = ("--log", tmp_path / "alone.parquet", "--model", folder / "bundle", "--eligible", "allowed")
    assert "each row could have one journey only: nothing can be compared" in refused("evaluate", *asked)


def test_numbers_that_are_written_as_texts_are_told(tmp_path: Path) -> None:
    """Learnt from as names, which somebody may have meant: then they say so."""
    log = simulated(SEED, rows=600)
    written = pa.array([f"{x:.2f}".replace(".", ",") for x in log.table.column("x0").to_pylist()])
    words = log.table.set_column(log.table.column_names.index("x0"), "x0", written)
    pq.write_table(words, tmp_path / "log.parquet")
    told = run("train", *named(log, tmp_path), "--out", tmp_path / "bundle", "--json")
    (note,) = json.loads(told.stdout)["notes"]
    levels = len(set(written.to_pylist()))
    assert note.startswith(f"x0: text of {levels} levels, most of which are numbers")
    said = run("train", *named(log, tmp_path), "--categorical", "x0", "--out", tmp_path / "bundle")
    assert "most of which are numbers" not in said.stdout


@pytest.mark.parametrize("days", [1, 2, 9])
def test_a_log_of_one_day_and_of_several_train(days: int, tmp_path: Path) -> None:
    log = simulated(SEED, rows=900, days=days)
    pq.write_table(log.table, tmp_path / "log.parquet")

    run("train", *named(log, tmp_path), "--out", tmp_path / "bundle")

    policy = Bundle.load(tmp_path / "bundle").policy
    assert policy is not None
    assert policy.folds == ("5 by time" if days >= 5 else "5 by customer")


def test_rows_from_a_day_on_are_held_out(tmp_path: Path) -> None:
    log = simulated(SEED, rows=1500, days=4)
    pq.write_table(log.table, tmp_path / "log.parquet")

    done = run(
        "train", *named(log, tmp_path), "--test-from", "2026-01-04", "--baseline", "rate:segment", "--json", "--out",
        tmp_path / "bundle",
    )  # fmt: skip
    read = run("train", *named(log, tmp_path), "--test-from", "2026-01-04", "--out", tmp_path / "bundle")
    assert "Measured on what was decided from 2026-01-04 on; folds for the policy: 5 by customer." in read.stdout
    assert "Folds:" not in read.stdout

    told = json.loads(done.stdout)
    later = sum(at.day >= 4 for at in log.table.column("decided_at").to_pylist())
    assert told["rows"] == {"trained": 1500 - later, "measured": later, "left_out": 0, "without_reward": 0}
    assert set(told["metrics"]) == {"model", "constant", "journey", "rate:segment"}
    assert told["metrics"]["model"]["loss"] < told["metrics"]["constant"]["loss"]
