"""The exported table where slots are drawn, silence is a choice and customers are in arms; and back again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.decision.arms import Arm
from service.decision.decide import Decision
from service.decision.journey import NO_JOURNEY
from service.decision.record import to_document
from service.state.export.settled import OPEN
from service.state.history.keep import ImportCounts
from tests.builders import NOW, facts
from tests.contract.adapters import Store
from tests.contract.exploring import CUSTOMERS, OTHERS, P_OUTCOME, drawn, explored, with_consent
from tests.contract.history import DAY, buy, decided, exported, imported, plain, present, rows_in
from tests.contract.rows import MINUTE
from tests.contract.test_import import elsewhere as elsewhere

ROWS = ("decision_id", "journey_id", "rank", "arm", "share", "propensity", "propensity_over_arms", "is_forced")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the table goes."""
    return tmp_path / "table"


async def decisions(state: Store, count: int = 10) -> dict[str, Decision]:
    """So many of each arm, a week apart: what any two have in common is the day they are made on."""
    found = {}
    for arm in CUSTOMERS:
        for i in range(count):
            decision_id = f"{arm.value.lower()}-{i}"
            found[decision_id] = await explored(state, decision_id, arm, now=NOW + 8 * i * DAY)
    return found


def chances_of(decision: Decision) -> dict[str, Any]:
    """By journey, as recorded."""
    output = to_document(decision)["output"]
    by_journey = {r["journey_id"]: c for r, c in zip(output["ranked"], output["chances"], strict=True)}
    return by_journey if output["silence"] is None else {**by_journey, NO_JOURNEY: output["silence"]}


async def test_each_slot_is_a_row_with_the_chances_of_its_record(state: Store, folder: Path) -> None:
    made = await decisions(state)
    rows = await rows_in(state, folder, NOW + 200 * DAY)
    by_decision = {d: [r for (one, _), r in rows.items() if one == d] for d in made}
    silences = 0
    for decision_id, decision in made.items():
        recorded, own = chances_of(decision), by_decision[decision_id]
        assert [row["journey_id"] for row in own] == list(recorded)
        assert [row["rank"] for row in own] == list(range(1, len(own) + 1))
        assert {row["arm"] for row in own} == {decision.arm.value}
        assert {row["share"] for row in own} == {decision.ranking.shares[decision.arm]}
        for row in own:
            chance = recorded[row["journey_id"]]
            assert (row["propensity"], row["propensity_over_arms"]) == (chance["p"], chance["over_arms"])
            assert (row["is_exploration"], row["is_forced"]) == (chance["is_exploration"], chance["is_forced"])
            drawn_from = dict(chance["drawn_from"])
            silent = drawn_from.pop(None, 0.0)
            listed = {entry["journey_id"]: entry["propensity"] for entry in row["eligible"]}
            assert {journey: p for journey, p in listed.items() if p} == {j: p for j, p in drawn_from.items() if p}
            assert sum(listed.values()) + silent == pytest.approx(1.0, abs=1e-12)
            silences += row["journey_id"] == NO_JOURNEY
    assert silences >= 10, "those of the holdout at least"


async def test_every_decision_has_a_row(state: Store, folder: Path) -> None:
    """A hundred, of customers of all arms, with one to five slots: as many rows as were filled and silences."""
    made = [
        await explored(state, f"d{i:03}", Arm.CHAMPION, customer_id=str(i % 30), limit=1 + i % 5, now=NOW + i * MINUTE)
        for i in range(100)
    ]
    table = await exported(state, folder, NOW + 200 * DAY)
    silences = [decision for decision in made if decision.selection.silence is not None]
    assert table.num_rows == sum(len(decision.picks) for decision in made) + len(silences)
    assert set(table["decision_id"].to_pylist()) == {f"d{i:03}" for i in range(100)}
    assert table["journey_id"].to_pylist().count(NO_JOURNEY) == len(silences)


