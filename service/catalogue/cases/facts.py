"""A case as facts: the same values that both stores would give, so that cases run on the core and over gRPC alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from features.derived import derive
from features.documents.form import meant
from features.schema import FeatureType
from features.values import FeatureStatus, FeatureValue, Scalar
from service.catalogue.cases.document import CaseDocument, ContactDocument
from service.catalogue.cases.features import feature_faults, stored_features, typed
from service.catalogue.cases.invalid import CaseInvalid, Path, no_journey
from service.catalogue.documents.forms import instant_of
from service.catalogue.incident_sources import with_incidents
from service.catalogue.terms import Terms
from service.decision.constraints.consent_missing import ConsentMissing
from service.decision.facts import (
    ANY,
    SERVICE,
    ConsentKey,
    Consents,
    Contact,
    Enrolment,
    Facts,
    Incident,
    OpenIncidents,
    ResolvedIncident,
    Response,
    Situation,
    Use,
)
from service.decision.plan import Candidate, Plan, Unconfirmed
from service.state.rows.fold import JourneyMove, Move, enrolment

CUSTOMER = "case"
GRANTED_AGO = timedelta(days=90)
"""How old the consents of a case are."""
_TYPES = {str: FeatureType.STRING, float: FeatureType.DOUBLE, int: FeatureType.INT, bool: FeatureType.BOOL}


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseContact:
    """A contact of a case, as the candidate it was made for, and what followed."""

    candidate: Candidate
    contact: Contact
    responses: tuple[Response, ...]


def facts_of_case(case: CaseDocument, plan: Plan, terms: Terms) -> Facts:
    """Raises: CaseInvalid."""
    now, channel = moment_of(case, plan)
    situation = situation_of(case, plan)
    stored = stored_features(case, terms.schema, now)
    facts = Facts(
        now=now,
        customer_id=CUSTOMER,
        channel=channel,
        placement=case.placement,
        context=context_of(case, plan),
        features={**derive(stored, now, terms.schema.derived), **stored},
        is_known=_is_known(case, stored, situation, terms),
        situation=situation,
    )
    return with_incidents(facts, terms.incidents)


def fact_faults(case: CaseDocument, plan: Plan, terms: Terms) -> Iterator[CaseInvalid]:
    """What is wrong with the facts of a case, part by part; of a part that is not about features, the first fault."""
    try:
        now, _ = moment_of(case, plan)
    except CaseInvalid as error:
        yield error
        return
    yield from feature_faults(case, terms.schema, now)
    for part in (context_of, situation_of):
        try:
            part(case, plan)
        except CaseInvalid as error:
            yield error


def moment_of(case: CaseDocument, plan: Plan) -> tuple[datetime, str]:
    """When the case asks, and on which channel. Raises: CaseInvalid."""
    if case.now is None or case.channel is None:
        raise CaseInvalid("now and channel must be given, here or in defaults")
    if case.channel not in plan.channels:
        raise _undeclared("channel", case.channel, plan.channels, ("channel",))
    if not plan.channels[case.channel].has(case.placement):
        known = plan.channels[case.channel].placements or ()
        text = f"placement '{case.placement}' is not declared for {case.channel}"
        raise CaseInvalid(text + meant(case.placement or "", known), ("placement",))
    return instant_of(case.now, plan.zone), case.channel


def context_of(case: CaseDocument, plan: Plan) -> dict[str, Scalar]:
    """Raises: CaseInvalid for a key that is not declared."""
    found: dict[str, Scalar] = {}
    for name, value in (case.context or {}).items():
        if name not in plan.context_types or value is None:
            raise _undeclared("context", name, plan.context_types, ("context", name))
        found[name] = typed(value, _TYPES[plan.context_types[name]], ("context", name))
    return found


def _is_known(
    case: CaseDocument, stored: Mapping[str, FeatureValue], situation: Situation, terms: Terms
) -> bool | None:
    told = {name for name, feature in stored.items() if feature.status is not FeatureStatus.NOT_FOUND}
    has_event = any(terms.schema.by_name[name].is_event_time for name in told)
    if situation.has_events or has_event or (told and case.feature_store is None):
        return True
    return None if case.feature_store is not None else False


def situation_of(case: CaseDocument, plan: Plan) -> Situation:
    """What follows from the events, contacts and outcomes of a case. Raises: CaseInvalid."""
    now, _ = moment_of(case, plan)
    contacts = tuple(contacts_of_case(case, plan))
    consents, incidents = consents_of(case, plan), _incidents(case, now)
    has_events = bool(case.incidents or case.enrolments or consents.granted_at or consents.withdrawn_at)
    return Situation(
        has_events=has_events,
        incidents=incidents,
        consents=consents,
        contacts=tuple(sorted((c.contact for c in contacts), key=lambda c: (c.at, c.decision_id))),
        responses=tuple(sorted((r for c in contacts for r in c.responses), key=lambda r: r.at)),
        enrolments=_enrolments(case, contacts, now, plan),
        kills=case.kills or {},
        uses=_uses(case, contacts, now, plan),
        feeds={source: now - ago for source, ago in (case.feeds or {}).items()},
    )


def _status(case: CaseDocument) -> FeatureStatus:
    return FeatureStatus.PRESENT if case.feature_store is None else case.feature_store


def _incidents(case: CaseDocument, now: datetime) -> OpenIncidents:
    listed = tuple(enumerate(case.incidents or ()))
    resolved = [(now - i.resolved, i) for _, i in listed if i.resolved is not None]
    return OpenIncidents(
        known=tuple(
            Incident(incident_id=f"case-{n}", opened_at=now - i.opened, incident_class=i.class_, severity=i.severity)
            for n, i in listed
            if i.resolved is None
        ),
        resolved=tuple(
            ResolvedIncident(incident_class=i.class_, severity=i.severity, resolved_at=at) for at, i in resolved
        ),
        status=_status(case),
        last_resolved_at=max((at for at, _ in resolved), default=None),
    )


def consents_of(case: CaseDocument, plan: Plan) -> Consents:
    """Raises: CaseInvalid."""
    now, _ = moment_of(case, plan)
    given = case.consents if isinstance(case.consents, dict) else {}
    if case.consents == "all":
        given = dict.fromkeys(_purposes(plan), "all")
    granted = {
        (purpose, channel): now - GRANTED_AGO
        for purpose, channels in given.items()
        for channel in (plan.channels if channels == "all" else channels)
    }
    withdrawn = {(w.purpose or ANY, w.channel or ANY): now - w.ago for w in case.withdrawn or ()}
    for purpose, channels in given.items():
        listed = () if channels == "all" else channels
        _demand_declared([(purpose, channel) for channel in listed] or [(purpose, ANY)], plan, ("consents", purpose))
    for n, w in enumerate(case.withdrawn or ()):
        _demand_declared([(w.purpose or ANY, w.channel or ANY)], plan, ("withdrawn", n))
    return Consents(granted_at=granted, withdrawn_at=withdrawn, status=_status(case))


def _demand_declared(spoken_of: Iterable[ConsentKey], plan: Plan, path: Path) -> None:
    for purpose, channel in spoken_of:
        if purpose not in (*plan.purposes, SERVICE, ANY):
            raise _undeclared("purpose", purpose, plan.purposes, path)
        if channel not in (*plan.channels, ANY):
            raise _undeclared("channel", channel, plan.channels, path)


def _undeclared(what: str, name: str, known: Iterable[str], path: Path) -> CaseInvalid:
    return CaseInvalid(f"{what} '{name}' is not declared{meant(name, known)}", path)


def _purposes(plan: Plan) -> list[str]:
    """Every purpose that some journey needs."""
    return sorted({rule.purpose for rule in plan.rules if isinstance(rule, ConsentMissing)})


def contacts_of_case(case: CaseDocument, plan: Plan) -> Iterator[CaseContact]:
    """Raises: CaseInvalid for a journey that has nothing to show there."""
    now, _ = moment_of(case, plan)
    for n, document in enumerate(case.contacts or ()):
        candidate = _contacted(document, plan, n)
        for k in range(document.times):
            at = now - document.ago - k * (document.every or timedelta(0))
            contact = _contact(document, candidate, f"case-{n}-{k}", at, plan)
            responses = tuple(
                Response(decision_id=contact.decision_id, journey_id=document.journey, type=r.type, at=now - r.ago)
                for r in document.responses
            )
            yield CaseContact(candidate=candidate, contact=contact, responses=responses)


def _contacted(document: ContactDocument, plan: Plan, n: int) -> Candidate:
    if document.journey not in plan.lifetimes:
        raise no_journey(document.journey, plan, ("contacts", n, "journey"))
    if document.channel not in plan.channels:
        raise _undeclared("channel", document.channel, plan.channels, ("contacts", n, "channel"))
    offered = next(
        (o for o in plan.journeys.get(document.channel, ()) if o.journey.journey_id == document.journey), None
    )
    stage = document.stage or (None if offered is None else offered.journey.first_stage)
    staged = () if offered is None or stage is None else offered.by_stage.get(stage, ())
    if not staged:
        text = f"{document.journey} has nothing at that stage on {document.channel}"
        raise CaseInvalid(text, ("contacts", n))
    return staged[0]


def _contact(document: ContactDocument, candidate: Candidate, decision_id: str, at: datetime, plan: Plan) -> Contact:
    channel = plan.channels[document.channel]
    is_presented = document.state == "presented"
    ends = None if is_presented else at + channel.reserve
    return Contact(
        decision_id=decision_id,
        journey_id=document.journey,
        kind=candidate.kind,
        channel=document.channel,
        at=at,
        counts_until=ends if channel.unconfirmed is Unconfirmed.RELEASE else None,
        reserved_until=ends,
        is_presented=is_presented,
        cost=candidate.action.cost,
    )


def _enrolments(case: CaseDocument, contacts: Iterable[CaseContact], now: datetime, plan: Plan) -> dict[str, Enrolment]:
    moves: dict[str, list[JourneyMove]] = defaultdict(list)
    for c in contacts:
        if c.contact.is_presented:
            stage = c.candidate.stage.value
            moves[c.contact.journey_id].append(JourneyMove(c.contact.at, Move.PRESENTED, c.contact.decision_id, stage))
    for n, e in enumerate(case.enrolments or ()):
        if e.journey not in plan.lifetimes:
            raise no_journey(e.journey, plan, ("enrolments", n, "journey"))
        moves[e.journey].append(JourneyMove(now - e.ago, Move.ENTERED, "case", e.stage.value))
        if e.exited is not None:
            moves[e.journey].append(JourneyMove(now - e.exited, Move.EXITED, "case", ""))
    folded = ((journey, enrolment(journey, moved)) for journey, moved in sorted(moves.items()))
    return {journey: place for journey, place in folded if place is not None}


def _uses(case: CaseDocument, contacts: Iterable[CaseContact], now: datetime, plan: Plan) -> dict[str, tuple[Use, ...]]:
    """What the case says of others, and what the customer's own contacts use."""
    uses: dict[str, list[Use]] = defaultdict(list)
    for pool_id, use in (case.uses or {}).items():
        if pool_id not in {pool.pool_id for pool in plan.pools}:
            known = [pool.pool_id for pool in plan.pools]
            raise CaseInvalid(f"there is no pool '{pool_id}'{meant(pool_id, known)}", ("uses", pool_id))
        uses[pool_id].append(Use(ends_at=now + use.for_, amount=use.amount))
    for pool in plan.pools:
        for contact in (c.contact for c in contacts):
            ends = min(pool.window.end(contact.at), contact.counts_until or pool.window.end(contact.at))
            if pool.uses(contact) and ends > now:
                uses[pool.pool_id].append(Use(ends_at=ends, amount=pool.uses(contact)))
    return {pool: tuple(listed) for pool, listed in uses.items()}
