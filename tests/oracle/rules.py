"""Every rule of the owner's table, written down once more from its words and those of ADR 7, one function a rule.

Nothing here is shared with the service. A function goes through what happened, from the beginning, each time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import IntEnum
from functools import cache

import holidays

from tests.oracle.conditions import Condition, ConditionResult, Fact, Why
from tests.oracle.history import Contact, Customer, Enrolment, Question, World
from tests.oracle.periods import CALENDAR, EVERYWHERE, begins, zone_of
from tests.oracle.plain import OTHERS, Action, Feed, IncidentClass, Journey, Policies, Requirement, lasting

AGES = {"customer.recency_days": "last_purchase_at"}
NEVER_BYPASSED = ("KILLED", "NOT_VALID_NOW", "CONSENT_MISSING")


class Verdict(IntEnum):
    """MAY: the words leave it open, so neither is wrong."""

    ALLOW = 0
    MAY = 1
    DENY = 2


def denied(condition: bool) -> Verdict:
    return Verdict.DENY if condition else Verdict.ALLOW


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    journey: Journey
    action: Action
    stage: str


@dataclass(slots=True, kw_only=True)
class Moment:
    """One question at one time, with what was picked for it so far."""

    world: World
    question: Question
    now: datetime
    picked: list[Contact] = field(default_factory=list)
    ended: list[tuple[str, datetime]] = field(default_factory=list)
    enrolled: list[Enrolment] = field(default_factory=list)

    def __post_init__(self) -> None:
        """What an owner's condition ends is over for this decision already; conditions see what was before."""
        places = self.customer.places(self.world.catalogue, self.now)
        over = [e for e in places.enrolments if self._exits(self.world.catalogue.journeys[e.journey_id])]
        self.ended = [*places.lapsed, *((e.journey_id, self.now) for e in over)]
        self.enrolled = [e for e in places.enrolments if e not in over]

    def _exits(self, journey: Journey) -> bool:
        return journey.exit_when is not None and self.said(journey.exit_when).holds is True

    @property
    def is_blurred(self) -> bool:
        """A journey was entered anew after its time was over, and no decision has noticed that yet."""
        again = {e.journey_id for e in self.enrolled}
        return any(journey_id in again for journey_id, _ in self.ended)

    @property
    def customer(self) -> Customer:
        return self.world.customers[self.question.customer_id]

    @property
    def policies(self) -> Policies:
        return self.world.catalogue.policies

    def contacts(self) -> Iterator[Contact]:
        """The customer's, those of this answer included."""
        yield from self.customer.contacts
        yield from self.picked

    def all_contacts(self) -> Iterator[Contact]:
        yield from self.world.contacts()
        yield from self.picked

    def said(self, condition: Condition, required: Requirement | None = None) -> ConditionResult:
        return condition.said(lambda name: self._fact(name, required))

    def _fact(self, name: str, required: Requirement | None) -> Fact:
        fact = self.fact(name)
        if required is None:
            return fact
        longest = None if required.max_age is None else lasting(required.max_age)
        if fact.why is None and fact.at is not None and longest is not None and self.now - fact.at > longest:
            fact = replace(fact, why=Why.STALE)
        is_used = fact.why is Why.STALE and required.on_stale == "use" and fact.value is not None
        return replace(fact, why=None) if is_used else fact

    def fact(self, name: str) -> Fact:
        if name == "channel":
            return Fact(value=self.question.channel)
        if name == "customer.is_known":
            return self._is_known()
        if name == "situation.has_open_incident":
            return self._has_open_incident()
        room, _, key = name.partition(".")
        if room == "context":
            given = self.question.context.get(key)
            return Fact(why=Why.MISSING) if given is None else Fact(value=given)
        if name in AGES:
            source = self.stored(AGES[name])
            if source.why is Why.STALE or source.why is None:
                assert source.at is not None
                return replace(source, value=max((self.now - source.at) / timedelta(days=1), 0.0))
            return source
        return self.stored(key)

    def stored(self, name: str) -> Fact:
        fact = self.customer.stored.features.get(name, Fact(why=Why.MISSING))
        reported = max(self.customer.happened.get(name, ()), default=None)
        if reported is None or fact.why is Why.UNREACHABLE:
            return fact
        return Fact(at=reported) if fact.why is not None or fact.at is None or reported > fact.at else fact

    def _is_known(self) -> Fact:
        if self.customer.has_events or self.customer.stored.has_any_row:
            return Fact(value=True)
        return Fact(value=False) if self.customer.stored.is_complete else Fact(why=Why.UNREACHABLE)

    def _has_open_incident(self) -> Fact:
        listed = self.customer.stored.incidents
        if any(True for _ in open_incidents(self)):
            return Fact(value=True)
        return Fact(why=listed) if isinstance(listed, Why) else Fact(value=False)


