"""Which constraints guard a candidate: the one place where rules are wired."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.decision.constraints.audience import Audience, CompanyPolicy
from service.decision.constraints.capacity import Pool, PoolLimit
from service.decision.constraints.caps import ZONE_FEATURE, ContactCap, PressureCap
from service.decision.constraints.consent_missing import ConsentMissing, ServiceWithdrawn
from service.decision.constraints.cooldown import Cooldown
from service.decision.constraints.feed import Feed
from service.decision.constraints.in_flight import InFlight, InFlightLimit
from service.decision.constraints.incident_open import IncidentOpen
from service.decision.constraints.killed import JourneyKilled
from service.decision.constraints.never import NeverAfter, NeverWith
from service.decision.constraints.not_valid_now import NotValidNow
from service.decision.constraints.quiet_hours import QuietHours
from service.decision.constraints.rule import Condition, Rule
from service.decision.constraints.stage import AtStage
from service.decision.constraints.unknown import STRICT, OnUnknown
from service.decision.journey import JourneyKind
from service.decision.windows import Per

POLICY = "POLICY_<ID>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    at_most: int
    per: Per


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleInputs:
    """The parameters of a candidate's rules. `kind` is the effective one: an offer counts as promotional."""

    journey_id: str
    kind: JourneyKind
    channel: str
    purposes: tuple[str, ...] = ()
    audience: Condition | None = None
    audience_on_unknown: OnUnknown = STRICT
    contact: Cap | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    journey_kind: JourneyKind | None = None
    tier: int = 1
    cost: float = 0.0
    cooldown: Cooldown | None = None
    capacity: Pool | None = None
    never_with: tuple[str, ...] = ()
    never_after: tuple[NeverAfter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentClass:
    """The kinds that an open incident of this class allows, by its severity, and the time of grace after it."""

    allows: frozenset[JourneyKind]
    severities: Mapping[str, frozenset[JourneyKind]]
    grace: timedelta = timedelta(0)

    def allows_always(self, kind: JourneyKind) -> bool:
        """Whatever its severity."""
        return kind in self.strictest()

    def strictest(self) -> frozenset[JourneyKind]:
        """What it allows whatever the severity."""
        return self.allows.intersection(*self.severities.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyScope:
    """A company policy and what it applies to; an empty filter means everything."""

    rule: CompanyPolicy
    kinds: frozenset[JourneyKind] = frozenset()
    journeys: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietScope:
    """Quiet hours and what they apply to."""

    rule: QuietHours
    kinds: frozenset[JourneyKind]
    channels: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """What is company-wide."""

    incident_default: frozenset[JourneyKind]
    incident_classes: Mapping[str, IncidentClass]
    incident_grace: timedelta = timedelta(0)
    incident_feed: Feed | None = None
    consent_feed: Feed | None = None
    pressure: tuple[PressureCap, ...] = ()
    quiet: tuple[QuietScope, ...] = ()
    budgets: tuple[Pool, ...] = ()
    in_flight: Mapping[JourneyKind, InFlightLimit] | None = None
    claims: tuple[PolicyScope, ...] = ()
    zone_feature: str = ZONE_FEATURE


Binder = Callable[[RuleInputs, Policies], Iterator[Rule]]


def _incident_open(guarded: RuleInputs, policies: Policies) -> Iterator[Rule]:
    kind, classes = guarded.kind, policies.incident_classes
    allowing = frozenset(name for name, c in classes.items() if c.allows_always(kind))
    if len(allowing) == len(classes) and kind in policies.incident_default:
        return
    yield IncidentOpen(
        kind=kind,
        classes=frozenset(classes),
        allowing_classes=allowing,
        severities=frozenset((name, s) for name, c in classes.items() for s in c.severities),
        allowing_severities=frozenset(
            (name, s) for name, c in classes.items() for s, kinds in c.severities.items() if kind in kinds
        ),
        graces=tuple((name, c.grace) for name, c in sorted(classes.items())),
        longest_grace=max((policies.incident_grace, *(c.grace for c in classes.values()))),
        feed=policies.incident_feed,
    )


def _consent_missing(guarded: RuleInputs, policies: Policies) -> Iterator[Rule]:
    for purpose in guarded.purposes:
        yield ConsentMissing(purpose=purpose, channel=guarded.channel, feed=policies.consent_feed)
    if not guarded.purposes:
        yield ServiceWithdrawn(channel=guarded.channel)


def _audience(guarded: RuleInputs, policies: Policies) -> Iterator[Rule]:
    if guarded.audience is not None:
        yield Audience(condition=guarded.audience, on_unknown=guarded.audience_on_unknown)


def _contact_cap(guarded: RuleInputs, policies: Policies) -> Iterator[Rule]:
    if guarded.contact is not None:
        yield ContactCap(
            journey_id=guarded.journey_id,
            at_most=guarded.contact.at_most,
            per=guarded.contact.per,
            zone_feature=policies.zone_feature,
        )


def _pressure_cap(guarded: RuleInputs, policies: Policies) -> Iterator[Rule]:
    yield from (p for p in policies.pressure if guarded.kind in p.kinds and guarded.channel in p.channels)


def _not_valid_now(guarded: RuleInputs, policies: Policies) -> Iterator[Rule]:
    if guarded.valid_from is not None or guarded.valid_until is not None:
        yield NotValidNow(valid_from=guarded.valid_from, valid_until=guarded.valid_until)


def _killed(guarded: RuleInputs, policies: Policies) -> Iterator[Rule]:
    kinds = {guarded.journey_kind or guarded.kind, guarded.kind}
    yield JourneyKilled(journey_id=guarded.journey_id, kinds=tuple(sorted(kinds)))


def _stage(guarded: RuleInputs, policies: Policies) -> Iterator[Rule]:
    """None here: it guards only what stands for a journey at another stage, and is added there."""
    yield from ()


def _cooldown(guarded: RuleInputs, policies: Policies) -> Iterator[Rule]:
    if guarded.cooldown is not None:
        yield guarded.cooldown


def _quiet_hours(guarded: RuleInputs, policies: Policies) -> Iterator[Rule]:
    yield from (q.rule for q in policies.quiet if guarded.kind in q.kinds and guarded.channel in q.channels)


def _capacity(guarded: RuleInputs, policies: Policies) -> Iterator[Rule]:
    if guarded.capacity is not None:
        yield PoolLimit(pool=guarded.capacity, needs=1.0, code="CAPACITY")


def _budget(guarded: RuleInputs, policies: Policies) -> Iterator[Rule]:
    for pool in policies.budgets:
        if guarded.cost > 0 and pool.guards(guarded.journey_id, guarded.kind, guarded.channel):
            yield PoolLimit(pool=pool, needs=guarded.cost, code="BUDGET")


def _never_with(guarded: RuleInputs, policies: Policies) -> Iterator[Rule]:
    yield from (NeverWith(other=other) for other in guarded.never_with)


def _never_after(guarded: RuleInputs, policies: Policies) -> Iterator[Rule]:
    yield from guarded.never_after


def _in_flight(guarded: RuleInputs, policies: Policies) -> Iterator[Rule]:
    kind = guarded.journey_kind or guarded.kind
    limit = (policies.in_flight or {}).get(kind)
    if limit is not None:
        yield InFlight(journey_id=guarded.journey_id, tier=guarded.tier, limit=limit)


def _policy(guarded: RuleInputs, policies: Policies) -> Iterator[Rule]:
    for scope in policies.claims:
        is_kind = not scope.kinds or guarded.kind in scope.kinds
        if is_kind and (not scope.journeys or guarded.journey_id in scope.journeys):
            yield scope.rule


BINDERS: Mapping[str, Binder] = {
    JourneyKilled.code: _killed,
    NotValidNow.code: _not_valid_now,
    IncidentOpen.code: _incident_open,
    ConsentMissing.code: _consent_missing,
    POLICY: _policy,
    AtStage.code: _stage,
    Audience.code: _audience,
    Cooldown.code: _cooldown,
    NeverWith.code: _never_with,
    NeverAfter.code: _never_after,
    InFlight.code: _in_flight,
    ContactCap.code: _contact_cap,
    PressureCap.code: _pressure_cap,
    QuietHours.code: _quiet_hours,
    "CAPACITY": _capacity,
    "BUDGET": _budget,
}
"""Every constraint by its code. Each candidate's rules are bound in this order."""

NEVER_BYPASSED = frozenset({ConsentMissing.code, JourneyKilled.code, NotValidNow.code})


def bind_rules(guarded: RuleInputs, policies: Policies) -> Iterator[Rule]:
    """The rules that guard this candidate; none that could not deny it."""
    for binder in BINDERS.values():
        yield from binder(guarded, policies)


def group_of(code: str) -> str:
    """The constraint that a reason code belongs to: company policies share one."""
    return POLICY if code.startswith("POLICY_") else code
