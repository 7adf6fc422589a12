"""CAPACITY and BUDGET: units and money that all customers share."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from service.decision.constraints.rule import Span
from service.decision.evaluation import Evaluation
from service.decision.facts import Contact, Facts, SituationPart, Use
from service.decision.journey import JourneyKind
from service.decision.verdict import ALLOWED, Observation, Verdict, deny
from service.decision.windows import SECOND, RollingWindow, Window, rounded_up

STEPS = 96
"""A rolling window gives back what is shared at so many instants: a pool then has few ends, whatever its traffic."""

ROUNDING = 1e-6
"""What a sum of costs may be off: three times 0.1 is 0.3."""
MARGIN = 1e-9
"""By how much of itself a sum of less than a million amounts differs, at most, from the same in another order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Something shared: `limit` units or money within `window`, used by the contacts that match.

    An empty filter matches everything. `counts_cost`: a contact uses its cost, else one unit.
    """

    pool_id: str
    limit: float
    window: Window
    counts_cost: bool = False
    journeys: frozenset[str] = frozenset()
    kinds: frozenset[JourneyKind] = frozenset()
    channels: frozenset[str] = frozenset()

    def __hash__(self) -> int:
        """That of its name: pools are looked up for every decision."""
        return hash(self.pool_id)

    def uses(self, contact: Contact) -> float:
        """How much a contact uses; 0 if it is none of this pool's."""
        if self.journeys and contact.journey_id not in self.journeys:
            return 0.0
        if (self.kinds and contact.kind not in self.kinds) or (self.channels and contact.channel not in self.channels):
            return 0.0
        return contact.cost if self.counts_cost else 1.0

    @property
    def step(self) -> timedelta:
        """What a use ends later than its window, at most."""
        return max(SECOND, self.window.per / STEPS) if isinstance(self.window, RollingWindow) else timedelta(0)

    def use_of(self, contact: Contact) -> Use | None:
        """The same, until when; None if it uses nothing. Ends are rounded up, so that a use never ends too early."""
        amount = self.uses(contact)
        if not amount:
            return None
        step = self.step if isinstance(self.window, RollingWindow) else SECOND
        ends = rounded_up(contact.counts_in(self.window), step)
        if contact.counts_until is not None:
            ends = min(ends, rounded_up(contact.counts_until, SECOND))
        return Use(ends_at=ends, amount=amount)

    def taken(self, facts: Facts) -> list[Use]:
        """What is in use, by the picks of this very answer too, which the store does not know yet."""
        uses = (*facts.situation.uses.get(self.pool_id, ()), *_of_slate(facts, self))
        return [use for use in uses if use.ends_at > facts.now]

    def used(self, evaluation: Evaluation) -> float:
        """How much that is, but for the rounding of the sum."""
        return sum(use.amount for use in self.taken(evaluation.facts))

    def guards(self, journey_id: str, kind: JourneyKind, channel: str) -> bool:
        return (
            (not self.journeys or journey_id in self.journeys)
            and (not self.kinds or kind in self.kinds)
            and (not self.channels or channel in self.channels)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLimit:
    """Denies what would use more than is left of a pool. `needs`: what the candidate would use."""

    pool: Pool
    needs: float
    code: str
    reads_contacts: ClassVar[bool] = True
    reads: ClassVar[tuple[SituationPart, ...]] = (SituationPart.POOLS,)

    @property
    def subjects(self) -> frozenset[str] | None:
        """An unused pool denies nothing, unless the candidate alone is more than it holds."""
        return None if self.needs > self.pool.limit else frozenset({self.pool.pool_id})

    @property
    def span(self) -> Span:
        return Span()

    def named(self, journey_id: str) -> str:
        return f"{self.code} {self.pool.pool_id.partition(':')[2]}"

    def denies(self, evaluation: Evaluation) -> bool:
        """What is used is summed once for all who ask; where the order of the sum might matter it is summed anew."""
        used, limit = evaluation.derived(self.pool.used), self.pool.limit
        over = used + self.needs - limit - ROUNDING
        if abs(over) > MARGIN * (used + self.needs + limit + 1.0):
            return over > 0
        return not self._has_room(self.pool.taken(evaluation.facts))

    def check(self, evaluation: Evaluation) -> Verdict:
        taken = self.pool.taken(evaluation.facts)
        if self._has_room(taken):
            return ALLOWED
        return deny(
            self.code,
            eligible_after=self._when_left(taken),
            pool=self.pool.pool_id,
            limit=self.pool.limit,
            used=sum(u.amount for u in taken),
            needs=self.needs,
        )

    def seen(self, evaluation: Evaluation) -> Observation:
        used = sum(use.amount for use in self.pool.taken(evaluation.facts))
        return Observation(observed={"used": used, "needs": self.needs}, limits={"limit": self.pool.limit})

    def _has_room(self, taken: Iterable[Use]) -> bool:
        return sum(sorted((self.needs, *(u.amount for u in taken)))) <= self.pool.limit + ROUNDING

    def _when_left(self, taken: Iterable[Use]) -> datetime | None:
        """When enough has come back; None if the candidate alone is more than the pool holds."""
        ending = sorted(taken, key=lambda u: u.ends_at)
        gone = bisect_left(range(len(ending) + 1), True, key=lambda ended: self._has_room(ending[ended:]))
        return ending[gone - 1].ends_at if 0 < gone <= len(ending) else None


def _of_slate(facts: Facts, pool: Pool) -> Iterable[Use]:
    return (use for contact in facts.slate if (use := pool.use_of(contact)) is not None)
