"""What followed some decisions: their contacts and outcomes, and the rewards that these and the events amount to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from service.decision.arbitrate import ScoredCandidate
from service.decision.facts_record import Json
from service.decision.journey import NO_JOURNEY
from service.decision.record import scores_of_arm, weighed_again
from service.state.engines.session import Row, Session, Sql, from_micros, micros, placeholders
from service.state.export.histories import History, Wait, happened_at
from service.state.export.imported import imported_results
from service.state.export.kept import Objectives, Read
from service.state.export.rewards import (
    STILL_RESERVED,
    UNPRESENTED,
    AsOf,
    Met,
    Occurrence,
    Presentation,
    Reward,
    RewardObjective,
    first_met,
    in_window,
    reward_of,
    reward_of_silence,
)
from service.state.export.rows import Followed, Since, SlotResult, presented_at
from service.state.export.slots import best_unsaid
from service.state.port import IMPORTED
from service.state.rows.catalogues import catalogue_source

_MICROSECOND = timedelta(microseconds=1)
Records = Mapping[str, tuple[Row, Json]]
"""By decision id: its row, and the record in it."""


@dataclass(slots=True, kw_only=True)
class _RankedJourney:
    """One ranked journey, with what its reward follows from."""

    decision: Row
    ranked: Json
    contact: Row | None = None
    outcomes: list[Row] = field(default_factory=list)
    objective: RewardObjective | None = None
    attributes: Mapping[str, str] | None = None
    expects: str | None = None

    @property
    def customer_id(self) -> str:
        return str(self.decision["customer_id"])

    @property
    def journey_id(self) -> str:
        return str(self.ranked["journey_id"])

    @property
    def presented_at(self) -> int | None:
        return presented_at(self.contact, self.outcomes)

    @property
    def told(self) -> list[Occurrence] | None:
        """What was reported of it; None if it was not presented."""
        if self.presented_at is None:
            return None
        return [Occurrence(type=o["type"], at=from_micros(happened_at(o)), value=o["value"]) for o in self.outcomes]

    @property
    def waits_for(self) -> Wait | None:
        """The event that would meet its objective."""
        at, objective = self.presented_at, self.objective
        if at is None or objective is None or objective.event is None:
            return None
        ends = at + objective.within // _MICROSECOND
        return Wait(
            customer_id=self.customer_id, type=objective.event, begins=at, ends=ends, journey_id=self.journey_id
        )


@dataclass(slots=True, kw_only=True)
class _Decided:
    """A decision that was made here. `objectives`: of every journey that was scored, as far as they are known.

    `every`: those of its whole catalogue, where anything was scored.
    """

    row: Row
    record: Json
    ranked: Mapping[str, _RankedJourney]
    objectives: Mapping[str, RewardObjective] = field(default_factory=dict)
    every: Mapping[str, RewardObjective] = field(default_factory=dict)
    weighed: Mapping[str, ScoredCandidate] = field(default_factory=dict)

    @property
    def version(self) -> str:
        return str(self.record["input"]["catalogue_version"])

    @property
    def decided_at(self) -> datetime:
        return from_micros(self.row["decided_at"])

    @property
    def windows_end_at(self) -> datetime | None:
        """When the last window that begins with it is over; None where nothing was scored."""
        longest = max((objective.within for objective in self.every.values()), default=None)
        return None if longest is None else self.decided_at + longest

    def waits(self) -> Iterator[Wait]:
        """What would meet an objective, whatever was shown; and the events that would for what was.

        Each window by itself: where two wait for one event, the shorter is over while the longer is open.
        """
        customer, begins = self.row["customer_id"], self.row["decided_at"]
        told = ((one.event or one.outcome or "", one.event is None, one.within) for one in self.every.values())
        for kind, is_outcome, within in dict.fromkeys(told):
            ends = begins + within // _MICROSECOND
            yield Wait(customer_id=customer, type=kind, begins=begins, ends=ends, is_outcome=is_outcome)
        yield from (wait for one in self.ranked.values() if (wait := one.waits_for) is not None)


def followed_by(session: Session, records: Records, objectives: Objectives, as_of: AsOf) -> Mapping[str, Followed]:
    """What followed on every slot of these decisions, by decision id."""
    ranked = {
        decision_id: {
            told["journey_id"]: _RankedJourney(decision=row, ranked=told) for told in record["output"]["ranked"]
        }
        for decision_id, (row, record) in records.items()
    }
    _read_contacts(session, ranked, list(records))
    made_here = {
        decision_id: _Decided(row=row, record=record, ranked=ranked[decision_id])
        for decision_id, (row, record) in records.items()
        if IMPORTED not in record
    }
    read: Read = partial(catalogue_source, session)
    for decided in made_here.values():
        _look_up(decided, objectives, read)
    waits = [wait for decided in made_here.values() for wait in decided.waits()]
    history = History.read(session, waits, as_of.now)
    return {
        decision_id: _followed(made_here[decision_id], history, as_of)
        if decision_id in made_here
        else _followed_elsewhere(record, ranked[decision_id])
        for decision_id, (_, record) in records.items()
    }


def _read_contacts(session: Session, ranked: Mapping[str, Mapping[str, _RankedJourney]], ids: Sequence[str]) -> None:
    contacts, outcomes = session.query(
        Sql(f"SELECT * FROM contacts WHERE decision_id IN {placeholders(ids)}", ids),
        Sql(f"SELECT * FROM outcomes WHERE decision_id IN {placeholders(ids)} ORDER BY occurred_at, outcome_id", ids),
    )
    for row in contacts:
        ranked[row["decision_id"]][row["journey_id"]].contact = row
    for row in outcomes:
        ranked[row["decision_id"]][row["journey_id"]].outcomes.append(row)


def _look_up(decided: _Decided, objectives: Objectives, read: Read) -> None:
    """In the catalogue that it was decided by: without it no reward of what was presented can be told."""
    version = decided.version
    for one in decided.ranked.values():
        journey = objectives.journey_of(read, version, one.journey_id)
        if journey is not None:
            one.attributes = journey.attributes
            one.expects = journey.expects.get(one.ranked["action_id"]) or None
        if one.presented_at is not None:
            one.objective = objectives.of(read, version, one.journey_id)
    scored = scores_of_arm(decided.record)
    if scored:
        decided.every = objectives.all_of(read, version)
        decided.objectives = {journey: decided.every[journey] for journey in scored if journey in decided.every}
        plan = objectives.plan_of(read, version)
        if plan is not None:
            decided.weighed = {one.journey_id: one for one in weighed_again(plan, decided.record)}


def _followed(decided: _Decided, history: History, as_of: AsOf) -> Followed:
    happened = {journey: _in_window(decided, journey, history, as_of) for journey in decided.objectives}
    since = Since(windows_end_at=decided.windows_end_at, met=_met_since(decided, history, as_of))
    found = {
        journey: SlotResult(
            contact=one.contact,
            outcomes=one.outcomes,
            reward=_reward(one, history, as_of),
            attributes=one.attributes,
            expects=one.expects,
            in_window=happened.get(journey),
            since=since,
        )
        for journey, one in decided.ranked.items()
    }
    reasons = decided.record["output"].get("no_journey")
    if reasons is not None:
        found[NO_JOURNEY] = replace(_silence(decided, reasons, happened, as_of), since=since)
    return Followed(
        by_journey=found,
        weighed=decided.weighed,
        in_window=happened,
        is_open=any(wait.ends > micros(as_of.now) for wait in decided.waits()),
    )


def _silence(decided: _Decided, reasons: Sequence[str], happened: Mapping[str, bool | None], as_of: AsOf) -> SlotResult:
    best = best_unsaid(decided.record, decided.weighed)
    told = decided.record["output"].get("silence")
    return SlotResult(
        reward=reward_of_silence(None if best is None else decided.objectives.get(best), decided.decided_at, as_of),
        in_window=None if best is None else happened.get(best),
        silence_value=0.0 if told is None else told["value"],
        reasons=reasons,
    )


def _in_window(decided: _Decided, journey_id: str, history: History, as_of: AsOf) -> bool | None:
    objective, contact = decided.objectives[journey_id], decided.ranked.get(journey_id)
    met: Sequence[Met] = ()
    if objective.event is not None:
        met = history.met(decided.row["customer_id"], (decided.version, journey_id), objective)
    told = None if contact is None or objective.event is not None else contact.told
    return in_window(objective, decided.decided_at, told, met, as_of)


def _met_since(decided: _Decided, history: History, as_of: AsOf) -> Sequence[tuple[str, Met]] | None:
    """The first that meets each objective of the catalogue within its window; None while one of these is open."""
    ends, begins, customer = decided.windows_end_at, decided.decided_at, decided.row["customer_id"]
    if ends is None or as_of.now < ends or begins < as_of.events_since:
        return None
    if history.is_empty(customer):
        return ()
    firsts = (
        (journey, first_met(history.met(customer, (decided.version, journey), one), begins, begins + one.within))
        for journey, one in decided.every.items()
    )
    return sorted(((journey, met) for journey, met in firsts if met is not None), key=lambda one: (one[1].at, one[0]))


def _reward(one: _RankedJourney, history: History, as_of: AsOf) -> Reward:
    at = one.presented_at
    if at is None or one.objective is None:
        return STILL_RESERVED if _is_reserved(one.contact, as_of.now) else UNPRESENTED
    again_at = history.presented_after(one.customer_id, one.journey_id, (at, one.decision["decision_id"]))
    return reward_of(
        one.objective,
        one.ranked["value"],
        Presentation(at=from_micros(at), again_at=again_at),
        one.told or (),
        history.events[one.customer_id],
        as_of,
    )


def _is_reserved(contact: Row | None, now: datetime) -> bool:
    return contact is not None and contact["state"] == "RESERVED" and micros(now) < contact["reserved_until"]


def _followed_elsewhere(record: Json, ranked: Mapping[str, _RankedJourney]) -> Followed:
    """What was imported says itself what came of it, but for its contacts and outcomes."""
    kept = {journey: (one.contact, one.outcomes) for journey, one in ranked.items()}
    return Followed(by_journey=imported_results(record, kept))
