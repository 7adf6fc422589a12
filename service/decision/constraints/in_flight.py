"""IN_FLIGHT: a customer is in few journeys of a kind at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from service.decision.constraints.rule import Span
from service.decision.evaluation import Evaluation
from service.decision.facts import SituationPart
from service.decision.journey import JourneyKind
from service.decision.verdict import ALLOWED, Observation, Verdict, deny


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A journey of the kind: may it be displaced, and by whom."""

    tier: int
    is_switchable: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InFlightLimit:
    """At most `at_most` journeys of `kind` at once. One object a kind; `members` by journey id."""

    kind: JourneyKind
    at_most: int
    members: Mapping[str, Member]

    def taken(self, evaluation: Evaluation) -> dict[str, datetime | None]:
        """The places taken, by journey, each with when time alone ends it."""
        return evaluation.derived(self._taken)

    def _taken(self, evaluation: Evaluation) -> dict[str, datetime | None]:
        enrolled = evaluation.facts.situation.enrolments.items()
        taken: dict[str, datetime | None] = {j: e.ends_at for j, e in enrolled if j in self.members}
        for contact, end in evaluation.reserved:
            if contact.journey_id in self.members:
                known = taken.get(contact.journey_id, end)
                taken[contact.journey_id] = None if known is None else max(known, end)
        return taken


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """What all journeys of a kind and tier have in common that do not take a place yet: they enter it alike."""

    limit: InFlightLimit
    tier: int

    def denies(self, evaluation: Evaluation) -> bool:
        """Whether no such journey may be entered."""
        in_flight, at_most = len(self.limit.taken(evaluation)), self.limit.at_most
        return in_flight >= at_most and in_flight - len(self.giving(evaluation)) >= at_most

    def giving(self, evaluation: Evaluation) -> tuple[str, ...]:
        """The journeys that give way: of those the last in hierarchy first, then the oldest."""
        members, reserved = self.limit.members, {c.journey_id for c, _ in evaluation.reserved}
        enrolled = evaluation.facts.situation.enrolments.items()
        in_kind = [e for j, e in enrolled if j in members and j not in reserved]
        giving = [e for e in in_kind if self._gives_way(members[e.journey_id])]
        giving.sort(key=lambda e: (-members[e.journey_id].tier, e.since, e.journey_id))
        return tuple(e.journey_id for e in giving)

    def _gives_way(self, other: Member) -> bool:
        return other.is_switchable or self.tier < other.tier


@dataclass(frozen=True, slots=True, kw_only=True)
class InFlight:
    """Denies entering a journey while its kind is full, unless it may take the place of another.

    A place is taken by being in a journey, or by an open reservation of one. A journey gives way if it is switchable,
    or to a smaller tier number, unless it is reserved. Who is in a journey stays in it while the kind is full, but is
    not shown it again once a reservation takes its place.
    """

    journey_id: str
    tier: int
    limit: InFlightLimit
    code: ClassVar[str] = "IN_FLIGHT"
    reads_contacts: ClassVar[bool] = True
    reads: ClassVar[tuple[SituationPart, ...]] = (SituationPart.ENROLMENTS, SituationPart.CONTACTS)

    @property
    def subjects(self) -> frozenset[str]:
        return frozenset(self.limit.members)

    @property
    def span(self) -> Span:
        return Span()

    def named(self, journey_id: str) -> str:
        return f"{self.code} {self.limit.kind.value}"

    @property
    def entrance(self) -> Entrance:
        return Entrance(limit=self.limit, tier=self.tier)

    def denies(self, evaluation: Evaluation) -> bool:
        return not self._has_place(evaluation)

    def check(self, evaluation: Evaluation) -> Verdict:
        if self._has_place(evaluation):
            return ALLOWED
        ends = self._ends(evaluation)
        known = sorted(end for end in ends.values() if end is not None)
        return deny(
            self.code,
            eligible_after=next((end for end in known if self._has_place(evaluation.at(end))), None),
            kind=self.limit.kind.value,
            at_most=self.limit.at_most,
            in_flight=len(ends),
        )

    def seen(self, evaluation: Evaluation) -> Observation:
        enrolled = sum(journey in self.limit.members for journey in evaluation.facts.situation.enrolments)
        return Observation(observed={"in_flight": enrolled}, limits={"at_most": self.limit.at_most})

    def displaced(self, evaluation: Evaluation) -> tuple[str, ...]:
        """The journeys that end for this one: of those that give way the last in hierarchy first, then the oldest."""
        enrolments, members = evaluation.facts.situation.enrolments, self.limit.members
        if self.journey_id in enrolments or not any(journey_id in members for journey_id in enrolments):
            return ()
        missing = len(self._ends(evaluation)) + 1 - self.limit.at_most
        return self.entrance.giving(evaluation)[:missing] if missing > 0 else ()

    def _has_place(self, evaluation: Evaluation) -> bool:
        facts, in_flight = evaluation.facts, len(self._ends(evaluation))
        if in_flight < self.limit.at_most:
            return True
        if self.journey_id in facts.situation.enrolments:
            return self.journey_id not in self._about_to_end(evaluation)
        return in_flight - len(self.entrance.giving(evaluation)) < self.limit.at_most

    def _about_to_end(self, evaluation: Evaluation) -> set[str]:
        """Whose places the reservations of other journeys take: as their decisions told, else by their own rule."""
        ending: set[str] = set()
        for contact, _ in evaluation.reserved:
            member = self.limit.members.get(contact.journey_id)
            if member is not None and contact.journey_id != self.journey_id:
                rule = InFlight(journey_id=contact.journey_id, tier=member.tier, limit=self.limit)
                ending.update(contact.displaces or rule.displaced(evaluation))
        return ending

    def _ends(self, evaluation: Evaluation) -> dict[str, datetime | None]:
        """The journeys in flight beside this one, and when time alone ends each."""
        taken = self.limit.taken(evaluation)
        return {j: end for j, end in taken.items() if j != self.journey_id} if self.journey_id in taken else taken