def verdicts(moment: Moment, candidate: Candidate) -> dict[str, Verdict]:
    """What each rule says that says anything against this candidate."""
    return _against(candidate, (*_standing(moment, candidate), *_used_up(moment, candidate)))


def used_up(moment: Moment, candidate: Candidate) -> dict[str, Verdict]:
    """The same of the rules that look at what was picked before."""
    return _against(candidate, _used_up(moment, candidate))


def _against(candidate: Candidate, said: Iterable[tuple[str, Verdict]]) -> dict[str, Verdict]:
    found: dict[str, Verdict] = {}
    for code, verdict in said:
        if verdict is not Verdict.ALLOW and (code not in candidate.journey.bypass or code in NEVER_BYPASSED):
            found[code] = max(verdict, found.get(code, Verdict.ALLOW))
    return found


def _standing(moment: Moment, candidate: Candidate) -> Iterator[tuple[str, Verdict]]:
    yield "KILLED", killed(moment, candidate)
    yield "NOT_VALID_NOW", not_valid_now(moment, candidate)
    yield "INCIDENT_OPEN", incident_open(moment, candidate)
    yield "CONSENT_MISSING", consent_missing(moment, candidate)
    for policy in moment.policies.policies:
        if _concerns(candidate, policy.kinds, policy.journeys):
            yield policy.code, condition_fails(moment, policy.require)
    yield "STAGE", stage(moment, candidate)
    if candidate.journey.audience is not None:
        yield "AUDIENCE", condition_fails(moment, candidate.journey.audience)
    yield "COOLDOWN", cooldown(moment, candidate)
    yield "NEVER_AFTER", never_after(moment, candidate)
    yield "QUIET_HOURS", quiet_hours(moment, candidate)


def _used_up(moment: Moment, candidate: Candidate) -> Iterator[tuple[str, Verdict]]:
    yield "NEVER_WITH", never_with(moment, candidate)
    yield "IN_FLIGHT", in_flight(moment, candidate)[0]
    yield "CONTACT_CAP", contact_cap(moment, candidate)
    for pressure in moment.policies.pressure:
        kinds = pressure.kinds or OTHERS
        channels = pressure.channels or tuple(moment.policies.channels)
        if counts_as(candidate) in kinds and moment.question.channel in channels:
            counted = [c for c in moment.contacts() if counts_as(c) in kinds and c.channel in channels]
            yield "PRESSURE_CAP", capped(moment, counted, pressure.limit.at_most, pressure.limit.per)
    yield "CAPACITY", capacity(moment, candidate)
    yield "BUDGET", budget(moment, candidate)


def counts_as(of: Candidate | Contact) -> str:
    """The kind of journey that an action counts as: an offer is promotional."""
    return "promotional" if of.action.is_offer else of.journey.kind


def killed(moment: Moment, candidate: Candidate) -> Verdict:
    names = {candidate.journey.journey_id, f"kind:{candidate.journey.kind}", f"kind:{counts_as(candidate)}", "*"}
    return denied(not moment.world.killed.isdisjoint(names))


def not_valid_now(moment: Moment, candidate: Candidate) -> Verdict:
    journey = candidate.journey
    is_early = journey.valid_from is not None and moment.now < journey.valid_from
    return denied(is_early or (journey.valid_until is not None and moment.now >= journey.valid_until))


