"""Every verdict on a candidate, also of the rules that allow it: for people who ask, and for the catalogue's tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from features.values import Scalar
from service.decision.constraints.audience import Audience, CompanyPolicy
from service.decision.constraints.capacity import PoolLimit
from service.decision.constraints.caps import ContactCap, PressureCap
from service.decision.constraints.consent_missing import ConsentMissing, ServiceWithdrawn
from service.decision.constraints.cooldown import Cooldown
from service.decision.constraints.in_flight import InFlight
from service.decision.constraints.incident_open import IncidentOpen
from service.decision.constraints.killed import JourneyKilled
from service.decision.constraints.never import NeverAfter, NeverWith
from service.decision.constraints.not_valid_now import NotValidNow
from service.decision.constraints.quiet_hours import QuietHours
from service.decision.constraints.rule import Condition, Rule
from service.decision.constraints.stage import AtStage
from service.decision.constraints.unknown import OnUnknown
from service.decision.facts import Contact, Facts
from service.decision.plan import Candidate, Plan
from service.decision.verdict import Reason
from service.decision.windows import describe, window_of


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleExplanation:
    """What one rule says of a candidate: nothing if it allows. `is_bypassed`: the candidate passes its denial."""

    rule: Rule
    reason: Reason | None
    is_bypassed: bool

    @property
    def denies(self) -> bool:
        return self.reason is not None and not self.is_bypassed


def explain(plan: Plan, candidate: Candidate, facts: Facts) -> Iterator[RuleExplanation]:
    """Each rule that guards the candidate, in the order in which reasons are told.

    None is passed over: a rule that nothing concerns allows when it is asked, as it does when it is not.
    """
    for position in sorted(candidate.rules):
        rule = plan.rules[position]
        is_bypassed = position in candidate.bypassed
        yield RuleExplanation(rule=rule, reason=rule.check(facts), is_bypassed=is_bypassed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a rule looks at: what it found, against which limits, and how old that is (of facts that have an age)."""

    observed: Mapping[str, Scalar]
    limits: Mapping[str, Scalar] = field(default_factory=dict)
    ages: Mapping[str, timedelta] = field(default_factory=dict)


def seen_by(rule: Rule, facts: Facts) -> Observation:
    """Also of a rule that allows. A fact that is not known is told by its status."""
    match rule:
        case Audience() | CompanyPolicy():
            return _seen_by_condition(rule.condition, rule.on_unknown, facts)
        case ContactCap():
            own = [c for c in facts.situation.contacts if c.journey_id == rule.journey_id]
            return _seen_by_cap(rule, own, facts)
        case PressureCap():
            counted = [c for c in facts.situation.contacts if c.kind in rule.kinds and c.channel in rule.channels]
            return _seen_by_cap(rule, counted, facts)
        case PoolLimit():
            used = sum(u.amount for u in facts.situation.uses.get(rule.pool.pool_id, ()) if u.ends_at > facts.now)
            return Observation(observed={"used": used, "needs": rule.needs}, limits={"limit": rule.pool.limit})
        case QuietHours():
            return _seen_by_quiet_hours(rule, facts)
        case _:
            return _seen_in_situation(rule, facts)


def _seen_by_condition(condition: Condition, on_unknown: OnUnknown, facts: Facts) -> Observation:
    observed: dict[str, Scalar] = {}
    ages: dict[str, timedelta] = {}
    for name in condition.names:
        value = facts.variables.get(name)
        known = value if isinstance(value, Scalar) else str(value)
        observed[name] = on_unknown.status(facts, name).value if value is None else known
        feature = facts.features.get(name.removeprefix("customer."))
        if feature is not None and feature.event_time is not None:
            ages[name] = facts.fresh_at - feature.event_time
    limits: dict[str, Scalar] = {"condition": condition.text}
    if on_unknown.max_age is not None:
        limits["max_age_s"] = int(on_unknown.max_age.total_seconds())
    return Observation(observed=observed, limits=limits, ages=ages)


