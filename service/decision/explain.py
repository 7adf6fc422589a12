"""Every verdict on a candidate, also of the rules that allow it: for people who ask, and for the catalogue's tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from service.decision.constraints.rule import Rule
from service.decision.evaluation import Evaluation
from service.decision.plan import Candidate
from service.decision.verdict import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleExplanation:
    """What one rule says of a candidate: nothing if it allows. `is_bypassed`: the candidate passes its denial."""

    rule: Rule
    reason: Reason | None
    is_bypassed: bool

    @property
    def denies(self) -> bool:
        return self.reason is not None and not self.is_bypassed


def explain(evaluation: Evaluation, candidate: Candidate) -> Iterator[RuleExplanation]:
    """Each rule that guards the candidate, in the order in which reasons are told.

    None is passed over: a rule that nothing concerns allows when it is asked, as it does when it is not.
    """
    for position in sorted(candidate.rules):
        rule = evaluation.plan.rules[position]
        is_bypassed = position in candidate.bypassed
        yield RuleExplanation(rule=rule, reason=rule.check(evaluation), is_bypassed=is_bypassed)
