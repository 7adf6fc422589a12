"""The second table of an export: one row for each candidate that a decision denied, with every code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pandas
import pyarrow.parquet as pq
import pytest

from features.errors import CannotWrite
from service.catalogue.load import parse
from service.state.engines.session import Sql, Transaction
from service.state.export.denials import denials_schema
from service.state.export.fields import documented
from tests.builders import NOW
from tests.contract.adapters import Store
from tests.contract.history import (
    DAY,
    LATER,
    SOURCE,
    TERMS,
    decided,
    denials_in,
    engine_of,
    exported,
    imported,
    plain,
    proposed,
    table_in,
)
from tests.contract.rows import MINUTE

FIRST_DAY = "day=2018-01-03"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the tables go."""
    return tmp_path / "table"


async def denied(state: Store, folder: Path) -> list[dict[str, Any]]:
    """The rows of the second table."""
    await exported(state, folder)
    rows: list[dict[str, Any]] = denials_in(folder).to_pylist()
    return rows


async def test_a_row_holds_who_was_denied_what_and_what_the_catalogue_said_of_it(state: Store, folder: Path) -> None:
    """The first slot takes basket, which never goes with tips; survey and contact-us were allowed."""
    await decided(state, "d1")
    assert await denied(state, folder) == [
        {
            "decision_id": "d1",
            "customer_id": "1",
            "decided_at": NOW,
            "channel": "web",
            "placement": None,
            "journey_id": "tips",
            "codes": ["NEVER_WITH"],
            "kind": "service",
            "tier": 3,
            "value": 1.0,
            "prior": 0.375,
        }
    ]


async def test_every_code_is_there_and_an_imported_decision_tells_of_none(state: Store, folder: Path) -> None:
    """Basket is killed, and was shown three times within the week that allows three."""
    contacts = plain(folder.with_name("in"), *({"decided_at": NOW + n * MINUTE} for n in range(3)))
    await imported(state, contacts, NOW + MINUTE * 10)
    await state.kill("basket", "wrong price", NOW)
    await decided(state, "d1", now=NOW + 10 * MINUTE, limit=4)
    rows = await denied(state, folder)
    assert table_in(folder).num_rows == 7, "three were imported; survey, tips, contact-us and then nothing are said"
    assert [(row["decision_id"], row["journey_id"], row["codes"]) for row in rows] == [
        ("d1", "basket", ["KILLED", "CONTACT_CAP"])
    ]
    assert rows[0]["prior"] == 0.1, "of its kind, for basket has none of its own"


async def test_a_decision_with_nothing_to_show_is_silence_and_its_denials(state: Store, folder: Path) -> None:
    await state.kill("*", "stop", NOW)
    await decided(state, "d1")
    rows = await denied(state, folder)
    assert table_in(folder)["journey_id"].to_pylist() == ["NO_JOURNEY"]
    assert [(row["journey_id"], row["codes"], row["value"]) for row in rows] == [
        ("basket", ["KILLED"], 5.0),
        ("contact-us", ["KILLED"], 2.0),
        ("survey", ["KILLED"], 8.0),
        ("tips", ["KILLED"], 1.0),
    ]


async def test_a_day_on_which_nothing_was_denied_has_an_empty_file(state: Store, folder: Path) -> None:
    """With one slot nothing is asked again after it was filled."""
    await decided(state, "d1", limit=1)
    assert await denied(state, folder) == []
    assert denials_in(folder).schema.equals(denials_schema(), check_metadata=True)


async def test_decisions_stand_in_the_order_of_the_first_table_and_each_on_its_day(state: Store, folder: Path) -> None:
    await decided(state, "d2", now=NOW)
    await decided(state, "d1", customer_id="2", now=NOW + MINUTE)
    await decided(state, "d3", customer_id="3", now=NOW + DAY)
    await denied(state, folder)
    files = sorted((folder / "_denials").rglob("*.parquet"))
    assert [f.parent.name for f in files] == [FIRST_DAY, "day=2018-01-04"]
    assert [pq.ParquetFile(f).read()["decision_id"].to_pylist() for f in files] == [["d2", "d1"], ["d3"]]
    assert table_in(folder)["decision_id"].to_pylist() == ["d2", "d2", "d1", "d1", "d3", "d3"]


async def test_what_a_catalogue_said_that_is_not_kept_is_not_known(state: Store, folder: Path) -> None:
    await state.commit(await proposed(state, "d1"), None)
    (row,) = await denied(state, folder)
    assert (row["journey_id"], row["codes"]) == ("tips", ["NEVER_WITH"])
    assert {row[name] for name in ("kind", "tier", "value", "prior")} == {None}


