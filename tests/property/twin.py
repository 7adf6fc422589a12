"""A naive twin of the rules and the order: written from the design, one candidate at a time, nothing shared."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import timedelta

from service.decision.arbitrate import Scored
from service.decision.constraints.registry import Policies
from service.decision.facts import Consents, Contact, Facts
from service.decision.journey import JourneyKind
from service.decision.plan import Candidate
from tests.builders import Catalogue, Offered


def denials(made: Catalogue, candidate: Candidate, known: Facts) -> set[str]:
    """The codes of every constraint that denies this candidate."""
    own = next(o for o in made.offered if o.journey.journey_id == candidate.journey_id)
    kind = JourneyKind.PROMOTIONAL if candidate.action.is_offer else own.journey.kind
    found = set()
    if _is_out_of_time(own, known):
        found.add("NOT_VALID_NOW")
    if _is_stopped_by_incident(kind, made.policies, known):
        found.add("INCIDENT_OPEN")
    if _lacks_consent(own, known):
        found.add("CONSENT_MISSING")
    if own.audience is not None and own.audience.holds(known) is not True:
        found.add("AUDIENCE")
    return found | cap_denials(made, candidate, known)


def cap_denials(made: Catalogue, candidate: Candidate, known: Facts) -> set[str]:
    """The codes of the caps that these contacts have reached for this candidate."""
    own = next(o for o in made.offered if o.journey.journey_id == candidate.journey_id)
    kind = JourneyKind.PROMOTIONAL if candidate.action.is_offer else own.journey.kind
    contacts = known.situation.contacts
    found = set()
    if own.contact is not None:
        mine = [c for c in contacts if c.journey_id == own.journey.journey_id]
        if how_many(mine, known, own.contact.per) >= own.contact.at_most:
            found.add("CONTACT_CAP")
    for cap in made.policies.pressure:
        if kind in cap.kinds and known.channel in cap.channels:
            alike = [c for c in contacts if c.kind in cap.kinds and c.channel in cap.channels]
            if how_many(alike, known, cap.per) >= cap.at_most:
                found.add("PRESSURE_CAP")
    return found


def how_many(contacts: Iterable[Contact], known: Facts, per: timedelta) -> int:
    """The contacts younger than `per` that were not given back."""
    count = 0
    for one in contacts:
        is_given_back = one.counts_until is not None and one.counts_until <= known.now
        if known.now - one.at < per and not is_given_back:
            count += 1
    return count


def order(scored: Iterable[Scored]) -> list[str]:
    """Journey ids by tier, priority (what is not finite last) and id: one stable sort for each, the last first."""
    listed = sorted(scored, key=lambda s: s.candidate.journey_id)
    listed = sorted(listed, key=lambda s: s.priority if math.isfinite(s.priority) else 0.0, reverse=True)
    listed = sorted(listed, key=lambda s: not math.isfinite(s.priority))
    listed = sorted(listed, key=lambda s: s.candidate.journey.tier)
    return [s.candidate.journey_id for s in listed]


def ids(candidates: Sequence[Candidate]) -> set[str]:
    return {c.journey_id for c in candidates}


def _is_out_of_time(own: Offered, known: Facts) -> bool:
    is_early = own.valid_from is not None and known.now < own.valid_from
    return is_early or (own.valid_until is not None and known.now >= own.valid_until)


def _is_stopped_by_incident(kind: JourneyKind, policies: Policies, known: Facts) -> bool:
    """A class that the policy does not name is treated by the strictest of all; what may be open counts as that too."""
    strictest = policies.incident_default.intersection(*policies.incident_classes.values())
    incidents = known.situation.incidents
    for incident in incidents.known:
        allowed = policies.incident_classes.get(incident.incident_class or "", strictest)
        if kind not in allowed:
            return True
    return not incidents.is_complete and kind not in strictest


def _lacks_consent(own: Offered, known: Facts) -> bool:
    consents = known.situation.consents
    if not own.purposes:
        return _is_withdrawn(consents, "service", known.channel)
    if consents.status.value != "PRESENT":
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
