"""CONTACT_CAP and PRESSURE_CAP: how often a customer may be contacted, by one journey and by all together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from features.values import Scalar
from service.decision.constraints.rule import Span
from service.decision.constraints.unknown import STRICT
from service.decision.evaluation import Evaluation
from service.decision.facts import Contact, Facts, SituationPart
from service.decision.journey import JourneyKind
from service.decision.verdict import ALLOWED, Observation, Verdict, deny
from service.decision.windows import Per, Period, Window, describe, earliest_start, longest, window_of

ZONE_FEATURE = "time_zone"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactCap:
    """Denies a journey that already had `at_most` contacts within `per`; a calendar period is the customer's own."""

    journey_id: str
    at_most: int
    per: Per
    zone_feature: str = ZONE_FEATURE
    code: ClassVar[str] = "CONTACT_CAP"
    reads_contacts: ClassVar[bool] = True
    reads: ClassVar[tuple[SituationPart, ...]] = (SituationPart.CONTACTS,)

    @property
    def subjects(self) -> frozenset[str]:
        return frozenset({self.journey_id})

    @property
    def span(self) -> Span:
        return Span(contacts=longest(self.per))

    def named(self, journey_id: str) -> str:
        return f"{self.code} {journey_id}"

    def denies(self, evaluation: Evaluation) -> bool:
        contacts = evaluation.contacts.of_journey(self.journey_id)
        return _denies(contacts, evaluation.facts, self.at_most, self.per, self.zone_feature)

    def check(self, evaluation: Evaluation) -> Verdict:
        facts, contacts = evaluation.facts, evaluation.contacts.of_journey(self.journey_id)
        return _verdict(self.code, "journey", contacts, facts, self.at_most, self.per, self.zone_feature)

    def seen(self, evaluation: Evaluation) -> Observation:
        contacts = evaluation.contacts.of_journey(self.journey_id)
        return _seen(contacts, evaluation.facts, self.at_most, self.per, self.zone_feature)


@dataclass(frozen=True, slots=True, kw_only=True)
class PressureCap:
    """Denies journeys of `kinds` on `channels` once those together had `at_most` contacts within `per`."""

    cap_id: str
    kinds: frozenset[JourneyKind]
    channels: frozenset[str]
    at_most: int
    per: Per
    zone_feature: str = ZONE_FEATURE
    code: ClassVar[str] = "PRESSURE_CAP"
    reads_contacts: ClassVar[bool] = True
    reads: ClassVar[tuple[SituationPart, ...]] = (SituationPart.CONTACTS,)
    subjects: ClassVar[frozenset[str] | None] = None

    @property
    def span(self) -> Span:
        return Span(contacts=longest(self.per))

    def named(self, journey_id: str) -> str:
        return f"{self.code} {self.cap_id}"

    def denies(self, evaluation: Evaluation) -> bool:
        by_kind = evaluation.contacts.by_kind
        keys = [key for key in by_kind if key[0] in self.kinds and key[1] in self.channels]
        if sum(len(by_kind[key]) for key in keys) < self.at_most:
            return False
        contacts = [contact for key in keys for contact in by_kind[key]]
        return _denies(contacts, evaluation.facts, self.at_most, self.per, self.zone_feature)

    def check(self, evaluation: Evaluation) -> Verdict:
        facts = evaluation.facts
        return _verdict(self.code, self.cap_id, self._counted(facts), facts, self.at_most, self.per, self.zone_feature)

    def seen(self, evaluation: Evaluation) -> Observation:
        facts = evaluation.facts
        return _seen(self._counted(facts), facts, self.at_most, self.per, self.zone_feature)

    def _counted(self, facts: Facts) -> list[Contact]:
        return [c for c in facts.situation.contacts if c.kind in self.kinds and c.channel in self.channels]


def _denies(contacts: Sequence[Contact], facts: Facts, at_most: int, per: Per, zone_feature: str) -> bool:
    if len(contacts) < at_most:
        return False
    ends = _counting_until(contacts, facts, at_most, per, zone_feature)
    return ends is None or len(ends) >= at_most


def _verdict(
    code: str, cap: str, contacts: Sequence[Contact], facts: Facts, at_most: int, per: Per, zone_feature: str
) -> Verdict:
    """Too few contacts to reach the limit allow, whatever the window: that of an unknown zone is unknown."""
    if len(contacts) < at_most:
        return ALLOWED
    ends = _counting_until(contacts, facts, at_most, per, zone_feature)
    if ends is None:
        return STRICT.verdict(code, facts, (zone_feature,), cap=cap)
    if len(ends) < at_most:
        return ALLOWED
    return deny(
        code,
        eligible_after=ends[len(ends) - at_most],
        cap=cap,
        at_most=at_most,
        per=describe(per),
        contacts=len(ends),
    )


def _counting_until(
    contacts: Sequence[Contact], facts: Facts, at_most: int, per: Per, zone_feature: str
) -> list[datetime] | None:
    """When each contact that counts stops counting, ascending; none of them if they are too few in any zone.

    None if they might be enough, in a zone that is not known.
    """
    zone = facts.zone(zone_feature) if isinstance(per, Period) else None
    if zone is None and isinstance(per, Period):
        since = earliest_start(per, facts.now)
        counting = [c for c in contacts if not c.is_given_back(facts.now)]
        enough = sum(c.at >= since or c.is_reserved(facts.now) for c in counting) >= at_most
        return None if enough else []
    window = window_of(per, zone)
    return None if window is None else _ends(contacts, window, facts.now)


def _seen(contacts: Sequence[Contact], facts: Facts, at_most: int, per: Per, zone_feature: str) -> Observation:
    """What a cap sees: the contacts that count, or all not given back if its window is that of an unknown zone."""
    now, window = facts.now, window_of(per, facts.zone(zone_feature))
    counting = [c for c in contacts if not c.is_given_back(now)]
    if window is not None:
        counting = [c for c in counting if c.counts_in(window) > now]
    ages = {"last": now - max(c.at for c in counting)} if counting else {}
    limits: dict[str, Scalar] = {"at_most": at_most, "per": describe(per)}
    return Observation(observed={"contacts": len(counting)}, limits=limits, ages=ages)


def _ends(contacts: Iterable[Contact], window: Window, now: datetime) -> list[datetime]:
    """When each contact that counts stops counting, ascending: by the window, or as its reservation is given back.

    What is reserved can still be shown, and then counts from that moment: so it counts as long as it is reserved.
    """
    since = window.start(now)
    counting = (c for c in contacts if c.at >= since or c.is_reserved(now))
    return sorted(end for c in counting if (end := c.counts_in(window)) > now)