async def test_each_decision_is_told_by_the_catalogue_that_made_it(state: Store, folder: Path) -> None:
    document = json.loads(SOURCE)
    (tips,) = [journey for journey in document["journeys"] if journey["journey"] == "tips"]
    tips |= {"prior": 0.5, "tier": 4, "objective": {**tips["objective"], "value": 3.0}}
    later = parse(json.dumps(document), TERMS)
    await decided(state, "d1")
    await state.keep_catalogue(later.version, json.dumps(document))
    await state.commit(await proposed(state, "d2", customer_id="2", now=NOW + MINUTE, plan=later.plan), None)
    rows = await denied(state, folder)
    assert [(row["decision_id"], row["tier"], row["value"], row["prior"]) for row in rows] == [
        ("d1", 3, 1.0, 0.375),
        ("d2", 4, 3.0, 0.5),
    ]


async def test_a_value_that_is_learned_is_each_customers_own_and_not_told(state: Store, folder: Path) -> None:
    document = json.loads(SOURCE)
    (tips,) = [journey for journey in document["journeys"] if journey["journey"] == "tips"]
    tips["objective"] = {"event": "purchase", "within": "1d", "value": "learned", "value_from": "amount"}
    learned = parse(json.dumps(document), TERMS)
    await state.keep_catalogue(learned.version, json.dumps(document))
    await state.commit(await proposed(state, "d1", plan=learned.plan), None)
    (row,) = await denied(state, folder)
    assert (row["journey_id"], row["tier"], row["value"], row["prior"]) == ("tips", 3, None, 0.375)


async def test_every_column_says_what_it_is(state: Store, folder: Path) -> None:
    await decided(state, "d1")
    await exported(state, folder)
    written = denials_in(folder).schema
    assert written.names == [name for name, *_ in documented(written)]
    assert all(description for *_, description in documented(written))
    units = {name: unit for name, _, unit, _ in documented(written) if unit}
    assert units == {"decided_at": "UTC", "value": "company's unit of value", "prior": "probability"}


async def test_a_day_whose_denials_cannot_be_replaced_keeps_its_decisions(state: Store, folder: Path) -> None:
    """A folder in the place of the file: it cannot be replaced by one."""
    await decided(state, "d1")
    before = await exported(state, folder)
    file = folder / "_denials" / FIRST_DAY / "denials.parquet"
    file.unlink()
    (file / "in the way").mkdir(parents=True)
    await decided(state, "d2", customer_id="2", now=NOW + MINUTE)
    with pytest.raises(CannotWrite, match=r"denials\.parquet"):
        await exported(state, folder)
    assert table_in(folder).equals(before)
    (file / "in the way").rmdir()
    file.rmdir()
    assert {row["decision_id"] for row in await denied(state, folder)} == {"d1", "d2"}


async def test_a_record_that_cannot_be_read_leaves_both_files_as_they_were(state: Store, folder: Path) -> None:
    await decided(state, "d1")
    before, denied_before = await exported(state, folder), denials_in(folder)
    await decided(state, "d2", customer_id="2", now=NOW + MINUTE)
    spoiled = Sql("UPDATE decisions SET record = ? WHERE decision_id = 'd2'", ('{"format":7}',))
    await engine_of(state).write(Transaction(lambda session: session.execute(spoiled)))
    with pytest.raises(Exception, match="recorded in format 7"):
        await exported(state, folder)
    assert (table_in(folder), denials_in(folder)) == (before, denied_before)
    assert not list(folder.rglob("*.draft"))


async def test_what_was_denied_is_no_part_of_the_history_that_an_import_takes(state: Store, folder: Path) -> None:
    await decided(state, "d1")
    await exported(state, folder)
    assert (await imported(state, folder, LATER)).known == 1


async def test_readers_of_the_folder_read_the_first_table_and_the_second_by_its_name(
    state: Store, folder: Path
) -> None:
    for n in range(3):
        await decided(state, f"d{n}", customer_id=str(n), now=NOW + n * DAY)
    first = (await exported(state, folder))["journey_id"].to_pylist()
    assert first == ["basket", "survey"] * 3
    assert pandas.read_parquet(folder)["journey_id"].tolist() == first
    assert pandas.read_parquet(folder / "_denials")["journey_id"].tolist() == ["tips"] * 3
    for place, journeys in ((folder, first), (folder / "_denials", ["tips"] * 3)):
        found = duckdb.execute(
            f"SELECT journey_id, day FROM read_parquet('{place}/day=*/*.parquet') ORDER BY decided_at"
        )
        read = found.fetchall()
        assert sorted(journey for journey, _ in read) == sorted(journeys)
        assert {f"{day}" for _, day in read} == {"2018-01-03", "2018-01-04", "2018-01-05"}
