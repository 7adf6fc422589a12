"""A record's number says which form it has: one without it is read as form 1, one that is not known is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from service.decision.facts_record import Json, facts_from_json
from service.decision.record import to_document
from service.state.engines.session import Sql, Transaction
from service.state.port import RecordFormatUnknown
from tests.builders import NOW
from tests.contract.adapters import Store
from tests.contract.history import decided, engine_of, exported, imported, plain
from tests.contract.rows import KEY, ONE_A_WEEK, committed, event, propose

LATER_FORM = {"format": 4, "decision": "in another form"}
REFUSED = "decision d1 is recorded in format 4, this program knows 1 to 3: use the later program"


async def rewrite(state: Store, record: Json) -> None:
    """Another record in the place of that of d1."""
    change = Sql("UPDATE decisions SET record = ? WHERE decision_id = 'd1'", (json.dumps(record),))
    await engine_of(state).write(Transaction(lambda session: session.execute(change)))


async def test_a_record_without_a_number_is_read_and_exported_as_form_1(state: Store, tmp_path: Path) -> None:
    await decided(state, "d1")
    stored = await state.decision("d1", NOW)
    assert stored is not None
    assert stored.record["format"] == 3
    before = await exported(state, tmp_path / "before")
    unnumbered = {name: part for name, part in stored.record.items() if name != "format"}
    await rewrite(state, unnumbered)
    found = await state.decision("d1", NOW)
    assert found is not None
    assert found.record == unnumbered
    assert (await exported(state, tmp_path / "after")).equals(before)


async def test_a_record_of_form_1_tells_when_something_last_happened_by_its_own_name(state: Store) -> None:
    await state.record_events([event("e1", "purchase", NOW, amount=1.0)], NOW)
    plan = replace(ONE_A_WEEK, latest=frozenset({"last_purchase_at"}))
    made = await committed(state, await propose(state, plan))
    record = to_document(made)
    situation = record["input"]["situation"]
    told = situation.pop("latest")
    assert told == {"last_purchase_at": NOW.isoformat()}
    again = facts_from_json({**record["input"], "situation": {**situation, **told}})
    assert again.situation == made.facts.situation


async def test_a_decision_in_a_form_that_is_not_known_is_refused_by_its_id_and_number(state: Store) -> None:
    await committed(state, await propose(state), KEY)
    await rewrite(state, LATER_FORM)
    with pytest.raises(RecordFormatUnknown, match=f"^{REFUSED}$"):
        await state.decision("d1", NOW)


async def test_a_request_whose_decision_is_in_such_a_form_is_refused_and_not_decided_anew(state: Store) -> None:
    await committed(state, await propose(state), KEY)
    await rewrite(state, LATER_FORM)
    with pytest.raises(RecordFormatUnknown, match=f"^{REFUSED}$"):
        await state.decision_of_request("1", KEY.request_id, NOW)
    with pytest.raises(RecordFormatUnknown, match=f"^{REFUSED}$"):
        await state.commit(await propose(state, decision_id="d2"), KEY)
    assert await state.decision("d2", NOW) is None


async def test_others_are_decided_and_found_beside_it(state: Store) -> None:
    await committed(state, await propose(state), KEY)
    await rewrite(state, LATER_FORM)
    await committed(state, await propose(state, decision_id="d2"))
    assert await state.decision("d2", NOW) is not None


async def test_a_day_with_such_a_decision_is_not_exported(state: Store, tmp_path: Path) -> None:
    await decided(state, "d1")
    await rewrite(state, LATER_FORM)
    with pytest.raises(RecordFormatUnknown, match=f"^{REFUSED}$"):
        await exported(state, tmp_path / "table")
    assert not list(tmp_path.rglob("*.parquet"))


async def test_history_is_not_written_over_such_a_record(state: Store, tmp_path: Path) -> None:
    table = plain(tmp_path, {"decision_id": "d1"})
    await imported(state, table)
    await rewrite(state, {**LATER_FORM, "imported": {}})
    with pytest.raises(RecordFormatUnknown, match=f"^{REFUSED}$"):
        await imported(state, table)