def _seen_by_cap(rule: ContactCap | PressureCap, contacts: Sequence[Contact], facts: Facts) -> Observation:
    window = window_of(rule.per, facts.zone(rule.zone_feature))
    counting = [c for c in contacts if c.counts_until is None or c.counts_until > facts.now]
    if window is not None:
        counting = [c for c in counting if window.end(c.at) > facts.now]
    ages = {"last": facts.now - max(c.at for c in counting)} if counting else {}
    limits: dict[str, Scalar] = {"at_most": rule.at_most, "per": describe(rule.per)}
    return Observation(observed={"contacts": len(counting)}, limits=limits, ages=ages)


def _seen_by_quiet_hours(rule: QuietHours, facts: Facts) -> Observation:
    zone = facts.zone(rule.zone_feature)
    local = "unknown" if zone is None else f"{facts.now.astimezone(zone):%a %H:%M}"
    limits: dict[str, Scalar] = {"weekends": rule.on_weekends, "holidays": rule.holidays is not None}
    if rule.begins is not None and rule.ends is not None:
        limits |= {"from": f"{rule.begins:%H:%M}", "to": f"{rule.ends:%H:%M}"}
    region = facts.text(rule.region_feature) or "unknown"
    return Observation(observed={"local_time": local, "holiday_region": region}, limits=limits)


def _seen_in_situation(rule: Rule, facts: Facts) -> Observation:
    situation, now = facts.situation, facts.now
    match rule:
        case IncidentOpen():
            incidents = situation.incidents
            last = incidents.last_resolved_at
            return Observation(
                observed={"open_incidents": len(incidents.known), "status": incidents.status.value},
                limits={"kind": rule.kind.value},
                ages={} if last is None else {"last_resolved": now - last},
            )
        case ConsentMissing():
            return _seen_by_consent(rule.purpose, rule.channel, facts)
        case ServiceWithdrawn():
            return _seen_by_consent("service", rule.channel, facts)
        case Cooldown():
            answers = {r.type: now - r.at for r in situation.responses if r.journey_id in rule.journeys}
            rests: dict[str, Scalar] = {r.response: int(r.rests.total_seconds()) for r in rule.rests}
            return Observation(observed={"responses": len(answers)}, limits=rests, ages=answers)
        case NeverWith():
            is_reserved = any(c.journey_id == rule.other for c, _ in facts.open_reservations)
            return Observation(observed={"enrolled": rule.other in situation.enrolments, "reserved": is_reserved})
        case NeverAfter():
            shown = [c.at for c in situation.contacts if c.journey_id == rule.other and c.is_presented]
            return Observation(
                observed={"presented": len(shown)},
                limits={"within_s": int(rule.within.total_seconds())},
                ages={"last": now - max(shown)} if shown else {},
            )
        case InFlight():
            enrolled = sum(j in rule.limit.members for j in situation.enrolments)
            return Observation(observed={"in_flight": enrolled}, limits={"at_most": rule.limit.at_most})
        case JourneyKilled():
            return Observation(observed={"on_kill_list": len(situation.kills)})
        case NotValidNow():
            dates = {"valid_from": rule.valid_from, "valid_until": rule.valid_until}
            return Observation(observed={"now": now}, limits={name: at for name, at in dates.items() if at is not None})
        case AtStage():
            enrolment = situation.enrolments.get(rule.journey_id)
            stage = rule.first_stage if enrolment is None else enrolment.stage
            return Observation(observed={"stage": stage.value}, limits={"offered_at": rule.stage.value})
        case _:
            return Observation(observed={})


def _seen_by_consent(purpose: str, channel: str, facts: Facts) -> Observation:
    consents = facts.situation.consents
    times = {
        "granted": consents.granted_at.get((purpose, channel)),
        "withdrawn": consents.withdrawal(purpose, channel),
    }
    return Observation(
        observed={"status": consents.status.value, **{name: at for name, at in times.items() if at is not None}},
        limits={"purpose": purpose, "channel": channel},
        ages={name: facts.now - at for name, at in times.items() if at is not None},
    )
