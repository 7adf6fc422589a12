"""Pools and plans that use them, for the contract: `web` gives an unconfirmed reservation back, `email` counts it."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from service.decision.constraints.capacity import Pool
from service.decision.constraints.registry import Policies
from service.decision.decide import Decision
from service.decision.journey import Journey, JourneyKind, Stage, StagePlan
from service.decision.plan import Plan
from service.decision.reports.rows import OutcomeType
from service.decision.windows import CalendarWindow, RollingWindow
from tests.builders import NOW, Entry, action, catalogue, journey
from tests.contract.adapters import Store
from tests.contract.rows import committed, outcome, propose

DAY = timedelta(days=1)
NEW_YORK = ZoneInfo("America/New_York")
DAILY = RollingWindow(per=DAY)
ALL_KINDS = Policies(incident_default=frozenset(JourneyKind), incident_classes={})


def costing(journey_id: str, cost: float, *, tier: int = 1, kind: JourneyKind = JourneyKind.PROMOTIONAL) -> Journey:
    stage = StagePlan(stage=Stage.NEED, actions=(action(cost=cost),))
    return journey(journey_id, kind=kind, tier=tier, stages=[stage])


def units(limit: int, window: RollingWindow | CalendarWindow = DAILY, journey_id: str = "news") -> Pool:
    return Pool(pool_id=f"capacity:{journey_id}", limit=limit, window=window, journeys=frozenset({journey_id}))


def holding(pool: Pool) -> Plan:
    """`news` with this capacity, and behind it `plain`, without one."""
    offered = [Entry(journey=journey("news"), capacity=pool), Entry(journey=journey("plain", tier=2))]
    return catalogue(*offered, policies=ALL_KINDS).plan


def spending(budget: Pool, cost: float = 0.25) -> Plan:
    """`news` at this cost under a budget, and behind it `plain`, for nothing."""
    offered = [Entry(journey=costing("news", cost)), Entry(journey=journey("plain", tier=2))]
    policies = Policies(incident_default=frozenset(JourneyKind), incident_classes={}, budgets=(budget,))
    return catalogue(*offered, policies=policies).plan


def money(limit: float) -> Pool:
    return Pool(pool_id="offers", limit=limit, window=DAILY, counts_cost=True)


async def give(state: Store, plan: Plan, customer_id: str, now: datetime = NOW, channel: str = "email") -> Decision:
    """A committed decision, `d` and the customer's id."""
    proposed = await propose(
        state, plan, decision_id=f"d{customer_id}", customer_id=customer_id, channel=channel, now=now
    )
    return await committed(state, proposed)


async def show(state: Store, plan: Plan, customer_id: str, now: datetime) -> None:
    """A decision whose first journey is presented at once."""
    given = await give(state, plan, customer_id, now)
    shown = outcome(f"o{customer_id}", OutcomeType.PRESENTED, now, decision_id=given.terms.decision_id)
    await state.record_outcomes([shown], now)
