"""The kill switch: what is on the list is in no decision that commits later, whoever put it there."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.decision.journey import JourneyKind
from service.decision.verdict import Reason, ReasonKind
from service.state.port import Committed, FactsMoved, Kill
from tests.builders import NOW, Entry, catalogue, journey
from tests.contract.adapters import Store
from tests.contract.conftest import OpenStore
from tests.contract.rows import KEY, codes, committed, opened, picked, propose, situation

HOUR = timedelta(hours=1)
PLAN = catalogue(
    Entry(journey=journey("news", kind=JourneyKind.PROMOTIONAL)), Entry(journey=journey("plain", tier=2))
).plan


async def test_the_kill_list_of_an_empty_store_is_empty(state: Store) -> None:
    assert await state.kills() == []
    assert not await state.unkill("news")
    assert (await situation(state)).kills_version == 0


async def test_what_is_killed_is_listed_by_target_with_its_reason(state: Store) -> None:
    await state.kill("news", "wrong price", NOW)
    await state.kill("*", "ñ", NOW + HOUR)
    assert await state.kills() == [
        Kill(target="*", since=NOW + HOUR, why="ñ"),
        Kill(target="news", since=NOW, why="wrong price"),
    ]


async def test_what_is_killed_again_keeps_its_time_and_takes_the_new_reason(state: Store) -> None:
    await state.kill("news", "wrong price", NOW)
    await state.kill("news", "wrong picture", NOW + HOUR)
    assert await state.kills() == [Kill(target="news", since=NOW, why="wrong picture")]


async def test_every_change_of_the_list_raises_its_version_and_nothing_else_does(state: Store) -> None:
    versions = []
    for change in (
        state.kill("news", "a", NOW),
        state.kill("news", "a", NOW + HOUR),
        state.kill("news", "b", NOW),
        state.unkill("news"),
        state.unkill("news"),
    ):
        await change
        versions.append((await situation(state)).kills_version)
    assert versions == [1, 1, 2, 3, 3]


async def test_a_customer_without_rows_reads_the_kill_list_too(state: Store) -> None:
    await state.kill("news", "wrong price", NOW)
    await state.record_events([opened()], NOW)
    for customer_id in ("1", "never seen"):
        found = await situation(state, customer_id)
        assert (found.kills, found.kills_version) == ({"news": "wrong price"}, 1)


@pytest.mark.parametrize(
    ("target", "left"), [("news", ["plain"]), ("kind:promotional", ["plain"]), ("*", []), ("other", ["news", "plain"])]
)
async def test_the_very_next_decision_of_another_store_object_obeys(
    state: Store, open_store: OpenStore, target: str, left: list[str]
) -> None:
    other = await open_store()
    assert picked(await propose(other, PLAN, limit=2)) == ["news", "plain"]
    await state.kill(target, "wrong price", NOW)
    decision = await committed(other, await propose(other, PLAN, limit=2))
    assert picked(decision) == left
    for rejected in decision.rejected:
        params = {"target": target, "why": "wrong price"}
        assert rejected.reasons == (Reason(code="KILLED", kind=ReasonKind.DENIED, params=params),)


async def test_a_decision_that_read_the_list_before_it_changed_is_not_committed(
    state: Store, open_store: OpenStore
) -> None:
    other = await open_store()
    before = await propose(other, PLAN)
    await state.kill("news", "wrong price", NOW)
    assert await other.commit(before, KEY) == FactsMoved()
    assert await state.decision("d1", NOW) is None
    killed = await propose(other, PLAN)
    assert codes(killed) == {"news": ["KILLED"]}
    await state.unkill("news")
    assert await other.commit(killed, KEY) == FactsMoved()
    assert picked(await committed(other, await propose(other, PLAN), KEY)) == ["news"]


async def test_a_kill_that_says_nothing_new_hinders_no_commit(state: Store) -> None:
    await state.kill("other", "wrong price", NOW)
    decision = await propose(state, PLAN)
    await state.kill("other", "wrong price", NOW + HOUR)
    assert isinstance(await state.commit(decision, None), Committed)