async def test_a_row_of_silence_says_why_and_what_it_was_worth_and_nothing_of_a_journey(
    state: Store, folder: Path
) -> None:
    await explored(state, "d1", Arm.HOLDOUT)
    row = (await rows_in(state, folder))["d1", NO_JOURNEY]
    told = {name for name, cell in row.items() if cell is not None and not name.startswith("feature_")}
    assert told.isdisjoint(
        {"kind", "stage", "action_id", "tone", "is_offer", "tier", "attributes", "expects", "p_outcome", "priority"}
    )
    assert told.isdisjoint({"contact_state", "presented_at", "counts_until", "value_source", "lever", "cost"})
    assert (row["rank"], row["value"], row["reason_of_silence"]) == (1, 0.25, ["HOLDOUT"])
    assert (row["propensity"], row["outcomes"]) == (1.0, [])
    assert {(e["journey_id"], e["place"]) for e in row["eligible"]} == {(j, "HELD_OUT") for j in P_OUTCOME}


async def test_the_set_is_before_the_arm_and_has_all_that_an_order_needs(state: Store, folder: Path) -> None:
    """The lever is the catalogue's in the arm without levers too; in the challenger's all is by its own scores."""
    for arm in CUSTOMERS:
        await explored(state, arm.value, arm, limit=1)
    for row in (await rows_in(state, folder)).values():
        scores, version = (OTHERS, "m2") if row["arm"] == "CHALLENGER" else (P_OUTCOME, "m1")
        assert row["model_version"] == version
        entries = {e["journey_id"]: e for e in row["eligible"]}
        assert {j: e["p_outcome"] for j, e in entries.items()} == scores
        assert {j: e["kind"] for j, e in entries.items()} == dict.fromkeys(scores, "loyalty")
        assert {j: e["tier"] for j, e in entries.items()} == {"basket": 1, "survey": 1, "tips": 2, "contact-us": 2}
        assert {j: e["lever"] for j, e in entries.items()} == {**dict.fromkeys(scores, 1.0), "basket": 2.0}
        assert {j: e["value"] for j, e in entries.items()} == {
            "basket": 5.0,
            "survey": 8.0,
            "tips": 1.0,
            "contact-us": 2.0,
        }
        assert {(e["context_weight"], e["cost"]) for e in entries.values()} == {(1.0, 0.25)}
        assert entries["basket"]["attributes"] == [("category", "food")]


async def test_a_plain_decision_with_an_empty_slot_has_a_row_of_silence_for_certain(state: Store, folder: Path) -> None:
    await decided(state, "d1", limit=4)
    rows = await rows_in(state, folder)
    assert [journey for _, journey in rows] == ["basket", "survey", "contact-us", NO_JOURNEY]
    row = rows["d1", NO_JOURNEY]
    assert (row["rank"], row["propensity"], row["propensity_over_arms"], row["is_forced"]) == (4, 1.0, 1.0, True)
    assert (row["arm"], row["share"], row["reason_of_silence"]) == ("CHAMPION", 1.0, ["NOTHING_MORE_ALLOWED"])
    assert (row["reward"], row["is_censored"], row["window_ends_at"]) == (0.0, False, None)


async def test_silence_is_told_its_reward_when_what_could_have_been_shown_would_be(state: Store, folder: Path) -> None:
    """Basket is the best of what is held out; its window is a week from the decision."""
    await explored(state, "d1", Arm.HOLDOUT)
    await buy(state, 7 * DAY, customer_id=CUSTOMERS[Arm.HOLDOUT])
    before = (await rows_in(state, folder, NOW + 7 * DAY - MINUTE))["d1", NO_JOURNEY]
    assert (before["reward"], before["is_censored"], before["outcome_in_window"]) == (None, True, None)
    after = (await rows_in(state, folder, NOW + 7 * DAY))["d1", NO_JOURNEY]
    assert (after["reward"], after["is_censored"], after["is_met"]) == (0.0, False, False)
    assert (after["window_ends_at"], after["outcome_in_window"]) == (NOW + 7 * DAY, True)
    assert {e["journey_id"]: e["outcome_in_window"] for e in after["eligible"]} == {
        "basket": True,
        "contact-us": False,
        "survey": None,
        "tips": None,
    }, "the last two are met by outcomes, and nothing was shown"


