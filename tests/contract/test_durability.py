"""P5 and P6 across store objects: what was acknowledged is there, and caps are exact. For processes see
`tests/concurrency`."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from service.decision.decide import Decision
from service.decision.facts import FactKind
from service.decision.reports.rows import OutcomeType, RowStatus
from service.state.port import CommitResult, Committed, FactsMoved, RequestKey
from tests.builders import NOW
from tests.contract.adapters import Store
from tests.contract.conftest import OpenStore
from tests.contract.rows import (
    FAR,
    KEY,
    accepted,
    capped,
    committed,
    contacts,
    event,
    opened,
    outcome,
    picked,
    propose,
    ranked,
    situation,
)

CALLERS = 32


async def test_a_new_store_object_over_the_same_data_sees_everything(state: Store, open_store: OpenStore) -> None:
    await state.record_events([opened(class_="delivery"), event("e2", "purchase", amount=1.0)], NOW)
    await committed(state, await propose(state), KEY)
    await state.record_outcomes([outcome("o1", OutcomeType.PRESENTED)], NOW)
    await state.keep_catalogue("v1", "source")
    before = (
        await state.situation("1", NOW, FAR),
        await state.decision("d1", NOW),
        await state.decision_of_request("1", KEY.request_id, NOW),
        await state.waiting_for_features(10),
        await state.catalogue("v1"),
        await state.changed_facts("1", [1, 2, 3]),
    )
    await state.close()
    again = await open_store()
    after = (
        await again.situation("1", NOW, FAR),
        await again.decision("d1", NOW),
        await again.decision_of_request("1", KEY.request_id, NOW),
        await again.waiting_for_features(10),
        await again.catalogue("v1"),
        await again.changed_facts("1", [1, 2, 3]),
    )
    assert after == before
    assert (await again.record_events([opened(class_="delivery")], NOW))[0].status is RowStatus.DUPLICATE


async def test_what_one_store_object_acknowledged_the_other_reads_at_once(state: Store, open_store: OpenStore) -> None:
    other = await open_store()
    for i in range(20):
        writer, reader = (state, other) if i % 2 else (other, state)
        await writer.record_events([opened(f"e{i}", incident_id=f"i{i}")], NOW)
        assert (await situation(reader)).versions[FactKind.INCIDENTS] == i + 1


async def test_an_event_acknowledged_by_one_store_object_stops_the_commit_of_the_other(
    state: Store, open_store: OpenStore
) -> None:
    other = await open_store()
    decision = await propose(other)
    await state.record_events([opened()], NOW)
    assert await other.commit(decision, None) == FactsMoved()


@pytest.mark.parametrize("at_most", [1, 3])
async def test_concurrent_commits_over_two_store_objects_get_exactly_as_many_contacts_as_the_cap(
    state: Store, open_store: OpenStore, at_most: int
) -> None:
    """All decided before any committed, so that each believes in a free contact."""
    stores, plan = (state, await open_store()), capped(at_most)
    proposed = [await propose(state, plan, decision_id=f"d{i}") for i in range(CALLERS)]
    assert all(picked(d) == ["news"] for d in proposed)
    results = await asyncio.gather(*(stores[i % 2].commit(d, None) for i, d in enumerate(proposed)))
    granted = [d for d in _decisions(results) if picked(d)]
    assert len(_decisions(results)) == CALLERS
    assert len(granted) == at_most
    assert {c.decision_id for c in await contacts(state)} == {d.terms.decision_id for d in granted}
    taken = [d for d in _decisions(results) if d.selection.taken == ("news",)]
    assert len(taken) == CALLERS - at_most


@pytest.mark.parametrize("at_most", [1, 3])
async def test_callers_that_read_decide_and_commit_at_once_get_exactly_as_many_contacts_as_the_cap(
    state: Store, open_store: OpenStore, at_most: int
) -> None:
    """With events of the same customer between, so that some must decide again."""
    stores, plan = (state, await open_store()), capped(at_most)

    async def decide(i: int) -> list[str]:
        for attempt in itertools.count():
            decision = await propose(stores[i % 2], plan, decision_id=f"d{i}-{attempt}")
            result = await stores[(i + attempt) % 2].commit(decision, None)
            if isinstance(result, Committed):
                return picked(result.decision)
        raise AssertionError

    async def buy(i: int) -> list[str]:
        row = event(f"e{i}", "purchase", amount=1.0)
        assert await stores[i % 2].record_events([row], NOW) == [accepted(f"e{i}")]
        return []

    calls = [decide(i) if i % 2 else buy(i) for i in range(2 * CALLERS)]
    granted = sum(len(ranked_ids) for ranked_ids in await asyncio.gather(*calls))
    assert granted == at_most
    assert len(await contacts(state)) == at_most


async def test_concurrent_commits_under_one_request_id_keep_one_decision(state: Store, open_store: OpenStore) -> None:
    stores, plan = (state, await open_store()), capped(50)
    key = RequestKey(request_id="r1", fingerprint="abc")
    proposed = [await propose(state, plan, decision_id=f"d{i}") for i in range(CALLERS)]
    results = await asyncio.gather(*(stores[i % 2].commit(d, key) for i, d in enumerate(proposed)))
    (winner,) = _decisions(results)
    assert len(await contacts(state)) == 1
    found = await state.decision_of_request("1", "r1", NOW)
    assert found is not None
    assert found.decision_id == winner.terms.decision_id


async def test_a_row_sent_to_both_store_objects_at_once_is_accepted_once(state: Store, open_store: OpenStore) -> None:
    await ranked(state)
    stores, shown = (state, await open_store()), outcome("o1", OutcomeType.PRESENTED)
    told = await asyncio.gather(*(stores[i % 2].record_events([opened()], NOW) for i in range(CALLERS)))
    shows = await asyncio.gather(*(stores[i % 2].record_outcomes([shown], NOW) for i in range(CALLERS)))
    for results in (told, shows):
        statuses = [r.status for (r,) in results]
        assert statuses.count(RowStatus.ACCEPTED) == 1
        assert statuses.count(RowStatus.DUPLICATE) == CALLERS - 1
    versions = (await situation(state)).versions
    assert (versions[FactKind.INCIDENTS], versions[FactKind.OUTCOMES]) == (1, 1)


def _decisions(results: list[CommitResult]) -> list[Decision]:
    return [r.decision for r in results if isinstance(r, Committed)]
