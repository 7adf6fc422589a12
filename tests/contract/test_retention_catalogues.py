"""A catalogue stays while a decision refers to it or a service has it in force, and for a while after (P8)."""

from __future__ import annotations

from service.state.engines.session import Sql, Transaction
from service.state.store import SqlState
from service.state.upkeep.unused_catalogues import catalogue_locks, unused_catalogues
from tests.builders import NOW
from tests.contract.adapters import Store
from tests.contract.retention import DAY, INSTANT, KEPT, MIDNIGHT, prune
from tests.contract.rows import (
    capped,
    committed,
    propose,
)


async def test_a_catalogue_stays_while_a_record_refers_to_it_then_goes_once_it_was_unused_for_its_time(
    state: Store,
) -> None:
    plan = capped()
    await state.keep_catalogue(plan.version, "of the decision")
    await state.keep_catalogue("other", "of no decision")
    await committed(state, await propose(state, plan))
    found_unused = MIDNIGHT + 10 * DAY
    assert await prune(state, found_unused) == {}
    assert await prune(state, found_unused + 30 * DAY) == {}
    assert await prune(state, found_unused + 30 * DAY + INSTANT) == {"catalogues": 1}
    assert (await state.catalogue(plan.version), await state.catalogue("other")) == ("of the decision", None)
    now = MIDNIGHT + 400 * DAY
    assert await prune(state, now) == {"contacts": 1, "decisions": 1}
    assert await prune(state, now + 30 * DAY) == {}
    assert await prune(state, now + 30 * DAY + INSTANT) == {"catalogues": 1}
    assert await state.catalogues() == []


async def test_a_catalogue_that_a_service_keeps_again_or_decides_under_is_in_use(state: Store) -> None:
    plan = capped()
    for version in (plan.version, "in force"):
        await state.keep_catalogue(version, "source")
    await prune(state, NOW)
    await state.keep_catalogue("in force", "source")
    await committed(state, await propose(state, plan))
    assert await prune(state, NOW + 31 * DAY) == {}
    assert len(await state.catalogues()) == 2
    assert await prune(state, NOW + 62 * DAY) == {"catalogues": 1}
    assert await state.catalogue(plan.version) == "source"


async def test_a_catalogue_that_was_used_in_between_is_unused_for_its_time_once_more(state: Store) -> None:
    plan = capped()
    await state.keep_catalogue(plan.version, "source")
    await prune(state, NOW)
    await committed(state, await propose(state, plan))
    await prune(state, NOW + DAY)
    now = MIDNIGHT + 400 * DAY
    assert await prune(state, now) == {"contacts": 1, "decisions": 1}
    assert await state.catalogue(plan.version) == "source"
    assert await prune(state, now + 31 * DAY) == {"catalogues": 1}


async def test_a_catalogue_that_comes_into_use_while_it_is_about_to_go_stays(state: Store) -> None:
    assert isinstance(state, SqlState)
    plan, now = capped(), NOW + 40 * DAY
    await state.keep_catalogue(plan.version, "source")
    await prune(state, NOW)
    about_to_go = await state.engine.read(lambda session: unused_catalogues(session, KEPT, now))
    assert about_to_go.past == [plan.version]
    await committed(state, await propose(state, plan, now=now))
    assert await state.engine.write(Transaction(about_to_go.delete, catalogue_locks)) == 0
    assert await state.catalogue(plan.version) == "source"


async def test_no_catalogue_goes_while_a_decision_may_refer_to_any(state: Store) -> None:
    """As one of a program of an earlier step, which does not say to which."""
    assert isinstance(state, SqlState)
    await state.keep_catalogue("some", "source")
    await committed(state, await propose(state))
    unsaid = Sql("UPDATE decisions SET catalogue_version = ?", ("?",))
    await state.engine.write(Transaction(lambda session: session.execute(unsaid)))
    for days in (0, 31, 62):
        assert await prune(state, NOW + days * DAY) == {}
    assert await state.catalogue("some") == "source"