# Incidents


def open_incidents(moment: Moment) -> Iterator[list[tuple[str | None, str | None]]]:
    """Of each open incident what is said of its class and severity, by the state store, the feature store or both."""
    customer, listed = moment.customer, moment.customer.stored.incidents
    ahead = {}
    for line in () if isinstance(listed, Why) else listed:
        heard = customer.heard_of(line.incident_id)
        if line.is_open and (heard is None or heard < line.at):
            ahead[line.incident_id] = (line.incident_class, line.severity)
    for incident_id in {*customer.opened, *ahead}:
        said = []
        if customer.is_open(incident_id):
            _, _, *last = max(customer.opened[incident_id], key=lambda o: o[:2])
            said.append((last[0], last[1]))
        if incident_id in ahead:
            said.append(ahead[incident_id])
        if said:
            yield said


def resolved_incidents(moment: Moment) -> Iterator[tuple[str | None, str | None, datetime]]:
    """Class, severity, and when: of what is over."""
    customer, listed = moment.customer, moment.customer.stored.incidents
    for incident_id, resolved in customer.resolved.items():
        if not customer.is_open(incident_id):
            told = customer.opened.get(incident_id)
            _, _, incident_class, severity = max(told, key=lambda o: o[:2]) if told else (None, None, None, None)
            yield incident_class, severity, max(resolved)
    for line in () if isinstance(listed, Why) else listed:
        heard = customer.heard_of(line.incident_id)
        if not line.is_open and (heard is None or (heard < line.at and not customer.is_open(line.incident_id))):
            yield line.incident_class, line.severity, line.at


def _every_class(policies: Policies) -> list[IncidentClass]:
    return [policies.incident_default, *policies.incident_classes.values()]


def _sets(incident_class: IncidentClass) -> list[frozenset[str]]:
    severities = [frozenset(kinds) for kinds in incident_class.severities.values()]
    return [*severities, frozenset(incident_class.allow)]


def allowed_kinds(policies: Policies, incident_class: str | None, severity: str | None) -> frozenset[str]:
    known = policies.incident_classes.get(incident_class or "")
    if known is None:
        return frozenset.intersection(*(s for c in _every_class(policies) for s in _sets(c)))
    if severity is not None and severity in known.severities:
        return frozenset(known.severities[severity])
    return frozenset.intersection(*_sets(known))


def grace(policies: Policies, incident_class: str | None) -> timedelta:
    known = policies.incident_classes.get(incident_class or "")
    among = _every_class(policies) if known is None else [known]
    usual = policies.incident_default.grace or "0s"
    return max(lasting(c.grace or usual) for c in among)


def incident_open(moment: Moment, candidate: Candidate) -> Verdict:
    policies = moment.policies
    kind = counts_as(candidate)
    if kind in allowed_kinds(policies, None, None):
        return Verdict.ALLOW
    for said in open_incidents(moment):
        for incident_class, severity in said:
            if kind not in allowed_kinds(policies, incident_class, severity):
                return Verdict.DENY
    for incident_class, severity, at in resolved_incidents(moment):
        is_barred = kind not in allowed_kinds(policies, incident_class, severity)
        if is_barred and moment.now < at + grace(policies, incident_class):
            return Verdict.DENY
    if isinstance(moment.customer.stored.incidents, Why) or not _is_alive(moment, policies.incident_feed):
        return Verdict.DENY
    if any(len(set(said)) > 1 for said in open_incidents(moment)):
        return Verdict.MAY
    return Verdict.ALLOW


def _is_alive(moment: Moment, feed: Feed | None) -> bool:
    if feed is None:
        return True
    beat = moment.world.heartbeats.get(feed.source)
    return beat is not None and moment.now - beat < lasting(feed.max_age)


# Consent


