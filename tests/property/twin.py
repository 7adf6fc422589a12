"""A naive twin of the rules and the order: written from the design, one candidate at a time, nothing shared or skipped.

Facts are those without the enrolments that ended by themselves: see `lived`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from features.values import FeatureStatus, FeatureValue
from service.decision.arbitrate import ScoredCandidate
from service.decision.constraints.quiet_hours import QuietHours
from service.decision.constraints.rule import Condition
from service.decision.constraints.unknown import OnUnknown
from service.decision.facts import Consents, Contact, Facts
from service.decision.journey import JourneyKind
from service.decision.plan import Candidate
from service.decision.variables import Variables, with_variables
from service.decision.windows import Per, Period
from tests.builders import CHANNELS, Catalogue, Entry
from tests.property.twin_of_shared import in_flight_is_full, pool_is_empty, rests


def lived(made: Catalogue, known: Facts) -> Facts:
    """The facts without the enrolments that are over."""
    lifetimes = {o.journey.journey_id: o.lifetime for o in made.offered}
    goes_on = {}
    for journey_id, enrolment in known.situation.enrolments.items():
        life = lifetimes.get(journey_id)
        if life is None or (life.max_duration is not None and known.now - enrolment.since >= life.max_duration):
            continue
        if life.exit_when is None or life.exit_when.holds(Variables(known.variables)) is not True:
            goes_on[journey_id] = enrolment
    return with_variables(replace(known, situation=replace(known.situation, enrolments=goes_on)))


def blocking(made: Catalogue, candidate: Candidate, known: Facts) -> set[str]:
    """The codes of every constraint that denies this candidate and that it may not bypass."""
    bypass = offered(made, candidate).bypass
    found = denials(made, candidate, known)
    return {code for code in found if ("POLICY_<ID>" if code.startswith("POLICY_") else code) not in bypass}


def denials(made: Catalogue, candidate: Candidate, known: Facts) -> set[str]:
    """The codes of every constraint that speaks against this candidate."""
    own, policies = offered(made, candidate), made.policies
    kind = kind_of(own, candidate)
    found = slate_denials(made, candidate, known)
    targets = {own.journey.journey_id, f"kind:{own.journey.kind.value}", f"kind:{kind.value}", "*"}
    said = {
        "KILLED": not targets.isdisjoint(known.situation.kills),
        "NOT_VALID_NOW": _is_out_of_time(own, known),
        "INCIDENT_OPEN": _is_stopped_by_incident(kind, made, known),
        "CONSENT_MISSING": _lacks_consent(own, made, known),
        "STAGE": _stage(own, known) != candidate.stage,
        "QUIET_HOURS": any(
            _is_quiet(q.rule, known) for q in policies.quiet if kind in q.kinds and known.channel in q.channels
        ),
    }
    return found | {code for code, is_denied in said.items() if is_denied}


def slate_denials(made: Catalogue, candidate: Candidate, known: Facts) -> set[str]:
    """The codes of those that contacts and the picks of the same answer bring about; claims may speak of contacts."""
    own, situation = offered(made, candidate), known.situation
    journey_id, kind = own.journey.journey_id, kind_of(own, candidate)
    found = set()
    for scope in made.policies.claims:
        is_meant = not scope.journeys or journey_id in scope.journeys
        if is_meant and (not scope.kinds or kind in scope.kinds) and not _claims(scope.rule, known):
            found.add(scope.rule.code)
    for cap in made.policies.pressure:
        if kind in cap.kinds and known.channel in cap.channels:
            alike = [c for c in situation.contacts if c.kind in cap.kinds and c.channel in cap.channels]
            if how_many(alike, known, cap.per) >= cap.at_most:
                found.add("PRESSURE_CAP")
    mine = [c for c in situation.contacts if c.journey_id == journey_id]
    said = {
        "CONTACT_CAP": own.contact is not None and how_many(mine, known, own.contact.per) >= own.contact.at_most,
        "AUDIENCE": own.audience is not None and not _holds(own.audience, own.audience_on_unknown, known),
        "COOLDOWN": own.cooldown is not None and rests(own.cooldown, known),
        "NEVER_WITH": any(o in situation.enrolments or o in reserved(known) for o in own.never_with),
        "NEVER_AFTER": any(
            c.is_presented and known.now - c.at < n.within
            for n in own.never_after
            for c in situation.contacts
            if c.journey_id == n.other
        ),
        "IN_FLIGHT": in_flight_is_full(made, own, known, reserved(known)),
        "CAPACITY": own.capacity is not None and pool_is_empty(own.capacity, 1.0, known),
        "BUDGET": candidate.action.cost > 0
        and any(
            pool_is_empty(pool, candidate.action.cost, known)
            for pool in made.policies.budgets
            if (not pool.kinds or kind in pool.kinds) and (not pool.channels or known.channel in pool.channels)
        ),
    }
    return found | {code for code, is_denied in said.items() if is_denied}


def offered(made: Catalogue, candidate: Candidate) -> Entry:
    return next(o for o in made.offered if o.journey.journey_id == candidate.journey_id)


def kind_of(own: Entry, candidate: Candidate) -> JourneyKind:
    return JourneyKind.PROMOTIONAL if candidate.action.is_offer else own.journey.kind


def reservation(candidate: Candidate, known: Facts) -> Contact:
    """What a pick uses up at once."""
    ends = known.now + CHANNELS[known.channel].reserve
    return Contact(
        decision_id="this",
        journey_id=candidate.journey_id,
        kind=candidate.kind,
        channel=known.channel,
        at=known.now,
        reserved_until=ends,
        counts_until=None if known.channel == "email" else ends,
        cost=candidate.action.cost,
    )


def reserved(known: Facts) -> set[str]:
    """The journeys with a reservation that is neither shown nor over."""
    found = set()
    for one in known.situation.contacts:
        if not one.is_presented and one.reserved_until is not None and one.reserved_until > known.now:
            found.add(one.journey_id)
    return found


def how_many(contacts: Sequence[Contact], known: Facts, per: Per) -> float:
    """The contacts within `per` that were not given back, and those that are reserved, which may be shown now.

    Without a zone there is no telling: as many as in any one.
    """
    kept = [c for c in contacts if c.counts_until is None or c.counts_until > known.now]
    reserved = [c for c in kept if c.reserved_until is not None and c.reserved_until > known.now]
    over = [c for c in kept if c not in reserved]
    if isinstance(per, timedelta):
        return len(reserved) + sum(known.now - c.at < per for c in over)
    zone = zone_of(known)
    if zone is None:
        zones = (timezone(timedelta(hours=hours)) for hours in range(-12, 15))
        return len(reserved) + max(_in_period(over, known.now, per, any_zone) for any_zone in zones)
    return len(reserved) + _in_period(over, known.now, per, zone)


def _in_period(contacts: Sequence[Contact], now: datetime, per: Period, zone: tzinfo) -> int:
    today = same_period(now.astimezone(zone).date(), per)
    return sum(same_period(c.at.astimezone(zone).date(), per) >= today for c in contacts)


def same_period(day: date, per: Period) -> tuple[int, ...]:
    """Days of one period have the same of it."""
    year, week, _ = day.isocalendar()
    return {Period.DAY: (day.toordinal(),), Period.WEEK: (year, week), Period.MONTH: (day.year, day.month)}[per]


def zone_of(known: Facts) -> ZoneInfo | None:
    feature = known.features.get("time_zone")
    if feature is None or feature.status is not FeatureStatus.PRESENT or feature.value == "nowhere":
        return None
    return ZoneInfo(str(feature.value))


def order(scored: Iterable[ScoredCandidate]) -> list[str]:
    """Journey ids by tier, priority (what is not finite last) and id: one stable sort for each, the last first."""
    listed = sorted(scored, key=lambda s: s.journey_id)
    listed = sorted(listed, key=lambda s: s.priority if math.isfinite(s.priority) else 0.0, reverse=True)
    listed = sorted(listed, key=lambda s: not math.isfinite(s.priority))
    listed = sorted(listed, key=lambda s: s.candidate.journey.tier)
    return [s.journey_id for s in listed]


def ids(candidates: Sequence[Candidate]) -> set[str]:
    return {c.journey_id for c in candidates}


def _stage(own: Entry, known: Facts) -> object:
    enrolment = known.situation.enrolments.get(own.journey.journey_id)
    return own.journey.stages[0].stage if enrolment is None else enrolment.stage


def _is_out_of_time(own: Entry, known: Facts) -> bool:
    is_early = own.valid_from is not None and known.now < own.valid_from
    return is_early or (own.valid_until is not None and known.now >= own.valid_until)


def _is_silent(source: str, max_age: timedelta, known: Facts) -> bool:
    heard_at: datetime | None = known.situation.feeds.get(source)
    return heard_at is None or known.now - heard_at > max_age


def _is_stopped_by_incident(kind: JourneyKind, made: Catalogue, known: Facts) -> bool:
    """A class or a severity that the policy does not name is treated by the strictest of those it could be."""
    policies, incidents = made.policies, known.situation.incidents
    classes = policies.incident_classes
    everywhere = [policies.incident_default, *(k for c in classes.values() for k in (c.allows, *c.severities.values()))]
    strictest = frozenset(JourneyKind).intersection(*everywhere)
    if kind in strictest:
        return False

    def allows(name: str | None, severity: str | None) -> bool:
        if name is None or name not in classes:
            return False
        own = classes[name]
        return kind in own.severities.get(severity or "", own.allows.intersection(*own.severities.values()))

    own_graces = {name: c.grace for name, c in classes.items()}
    graces = [policies.incident_grace, *own_graces.values()]
    is_in_grace = any(
        known.now - r.resolved_at < own_graces.get(r.incident_class or "", max(graces))
        for r in incidents.resolved
        if not allows(r.incident_class, r.severity)
    )
    feed = policies.incident_feed
    is_unheard = feed is not None and _is_silent(feed.source, feed.max_age, known)
    is_open = any(not allows(i.incident_class, i.severity) for i in incidents.known)
    may_be_open = any(not allows(u.incident_class, None) for u in incidents.untold)
    return is_open or may_be_open or incidents.status is not FeatureStatus.PRESENT or is_unheard or is_in_grace


def _lacks_consent(own: Entry, made: Catalogue, known: Facts) -> bool:
    consents, feed = known.situation.consents, made.policies.consent_feed
    if not own.purposes:
        return _is_withdrawn(consents, "service", known.channel)
    if consents.status is not FeatureStatus.PRESENT:
        return True
    if feed is not None and _is_silent(feed.source, feed.max_age, known):
        return True
    for purpose in own.purposes:
        is_granted = (purpose, known.channel) in consents.granted_at
        if not is_granted or _is_withdrawn(consents, purpose, known.channel):
            return True
    return False


def _is_withdrawn(consents: Consents, purpose: str, channel: str) -> bool:
    """Whether a withdrawal that covers this is not older than the grant."""
    granted_at = consents.granted_at.get((purpose, channel))
    for (of_purpose, on_channel), at in consents.withdrawn_at.items():
        is_covered = of_purpose in {purpose, "*"} and on_channel in {channel, "*"}
        if is_covered and (granted_at is None or granted_at <= at):
            return True
    return False


def _is_quiet(rule: QuietHours, known: Facts) -> bool:
    zone = zone_of(known)
    if zone is None:
        return not _is_let(rule.on_unknown, ["customer.time_zone"], known)
    local = known.now.astimezone(zone)
    if rule.holidays is not None:
        region = known.features.get("holiday_region")
        if region is None or region.status is not FeatureStatus.PRESENT or region.value == "nowhere":
            if not _is_let(rule.on_unknown, ["customer.holiday_region"], known):
                return True
        elif rule.holidays.is_holiday(str(region.value), local.date()):
            return True
    if rule.on_weekends and local.isoweekday() in {6, 7}:
        return True
    assert rule.begins is not None
    assert rule.ends is not None
    minute, begins, ends = (t.hour * 60 + t.minute for t in (local, rule.begins, rule.ends))
    quiet = range(begins, ends) if begins < ends else [*range(begins, 24 * 60), *range(ends)]
    return minute in quiet


def _claims(rule: object, known: Facts) -> bool:
    condition, on_unknown = getattr(rule, "condition"), getattr(rule, "on_unknown")  # noqa: B009
    return _holds(condition, on_unknown, known)


def _holds(condition: Condition, on_unknown: OnUnknown, known: Facts) -> bool:
    """By facts as old as this rule wants them: what is too old is stale, and may be declared to be used."""
    seen = {name: _aged(f, on_unknown, known) for name, f in known.features.items()}
    facts = with_variables(replace(known, features=seen))
    holds = condition.holds(Variables(facts.variables))
    if holds is not None:
        return holds
    missing = [name for name in condition.names if name not in facts.variables]
    return bool(missing) and _is_let(on_unknown, missing, facts)


def _aged(feature: FeatureValue, on_unknown: OnUnknown, known: Facts) -> FeatureValue:
    oldest, at = on_unknown.max_age, feature.event_time
    status = feature.status
    if status is FeatureStatus.PRESENT and oldest is not None and at is not None and known.now - at > oldest:
        status = FeatureStatus.STALE
    is_used = status is FeatureStatus.STALE and on_unknown.on_stale == "use"
    return replace(feature, status=FeatureStatus.PRESENT if is_used else status)


def _is_let(on_unknown: OnUnknown, missing: Iterable[str], known: Facts) -> bool:
    """Whether every one of these is missing in a way that is declared to allow."""
    return all(_is_one_let(on_unknown, name, known) for name in missing)


def _is_one_let(on_unknown: OnUnknown, name: str, known: Facts) -> bool:
    status = known.status_of(name)
    if status is FeatureStatus.STALE:
        return on_unknown.on_stale == "allow"
    if status is FeatureStatus.UNAVAILABLE:
        return False
    if on_unknown.on_unknown_customer is not None and known.is_known is not True:
        is_let = on_unknown.on_unknown_customer == "allow"
        return is_let if known.is_known is False else is_let and on_unknown.on_missing == "allow"
    return on_unknown.on_missing == "allow"
