"""Contacts of the journey `news` whose windows are known, and what a shop reports of them that knows no decision."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

from service.decision.decide import Decision
from service.decision.journey import JourneyKind
from service.decision.plan import Plan
from service.decision.reports.rows import Outcome, OutcomeType, RowResult
from tests.builders import NOW, Entry, catalogue, journey
from tests.contract.adapters import Store
from tests.contract.rows import MINUTE, committed, outcome, propose, taken

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PRESENTED, CONVERTED = OutcomeType.PRESENTED, OutcomeType.CONVERTED
FEW_DAYS, MORE_DAYS = 3, 10
"""The windows of the two catalogues."""


def within(days: int) -> Plan:
    """A plan of the catalogue in which the objective of `news` may be met for so long."""
    return replace(catalogue(Entry(journey=journey("news", kind=JourneyKind.PROMOTIONAL))).plan, version=f"{days} days")


async def decided(
    state: Store, decision_id: str = "d1", *, at: timedelta = timedelta(), days: int = FEW_DAYS, customer_id: str = "1"
) -> Decision:
    """A decision by that catalogue, which is kept, made so long after NOW."""
    plan = within(days)
    await state.keep_catalogue(plan.version, windows_of(days, "news"))
    made = await propose(state, plan, decision_id=decision_id, customer_id=customer_id, channel="email", now=NOW + at)
    return await committed(state, made)


def windows_of(days: int, *journeys: str) -> str:
    """What a catalogue's text says of them."""
    return json.dumps({"journeys": [{"journey": one, "objective": {"within": f"{days}d"}} for one in journeys]})


async def present(state: Store, decision_id: str, at: timedelta) -> None:
    """Reports that it was presented, so long after NOW."""
    row = outcome(f"{decision_id} shown", PRESENTED, NOW + at, decision_id=decision_id)
    assert await state.record_outcomes([row], NOW + at) == [taken(row.outcome_id, decision_id)]


async def presented(
    state: Store, decision_id: str = "d1", at: timedelta = MINUTE, *, days: int = FEW_DAYS, customer_id: str = "1"
) -> None:
    """A contact that was presented so long after NOW, and decided on a minute before."""
    await decided(state, decision_id, at=at - MINUTE, days=days, customer_id=customer_id)
    await present(state, decision_id, at)


def of_customer(
    outcome_id: str = "o1",
    at: timedelta = HOUR,
    type_: OutcomeType = CONVERTED,
    *,
    customer_id: str = "1",
    journey_id: str = "news",
    value: float | None = None,
) -> Outcome:
    """It happened so long after NOW."""
    named = outcome(outcome_id, type_, NOW + at, journey_id=journey_id, value=value)
    return replace(named, decision_id="", customer_id=customer_id)


async def answer(state: Store, row: Outcome, at: timedelta | None = None) -> RowResult:
    """What became of it, received when it happened or so long after NOW."""
    (result,) = await state.record_outcomes([row], row.occurred_at if at is None else NOW + at)
    return result


async def outcomes_of(state: Store, decision_id: str) -> list[Outcome]:
    """What is kept of a decision, but that it was presented."""
    stored = await state.decision(decision_id, NOW)
    assert stored is not None
    return [kept.outcome for kept in stored.outcomes if kept.outcome.type is not PRESENTED]
