"""A table that is imported is history: limits count it, it is exported again as it came, and twice is once."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.decision.decide import Decision
from service.decision.facts import FactKind
from service.decision.reports.rows import OutcomeType
from service.state.engines.session import Session, Sql
from service.state.history.keep import ImportCounts
from service.state.port import ContactState
from tests.builders import NOW, feature
from tests.contract.adapters import ADAPTERS, URL, Store
from tests.contract.history import (
    DAY,
    LATER,
    buy,
    decided,
    engine_of,
    exported,
    imported,
    plain,
    present,
    proposed,
)
from tests.contract.rows import MINUTE, codes, outcome, picked, situation
from tests.servers.postgres import PostgresServer, database_name

TABLES = ("customers", "decisions", "contacts", "outcomes", "enrolments", "moves", "pool_uses", "events", "requests")


@pytest.fixture(params=sorted(ADAPTERS))
async def elsewhere(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """Another empty store, of each kind."""
    place = tmp_path / "elsewhere"
    place.mkdir()
    name = database_name(place)
    server: PostgresServer | None = None
    if request.param == "postgres":
        server = request.getfixturevalue("postgres")
        (place / URL).write_text(server.new_database(name))
    store = await ADAPTERS[request.param](place)
    yield store
    await store.close()
    if server is not None:
        server.drop_database(name)


async def all_rows(state: Store) -> Mapping[str, list[dict[str, Any]]]:
    """Every row of every table that an import may touch."""

    def read(session: Session) -> Mapping[str, list[dict[str, Any]]]:
        found = session.query(*(Sql(f"SELECT * FROM {table}") for table in TABLES))
        listed = ([dict(row) for row in rows] for rows in found)
        return {table: sorted(rows, key=repr) for table, rows in zip(TABLES, listed, strict=True)}

    return await engine_of(state).read(read)


async def proposal(state: Store, **asked: Any) -> Decision:
    return await proposed(state, "next", now=NOW + DAY, limit=4, **asked)


async def test_contacts_of_a_plain_table_count_towards_caps(state: Store, tmp_path: Path) -> None:
    """Three a week are allowed: three yesterday are all, two and one of another customer are not."""
    listed = [{"decided_at": NOW + n * MINUTE, "customer_id": "1" if n < 3 else "2"} for n in range(4)]
    assert await imported(state, plain(tmp_path, *listed)) == ImportCounts(added=4)
    assert codes(await proposal(state))["basket"] == ["CONTACT_CAP"]
    assert "basket" in picked(await proposal(state, customer_id="2"))


async def test_a_reward_of_a_plain_table_is_a_conversion_to_cool_down_from(state: Store, tmp_path: Path) -> None:
    await imported(state, plain(tmp_path, {"reward": 2.0}, {"customer_id": "2"}))
    assert codes(await proposal(state))["basket"] == ["COOLDOWN"]
    assert "basket" in picked(await proposal(state, customer_id="2"))


async def test_capacity_counts_imported_contacts_known_or_not_when_its_counter_began(
    state: Store, tmp_path: Path
) -> None:
    """Three units for all: one imported before the counter began, two after."""
    rows = [{"customer_id": str(n), "journey_id": "survey", "decided_at": NOW + n * MINUTE} for n in range(3)]
    await imported(state, plain(tmp_path / "a", rows[0]))
    assert "survey" in picked(await proposal(state, customer_id="9"))
    await imported(state, plain(tmp_path / "b", *rows[1:]))
    assert codes(await proposal(state, customer_id="9"))["survey"] == ["CAPACITY"]


async def test_nobody_is_enrolled_by_what_is_imported(state: Store, tmp_path: Path) -> None:
    await imported(state, plain(tmp_path, {"reward": 2.0}))
    assert (await situation(state)).enrolments == {}


async def test_a_decision_that_read_the_facts_before_the_import_is_made_again(state: Store, tmp_path: Path) -> None:
    before = await proposed(state, "d1", now=NOW + DAY)
    await imported(state, plain(tmp_path, *({"decided_at": NOW + n * MINUTE} for n in range(3))))
    found = await situation(state)
    read = before.facts.situation
    assert all(found.versions[kind] > read.versions.get(kind, 0) for kind in FactKind)
    assert found.contacts_version > read.contacts_version


@pytest.mark.parametrize("source", ["plain", "own"])
async def test_importing_twice_changes_nothing(state: Store, elsewhere: Store, tmp_path: Path, source: str) -> None:
    await _some_history(elsewhere)
    place = tmp_path / source
    if source == "own":
        await exported(elsewhere, place, NOW + DAY)
    else:
        plain(place, {"reward": 1.0}, {"customer_id": "2", "reward": None, "propensity": 0.25})
    first = await imported(state, place)
    once = await all_rows(state)
    again = await imported(state, place, LATER + DAY)
    assert await all_rows(state) == once
    assert (first.added, first.known) == (again.known, again.added) == (again.known, 0)


async def test_a_table_goes_from_store_to_store_unchanged(state: Store, elsewhere: Store, tmp_path: Path) -> None:
    """Every contact state, rewards known and not; to the same kind of database and to the other."""
    await _some_history(state)
    table = await exported(state, tmp_path / "first", NOW + 4 * DAY)
    assert {*table["contact_state"].to_pylist()} == {"PRESENTED", "RESERVED", "RELEASED", "EXPIRED"}
    assert {*table["reward"].to_pylist()} == {None, 0.0, 8.0}
    assert await imported(elsewhere, tmp_path / "first", NOW + 4 * DAY) == ImportCounts(added=4)
    assert (await exported(elsewhere, tmp_path / "second", NOW + 4 * DAY)).equals(table)


async def test_a_later_table_brings_what_was_imported_up_to_date(
    state: Store, elsewhere: Store, tmp_path: Path
) -> None:
    """First censored and reserved, then presented and rewarded."""
    await decided(elsewhere, "d1")
    await exported(elsewhere, tmp_path, NOW)
    assert await imported(state, tmp_path, NOW) == ImportCounts(added=1)
    await present(elsewhere, "d1", "survey")
    late = outcome("o1", OutcomeType.CONVERTED, NOW + DAY, journey_id="survey")
    await elsewhere.record_outcomes([late], NOW + DAY)
    table = await exported(elsewhere, tmp_path)
    assert table["reward"].to_pylist() == [None, 8.0]
    assert await imported(state, tmp_path) == ImportCounts(updated=1)
    assert (await exported(state, tmp_path / "again")).equals(table)
    (contact,) = [c for c in (await situation(state)).contacts if c.is_presented]
    assert (contact.journey_id, contact.at) == ("survey", NOW + MINUTE)


async def test_what_was_decided_here_is_left_alone(state: Store, tmp_path: Path) -> None:
    await _some_history(state)
    await exported(state, tmp_path)
    before = await all_rows(state)
    assert await imported(state, tmp_path) == ImportCounts(known=4)
    assert await all_rows(state) == before


async def test_an_imported_decision_is_told_from_one_that_can_be_replayed(state: Store, tmp_path: Path) -> None:
    await imported(state, plain(tmp_path, {"decision_id": "d1"}))
    await decided(state, "d2", customer_id="2")
    first, second = await state.decision("d1", NOW), await state.decision("d2", NOW)
    assert first is not None
    assert second is not None
    assert (first.is_imported, second.is_imported) == (True, False)
    assert first.contact_states == {"basket": ContactState.PRESENTED}


async def test_a_made_id_tells_its_time_and_is_found_by_it(state: Store, tmp_path: Path) -> None:
    await imported(state, plain(tmp_path, {}))
    (decision_id,) = (await exported(state, tmp_path / "out"))["decision_id"].to_pylist()
    assert int(decision_id.replace("-", "")[:12], 16) == int(NOW.timestamp() * 1000)
    assert decision_id[14] == "7"
    assert await state.decision(decision_id, NOW) is not None


async def test_values_at_the_edge_of_their_types_come_through(state: Store, tmp_path: Path) -> None:
    edges = {
        "feature_spend": math.inf,
        "feature_visits": -(2**63),
        "feature_seen_at": NOW.replace(microsecond=999_999),
        "feature_segment": 'ñ "é" \u2028 | \\',
        "context": '{"basket": 1e300}',
        "p_outcome": math.nan,
        "propensity": 5e-324,
        "reward": -1e308,
    }
    await imported(state, plain(tmp_path / "in", edges))
    (row,) = (await exported(state, tmp_path / "out")).to_pylist()
    assert math.isnan(row.pop("p_outcome"))
    assert {name: row[name] for name in edges if name in row} == {
        **{name: value for name, value in edges.items() if name != "p_outcome"},
        "context": '{"basket":1e+300}',
    }


async def test_columns_of_wider_or_packed_types_are_read(state: Store, tmp_path: Path) -> None:
    table = pa.table(
        {
            "customer_id": pa.array(["1", "1"]).dictionary_encode(),
            "decided_at": pa.array([NOW, NOW + MINUTE]).cast(pa.timestamp("ns", tz="Europe/Madrid")),
            "journey_id": pa.array(["basket", "survey"], pa.large_string()),
            "propensity": pa.array([1, 1], pa.int8()),
            "reward": pa.array([0.5, None], pa.float32()),
            "rank": pa.array([1, 2], pa.uint64()),
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    assert await imported(state, tmp_path / "t.parquet") == ImportCounts(added=2)
    again = await exported(state, tmp_path / "out")
    assert again["decided_at"].to_pylist() == [NOW, NOW + MINUTE]
    assert again["reward"].to_pylist() == [0.5, None]
    assert again["is_censored"].to_pylist() == [False, True]


async def _some_history(state: Store) -> None:
    """Four decisions: every contact state, a conversion, purchases, features of every status, a context."""
    known = [feature("spend", 2.5), feature("visits", 7), feature("segment", None), feature("seen_at", NOW - DAY)]
    await decided(state, "d1", features=known, context={"basket": 1.5})
    await present(state, "d1")
    await present(state, "d1", "survey")
    shown = outcome("o1", OutcomeType.CONVERTED, NOW + 2 * DAY, journey_id="survey")
    await state.record_outcomes([shown], NOW + 2 * DAY)
    await buy(state, 2 * DAY)
    await decided(state, "d2", customer_id="2", now=NOW + MINUTE)
    refused = outcome("o2", OutcomeType.NOT_PRESENTED, NOW + MINUTE, decision_id="d2", journey_id="survey")
    await state.record_outcomes([refused], NOW + MINUTE)
    await decided(state, "d3", customer_id="3", channel="email", now=NOW + 4 * DAY - MINUTE)
    await decided(state, "d4", customer_id="4", now=NOW + DAY - MINUTE)
    for journey_id in ("basket", "survey"):
        late = outcome(f"late-{journey_id}", OutcomeType.PRESENTED, NOW + DAY, decision_id="d4", journey_id=journey_id)
        await state.record_outcomes([late], NOW + DAY + MINUTE * 20)


async def test_what_the_catalogue_said_comes_again_as_it_came_and_is_not_known_of_a_table_without(
    state: Store, elsewhere: Store, tmp_path: Path
) -> None:
    await decided(state, "d1")
    table = await exported(state, tmp_path / "first")
    assert dict(zip(table["journey_id"].to_pylist(), table["attributes"].to_pylist(), strict=True)) == {
        "basket": [("category", "food")],
        "survey": [],
    }
    assert table["expects"].to_pylist() == ["basket!", "survey!"]
    await imported(elsewhere, tmp_path / "first")
    again = await exported(elsewhere, tmp_path / "second")
    assert again.select(["attributes", "expects"]).equals(table.select(["attributes", "expects"]))
    await imported(elsewhere, plain(tmp_path / "plain", {"customer_id": "2"}))
    rows = (await exported(elsewhere, tmp_path / "third")).to_pylist()
    assert [(row["attributes"], row["expects"]) for row in rows if row["customer_id"] == "2"] == [(None, None)]


async def test_what_is_expected_may_be_any_text_and_an_empty_one_says_nothing(state: Store, tmp_path: Path) -> None:
    texts = {"1": "ñ" * 5000, "2": "", "3": None, "4": "two\nlines", "5": "a\x00b"}
    rows = [{"customer_id": customer_id, "expects": text} for customer_id, text in texts.items()]
    await imported(state, plain(tmp_path / "in", *rows))
    table = (await exported(state, tmp_path / "out")).to_pylist()
    assert {row["customer_id"]: row["expects"] for row in table} == {**texts, "2": None}


async def test_a_table_of_before_without_what_is_expected_is_taken_and_completed_later(
    state: Store, elsewhere: Store, tmp_path: Path
) -> None:
    await decided(elsewhere, "d1")
    table = await exported(elsewhere, tmp_path / "today")
    (tmp_path / "before").mkdir()
    pq.write_table(table.drop_columns(["attributes", "expects"]), tmp_path / "before" / "t.parquet")
    assert await imported(state, tmp_path / "before") == ImportCounts(added=1)
    assert (await exported(state, tmp_path / "out"))["expects"].to_pylist() == [None, None]
    assert await imported(state, tmp_path / "today") == ImportCounts(updated=1)
    assert (await exported(state, tmp_path / "out")).equals(table)
