"""`is_met` and `outcome_in_window` of random histories, from the stores, against a twin that asks every event."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from service.catalogue.load import parse
from service.decision.arms import Arm
from service.decision.reports.rows import OutcomeType
from tests.builders import NOW
from tests.contract.adapters import Store
from tests.contract.exploring import explored
from tests.contract.history import DAY, SOURCE, TERMS, buy, exported, present, proposed
from tests.contract.rows import event, outcome

HOUR = timedelta(hours=1)
CUSTOMERS = 12
OBJECTIVES: Mapping[str, tuple[str, timedelta]] = {
    "basket": ("purchase", 7 * DAY),
    "contact-us": ("incident.resolved", DAY),
    "survey": ("CONVERTED", 3 * DAY),
    "tips": ("ENGAGED", DAY),
}
"""What meets each, and within which time; of a purchase 10 at least."""
ENOUGH = 10.0


@dataclass
class Told:
    """What happened: everything a twin needs. Times are hours after NOW."""

    shown: dict[tuple[str, str], int] = field(default_factory=dict)
    contacts: list[tuple[str, str, str, int]] = field(default_factory=list)
    asked: dict[str, str] = field(default_factory=dict)
    events: list[tuple[str, str, int, float]] = field(default_factory=list)
    outcomes: list[tuple[str, str, str, int]] = field(default_factory=list)


async def played(state: Store, seed: int) -> Told:
    """Customers of all arms are asked about, shown some of it, and buy whenever they like."""
    draw, told, order = random.Random(seed), Told(), 0
    for hour in sorted(draw.randrange(24 * 14) for _ in range(60)):
        customer, order = str(draw.randrange(CUSTOMERS)), order + 1
        if draw.random() < 0.5:
            amount = draw.choice([5.0, 20.0])
            await buy(state, hour * HOUR, amount, customer)
            told.events.append((customer, "purchase", hour, amount))
        elif draw.random() < 0.3:
            at = NOW + hour * HOUR
            row = event(f"r{order}", "incident.resolved", at, customer_id=customer, incident_id="i")
            await state.record_events([row], at)
            told.events.append((customer, "incident.resolved", hour, ENOUGH))
        decision = await explored(state, f"d{order}", Arm.CHAMPION, now=NOW + hour * HOUR, customer_id=customer)
        told.asked[f"d{order}"] = customer
        for pick in decision.picks:
            shown = hour + draw.randrange(3)
            if draw.random() < 0.7:
                await present(state, f"d{order}", pick.journey_id, shown * HOUR)
                told.contacts.append((f"d{order}", customer, pick.journey_id, shown))
            if draw.random() < 0.4:
                kind, answered = draw.choice(["CONVERTED", "ENGAGED"]), shown + draw.randrange(96)
                answer = outcome(
                    f"o{order}-{pick.journey_id}",
                    OutcomeType(kind),
                    NOW + answered * HOUR,
                    decision_id=f"d{order}",
                    journey_id=pick.journey_id,
                )
                await state.record_outcomes([answer], NOW + answered * HOUR)
                told.outcomes.append((f"d{order}", pick.journey_id, kind, answered))
    return told


def happened(told: Told, decision: str, customer: str, journey: str, begin: float, end: float) -> Sequence[float]:
    """When what the journey asks for happened from begin to end."""
    wanted, _ = OBJECTIVES[journey]
    if wanted.isupper():
        return [at for d, j, kind, at in told.outcomes if (d, j, kind) == (decision, journey, wanted) and at <= end]
    return [
        at
        for c, kind, at, much in told.events
        if (c, kind) == (customer, wanted) and begin <= at <= end and much >= ENOUGH
    ]


def met(told: Told, decision: str, customer: str, journey: str, now: float) -> bool | None:
    """Naively: of what was presented, each event that counts goes to the contact presented last by then."""
    own = [at for d, _, j, at in told.contacts if (d, j) == (decision, journey)]
    if not own or now < own[0] + (within := OBJECTIVES[journey][1] / HOUR):
        return None
    if OBJECTIVES[journey][0].isupper():
        return bool(happened(told, decision, customer, journey, own[0], own[0] + within))
    contacts = [(at, d) for d, c, j, at in told.contacts if (c, j) == (customer, journey)]
    return any(
        max((at, d) for at, d in contacts if at <= bought)[1] == decision
        for bought in happened(told, decision, customer, journey, own[0], own[0] + within)
    )


def since(told: Told, decision: str, customer: str, journey: str, decided: float, now: float) -> bool | None:
    """Naively, whatever was shown."""
    within = OBJECTIVES[journey][1] / HOUR
    is_presented = any((d, j) == (decision, journey) for d, _, j, _ in told.contacts)
    if now < decided + within or (OBJECTIVES[journey][0].isupper() and not is_presented):
        return None
    return bool(happened(told, decision, customer, journey, decided, decided + within))


WORTH = {"basket": 5.0, "contact-us": 2.0, "survey": 8.0, "tips": 1.0}
"""By the catalogue."""
Since = tuple[str, float, float, str]


def all_since(told: Told, customer: str, decided: float, now: float) -> list[Since] | None:
    """Naively: the first of each objective, of whichever contact an outcome is told, once all windows are over."""
    found: list[Since] = []
    for journey, (wanted, within) in OBJECTIVES.items():
        end = decided + within / HOUR
        if now < decided + 7 * 24:
            return None
        if wanted.isupper():
            every = [at for d, j, kind, at in told.outcomes if (told.asked[d], j, kind) == (customer, journey, wanted)]
            when: list[float] = [at for at in every if decided <= at <= end]
        else:
            when = list(happened(told, "", customer, journey, decided, end))
        by = "OUTCOME" if wanted.isupper() else "EVENT"
        found += [(journey, min(when), WORTH[journey], by)] if when else []
    return sorted(found, key=lambda one: (one[1], one[0]))


@pytest.mark.parametrize("seed", range(3))
async def test_every_row_tells_what_a_twin_tells(state: Store, tmp_path: Path, seed: int) -> None:
    told = await played(state, seed)
    for days in (9, 40):
        rows = (await exported(state, tmp_path / f"{days}", NOW + days * DAY)).to_pylist()
        now = 24.0 * days
        seen = set()
        for row in rows:
            named = row["decision_id"], row["customer_id"]
            decided = (row["decided_at"] - NOW) / HOUR
            every = {e["journey_id"]: since(told, *named, e["journey_id"], decided, now) for e in row["eligible"]}
            assert {e["journey_id"]: e["outcome_in_window"] for e in row["eligible"]} == every
            assert row["windows_end_at"] == row["decided_at"] + 7 * DAY
            every_since = all_since(told, row["customer_id"], decided, now)
            met_since = row["met_in_windows"]
            if met_since is not None:
                met_since = [
                    (one["journey_id"], (one["at"] - NOW) / HOUR, one["worth"], one["by"]) for one in met_since
                ]
            assert met_since == every_since
            if row["journey_id"] in OBJECTIVES:
                expected = met(told, *named, row["journey_id"], now)
                assert (row["is_met"], row["outcome_in_window"]) == (expected, every[row["journey_id"]]), row
                assert (row["reward"] is None) == (expected is None)
                seen.add(row["is_met"])
            else:
                assert (row["is_met"] is None) == (row["reward"] is None)
        assert {True, False, None} <= seen
        assert {one["by"] for row in rows for one in row["met_in_windows"] or ()} == {"EVENT", "OUTCOME"}


async def test_a_window_that_is_over_is_told_while_a_longer_one_for_the_same_event_is_open(
    state: Store, tmp_path: Path
) -> None:
    """Of a purchase after an hour: contact-us waits a day for one here, and basket a week."""
    document = json.loads(SOURCE)
    (shorter,) = (one for one in document["journeys"] if one["journey"] == "contact-us")
    shorter["objective"] |= {"event": "purchase"}
    catalogue = parse(json.dumps(document), TERMS)
    await state.keep_catalogue(catalogue.version, json.dumps(document))
    await state.commit(await proposed(state, "d1", limit=1, plan=catalogue.plan), None)
    await buy(state, HOUR)
    for now, over in ((2 * DAY, {"contact-us": True, "basket": None}), (8 * DAY, {"contact-us": True, "basket": True})):
        (row,) = (await exported(state, tmp_path / f"{now.days}", NOW + now)).to_pylist()
        told = {one["journey_id"]: one["outcome_in_window"] for one in row["eligible"]}
        assert {journey: told[journey] for journey in over} == over
