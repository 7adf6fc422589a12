"""A row that cannot be taken is named by file, row and column; nothing is written, or all but the bad rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.decision.reports.rows import OutcomeType
from service.state.export.table import ELIGIBLE, MET, OUTCOME
from service.state.history.faults import HistoryInvalid, RowFault
from service.state.history.keep import ImportCounts
from service.state.history.take import HistoryImport
from tests.builders import NOW, SCHEMA
from tests.contract.adapters import Store
from tests.contract.history import LATER, decided, engine_of, exported, imported, plain, present
from tests.contract.rows import MINUTE, outcome, situation

Place = tuple[int, str, str]
"""(row, column, code)"""


async def faults(state: Store, place: Path) -> list[Place]:
    """What a table is refused for; nothing of it may be in the store."""
    with pytest.raises(HistoryInvalid) as refused:
        await imported(state, place)
    assert (await situation(state)).contacts == ()
    return [(fault.row, fault.column, fault.code) for fault in refused.value.faults]


def told(outcome_id: str = "o", **given: Any) -> dict[str, Any]:
    return {"outcome_id": outcome_id, "type": "ENGAGED", "value": None, "occurred_at": NOW, "is_late": False, **given}


def allowed(propensity: float) -> dict[str, Any]:
    return {"journey_id": "basket", "place": "ELIGIBLE", "propensity": propensity}


OUTCOMES = pa.schema(
    [
        ("customer_id", pa.string()),
        ("decided_at", pa.timestamp("us", tz="UTC")),
        ("journey_id", pa.string()),
        ("propensity", pa.float64()),
        ("reward", pa.float64()),
        ("outcomes", pa.list_(OUTCOME)),
        ("eligible", pa.list_(ELIGIBLE)),
        ("met_in_windows", pa.list_(MET)),
    ]
)


async def test_text_that_is_no_utf_8_is_refused_by_its_row(state: Store, tmp_path: Path) -> None:
    bad = pa.StringArray.from_buffers(1, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xff"))
    table = pq.read_table(plain(tmp_path, {"journey_id": "basket"}, {"journey_id": "survey"}))
    index = table.column_names.index("journey_id")
    journeys = pa.concat_arrays([pa.array(["basket"]), bad])
    pq.write_table(table.set_column(index, "journey_id", journeys), tmp_path / "log.parquet")
    assert await faults(state, tmp_path) == [(2, "journey_id", "OUT_OF_RANGE")]


@pytest.mark.parametrize(
    ("row", "column", "code"),
    [
        ({"customer_id": ""}, "customer_id", "MISSING"),
        ({"customer_id": None}, "customer_id", "MISSING"),
        ({"customer_id": "a\x00b"}, "customer_id", "NUL_IN_TEXT"),
        ({"customer_id": "x" * 129}, "customer_id", "TOO_LONG"),
        ({"journey_id": None}, "journey_id", "MISSING"),
        ({"decision_id": ""}, "decision_id", "MISSING"),
        ({"decided_at": None}, "decided_at", "MISSING"),
        ({"decided_at": LATER + timedelta(minutes=6)}, "decided_at", "OUT_OF_RANGE"),
        ({"decided_at": NOW - timedelta(days=365 * 60)}, "decided_at", "OUT_OF_RANGE"),
        ({"propensity": None}, "propensity", "MISSING"),
        ({"propensity": 0.0}, "propensity", "OUT_OF_RANGE"),
        ({"propensity": 1.0000001}, "propensity", "OUT_OF_RANGE"),
        ({"propensity": math.nan}, "propensity", "OUT_OF_RANGE"),
        ({"reward": math.nan}, "reward", "NOT_FINITE"),
        ({"reward": -math.inf}, "reward", "NOT_FINITE"),
        ({"is_censored": True, "reward": 1.0}, "is_censored", "CONTRADICTED"),
        ({"cost": math.inf}, "cost", "NOT_FINITE"),
        ({"channel": "web\x00"}, "channel", "NUL_IN_TEXT"),
        ({"kind": "Promotional"}, "kind", "UNKNOWN"),
        ({"stage": "wanting"}, "stage", "UNKNOWN"),
        ({"contact_state": "SHOWN"}, "contact_state", "UNKNOWN"),
        ({"rank": 0}, "rank", "OUT_OF_RANGE"),
        ({"propensity_over_arms": 0.0}, "propensity_over_arms", "OUT_OF_RANGE"),
        ({"propensity_over_arms": 1.5}, "propensity_over_arms", "OUT_OF_RANGE"),
        ({"share": 2.0}, "share", "OUT_OF_RANGE"),
        ({"eligible": [allowed(math.nan)]}, "eligible", "OUT_OF_RANGE"),
        ({"eligible": [allowed(1.5)]}, "eligible", "OUT_OF_RANGE"),
        ({"arm": "control"}, "arm", "UNKNOWN"),
        ({"p_if_silent": -0.5}, "p_if_silent", "OUT_OF_RANGE"),
        ({"reason_of_silence": [""]}, "reason_of_silence", "MISSING"),
        ({"journey_id": "NO_JOURNEY", "contact_state": "PRESENTED"}, "contact_state", "CONTRADICTED"),
        ({"journey_id": "NO_JOURNEY", "presented_at": NOW}, "presented_at", "CONTRADICTED"),
        ({"rank": 2**31}, "rank", "OUT_OF_RANGE"),
        ({"context": "[1]"}, "context", "NOT_JSON"),
        ({"context": '{"a": NaN}'}, "context", "NOT_JSON"),
        ({"context": "{" * 100_000}, "context", "NOT_JSON"),
        ({"outcomes": [told(type="SEEN")]}, "outcomes", "UNKNOWN"),
        ({"outcomes": [told(outcome_id="")]}, "outcomes", "MISSING"),
        ({"outcomes": [told(), told()]}, "outcomes", "DUPLICATE"),
        ({"outcomes": [told(occurred_at=LATER + timedelta(hours=1))]}, "outcomes", "OUT_OF_RANGE"),
        ({"outcomes": [told(value=math.nan)]}, "outcomes", "NOT_FINITE"),
        ({"valid_until": NOW - timedelta(days=365 * 60)}, "valid_until", "OUT_OF_RANGE"),
        ({"windows_end_at": NOW - timedelta(days=365 * 60)}, "windows_end_at", "OUT_OF_RANGE"),
        ({"met_in_windows": [{"journey_id": "", "at": NOW, "worth": 1.0}]}, "met_in_windows", "MISSING"),
        ({"met_in_windows": [{"journey_id": "a", "at": NOW, "worth": math.nan}]}, "met_in_windows", "OUT_OF_RANGE"),
        ({"met_in_windows": [{"journey_id": "a", "at": NOW, "worth": 1.0, "by": "X"}]}, "met_in_windows", "UNKNOWN"),
    ],
)
async def test_a_bad_value_is_named_and_nothing_is_written(
    state: Store, tmp_path: Path, row: Mapping[str, Any], column: str, code: str
) -> None:
    """In the third row of three."""
    schema = OUTCOMES if {"outcomes", "met_in_windows"} & row.keys() else None
    place = plain(tmp_path, {"customer_id": "2"}, {"customer_id": "3"}, row, schema=schema)
    assert await faults(state, place) == [(3, column, code)]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param([{}, {}], [(2, "journey_id", "DUPLICATE")], id="the same row twice"),
        pytest.param([{}, {"customer_id": "2"}, {}], [(3, "decision_id", "NOT_TOGETHER")], id="again, later"),
        pytest.param(
            [{"decision_id": "d", "rank": 1}, {"decision_id": "d", "journey_id": "survey", "rank": 1}],
            [(2, "rank", "DUPLICATE")],
            id="two in one slot",
        ),
        pytest.param(
            [{"decision_id": "d"}, {"decision_id": "d", "customer_id": "2", "journey_id": "survey"}],
            [(2, "customer_id", "NOT_OF_ITS_DECISION")],
            id="a decision of two customers",
        ),
        pytest.param(
            [
                {"decision_id": "d"},
                {"decision_id": "e", "customer_id": "2"},
                {"decision_id": "d", "journey_id": "tips"},
            ],
            [(3, "decision_id", "NOT_TOGETHER")],
            id="a decision in two places",
        ),
    ],
)
async def test_rows_that_do_not_fit_together_are_named(
    state: Store, tmp_path: Path, rows: list[dict[str, Any]], expected: list[Place]
) -> None:
    assert await faults(state, plain(tmp_path, *rows)) == expected


async def test_every_fault_of_a_row_is_told(state: Store, tmp_path: Path) -> None:
    place = plain(tmp_path, {"customer_id": "", "propensity": 2.0, "reward": math.nan})
    assert await faults(state, place) == [
        (1, "customer_id", "MISSING"),
        (1, "propensity", "OUT_OF_RANGE"),
        (1, "reward", "NOT_FINITE"),
    ]


async def test_columns_that_are_missing_or_of_another_type_are_named_for_the_whole_file(
    state: Store, tmp_path: Path
) -> None:
    table = {"customer_id": [7], "decided_at": [NOW.replace(tzinfo=None)], "propensity": ["1"], "reward": [True]}
    pq.write_table(pa.table(table), tmp_path / "t.parquet")
    assert await faults(state, tmp_path) == [
        (0, "journey_id", "MISSING"),
        (0, "customer_id", "WRONG_TYPE"),
        (0, "decided_at", "WRONG_TYPE"),
        (0, "propensity", "WRONG_TYPE"),
        (0, "reward", "WRONG_TYPE"),
    ]


async def test_a_folder_without_tables_and_a_file_that_is_none_are_refused(state: Store, tmp_path: Path) -> None:
    folder = tmp_path / "table"
    folder.mkdir()
    (folder / ".half.parquet").write_bytes(b"a draft is no data")
    assert await faults(state, folder) == [(0, "*", "MISSING")]
    (folder / "torn.parquet").write_bytes(b"PAR1 and no more")
    assert await faults(state, folder) == [(0, "*", "UNREADABLE")]


async def test_the_error_names_file_row_and_column_and_no_personal_data(state: Store, tmp_path: Path) -> None:
    plain(tmp_path / "day=2018-01-03", {"customer_id": "maria@example.org", "reward": math.nan})
    with pytest.raises(HistoryInvalid) as refused:
        await imported(state, tmp_path)
    assert "day=2018-01-03/log.parquet, row 1, column reward: NOT_FINITE" in str(refused.value)
    assert "maria" not in str(refused.value)


async def test_an_error_lists_the_first_faults_and_counts_the_others(state: Store, tmp_path: Path) -> None:
    rows = [{"customer_id": str(n), "propensity": 0.0} for n in range(1500)]
    with pytest.raises(HistoryInvalid, match="and 1480 more") as refused:
        await imported(state, plain(tmp_path, *rows))
    assert refused.value.count == 1500
    assert [fault.row for fault in refused.value.faults] == list(range(1, 21))


async def test_ids_of_something_else_in_the_store_are_refused(state: Store, tmp_path: Path) -> None:
    await decided(state, "d1", customer_id="9")
    await state.record_outcomes([outcome("o", OutcomeType.ENGAGED, journey_id="survey")], NOW)
    assert await faults(state, plain(tmp_path / "a", {"decision_id": "d1"})) == [(1, "decision_id", "ID_REUSED")]
    reused = plain(tmp_path / "b", {"outcomes": [told("o")]}, schema=OUTCOMES)
    assert await faults(state, reused) == [(1, "outcomes", "ID_REUSED")]


async def test_bad_rows_are_skipped_when_asked_and_the_others_are_taken(state: Store, tmp_path: Path) -> None:
    """A decision keeps the rows that are right, wherever the bad one stands in it."""
    journeys = ("basket", "survey", "tips")
    slate = [{"decision_id": "d1", "journey_id": name, "rank": n} for n, name in enumerate(journeys, 1)]
    slate[1]["propensity"] = 3.0
    place = plain(tmp_path / "in", {"customer_id": ""}, *slate, {"customer_id": "2"})
    skipped: list[RowFault] = []
    history = HistoryImport(engine_of(state), SCHEMA, place, LATER)
    assert await history.write(lambda _: None, skipped.append) == ImportCounts(added=2)
    assert [(fault.row, fault.column) for fault in skipped] == [(1, "customer_id"), (3, "propensity")]
    table = await exported(state, tmp_path / "out")
    rows = zip(*(table[name].to_pylist() for name in ("customer_id", "journey_id", "rank")), strict=True)
    assert sorted(rows) == [("1", "basket", 1), ("1", "tips", 3), ("2", "basket", 1)]


async def test_a_time_that_no_calendar_has_is_named(state: Store, tmp_path: Path) -> None:
    ages = pa.array([2**62], pa.timestamp("us", tz="UTC"))
    table = pq.read_table(plain(tmp_path, {}))
    for column in ("decided_at", "window_ends_at"):
        whole = table.drop_columns(column) if column in table.column_names else table
        pq.write_table(whole.append_column(column, ages), tmp_path / "log.parquet")
        assert await faults(state, tmp_path) == [(1, column, "OUT_OF_RANGE")]


async def test_every_row_is_reported_once_and_unknown_columns_are_told(state: Store, tmp_path: Path) -> None:
    rows = [{"customer_id": str(n), "propensity": 1.0 if n % 3 else 0.0, "chanel": "web"} for n in range(700)]
    history = HistoryImport(engine_of(state), SCHEMA, plain(tmp_path, *rows), LATER)
    seen: list[int] = []
    await history.write(seen.append, lambda _: None)
    assert (history.rows, sum(seen), history.ignored) == (700, 700, ("chanel",))


async def test_an_import_of_what_was_presented_later_than_now_is_refused(state: Store, tmp_path: Path) -> None:
    await decided(state, "d1")
    await present(state, "d1")
    await exported(state, tmp_path)
    history = HistoryImport(engine_of(state), SCHEMA, tmp_path, NOW - 10 * MINUTE)
    with pytest.raises(HistoryInvalid, match="decided_at: OUT_OF_RANGE"):
        await history.check(lambda _: None)
