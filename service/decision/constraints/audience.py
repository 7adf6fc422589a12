"""AUDIENCE and POLICY_<ID>: claims about the customer, as a journey's owner or the company wrote them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, get_args

from features.values import FeatureStatus, Scalar
from service.decision.constraints.rule import Condition, Span
from service.decision.constraints.unknown import STRICT, OnUnknown, WhenStale
from service.decision.evaluation import Evaluation
from service.decision.facts import CONTACTS_VARIABLE, Facts, SituationPart
from service.decision.variables import Variables
from service.decision.verdict import ALLOWED, Observation, Reason, ReasonKind, Verdict, unknown

CUSTOMER = "customer."
SCALARS = get_args(Scalar)


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """Denies customers for whom the condition is false, and those for whom it cannot be told."""

    condition: Condition
    on_unknown: OnUnknown = STRICT
    code: ClassVar[str] = "AUDIENCE"
    reads: ClassVar[tuple[SituationPart, ...]] = ()
    subjects: ClassVar[frozenset[str] | None] = None

    @property
    def reads_contacts(self) -> bool:
        return CONTACTS_VARIABLE in self.condition.names

    @property
    def span(self) -> Span:
        return Span(conditions=(self.condition,), asks_if_known=self.on_unknown.tells_strangers_apart)

    def named(self, journey_id: str) -> str:
        return f"{self.code} {journey_id}"

    def denies(self, evaluation: Evaluation) -> bool:
        return _denies(self.condition, self.on_unknown, evaluation)

    def check(self, evaluation: Evaluation) -> Verdict:
        return _claim(self.code, self.condition, self.on_unknown, evaluation)

    def seen(self, evaluation: Evaluation) -> Observation:
        return _seen(self.condition, self.on_unknown, evaluation.facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanyPolicy:
    """Denies unless a condition of the company's own holds. Its texts stand in the catalogue."""

    policy_id: str
    condition: Condition
    on_unknown: OnUnknown = STRICT
    reads: ClassVar[tuple[SituationPart, ...]] = ()
    subjects: ClassVar[frozenset[str] | None] = None

    @property
    def code(self) -> str:
        return policy_code(self.policy_id)

    @property
    def reads_contacts(self) -> bool:
        return CONTACTS_VARIABLE in self.condition.names

    @property
    def span(self) -> Span:
        return Span(conditions=(self.condition,), asks_if_known=self.on_unknown.tells_strangers_apart)

    def named(self, journey_id: str) -> str:
        return self.code

    def denies(self, evaluation: Evaluation) -> bool:
        return _denies(self.condition, self.on_unknown, evaluation)

    def check(self, evaluation: Evaluation) -> Verdict:
        return _claim(self.code, self.condition, self.on_unknown, evaluation)

    def seen(self, evaluation: Evaluation) -> Observation:
        return _seen(self.condition, self.on_unknown, evaluation.facts)


class ObservedValues(Mapping[str, Scalar]):
    """A condition and the scalars it read, by name; looked up on access, for most denials are never shown."""

    __slots__ = ("_condition", "_variables")

    def __init__(self, condition: Condition, variables: Mapping[str, Any]) -> None:
        self._condition = condition
        self._variables = variables

    def _read(self) -> dict[str, Scalar]:
        seen = ((name, self._variables.get(name)) for name in self._condition.names)
        return {"condition": self._condition.text, **{name: v for name, v in seen if isinstance(v, SCALARS)}}

    def __getitem__(self, name: str) -> Scalar:
        return self._read()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def __repr__(self) -> str:
        return repr(self._read())


def policy_code(policy_id: str) -> str:
    """The reason code of a company policy."""
    return "POLICY_" + policy_id.upper().replace("-", "_")


@dataclass(frozen=True, slots=True)
class OwnAges:
    """The variables that a condition reads, by a rule's own measure of age: too old ones left out, stale ones used."""

    names: tuple[str, ...]
    on_unknown: OnUnknown

    def __call__(self, facts: Facts) -> Variables | None:
        """None if they are what every other rule sees."""
        status_of, uses = self.on_unknown.status, self.on_unknown.on_stale is WhenStale.USE
        told = _values(self.names, facts)
        stale = [(name, value) for name, value in told if status_of(facts, name) is FeatureStatus.STALE]
        if not stale:
            return None
        shared = facts.variables
        known = {name: shared[name] for name in self.names if name in shared}
        own = dict(known)
        for name, value in stale:
            if not uses:
                own.pop(name, None)
            elif value is not None and value == value:  # a NaN tells nothing
                own[name] = value
        return None if own == known else Variables(own)


@dataclass(frozen=True, slots=True)
class IfUnknown:
    """What becomes of a condition over these variables that what is known does not settle: alike for all of them."""

    names: tuple[str, ...]
    on_unknown: OnUnknown

    def __call__(self, facts: Facts) -> bool:
        """Whether it denies, by the measure of age that every rule shares."""
        missing = [name for name in self.names if name not in facts.variables]
        return not missing or self.on_unknown.denies(facts, missing)


def _denies(condition: Condition, on_unknown: OnUnknown, evaluation: Evaluation) -> bool:
    seen = _variables(condition, on_unknown, evaluation)
    holds = condition.holds(seen) if seen is evaluation.variables else condition.holds_alone(seen)
    if holds is not None:
        return not holds
    missing = [name for name in condition.names if name not in seen.known]
    return not missing or on_unknown.denies(evaluation.facts, missing)


def _claim(code: str, condition: Condition, on_unknown: OnUnknown, evaluation: Evaluation) -> Verdict:
    seen = _variables(condition, on_unknown, evaluation)
    holds = condition.holds(seen) if seen is evaluation.variables else condition.holds_alone(seen)
    if holds:
        return ALLOWED
    params = ObservedValues(condition, seen.known)
    if holds is not None:
        return Reason(code, ReasonKind.DENIED, params)
    missing = [name for name in condition.names if name not in seen.known]
    if not missing:
        return unknown(code, **params, fact=condition.text, status="ERROR")
    return on_unknown.verdict(code, evaluation.facts, missing, **params)


def _variables(condition: Condition, on_unknown: OnUnknown, evaluation: Evaluation) -> Variables:
    if not on_unknown.measures_age:
        return evaluation.variables
    own = evaluation.once(OwnAges(condition.names, on_unknown))
    return evaluation.variables if own is None else own


def _values(names: Iterable[str], facts: Facts) -> Iterator[tuple[str, Scalar | None]]:
    for name in names:
        feature = facts.features.get(name.removeprefix(CUSTOMER)) if name.startswith(CUSTOMER) else None
        if feature is not None:
            yield name, feature.value


def _seen(condition: Condition, on_unknown: OnUnknown, facts: Facts) -> Observation:
    """A fact that is not known is told by its status."""
    observed: dict[str, Scalar] = {}
    ages: dict[str, timedelta] = {}
    for name in condition.names:
        value = facts.variables.get(name)
        known = value if isinstance(value, Scalar) else str(value)
        observed[name] = on_unknown.status(facts, name).value if value is None else known
        feature = facts.features.get(name.removeprefix(CUSTOMER))
        if feature is not None and feature.event_time is not None:
            ages[name] = facts.fresh_at - feature.event_time
    limits: dict[str, Scalar] = {"condition": condition.text}
    if on_unknown.max_age is not None:
        limits["max_age_s"] = int(on_unknown.max_age.total_seconds())
    return Observation(observed=observed, limits=limits, ages=ages)
