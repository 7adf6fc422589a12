"""What the service asks of a state store. Every adapter passes the same contract suite (`tests/contract`)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from features.errors import RumboError
from service.decision.constraints.capacity import Pool
from service.decision.decide import Decision
from service.decision.facts import Consents, Situation
from service.decision.reach import Reach
from service.decision.reports.effects import KnownEvent
from service.decision.reports.rows import Outcome, RowResult


class StateUnavailable(RumboError):
    """The store cannot be asked, or cannot promise that what it was given is durable."""


class StatementRefused(StateUnavailable):
    """The tables refuse a row, as no program of this version should bring about; others may go on."""


class RecordFormatUnknown(RumboError):
    """A decision was recorded by a later program, in a form that this one does not know."""


class ContactState(StrEnum):
    RESERVED = "RESERVED"
    PRESENTED = "PRESENTED"
    RELEASED = "RELEASED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptOutcome:
    """An outcome as it was stored."""

    outcome: Outcome
    recorded_at: datetime
    is_late: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentTimes:
    """When an incident was last opened and last resolved; at least one is given."""

    incident_id: str
    opened_at: datetime | None
    resolved_at: datetime | None
    incident_class: str | None
    severity: str | None

    @property
    def is_open(self) -> bool:
        """Open iff the latest `opened` is later than the latest `resolved`; a tie is resolved."""
        return self.opened_at is not None and (self.resolved_at is None or self.opened_at > self.resolved_at)

    @property
    def heard_at(self) -> datetime:
        return max(at for at in (self.opened_at, self.resolved_at) if at is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class StateReading:
    """The situation, and when incidents were last heard of, for the merge with the feature store.

    Those of the situation, and others that were asked for by their ids. `reach` is how far was read; None: nothing was.
    """

    situation: Situation
    incident_heard_at: Mapping[str, datetime]
    reach: Reach | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SituationQuestion:
    """Whose situation is asked for, at what time, and how far a plan looks.

    `named`: incidents of which it is told when they were last heard of, whether they count or not. With a `request_id`
    only unless that request of the customer is known.
    """

    customer_id: str
    now: datetime
    reach: Reach
    named: Collection[str] = ()
    request_id: str | None = None


IMPORTED = "imported"
"""The part of a record that holds what was given of an imported decision, and follows from nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDecision:
    """A decision as it was committed. `record` is the document of `service.decision.record`."""

    decision_id: str
    customer_id: str
    valid_until: datetime
    request_fingerprint: str
    record: dict[str, Any]
    contact_states: Mapping[str, ContactState]
    outcomes: Sequence[KeptOutcome] = ()

    @property
    def is_imported(self) -> bool:
        """Taken as history: the record does not hold what it was decided from."""
        return IMPORTED in self.record


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestKey:
    """Makes a decision idempotent: the caller's id, and a hash of the parameters that may not change under it."""

    request_id: str
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """The decision as it stands: as proposed, or revised because other contacts or uses of a pool came meanwhile."""

    decision: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyDecided:
    """Another call with this request id was first."""

    stored: StoredDecision


