"""Events from a file are those of the wire: the same rows, whatever the format, each once, however often they come."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from features.values import Scalar
from service.application.bulk.file import ROWS_AT_ONCE, EventFile, FileRow
from service.application.bulk.formats import open_events
from service.application.bulk.load import EventLoad, LoadCounts
from service.application.bulk.refused import RefusedRow
from service.application.catalogues import KeptCatalogues
from service.application.intake import Intake
from service.catalogue.terms import Terms
from service.decision.reports.event_types import BUILT_IN, Attribute, AttributeType, EventType, EventTypes
from service.state.engines.session import Row, Sql, from_micros
from tests.builders import NOW, SCHEMA
from tests.contract.adapters import Store
from tests.contract.history import CATALOGUE, engine_of
from tests.contract.rows import MINUTE, event
from tests.event_files import FORMATS, Rows, as_csv, as_json_lines, as_parquet

RENEWED = EventType(
    attributes={
        "plan": Attribute(type=AttributeType.STRING),
        "fee": Attribute(type=AttributeType.DOUBLE),
        "seats": Attribute(type=AttributeType.INT),
        "is_gold": Attribute(type=AttributeType.BOOL),
        "until": Attribute(type=AttributeType.TIMESTAMP),
    }
)
TERMS = Terms(schema=SCHEMA, events=EventTypes({**BUILT_IN.by_name, "card.renewed": RENEWED}))
ABROAD = timezone(timedelta(hours=-5))


def intake_of(state: Store) -> Intake:
    return Intake(state, KeptCatalogues(CATALOGUE, TERMS, state, lambda: NOW), lambda: NOW)


async def load(state: Store, file: Path) -> tuple[LoadCounts, list[RefusedRow]]:
    counts, refused = LoadCounts(), list[RefusedRow]()
    with open_events(file) as opened:
        await EventLoad(intake_of(state), counts, refused.append).take(opened, lambda _: None)
    return counts, refused


async def kept(state: Store) -> list[Row]:
    question = Sql("SELECT event_id, customer_id, source, type, occurred_at, attributes FROM events ORDER BY event_id")
    (rows,) = await engine_of(state).read(lambda session: session.query(question))
    return list(rows)


async def attributes_in(state: Store) -> list[dict[str, Any]]:
    """Of each event, by id. Numbers and truth values are told apart by their type."""
    return [json.loads(row["attributes"]) for row in await kept(state)]


def renewed(number: int, **cells: Any) -> dict[str, Any]:
    """A row with an id."""
    told = {"customer_id": "0042", "source": "cards", "type": "card.renewed", "occurred_at": NOW}
    return {"event_id": f"e{number}", **told, **cells}


def without_id(**cells: Any) -> dict[str, Any]:
    return {name: cell for name, cell in renewed(0, **cells).items() if name != "event_id"}


DECLARED: Mapping[str, tuple[str, Any, Scalar]] = {
    "text": ("plan", "gold", "gold"),
    "text of digits": ("plan", "0042", "0042"),
    "number": ("fee", 12.5, 12.5),
    "small number": ("fee", 1e-7, 1e-7),
    "round number": ("fee", 12.0, 12.0),
    "whole number": ("seats", -7, -7),
    "largest whole number": ("seats", 2**63 - 1, 2**63 - 1),
    "true": ("is_gold", True, True),
    "false": ("is_gold", False, False),
    "instant": ("until", NOW.astimezone(ABROAD), "2018-01-03T12:00:00Z"),
    "instant to the microsecond": ("until", NOW + timedelta(microseconds=1), "2018-01-03T12:00:00.000001Z"),
}
"""(attribute, cell, what is kept)"""


@pytest.mark.parametrize("form", FORMATS)
async def test_a_declared_attribute_is_kept_as_its_type_whatever_the_format(
    state: Store, tmp_path: Path, form: str
) -> None:
    rows = [renewed(10 + i, **{name: cell}) for i, (name, cell, _) in enumerate(DECLARED.values())]
    counts, refused = await load(state, FORMATS[form](tmp_path, rows))
    assert (counts.accepted, refused) == (len(DECLARED), [])
    told = await attributes_in(state)
    assert told == [{name: value} for name, _, value in DECLARED.values()]
    assert [type(value) for one in told for value in one.values()] == [type(value) for *_, value in DECLARED.values()]
    (first, *_) = await kept(state)
    assert (first["customer_id"], first["source"], first["type"]) == ("0042", "cards", "card.renewed")
    assert from_micros(first["occurred_at"]) == NOW


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (as_parquet, {"a": "0042", "b": 0.5, "c": 7, "d": True, "e": "2018-01-03T12:00:00Z"}),
        (as_json_lines, {"a": "0042", "b": 0.5, "c": 7, "d": True, "e": "2018-01-03T12:00:00+00:00"}),
        (as_csv, {"a": "0042", "b": "0.5", "c": "7", "d": "true", "e": "2018-01-03T12:00:00+00:00"}),
    ],
)
async def test_an_attribute_that_is_not_declared_is_what_the_file_says(
    state: Store, tmp_path: Path, write: Any, expected: dict[str, Scalar]
) -> None:
    await load(state, write(tmp_path, [renewed(1, a="0042", b=0.5, c=7, d=True, e=NOW)]))
    assert await attributes_in(state) == [expected]
    assert [type(value) for value in (await attributes_in(state))[0].values()] == list(map(type, expected.values()))


@pytest.mark.parametrize("form", FORMATS)
async def test_null_and_empty_cells_are_absent_attributes(state: Store, tmp_path: Path, form: str) -> None:
    rows = [renewed(1, plan="", fee=None, note="x"), renewed(2, plan="gold", fee=1.5, note=None)]
    await load(state, FORMATS[form](tmp_path, rows))
    assert await attributes_in(state) == [{"note": "x"}, {"plan": "gold", "fee": 1.5}]


@pytest.mark.parametrize("form", FORMATS)
async def test_a_second_load_is_all_duplicates_and_a_row_that_stands_twice_is_one_event(
    state: Store, tmp_path: Path, form: str
) -> None:
    rows = [renewed(1, fee=1.0), without_id(fee=2.0), without_id(fee=2.0), without_id(fee=3.0), renewed(1, fee=1.0)]
    file = FORMATS[form](tmp_path, rows)
    first, _ = await load(state, file)
    assert (first.row, first.accepted, first.known, first.repeated) == (5, 3, 0, 2)
    assert len(await kept(state)) == 3
    again, _ = await load(state, file)
    assert (again.accepted, again.known, again.repeated, again.refused) == (0, 3, 2, {})
    assert len(await kept(state)) == 3


@pytest.mark.parametrize("form", FORMATS)
async def test_columns_in_another_order_and_a_new_empty_one_change_no_id(
    state: Store, tmp_path: Path, form: str
) -> None:
    row = without_id(fee=2.5, plan="gold")
    await load(state, FORMATS[form](tmp_path, [row]))
    again, _ = await load(state, FORMATS[form](tmp_path, [{"note": None, **dict(reversed(row.items()))}]))
    assert (again.accepted, again.known) == (0, 1)


async def test_the_same_row_in_another_format_has_the_same_id(state: Store, tmp_path: Path) -> None:
    rows = [without_id(plan="0042", fee=12.5, seats=7, is_gold=True)]
    counts = [(await load(state, write(tmp_path, rows)))[0] for write in (as_parquet, as_csv, as_json_lines)]
    assert [(one.accepted, one.known) for one in counts] == [(1, 0), (0, 1), (0, 1)]


async def test_a_row_whose_type_is_declared_later_is_not_counted_again(state: Store, tmp_path: Path) -> None:
    """Its id stays, its content is another: so it is told, and the event is there once."""
    file = as_csv(tmp_path, [without_id(fee=12.5)])
    undeclared = Terms(schema=SCHEMA, events=EventTypes({**BUILT_IN.by_name, "card.renewed": EventType()}))
    before = Intake(state, KeptCatalogues(CATALOGUE, undeclared, state, lambda: NOW), lambda: NOW)
    with open_events(file) as opened:
        await EventLoad(before, LoadCounts(), lambda _: None).take(opened, lambda _: None)
    counts, (refused,) = await load(state, file)
    assert (refused.field, refused.code) == ("event_id", "ID_REUSED")
    assert counts.accepted == 0
    assert await attributes_in(state) == [{"fee": "12.5"}]


async def test_an_event_that_was_told_on_the_wire_is_known(state: Store, tmp_path: Path) -> None:
    told = event("e1", "card.renewed", NOW, customer_id="7", fee=12.5, until="2018-01-03T12:00:00Z")
    await intake_of(state).record_events([told])
    counts, _ = await load(
        state, as_parquet(tmp_path, [renewed(1, customer_id="7", source="tests", fee=12.5, until=NOW)])
    )
    assert (counts.accepted, counts.known) == (0, 1)


REFUSED: Mapping[str, tuple[dict[str, Any], str, str]] = {
    "time without a zone": ({"occurred_at": "2018-01-03T12:00:00"}, "occurred_at", "NO_ZONE"),
    "day": ({"occurred_at": "2018-01-03"}, "occurred_at", "NO_ZONE"),
    "no time": ({"occurred_at": "yesterday"}, "occurred_at", "NOT_A_TIME"),
    "time before every calendar": ({"occurred_at": "0001-01-01T00:00:00+05:00"}, "occurred_at", "NOT_A_TIME"),
    "time that is missing": ({"occurred_at": None}, "occurred_at", "MISSING"),
    "time ahead": ({"occurred_at": "2018-01-03T12:06:00Z"}, "occurred_at", "IN_THE_FUTURE"),
    "time before 1970": ({"occurred_at": "1969-12-31T23:59:59Z"}, "occurred_at", "OUT_OF_RANGE"),
    "no customer": ({"customer_id": None}, "customer_id", "MISSING"),
    "no source": ({"source": ""}, "source", "MISSING"),
    "no type": ({"type": None}, "type", "MISSING"),
    "another type": ({"type": "card.stolen"}, "type", "UNKNOWN_TYPE"),
    "long id": ({"event_id": "x" * 129}, "event_id", "TOO_LONG"),
    "long customer": ({"customer_id": "x" * 129}, "customer_id", "TOO_LONG"),
    "NUL": ({"plan": "a\x00b"}, "plan", "NUL_IN_TEXT"),
    "64 kB and a byte": ({"plan": "x" * (64 * 1024 + 1)}, "plan", "TOO_LARGE"),
    "65 attributes": ({f"a{i}": "1" for i in range(65)}, "attributes", "TOO_MANY"),
    "long name": ({"n" * 129: "1"}, "n" * 64, "TOO_LARGE"),
    "grant for all": (
        {"type": "consent.granted", "purpose": "*", "channel": "web"},
        "purpose",
        "NOT_SPECIFIC",
    ),
    "grant without purpose": ({"type": "consent.granted", "channel": "web"}, "purpose", "MISSING"),
    "purpose of no catalogue": (
        {"type": "consent.granted", "purpose": "gossip", "channel": "web"},
        "purpose",
        "UNDECLARED",
    ),
}
"""(cells, column, code)"""


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
async def test_a_row_that_is_at_fault_is_refused_by_row_column_and_code_and_the_others_are_taken(
    state: Store, tmp_path: Path, form: str
) -> None:
    sound = renewed(0, occurred_at=NOW.isoformat())
    rows: Rows = [sound, *(renewed(10 + i, **cells) for i, (cells, *_) in enumerate(REFUSED.values()))]
    plain = [{**row, "occurred_at": _text(row["occurred_at"])} for row in rows]
    counts, refused = await load(state, FORMATS[form](tmp_path, plain))
    assert [(one.row, one.field, one.code) for one in refused] == [
        (2 + i, column, code) for i, (_, column, code) in enumerate(REFUSED.values())
    ]
    assert counts.accepted == 1
    assert [row["event_id"] for row in await kept(state)] == ["e0"]
    assert counts.refused.total() == len(REFUSED)


def _text(cell: datetime | str | None) -> str | None:
    return cell.isoformat() if isinstance(cell, datetime) else cell


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ({"fee": "12,5"}, "NOT_A_NUMBER"),
        ({"fee": "0042"}, "NOT_A_NUMBER"),
        ({"fee": "1_000"}, "NOT_A_NUMBER"),
        ({"fee": " 1"}, "NOT_A_NUMBER"),
        ({"fee": "nan"}, "NOT_A_NUMBER"),
        ({"fee": "1e999"}, "NOT_FINITE"),
        ({"fee": "٤٢"}, "NOT_A_NUMBER"),
        ({"amount": "042", "type": "purchase"}, "NOT_A_NUMBER"),
        ({"amount": "-1", "type": "purchase"}, "OUT_OF_RANGE"),
    ],
)
async def test_a_text_that_is_no_number_stays_one_and_is_refused(
    state: Store, tmp_path: Path, cells: dict[str, str], code: str
) -> None:
    counts, _ = await load(state, as_csv(tmp_path, [renewed(1, **cells)]))
    assert (counts.accepted, counts.refused) == (0, {code: 1})


class Watched:
    """A file whose reader says how many rows were read when it is asked for more."""

    def __init__(self, file: EventFile, counts: LoadCounts) -> None:
        self.name, self.is_typed, self.size = file.name, file.is_typed, file.size
        self._file = file
        self._counts = counts
        self.sizes = list[int]()

    @property
    def done(self) -> int:
        return self._file.done

    def batches(self) -> Iterator[Sequence[FileRow]]:
        read = 0
        for batch in self._file.batches():
            read += len(batch)
            self.sizes.append(len(batch))
            yield batch
            assert self._counts.row == read, "what was read is kept before more is read"


@pytest.mark.parametrize("form", FORMATS)
async def test_no_more_rows_are_read_than_a_call_may_have_before_they_are_kept(
    state: Store, tmp_path: Path, form: str
) -> None:
    rows = [renewed(i, occurred_at=NOW - i * MINUTE) for i in range(2 * ROWS_AT_ONCE + 1)]
    counts = LoadCounts()
    with open_events(FORMATS[form](tmp_path, rows)) as opened:
        watched = Watched(opened, counts)
        await EventLoad(intake_of(state), counts, lambda _: None).take(watched, lambda _: None)
        assert watched.done == opened.size
    assert watched.sizes == [ROWS_AT_ONCE, ROWS_AT_ONCE, 1]
    assert counts.accepted == len(rows)
