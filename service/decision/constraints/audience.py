"""AUDIENCE: whom the journey is for, as its owner wrote it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from features.values import Scalar
from service.decision.constraints.rule import Condition
from service.decision.facts import CONTACTS_VARIABLE, Facts
from service.decision.verdict import ALLOWED, Verdict, deny, unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """Denies customers for whom the condition is false, and those for whom it cannot be told."""

    condition: Condition
    code: ClassVar[str] = "AUDIENCE"

    @property
    def reads_contacts(self) -> bool:
        return CONTACTS_VARIABLE in self.condition.names

    def check(self, facts: Facts) -> Verdict:
        holds = self.condition.holds(facts)
        if holds:
            return ALLOWED
        observed = _observed(self.condition, facts)
        if holds is None:
            missing = [n for n in self.condition.names if n not in facts.variables]
            fact = missing[0] if missing else self.condition.text
            status = facts.status_of(fact).value if missing else "ERROR"
            return unknown(self.code, condition=self.condition.text, fact=fact, status=status, **observed)
        return deny(self.code, eligible_after=None, condition=self.condition.text, **observed)


def _observed(condition: Condition, facts: Facts) -> dict[str, Scalar]:
    """The values the condition saw: scalars only, by name."""
    return {name: value for name in condition.names if isinstance(value := facts.variables.get(name), Scalar)}