def consent_missing(moment: Moment, candidate: Candidate) -> Verdict:
    journey, channel = candidate.journey, moment.question.channel
    if not journey.consent:
        return denied(_is_withdrawn(moment, "service", channel))
    if any(not _is_granted(moment, purpose, channel) for purpose in journey.consent):
        return Verdict.DENY
    is_blind = isinstance(moment.customer.stored.consents, Why) or not _is_alive(moment, moment.policies.consent_feed)
    return denied(is_blind)


def _withdrawn_at(moment: Moment, purpose: str, channel: str) -> datetime | None:
    customer, listed = moment.customer, moment.customer.stored.consents
    own = [at for p, c, at in customer.withdrawals if p in (purpose, None) and c in (channel, None)]
    heard = max([*own, *(at for p, c, at in customer.grants if (p, c) == (purpose, channel))], default=None)
    for line in () if isinstance(listed, Why) else listed:
        is_meant = (line.purpose, line.channel, line.is_granted) == (purpose, channel, False)
        if is_meant and (heard is None or heard < line.at):
            own.append(line.at)
    return max(own, default=None)


def _granted_at(moment: Moment, purpose: str, channel: str) -> datetime | None:
    return max((at for p, c, at in moment.customer.grants if (p, c) == (purpose, channel)), default=None)


def _is_granted(moment: Moment, purpose: str, channel: str) -> bool:
    granted, withdrawn = _granted_at(moment, purpose, channel), _withdrawn_at(moment, purpose, channel)
    return granted is not None and (withdrawn is None or granted > withdrawn)


def _is_withdrawn(moment: Moment, purpose: str, channel: str) -> bool:
    granted, withdrawn = _granted_at(moment, purpose, channel), _withdrawn_at(moment, purpose, channel)
    return withdrawn is not None and (granted is None or granted <= withdrawn)


# Conditions


def condition_fails(moment: Moment, required: Requirement) -> Verdict:
    said = moment.said(required.when, required)
    if said.holds is not None:
        return denied(not said.holds)
    is_unknown = moment.fact("customer.is_known").value is False
    verdicts = {_when_unknown(required, why, is_unknown) for why in (said.unknown, said.unknown_anywhere)}
    return Verdict.MAY if len(verdicts) > 1 else verdicts.pop()


def _when_unknown(required: Requirement, whys: Iterable[Why], is_unknown_customer: bool) -> Verdict:
    missing = required.on_missing
    if is_unknown_customer and required.on_unknown_customer is not None:
        missing = required.on_unknown_customer
    stale = "allow" if required.on_stale == "allow" else "deny"
    answers = {Why.UNREACHABLE: "deny", Why.MISSING: missing, Why.STALE: stale}
    return denied(any(answers[why] == "deny" for why in whys))


# Where the customer is, and what was shown


def stage(moment: Moment, candidate: Candidate) -> Verdict:
    return denied(candidate.stage != stage_of(moment, candidate.journey))


def stage_of(moment: Moment, journey: Journey) -> str:
    for enrolment in moment.enrolled:
        if enrolment.journey_id == journey.journey_id:
            return enrolment.stage
    return next(iter(journey.stages))


def cooldown(moment: Moment, candidate: Candidate) -> Verdict:
    rest = candidate.journey.cooldown
    if rest is None:
        return Verdict.ALLOW
    related = {candidate.journey.journey_id, *rest.also}
    contacts = [c for c in moment.customer.contacts if c.journey.journey_id in related]
    for contact in contacts:
        for kind, at in contact.responses:
            if kind in rest.rests and moment.now < at + lasting(rest.rests[kind]):
                return Verdict.DENY
    if rest.ignored is None:
        return Verdict.ALLOW
    window = lasting(candidate.journey.within)
    shown = {j: [c for c in contacts if c.journey.journey_id == j and c.presented_at is not None] for j in related}
    return max(_ignored(moment.now, of_one, window, *rest.ignored) for of_one in shown.values())


