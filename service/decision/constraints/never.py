"""NEVER_WITH and NEVER_AFTER: journeys that do not go together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from service.decision.constraints.rule import Span
from service.decision.evaluation import Evaluation
from service.decision.facts import SituationPart
from service.decision.verdict import ALLOWED, Observation, Verdict, deny


@dataclass(frozen=True, slots=True, kw_only=True)
class NeverWith:
    """Denies while the customer is in the other journey, or it is reserved, in this answer or in another."""

    other: str
    code: ClassVar[str] = "NEVER_WITH"
    reads_contacts: ClassVar[bool] = True
    reads: ClassVar[tuple[SituationPart, ...]] = (SituationPart.ENROLMENTS, SituationPart.CONTACTS)

    @property
    def subjects(self) -> frozenset[str]:
        return frozenset({self.other})

    @property
    def span(self) -> Span:
        return Span()

    def named(self, journey_id: str) -> str:
        return f"{self.code} " + " + ".join(sorted((journey_id, self.other)))

    def denies(self, evaluation: Evaluation) -> bool:
        if self.other in evaluation.facts.situation.enrolments:
            return True
        return any(c.journey_id == self.other for c, _ in evaluation.reserved)

    def check(self, evaluation: Evaluation) -> Verdict:
        facts = evaluation.facts
        reserved = max((end for c, end in evaluation.reserved if c.journey_id == self.other), default=None)
        enrolment = facts.situation.enrolments.get(self.other)
        if enrolment is not None:
            ends = None if enrolment.ends_at is None else max(enrolment.ends_at, reserved or enrolment.ends_at)
            return deny(self.code, eligible_after=ends, other=self.other, state="enrolled")
        if reserved is not None:
            return deny(self.code, eligible_after=reserved, other=self.other, state="reserved")
        return ALLOWED

    def seen(self, evaluation: Evaluation) -> Observation:
        facts = evaluation.facts
        is_reserved = any(c.journey_id == self.other for c, _ in evaluation.reserved)
        return Observation(observed={"enrolled": self.other in facts.situation.enrolments, "reserved": is_reserved})


@dataclass(frozen=True, slots=True, kw_only=True)
class NeverAfter:
    """Denies until `within` has passed since the other journey was last presented."""

    other: str
    within: timedelta
    code: ClassVar[str] = "NEVER_AFTER"
    reads_contacts: ClassVar[bool] = True
    reads: ClassVar[tuple[SituationPart, ...]] = (SituationPart.CONTACTS,)

    @property
    def subjects(self) -> frozenset[str]:
        return frozenset({self.other})

    @property
    def span(self) -> Span:
        return Span(contacts=self.within)

    def named(self, journey_id: str) -> str:
        return f"{self.code} {journey_id} after {self.other}"

    def denies(self, evaluation: Evaluation) -> bool:
        last = max(self._shown(evaluation), default=None)
        return last is not None and last + self.within > evaluation.now

    def check(self, evaluation: Evaluation) -> Verdict:
        facts = evaluation.facts
        last = max(self._shown(evaluation), default=None)
        if last is None or last + self.within <= facts.now:
            return ALLOWED
        return deny(
            self.code,
            eligible_after=last + self.within,
            other=self.other,
            presented_at=last,
            within_s=int(self.within.total_seconds()),
        )

    def seen(self, evaluation: Evaluation) -> Observation:
        facts = evaluation.facts
        shown = self._shown(evaluation)
        return Observation(
            observed={"presented": len(shown)},
            limits={"within_s": int(self.within.total_seconds())},
            ages={"last": facts.now - max(shown)} if shown else {},
        )

    def _shown(self, evaluation: Evaluation) -> list[datetime]:
        return [c.at for c in evaluation.contacts.of_journey(self.other) if c.is_presented]