@dataclass(frozen=True, slots=True, kw_only=True)
class FactsMoved:
    """An event or outcome was accepted, or the kill list changed, since the facts were read: decide again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeferredDecision:
    """A decision to be made within the transaction that stores it, from the facts that the store holds there.

    `decide` asks nobody and is quick, for others wait meanwhile; it may be called again, after a transaction that was
    undone.
    """

    decision_id: str
    customer_id: str
    decided_at: datetime
    reach: Reach
    named: Collection[str] = ()
    decide: Callable[[StateReading], Decision]


CommitResult = Committed | AlreadyDecided | FactsMoved


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """An entry of the kill list. `target` is a journey id, `kind:promotional`, or `*` for everything."""

    target: str
    since: datetime
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KillList:
    """The kill list by target; its version counts its changes."""

    version: int
    kills: Sequence[Kill]


class StateStore(Protocol):
    """Durable and exact. Every method raises StateUnavailable when the store cannot keep that promise."""

    async def situation(
        self, customer_id: str, now: datetime, reach: Reach, named: Collection[str] = ()
    ) -> StateReading:
        """What follows from the customer's rows, as far as it can count.

        With it, of the same instant: the kill list, the feeds, and what all customers use of the pools; and when the
        incidents of the ids `named` were last heard of, whether they can count or not.
        """

    async def commit(self, decision: Decision, key: RequestKey | None) -> CommitResult:
        """Reserves the picks, ends the enrolments that ended, keeps the record: in one transaction, or changes nothing.

        FactsMoved unless the kill list and what the plan looks at of the customer's facts are those that were read;
        revised if the customer's contacts, or the uses of the channel's pools, are not.
        """

    async def decide_alone(self, deferred: DeferredDecision, key: RequestKey | None) -> Committed | AlreadyDecided:
        """Reads the situation, decides and keeps the decision in one transaction, so that nothing moves meanwhile."""

    def situations_here(self, asked: Sequence[SituationQuestion]) -> list[StateReading | None]:
        """As `situation`, all over one snapshot, in the caller's own thread; None where the request is known."""

    def commits_here(
        self, proposed: Sequence[tuple[Decision, RequestKey | None]]
    ) -> list[CommitResult | BaseException]:
        """As `commit`, in their order in one transaction, in the caller's own thread; one that fails fails alone."""

    def decide_alone_here(self, deferred: DeferredDecision, key: RequestKey | None) -> Committed | AlreadyDecided:
        """As `decide_alone`, in the caller's own thread."""

    def repeat_here(self, customer_id: str, request_id: str, now: datetime) -> StoredDecision | None:
        """As `decision_of_request`, in the caller's own thread."""

    def release(self, decision: Decision) -> None:
        """Gives back, soon, what a decision reserved that nobody was told of, and its request id."""

    async def decision(self, decision_id: str, now: datetime) -> StoredDecision | None:
        """Raises: RecordFormatUnknown."""

    async def decision_of_request(self, customer_id: str, request_id: str, now: datetime) -> StoredDecision | None:
        """Raises: RecordFormatUnknown."""

    async def record_events(self, events: Sequence[KnownEvent], now: datetime) -> list[RowResult]:
        """Keeps events that `events.fault_of` found valid, and carries out what they do, in one transaction.

        Each takes effect in every decision that commits later. The result has one entry a row, in their order.
        """

    async def record_outcomes(self, outcomes: Sequence[Outcome], now: datetime) -> list[RowResult]:
        """As `record_events`, of outcomes that `outcomes.fault_of` found valid. Each result names the decision.

        One that names its customer belongs to the contact of the journey that was last presented to her, if its time
        lies in the window of the objective, as the catalogue of that decision has it.
        """

    async def keep_catalogue(self, version: str, source: str) -> None:
        """Keeps a catalogue by its hash, so that records that refer to it can be replayed."""

    async def use_catalogue(self, version: str) -> bool:
        """Says that it is in use, by a durable write that fails whenever a decision could not be recorded.

        Returns: whether it is kept.
        """

    async def catalogue(self, version: str) -> str | None: ...

    async def catalogue_versions(self) -> frozenset[str]:
        """The versions that are kept: those that a decision refers to, and those that some service has in force."""

    async def count_pools(self, pools: Sequence[Pool], now: datetime) -> None:
        """Counts these pools from now on, before a customer waits for it, and says that they are in use."""

    async def close(self) -> None: ...


class KillSwitch(Protocol):
    """The kill list: what is on it is in no decision that commits later."""

    async def kill(self, target: str, why: str, now: datetime) -> None:
        """Puts a target on the list. One that is on it keeps its `since`."""

    async def unkill(self, target: str) -> bool:
        """Takes a target off the list. Returns: whether it was on it."""

    async def kills(self) -> list[Kill]:
        """The list, by target."""

    async def kill_list(self) -> KillList:
        """The list and its version, of one instant."""

    async def catalogues(self) -> list[str]:
        """The text of every catalogue that is kept: their journeys are what may be killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageCount:
    """The number of customers at one stage of one journey."""

    journey_id: str
    stage: str
    customers: int


class Places(Protocol):
    """Where customers stand, without telling who."""

    async def standing(self) -> list[StageCount]:
        """The customers by journey and stage. Whoever left by time or condition counts until their next decision."""


class KillReaders(Protocol):
    """Which services run, and which version of the kill list each has read."""

    async def join(self, service_id: str, name: str, now: datetime) -> KillList:
        """Makes a service known while it lives, by where it runs, for people. Returns: what it then has read."""

    async def read_kills(self, service_id: str, name: str, now: datetime) -> KillList:
        """The list, of which the store knows afterwards that the service has read it."""

    async def leave(self, service_id: str) -> None:
        """The service is about to end."""

    async def behind(self, version: int) -> list[str]:
        """The names of the services that live and have not read the list since it had this version."""


class Outbox(Protocol):
    """What the feature store must still be told, kept in one transaction with the events that changed it."""

    async def waiting_for_features(self, limit: int) -> list[tuple[int, str]]:
        """The oldest (sequence, customer id)."""

    async def count_waiting(self) -> int: ...

    async def mark_delivered(self, sequences: Sequence[int]) -> None:
        """Forgets these; what was queued meanwhile stays."""

    async def changed_facts(self, customer_id: str, sequences: Sequence[int]) -> tuple[list[IncidentTimes], Consents]:
        """The incidents and consents of the customer that these entries are about, as they stand now."""