def _ignored(now: datetime, shown: Sequence[Contact], window: timedelta, times: int, rest: str) -> Verdict:
    """`shown` are presented, of one journey."""
    row = sorted(_in_the_row(now, shown, window), key=lambda place: place[0])[-times:]
    if len(row) < times or any(is_answered for _, is_answered in row):
        return Verdict.ALLOW
    return denied(now < row[-1][0] + window + lasting(rest))


def _in_the_row(now: datetime, shown: Sequence[Contact], window: timedelta) -> Iterator[tuple[datetime, bool]]:
    """Where it stands, and whether it was answered; one that may still be answered does not stand there yet."""
    for contact in shown:
        first, last = contact.first_presented_at, contact.presented_at
        if first is None or last is None:
            continue
        if any(at <= first + window for _, at in contact.responses):
            yield first, True
        elif first + window <= now:
            yield last, False


def never_with(moment: Moment, candidate: Candidate) -> Verdict:
    mine = candidate.journey.journey_id
    here = {e.journey_id for e in moment.enrolled} | _reserved(moment)
    for other in here - {mine}:
        if other in candidate.journey.never_with or mine in moment.world.catalogue.journeys[other].never_with:
            return Verdict.DENY
    return Verdict.ALLOW


def _reserved(moment: Moment) -> set[str]:
    return {c.journey.journey_id for c in moment.contacts() if c.is_reserved(moment.now)}


def never_after(moment: Moment, candidate: Candidate) -> Verdict:
    for other, within in candidate.journey.never_after.items():
        shown = [c.presented_at for c in moment.customer.contacts if c.journey.journey_id == other and c.presented_at]
        if shown and moment.now < max(shown) + lasting(within):
            return Verdict.DENY
    return Verdict.ALLOW


def in_flight(moment: Moment, candidate: Candidate) -> tuple[Verdict, int, frozenset[str]]:
    """With it: how many enrolments must give way, and which of them could."""
    journey, journeys = candidate.journey, moment.world.catalogue.journeys
    limit = moment.policies.in_flight.get(journey.kind)
    reserved = _reserved(moment)
    here = {e.journey_id for e in moment.enrolled} | reserved
    if limit is None:
        return Verdict.ALLOW, 0, frozenset()
    mine = journey.journey_id
    others = {j for j in here - {mine} if journeys[j].kind == journey.kind}
    if any(e.journey_id == mine for e in moment.enrolled):
        entering = [c for c in moment.contacts() if c.is_reserved(moment.now) and c.journey.journey_id in others]
        if len(others) < limit or not entering:
            return Verdict.ALLOW, 0, frozenset()
        return Verdict.DENY if any(mine in c.displaces for c in entering) else Verdict.MAY, 0, frozenset()
    too_many = len(others) + 1 - limit
    yielding = {j for j in others - reserved if journeys[j].switchable or journey.tier < journeys[j].tier}
    return denied(too_many > len(yielding)), max(too_many, 0), frozenset(yielding)


# Limits


def contact_cap(moment: Moment, candidate: Candidate) -> Verdict:
    cap = candidate.journey.contact
    if cap is None:
        return Verdict.ALLOW
    own = [c for c in moment.contacts() if c.journey.journey_id == candidate.journey.journey_id]
    return capped(moment, own, cap.at_most, cap.per)


def capped(moment: Moment, contacts: Iterable[Contact], at_most: int, per: str) -> Verdict:
    """Of one customer; a calendar period is that of the customer's clock."""
    times = [at for c in contacts if (at := c.counts_since(moment.now)) is not None]
    zone = moment.stored("time_zone")
    own = zone_of(zone.value) if zone.why is None else None
    if per not in ("day", "week", "month") or own is not None:
        return denied(_within(times, begins(per, moment.now, own or EVERYWHERE[0])) >= at_most)
    return denied(_within(times, min(begins(per, moment.now, z) for z in EVERYWHERE)) >= at_most)


def _within(times: Iterable[datetime], begin: datetime) -> int:
    return sum(at >= begin for at in times)


