"""What cannot be used is refused by file, row and column, in one line, with status 2, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from service.cli import main
from training.log.decisions import read_decisions
from training.log.errors import LogInvalid
from training.log.options import LogColumns

ROWS: Mapping[str, list[Any]] = {
    "customer_id": ["a", "b", "c", "d"],
    "decided_at": ["2026-01-01", "2026-01-01", "2026-01-02", "2026-01-02T10:00:00Z"],
    "journey_id": ["loan", "card", "loan", "card"],
    "propensity": [0.5, 0.5, 0.5, 0.5],
    "reward": [0.0, 1.0, 1.0, 0.0],
    "age": [20.0, 30.0, 40.0, 50.0],
}
HEADING = b"customer_id,decided_at,journey_id,propensity,reward,age\n"
COLUMNS = LogColumns(features=("age",))

Changed = Callable[[dict[str, list[Any]]], None]


def _set(column: str, row: int, value: object) -> Changed:
    def change(rows: dict[str, list[Any]]) -> None:
        rows[column][row] = value

    return change


FAULTS: Mapping[str, tuple[Changed, str]] = {
    "no propensity": (_set("propensity", 2, None), "row 2: propensity: the propensity is missing"),
    "propensity 0": (
        _set("propensity", 1, 0.0),
        "row 1: propensity: 0.0 is no probability of what was shown: above 0, at most 1",
    ),
    "propensity above 1": (
        _set("propensity", 3, 1.5),
        "row 3: propensity: 1.5 is no probability of what was shown: above 0, at most 1",
    ),
    "infinite reward": (_set("reward", 1, float("inf")), "row 1: reward: inf is no finite number"),
    "reward that is no number": (_set("reward", 0, float("nan")), "row 0: reward: nan is no finite number"),
    "reward that is a word": (_set("reward", 1, "much"), "row 1: reward: 'much' is no number"),
    "no journey": (_set("journey_id", 3, None), "row 3: journey_id: there is no journey"),
    "no customer": (_set("customer_id", 0, None), "row 0: customer_id: there is no customer"),
    "no time": (
        _set("decided_at", 2, "yesterday"),
        "row 2: decided_at: 'yesterday' is no time such as 2026-11-22T09:00:00Z",
    ),
}


def _parquet(folder: Path, rows: Mapping[str, list[Any]]) -> Path:
    path = folder / "log.parquet"
    pq.write_table(pa.table(dict(rows)), path)
    return path


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told_by_file_row_and_column(tmp_path: Path, name: str) -> None:
    change, said = FAULTS[name]
    rows = {column: list(cells) for column, cells in ROWS.items()}
    change(rows)
    if any(isinstance(cell, str) for cell in rows["reward"]):
        rows["reward"] = [str(cell) for cell in rows["reward"]]
    path = _parquet(tmp_path, rows)

    with pytest.raises(LogInvalid) as refused:
        read_decisions(path, COLUMNS)

    assert str(refused.value) == f"{path}: {said}"


def test_a_row_is_counted_within_its_file(tmp_path: Path) -> None:
    """A folder is one log; the second file's first row is its row 0."""
    whole = pa.table(dict(ROWS))
    pq.write_table(whole, tmp_path / "2026-01-01.parquet")
    broken = {column: list(cells) for column, cells in ROWS.items()}
    broken["propensity"][0] = 0.0
    pq.write_table(pa.table(broken), tmp_path / "2026-01-02.parquet")

    with pytest.raises(LogInvalid, match=r"2026-01-02\.parquet: row 0: propensity"):
        read_decisions(tmp_path, COLUMNS)


