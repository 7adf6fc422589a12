"""One question about a customer under way: the facts as the rules of a plan are asked about them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from service.decision.facts import Facts
from service.decision.variables import Variables

if TYPE_CHECKING:  # a plan holds rules, and rules are asked about an evaluation
    from service.decision.plan import Plan

Result = TypeVar("Result")


class Evaluation:
    """A plan, facts, and what was computed of the facts, so that no rule computes it again.

    Plan and facts are values and never change: other facts are another evaluation.
    """

    __slots__ = ("_computed", "_later", "facts", "plan", "variables")

    def __init__(self, plan: Plan, facts: Facts) -> None:
        self.plan = plan
        self.facts = facts
        self.variables = Variables(facts.variables)
        self._computed: dict[Callable[[Facts], Any], Any] = {}
        self._later: dict[datetime, Evaluation] = {}

    def once(self, compute: Callable[[Facts], Result]) -> Result:
        """What this function (or bound method) makes of the facts; asked again, it is not called again."""
        try:
            result: Result = self._computed[compute]
        except KeyError:
            result = self._computed[compute] = compute(self.facts)
        return result

    def with_facts(self, facts: Facts) -> Evaluation:
        """The evaluation of other facts by the same plan; what was computed of the same variables is kept."""
        other = Evaluation(self.plan, facts)
        if facts.variables is self.facts.variables:
            other.variables = self.variables
        return other

    def at(self, later: datetime) -> Evaluation:
        """The evaluation of the same facts at another time, by `Facts.at`: one for all who ask about this time."""
        if later not in self._later:
            self._later[later] = self.with_facts(self.facts.at(later))
        return self._later[later]