def capacity(moment: Moment, candidate: Candidate) -> Verdict:
    limit = candidate.journey.capacity
    if limit is None:
        return Verdict.ALLOW
    zone = zone_of(moment.policies.time_zone)
    assert zone is not None
    begin = begins(limit.per, moment.now, zone)
    own = [c for c in moment.all_contacts() if c.journey.journey_id == candidate.journey.journey_id]
    times = [at for c in own if (at := c.counts_since(moment.now)) is not None]
    if _within(times, begin) >= limit.at_most:
        return Verdict.DENY
    late = given_back_late(limit.per)
    return Verdict.MAY if _within(_lately(moment, own), begin - late) >= limit.at_most else Verdict.ALLOW


def _lately(moment: Moment, contacts: Iterable[Contact]) -> Iterator[datetime]:
    """From when contacts count that count now, or did a second ago: what is shared goes by whole seconds."""
    for contact in contacts:
        at = contact.counts_since(moment.now) or contact.counts_since(moment.now - timedelta(seconds=1))
        if at is not None:
            yield at


def given_back_late(per: str) -> timedelta:
    """What is shared is given back up to 1/96 of a rolling window late."""
    return timedelta(seconds=1) if per in CALENDAR else lasting(per) / 96 + timedelta(seconds=1)


def budget(moment: Moment, candidate: Candidate) -> Verdict:
    zone, verdict = zone_of(moment.policies.time_zone), Verdict.ALLOW
    assert zone is not None
    for shared in moment.policies.budgets:
        if shared.channels and moment.question.channel not in shared.channels:
            continue
        if not _concerns(candidate, shared.kinds, shared.journeys) or candidate.action.cost == 0.0:
            continue
        begin = begins(shared.per, moment.now, zone)
        needs = candidate.action.cost - shared.amount - 1e-9
        own = [
            c
            for c in moment.all_contacts()
            if (not shared.channels or c.channel in shared.channels) and _concerns(c, shared.kinds, shared.journeys)
        ]
        now = sum(c.action.cost for c in own if (at := c.counts_since(moment.now)) is not None and at >= begin)
        if now + needs > 0:
            return Verdict.DENY
        begin -= given_back_late(shared.per)
        late = sum(c.action.cost for c in own for at in _lately(moment, [c]) if at >= begin)
        if late + needs > 0:
            verdict = Verdict.MAY
    return verdict


def _concerns(of: Candidate | Contact, kinds: Sequence[str], journeys: Sequence[str]) -> bool:
    """None named means all."""
    return (not kinds or counts_as(of) in kinds) and (not journeys or of.journey.journey_id in journeys)


# The customer's clock


def quiet_hours(moment: Moment, candidate: Candidate) -> Verdict:
    verdict = Verdict.ALLOW
    for quiet in moment.policies.quiet:
        if moment.question.channel not in quiet.channels or counts_as(candidate) not in (quiet.kinds or OTHERS):
            continue
        zone = moment.stored("time_zone")
        own = zone_of(zone.value) if zone.why is None else None
        if own is None:
            verdict = max(verdict, _unknown(zone.why or Why.MISSING, quiet.on_missing))
            continue
        local = moment.now.astimezone(own)
        if quiet.hours is not None and _lies_in(local.strftime("%H:%M"), *quiet.hours):
            return Verdict.DENY
        if quiet.weekends and local.weekday() >= 5:
            return Verdict.DENY
        if quiet.holidays:
            region = moment.stored("holiday_region")
            if region.why is not None:
                verdict = max(verdict, _unknown(region.why, quiet.on_missing))
            elif is_holiday(str(region.value), local.date()):
                return Verdict.DENY
    return verdict


def _unknown(why: Why, on_missing: str) -> Verdict:
    return Verdict.ALLOW if why is Why.MISSING and on_missing == "allow" else Verdict.DENY


def _lies_in(clock: str, begin: str, end: str) -> bool:
    if begin <= end:
        return begin <= clock < end
    return clock >= begin or clock < end


@cache
def is_holiday(region: str, day: date) -> bool:
    country, _, part = region.partition("-")
    return day in holidays.country_holidays(country, subdiv=part or None, years=day.year)
