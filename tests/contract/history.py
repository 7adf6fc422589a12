"""A catalogue that can be kept, decisions under it, and the table that is exported of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from features.values import FeatureValue
from service.catalogue.load import parse
from service.catalogue.objectives import KeptObjectives
from service.catalogue.terms import terms_of
from service.decision.arbitrate import Score, ScoreSource
from service.decision.decide import Decision, DecisionTerms, begin, conclude
from service.decision.journey import JourneyKind
from service.decision.plan import Plan
from service.decision.reports.rows import OutcomeType
from service.state.engines.engine import Engine
from service.state.export.rewards import AsOf
from service.state.export.write import Export
from service.state.history.faults import RowFault
from service.state.history.keep import ImportCounts
from service.state.history.take import HistoryImport
from service.state.port import Committed
from service.state.store import SqlState
from tests.builders import NOW, SCHEMA, facts
from tests.contract.adapters import Store
from tests.contract.rows import MINUTE, event, outcome

DAY = timedelta(days=1)
LATER = NOW + 30 * DAY
"""When every window of the catalogue is over."""
EPOCH = date(1970, 1, 1)


def _journey(journey: str, tier: int, objective: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    action = {
        "id": f"{journey}-action",
        "channels": ["web", "email"],
        "tone": "plain",
        "cost": 0.25,
        "expects": f"{journey}!",
    }
    return {
        "journey": journey,
        "title": {"es": journey, "en": journey},
        "owner": "tests",
        "kind": "service",
        "tier": tier,
        "objective": objective,
        "stages": [{"stage": "need", "actions": [action]}],
        **more,
    }


SOURCE = json.dumps(
    {
        "policies": {
            "channels": {"web": {"direction": "inbound"}, "email": {"direction": "outbound"}},
            "priors": {kind.value: 0.1 for kind in JourneyKind},
            "context": {"basket": "double"},
        },
        "journeys": [
            _journey(
                "basket",
                1,
                {"event": "purchase", "where": "amount >= 10.0", "within": "7d", "value": 5.0},
                never_with=["tips"],
                contact={"at_most": 3, "per": "7d"},
                attributes={"category": "food"},
                cooldown={"CONVERTED": "10d"},
            ),
            _journey(
                "survey", 2, {"outcome": "CONVERTED", "within": "3d", "value": 8.0}, capacity={"units": 3, "per": "30d"}
            ),
            _journey("tips", 3, {"outcome": "ENGAGED", "within": "1d", "value": 1.0}, prior=0.375),
            _journey("contact-us", 4, {"event": "incident.resolved", "within": "1d", "value": 2.0}),
        ],
    }
)
"""On the web a slate of two is basket and survey: tips never goes with basket, and contact-us has no slot left."""
TERMS = terms_of(SCHEMA, {})
CATALOGUE = parse(SOURCE, TERMS)
PLAN = CATALOGUE.plan
P_OUTCOME = {"basket": 0.5, "survey": 0.25, "tips": 0.125, "contact-us": 0.0625}


def engine_of(state: Store) -> Engine:
    assert isinstance(state, SqlState)
    return state.engine


async def proposed(
    state: Store,
    decision_id: str,
    *,
    customer_id: str = "1",
    channel: str = "web",
    now: datetime = NOW,
    limit: int = 2,
    features: Sequence[FeatureValue] = (),
    context: Mapping[str, float] | None = None,
    plan: Plan = PLAN,
) -> Decision:
    """A decision over what the store says, scored as P_OUTCOME."""
    reading = await state.situation(customer_id, now, plan.reach_on(channel))
    known = facts(channel=channel, now=now, situation=reading.situation, features=features, context=context)
    draft = begin(plan, replace(known, customer_id=customer_id))
    scores = {c.journey_id: Score(p_outcome=P_OUTCOME[c.journey_id], source=ScoreSource.MODEL) for c in draft.survivors}
    return conclude(draft, scores, DecisionTerms(decision_id=decision_id, limit=limit, model_version="m1"))


async def decided(state: Store, decision_id: str, **asked: Any) -> Decision:
    """A committed decision, as `proposed`."""
    await state.keep_catalogue(CATALOGUE.version, SOURCE)
    result = await state.commit(await proposed(state, decision_id, **asked), None)
    assert isinstance(result, Committed)
    return result.decision


async def present(state: Store, decision_id: str, journey_id: str = "basket", at: timedelta = MINUTE) -> None:
    """Reports that it was shown, this long after NOW."""
    row = outcome(
        f"{decision_id}-{journey_id}-shown",
        OutcomeType.PRESENTED,
        NOW + at,
        decision_id=decision_id,
        journey_id=journey_id,
    )
    await state.record_outcomes([row], NOW + at)


async def buy(state: Store, at: timedelta, amount: float = 20.0, customer_id: str = "1") -> None:
    """Reports a purchase, this long after NOW."""
    row = event(f"buy-{customer_id}-{at}-{amount}", "purchase", NOW + at, customer_id=customer_id, amount=amount)
    await state.record_events([row], NOW + at)


def export_of(state: Store, folder: Path, now: datetime = LATER, *, kept: timedelta = 400 * DAY) -> Export:
    """`kept`: for how long events are."""
    as_of = AsOf(now=now, events_since=now - kept)
    return Export(engine_of(state), SCHEMA, KeptObjectives(TERMS), folder, as_of)


async def exported(state: Store, folder: Path, now: datetime = LATER) -> pa.Table:
    """Every row of the store's table."""
    export = export_of(state, folder, now)
    for day in await export.days(EPOCH, None):
        await export.write(day, lambda _: None)
    return table_in(folder)


def table_in(folder: Path) -> pa.Table:
    files = sorted(folder.glob("day=*/*.parquet"))
    return pa.concat_tables([pq.read_table(file, partitioning=None) for file in files])


def denials_in(folder: Path) -> pa.Table:
    """Every row of the second table that was exported to a folder."""
    return table_in(folder / "_denials")


async def rows_in(state: Store, folder: Path, now: datetime = LATER) -> dict[tuple[str, str], dict[str, Any]]:
    """The exported rows by decision and journey."""
    rows = (await exported(state, folder, now)).to_pylist()
    return {(row["decision_id"], row["journey_id"]): row for row in rows}


async def imported(state: Store, place: Path, now: datetime = LATER) -> ImportCounts:
    """Checks, then writes, as the command does."""
    history = HistoryImport(engine_of(state), SCHEMA, place, now)
    await history.check(lambda _: None)
    return await history.write(lambda _: None, _refused)


def _refused(fault: RowFault) -> None:
    raise AssertionError(str(fault))


def plain(place: Path, *rows: Mapping[str, Any], schema: pa.Schema | None = None) -> Path:
    """A plain table of rows that have a default for each required column. Returns: its file."""
    default = {"customer_id": "1", "decided_at": NOW, "journey_id": "basket", "propensity": 1.0, "reward": 0.0}
    place.mkdir(parents=True, exist_ok=True)
    names = dict.fromkeys(name for row in (default, *rows) for name in row)
    listed = [{name: row.get(name, default.get(name)) for name in names} for row in rows]
    pq.write_table(pa.Table.from_pylist(listed, schema), place / "log.parquet")
    return place / "log.parquet"
