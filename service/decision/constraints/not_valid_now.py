"""NOT_VALID_NOW: a journey has a first and a last day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from features.values import Scalar
from service.decision.constraints.rule import Span
from service.decision.evaluation import Evaluation
from service.decision.facts import SituationPart
from service.decision.verdict import ALLOWED, Observation, Verdict, deny


@dataclass(frozen=True, slots=True, kw_only=True)
class NotValidNow:
    """Denies before `valid_from` and from `valid_until` on."""

    valid_from: datetime | None = None
    valid_until: datetime | None = None
    code: ClassVar[str] = "NOT_VALID_NOW"
    reads_contacts: ClassVar[bool] = False
    reads: ClassVar[tuple[SituationPart, ...]] = ()
    subjects: ClassVar[frozenset[str] | None] = None

    @property
    def span(self) -> Span:
        return Span()

    def named(self, journey_id: str) -> str:
        return f"{self.code} {journey_id}"

    def denies(self, evaluation: Evaluation) -> bool:
        now = evaluation.facts.now
        if self.valid_until is not None and now >= self.valid_until:
            return True
        return self.valid_from is not None and now < self.valid_from

    def check(self, evaluation: Evaluation) -> Verdict:
        facts = evaluation.facts
        if self.valid_until is not None and facts.now >= self.valid_until:
            return deny(self.code, valid_until=self.valid_until)
        if self.valid_from is not None and facts.now < self.valid_from:
            is_ever = self.valid_until is None or self.valid_from < self.valid_until
            return deny(self.code, eligible_after=self.valid_from if is_ever else None, valid_from=self.valid_from)
        return ALLOWED

    def seen(self, evaluation: Evaluation) -> Observation:
        dates = {"valid_from": self.valid_from, "valid_until": self.valid_until}
        limits: dict[str, Scalar] = {name: at for name, at in dates.items() if at is not None}
        return Observation(observed={"now": evaluation.facts.now}, limits=limits)
