"""Customers who are asked about week by week, and answer by a simple model: decisions, and what followed them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from rumbo.decision.v1 import decision_pb2, events_pb2, journey_pb2, outcomes_pb2, row_pb2, value_pb2
from tests.fixtures_service import Clock, Service

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
AT_ONCE = 400
SHOWN = 0.9
"""Of what is ranked so much is presented, or counts for nothing."""
REFUSED = 0.08
GOES_ON = 0.4
PURCHASE = 60.0
MET = {"promotional": 0.12, "service": 0.35, "resolution": 0.6, "onboarding": 0.2, "feedback": 0.3, "loyalty": 0.25}
ANSWERS = {"NPS": (0, 10), "CES": (1, 7)}

ACCEPTED = {row_pb2.ROW_STATUS_ACCEPTED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What is played. `asks`: channel and time after a week begins; `objective`: what meets that of a journey.

    That is an outcome, or the type of an event, in small letters. `gains`: what multiplies the chance that a customer
    meets one; `advances`: the stage that some of those who do not go on to, by journey.
    """

    customers: Sequence[str]
    weeks: int
    asks: Sequence[tuple[str, timedelta]]
    objective: Callable[[str], str]
    gains: Callable[[str, str], float] = lambda customer, journey: 1.0
    advances: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Told:
    """What was reported, counted as it was: presented contacts, met objectives and answers, by journey."""

    presented: dict[str, int] = field(default_factory=dict)
    met: dict[str, int] = field(default_factory=dict)
    answers: dict[str, list[float]] = field(default_factory=dict)
    decisions: int = 0


async def play(service: Service, part: Part, seed: str) -> Told:
    """Decides, reports what is shown at once, and what follows a day later."""
    draw, told, begins = random.Random(seed), Told(), service.clock.now
    for week in range(part.weeks):
        for channel, after in part.asks:
            _move_to(service.clock, begins + week * WEEK + after)
            followed = _Followed(at=service.clock.now)
            for customer in part.customers:
                answer = await service.decide(customer, channel, explain=decision_pb2.EXPLAIN_SUMMARY)
                told.decisions += 1
                shown = [ranked for ranked in answer.ranked if draw.random() < SHOWN]
                if shown:
                    presented = [outcome(answer.decision_id, r.journey_id, "PRESENTED", followed.at) for r in shown]
                    await _report(service, presented)
                for ranked in shown:
                    _respond(ranked, answer.decision_id, customer, part, draw, followed, told)
            service.clock.move(DAY + HOUR)
            for first in range(0, len(followed.outcomes), AT_ONCE):
                await _report(service, followed.outcomes[first : first + AT_ONCE])
            for kind, customers in followed.events.items():
                await tell(service, list(dict.fromkeys(customers)), kind)
            for (journey, stage), customers in followed.moves.items():
                await tell(service, customers, "journey.advanced", journey_id=journey, stage=stage)
    return told


@dataclass(slots=True, kw_only=True)
class _Followed:
    """What follows on what was shown at a time: outcomes, events by type, and who moves to which stage of a journey."""

    at: datetime
    outcomes: list[outcomes_pb2.Outcome] = field(default_factory=list)
    events: dict[str, list[str]] = field(default_factory=dict)
    moves: dict[tuple[str, str], list[str]] = field(default_factory=dict)


def _respond(
    ranked: journey_pb2.RankedJourney,
    decision_id: str,
    customer: str,
    part: Part,
    draw: random.Random,
    followed: _Followed,
    told: Told,
) -> None:
    journey, tomorrow = ranked.journey_id, followed.at + DAY
    told.presented[journey] = told.presented.get(journey, 0) + 1
    if draw.random() < MET.get(_kind(ranked), 0.1) * part.gains(customer, journey):
        kind = part.objective(journey)
        told.met[journey] = told.met.get(journey, 0) + 1
        if kind.islower():  # the type of an event
            followed.events.setdefault(kind, []).append(customer)
            return
        amount = float(draw.randint(*ANSWERS[kind])) if kind in ANSWERS else None
        followed.outcomes.append(outcome(decision_id, journey, kind, tomorrow, amount))
        if amount is not None:
            told.answers.setdefault(journey, []).append(amount)
    elif draw.random() < REFUSED:
        followed.outcomes.append(outcome(decision_id, journey, "REJECTED", tomorrow))
    elif journey in part.advances and draw.random() < GOES_ON:
        followed.moves.setdefault((journey, part.advances[journey]), []).append(customer)


def _kind(ranked: journey_pb2.RankedJourney) -> str:
    return journey_pb2.JourneyKind.Name(ranked.kind).removeprefix("JOURNEY_KIND_").lower()


def _move_to(clock: Clock, moment: datetime) -> None:
    assert clock.now <= moment, "what was asked before is not over yet"
    clock.now = moment


async def _report(service: Service, outcomes: Sequence[outcomes_pb2.Outcome]) -> None:
    results = await service.report(*outcomes)
    assert {result.status for result in results} == ACCEPTED, results


def outcome(
    decision_id: str, journey: str, kind: str, at: datetime, amount: float | None = None
) -> outcomes_pb2.Outcome:
    """Under an id that says of what it is."""
    return outcomes_pb2.Outcome(
        outcome_id=f"{decision_id}-{journey}-{kind}",
        decision_id=decision_id,
        journey_id=journey,
        type=f"OUTCOME_TYPE_{kind}",
        value=amount,
        occurred_at=_stamp(at),
    )


async def tell(service: Service, customers: Sequence[str], kind: str, **attributes: str) -> None:
    """An event of each of these customers, now."""
    listed = list(_events(customers, kind, service.clock.now, attributes))
    for first in range(0, len(listed), AT_ONCE):
        results = await service.tell(*listed[first : first + AT_ONCE])
        assert {result.status for result in results} == ACCEPTED, results


def _events(
    customers: Sequence[str], kind: str, at: datetime, attributes: dict[str, str]
) -> Iterator[events_pb2.Event]:
    said = {name: value_pb2.Value(string_value=text) for name, text in attributes.items()}
    for customer in customers:
        name = f"{kind}-{customer}-{at.isoformat()}-{'-'.join(attributes.values())}"
        event = events_pb2.Event(
            event_id=name, customer_id=customer, source="tests", type=kind, occurred_at=_stamp(at), attributes=said
        )
        if kind.startswith("incident."):
            event.attributes["incident_id"].string_value = f"case-{customer}"
        elif kind == "purchase":
            event.attributes["amount"].double_value = PURCHASE
        yield event


def _stamp(at: datetime) -> Timestamp:
    from google.protobuf.timestamp_pb2 import Timestamp

    stamp = Timestamp()
    stamp.FromDatetime(at)
    return stamp