def test_a_set_without_what_was_shown_is_refused(tmp_path: Path) -> None:
    rows = {**ROWS, "allowed": [["loan", "card"], ["card"], ["card"], ["loan", "card"]]}

    with pytest.raises(LogInvalid, match="row 2: allowed: the journey that was shown is not in the set"):
        read_decisions(_parquet(tmp_path, rows), LogColumns(features=("age",), eligible="allowed"))


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (LogColumns(features=("height",)), "height: there is no such column (--features)"),
        (LogColumns(features=("age",), reward="clicks"), "clicks: there is no such column (--reward)"),
        (LogColumns(features=("age",), eligible="sets"), "sets: there is no such column (--eligible)"),
        (LogColumns(features=("age",), value="worth"), "worth: there is no such column (--value)"),
    ],
)
def test_a_column_that_lacks_is_named_with_those_there_are(tmp_path: Path, columns: LogColumns, said: str) -> None:
    with pytest.raises(LogInvalid) as refused:
        read_decisions(_parquet(tmp_path, ROWS), columns)

    assert said in str(refused.value)
    assert "customer_id, decided_at, journey_id" in str(refused.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "this is no table in CSV"),
        (HEADING + b"a,2026-01-01,loan,0.5,1,20\nb,2026-01-01\n", "row 1: it has 2 cells, the heading 6"),
        (b"customer_id,reward,reward\na,1,2\n", "reward: two columns have this name"),
        (b"\x00\xff\xfe\n", "this is no table in CSV"),
    ],
)
def test_a_file_that_is_no_table(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(content)

    with pytest.raises(LogInvalid) as refused:
        read_decisions(path, COLUMNS)

    assert said in str(refused.value)


def test_no_row_and_one_journey_alone_are_refused_by_the_command(tmp_path: Path) -> None:
    """Status 2, one line, and no bundle."""
    cases = {
        "there is no row in it": {column: cells[:0] for column, cells in ROWS.items()},
        "only one journey was ever shown ('loan')": {**ROWS, "journey_id": ["loan"] * 4},
        "no row has a reward that is known": {**ROWS, "reward": pa.nulls(4, pa.float64())},
        "row 0: reward: inf is no finite number": {**ROWS, "reward": [float("inf"), 0.0, 0.0, 0.0]},
    }
    for said, rows in cases.items():
        log, bundle = _parquet(tmp_path, rows), tmp_path / "bundle"

        done = CliRunner().invoke(main, ["train", "--log", str(log), "--features", "age", "--out", str(bundle)])

        assert done.exit_code == 2, done.output
        assert done.stderr.startswith("Error: ")
        assert said in done.stderr
        assert done.stderr.count("\n") == 1
        assert not bundle.exists()


def test_that_no_reward_is_known_is_told_before_anything_else_is_looked_at(tmp_path: Path) -> None:
    """Features, and rows that were scored, take their time."""
    log = _parquet(tmp_path, {**ROWS, "reward": pa.nulls(4, pa.float64())})

    done = CliRunner().invoke(main, ["train", "--log", str(log), "--features", "gone", "--out", str(tmp_path / "b")])

    assert (done.exit_code, "reward: no row has a reward that is known" in done.stderr) == (2, True)


def test_csv_parquet_and_a_folder_are_read_alike(tmp_path: Path) -> None:
    parquet = _parquet(tmp_path, ROWS)
    pyarrow.csv.write_csv(pa.table(dict(ROWS)), tmp_path / "log.csv")
    folder = tmp_path / "days"
    folder.mkdir()
    pq.write_table(pa.table(dict(ROWS)).slice(0, 1), folder / "day=1.parquet")
    pq.write_table(pa.table(dict(ROWS)).slice(1), folder / "day=2.parquet")

    read = [read_decisions(path, COLUMNS) for path in (parquet, tmp_path / "log.csv", folder)]

    for log in read:
        assert log.choices.journeys == ("card", "loan")
        assert log.shown.tolist() == [1, 0, 1, 0]
        assert log.reward.tolist() == [0.0, 1.0, 1.0, 0.0]
        assert log.choices.features.numbers["age"].tolist() == [20.0, 30.0, 40.0, 50.0]
        assert [str(at) for at in log.decided_at[[0, 3]]] == [
            "2026-01-01T00:00:00.000000",
            "2026-01-02T10:00:00.000000",
        ]


def test_a_reward_that_is_not_known_is_no_fault_and_no_zero(tmp_path: Path) -> None:
    log = read_decisions(_parquet(tmp_path, {**ROWS, "reward": [None, 1.0, 1.0, 0.0]}), COLUMNS)

    assert (log.size, log.unknown, log.row.tolist()) == (3, 1, [1, 2, 3])


def test_a_reward_is_worth_its_value_where_it_is_not_0(tmp_path: Path) -> None:
    rows = {**ROWS, "spent": [None, 12.5, 4.0, 99.0]}

    by_column = read_decisions(_parquet(tmp_path, rows), LogColumns(features=("age",), value="spent"))
    by_number = read_decisions(_parquet(tmp_path, rows), LogColumns(features=("age",), value=3.0))

    assert by_column.reward.tolist() == [0.0, 12.5, 4.0, 0.0]
    assert by_number.reward.tolist() == [0.0, 3.0, 3.0, 0.0]


@pytest.mark.parametrize(
    "cells",
    [
        [["loan", "card"], ["card"], ["loan"], ["loan", "card"]],
        ["loan|card", "card", "loan", "loan,card"],
        ['["loan", "card"]', '["card"]', "['loan']", "loan; card"],
        [[{"journey_id": j} for j in ids] for ids in (["loan", "card"], ["card"], ["loan"], ["loan", "card"])],
    ],
    ids=["lists", "texts", "JSON", "structs"],
)
def test_sets_are_read_however_they_are_written(tmp_path: Path, cells: list[Any]) -> None:
    log = read_decisions(_parquet(tmp_path, {**ROWS, "sets": cells}), LogColumns(features=("age",), eligible="sets"))

    assert log.choices.journeys == ("card", "loan")
    assert log.choices.eligible.tolist() == [[True, True], [True, False], [False, True], [True, True]]


@pytest.mark.parametrize("ids", [[1, 2, 1, 2], [True, False, True, False], [1.0, 2.0, 1.0, 2.0]])
def test_journeys_may_be_numbers(tmp_path: Path, ids: list[Any]) -> None:
    log = read_decisions(_parquet(tmp_path, {**ROWS, "journey_id": ids}), COLUMNS)

    assert log.choices.journeys in {("1", "2"), ("false", "true")}


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (
            {"row": [0, 1, 2], "journey_id": ["loan"] * 3, "probability": [1.0] * 3},
            "it says nothing of row 3 of the log",
        ),
        (
            {"row": [0, 1, 2, 3], "journey_id": ["loan"] * 4, "probability": [1.0, 1.0, 0.5, 1.0]},
            "probability: those of a row must add up to 1 (row 2 of the log)",
        ),
        (
            {"row": [0, 1, 2, 3], "journey_id": ["boat"] * 4, "probability": [1.0] * 4},
            "probability: a journey that is not eligible has one (row 0 of the log)",
        ),
        (
            {"row": [0, 1, 1, 3], "journey_id": ["loan"] * 4, "probability": [1.0] * 4},
            "journey_id: this journey stands twice for row 1 of the log",
        ),
        (
            {"row": [0, 1, 2, -1], "journey_id": ["loan"] * 4, "probability": [1.0] * 4},
            "row 3: row: there is none that a policy can have",
        ),
        ({"row": [0], "journey_id": ["loan"]}, "probability: there is no such column (of a policy)"),
    ],
)
def test_a_table_that_is_no_policy_for_the_log(tmp_path: Path, policy: dict[str, list[Any]], said: str) -> None:
    log, table = _parquet(tmp_path, ROWS), tmp_path / "policy.parquet"
    pq.write_table(pa.table(policy), table)

    done = CliRunner().invoke(main, ["evaluate", "--log", str(log), "--policy", str(table), "--json"])

    assert (done.exit_code, done.stdout) == (2, "")
    assert f"{table}: " in done.stderr
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