async def test_a_day_is_open_while_anything_that_was_allowed_may_come_by_itself(state: Store, folder: Path) -> None:
    """One slot, filled by a journey that nobody presents: its reservation ends at once, basket's week goes on."""
    known = replace(facts(), customer_id=CUSTOMERS[Arm.CHAMPION])
    decision_id = next(f"d{i}" for i in range(100) if drawn(with_consent(known), f"d{i}", limit=1).picks)
    await explored(state, decision_id, Arm.CHAMPION, limit=1)
    for now, is_open in ((NOW + 7 * DAY - MINUTE, b"1"), (NOW + 7 * DAY, b"0")):
        table = await exported(state, folder, now)
        assert table["is_censored"].to_pylist() == [False]
        (file,) = folder.glob("day=*/decisions.parquet")
        assert pq.ParquetFile(file).metadata.metadata[OPEN.encode()] == is_open


async def test_a_table_of_all_arms_goes_from_store_to_store_unchanged(
    state: Store, elsewhere: Store, tmp_path: Path
) -> None:
    made = await decisions(state, 4)
    for decision_id, decision in made.items():
        for pick in decision.picks[:1]:
            at = decision.decided_at - NOW + MINUTE
            await present(state, decision_id, pick.journey_id, at)
            await buy(state, at + MINUTE, customer_id=decision.facts.customer_id)
    later = NOW + 200 * DAY
    table = await exported(state, tmp_path / "first", later)
    assert set(table["is_met"].to_pylist()) == {None, True, False}
    assert await imported(elsewhere, tmp_path / "first", later) == ImportCounts(added=len(made))
    again = await exported(elsewhere, tmp_path / "second", later)
    for name in table.column_names:
        assert again[name].to_pylist() == table[name].to_pylist(), name
    assert again.equals(table)
    assert await imported(elsewhere, tmp_path / "second", later) == ImportCounts(known=len(made))


async def test_a_table_of_before_exploration_is_taken(state: Store, elsewhere: Store, tmp_path: Path) -> None:
    """Its sets are of fewer fields."""
    await explored(elsewhere, "d1", Arm.CHAMPION)
    table = await exported(elsewhere, tmp_path / "today")
    fields = ("journey_id", "place", "rank", "p_outcome", "score_source", "propensity")
    old = pa.list_(pa.struct([table.schema.field("eligible").type.value_type.field(name) for name in fields]))
    sets = [[{name: e[name] for name in fields} for e in row] for row in table["eligible"].to_pylist()]
    since = ["propensity_over_arms", "is_exploration", "is_forced", "arm", "share", "reason_of_silence", "is_met"]
    before = table.drop_columns([*since, "outcome_in_window", "p_if_silent", "eligible"])
    (tmp_path / "before").mkdir()
    before = before.append_column("eligible", pa.array(sets, old))
    pq.write_table(before, tmp_path / "before" / "t.parquet")
    assert await imported(state, tmp_path / "before") == ImportCounts(added=1)
    rows = (await exported(state, tmp_path / "out")).to_pylist()
    assert {tuple(row[name] for name in since) for row in rows} == {(None,) * len(since)}
    assert {entry["lever"] for row in rows for entry in row["eligible"]} == {None}
    assert await imported(state, tmp_path / "today") == ImportCounts(updated=1)
    assert (await exported(state, tmp_path / "out")).equals(table)


async def test_silence_of_a_plain_table_reserves_nothing(state: Store, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"journey_id": NO_JOURNEY, "propensity": 0.25}, {"customer_id": "2"}]
    assert await imported(state, plain(tmp_path / "in", *rows)) == ImportCounts(added=2)
    told = {row["customer_id"]: row for row in (await exported(state, tmp_path / "out")).to_pylist()}
    assert (told["1"]["journey_id"], told["1"]["propensity"], told["1"]["reward"]) == (NO_JOURNEY, 0.25, 0.0)
    assert (told["1"]["contact_state"], told["1"]["outcomes"], told["1"]["kind"]) == (None, [], None)
    assert told["2"]["contact_state"] == "PRESENTED"
