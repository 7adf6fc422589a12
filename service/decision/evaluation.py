"""One question about a customer under way: the facts as the rules of a plan are asked about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from features.values import FeatureStatus
from service.decision.contacts import ContactIndex
from service.decision.facts import Contact, Facts
from service.decision.variables import Variables
from service.decision.verdict import Reason, unknown

if TYPE_CHECKING:  # a plan holds rules, and rules are asked about an evaluation
    from service.decision.constraints.rule import Rule
    from service.decision.plan import Plan

Result = TypeVar("Result")


class Evaluation:
    """A plan, facts, and what was computed of the facts, so that no rule computes it again.

    Plan and facts are values and never change: other facts are another evaluation.
    """

    __slots__ = ("_computed", "_contacts", "_later", "_reasons", "facts", "now", "plan", "unread", "variables")

    def __init__(self, plan: Plan, facts: Facts) -> None:
        self.plan = plan
        self.facts = facts
        self.now = facts.now
        self.unread = facts.situation.unread
        self.variables = Variables(facts.variables)
        self._computed: dict[Callable[[Facts], Any] | Callable[[Evaluation], Any], Any] = {}
        self._contacts: ContactIndex | None = None
        self._reasons: dict[int, Reason] = {}
        self._later: dict[datetime, Evaluation] = {}

    def once(self, compute: Callable[[Facts], Result]) -> Result:
        """What this function (or bound method) makes of the facts; asked again, it is not called again."""
        try:
            result: Result = self._computed[compute]
        except KeyError:
            result = self._computed[compute] = compute(self.facts)
        return result

    def derived(self, compute: Callable[[Evaluation], Result]) -> Result:
        """What this function (or bound method) makes of the evaluation; asked again, it is not called again."""
        try:
            result: Result = self._computed[compute]
        except KeyError:
            result = self._computed[compute] = compute(self)
        return result

    @property
    def contacts(self) -> ContactIndex:
        """Those of the facts, as rules ask for them."""
        if self._contacts is None:
            self._contacts = ContactIndex.of(self.facts.situation.contacts)
        return self._contacts

    @property
    def reserved(self) -> Sequence[tuple[Contact, datetime]]:
        """The contacts whose reservation is open, each with its end."""
        return self.derived(_reserved)

    def reason(self, position: int) -> Reason | None:
        """Why the rule at this position denies; None if it allows. Of what could not be read nothing is known."""
        known = self._reasons.get(position)
        if known is not None:
            return known
        reason = self._reason(self.plan.rules[position])
        if reason is not None:
            self._reasons[position] = reason
        return reason

    def _reason(self, rule: Rule) -> Reason | None:
        unread = self.facts.situation.unread
        if unread:
            for fact in rule.reads:
                if fact in unread:
                    return unknown(rule.code, fact=fact.value, status=FeatureStatus.UNAVAILABLE.value)
        return rule.check(self)

    def with_facts(self, facts: Facts) -> Evaluation:
        """The evaluation of other facts by the same plan; what was computed of the same variables is kept."""
        other = Evaluation(self.plan, facts)
        if facts.variables is self.facts.variables:
            other.variables = self.variables
        if facts.situation.contacts is self.facts.situation.contacts:
            other._contacts = self._contacts
        return other

    def with_picks(self, picked: tuple[Contact, ...]) -> Evaluation:
        """The evaluation of the same facts with these contacts of this very answer; there were none before."""
        return _Picking(self, picked)

    def at(self, later: datetime) -> Evaluation:
        """The evaluation of the same facts at another time, by `Facts.at`: one for all who ask about this time."""
        if later not in self._later:
            self._later[later] = self.with_facts(self.facts.at(later))
        return self._later[later]


class _Picking(Evaluation):
    """What few rules ask of: it tells them of the contacts, and makes its facts when it is asked for them."""

    __slots__ = ("_before", "_picked")

    def __init__(self, before: Evaluation, picked: tuple[Contact, ...]) -> None:
        self.plan = before.plan
        self.now = before.now
        self.unread = before.unread
        self._before = before
        self._picked = picked
        self._contacts = before.contacts.plus(picked)
        self._computed = {}
        self._reasons = {}
        self._later = {}

    def __getattr__(self, name: str) -> Any:
        """Of what was not made yet."""
        if name not in ("facts", "variables"):
            raise AttributeError(name)
        before = self._before.facts
        self.facts = before.with_contacts(before.situation.contacts, self._picked)
        is_same = self.facts.variables is before.variables
        self.variables = self._before.variables if is_same else Variables(self.facts.variables)
        return getattr(self, name)


def _reserved(evaluation: Evaluation) -> Sequence[tuple[Contact, datetime]]:
    return evaluation.contacts.reserved(evaluation.now)
