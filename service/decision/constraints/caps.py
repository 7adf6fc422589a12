"""CONTACT_CAP and PRESSURE_CAP: how often a customer may be contacted, by one journey and by all together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from service.decision.facts import Contact, Facts
from service.decision.journey import JourneyKind
from service.decision.verdict import ALLOWED, Reason, Verdict, deny


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactCap:
    """Denies a journey that already had `at_most` contacts within the rolling window `per`."""

    journey_id: str
    at_most: int
    per: timedelta
    code: ClassVar[str] = "CONTACT_CAP"
    reads_contacts: ClassVar[bool] = True

    def check(self, facts: Facts) -> Verdict:
        own = (c for c in facts.situation.contacts if c.journey_id == self.journey_id)
        return _verdict(self.code, "journey", own, facts.now, self.at_most, self.per)


@dataclass(frozen=True, slots=True, kw_only=True)
class PressureCap:
    """Denies journeys of `kinds` on `channels` once those together had `at_most` contacts within `per`."""

    cap_id: str
    kinds: frozenset[JourneyKind]
    channels: frozenset[str]
    at_most: int
    per: timedelta
    code: ClassVar[str] = "PRESSURE_CAP"
    reads_contacts: ClassVar[bool] = True

    def check(self, facts: Facts) -> Verdict:
        counted = (c for c in facts.situation.contacts if c.kind in self.kinds and c.channel in self.channels)
        return _verdict(self.code, self.cap_id, counted, facts.now, self.at_most, self.per)


def _verdict(
    code: str, cap: str, contacts: Iterable[Contact], now: datetime, at_most: int, per: timedelta
) -> Reason | None:
    """A contact counts from its time until it is `per` old, or until its reservation is given back."""
    ends = sorted(end for c in contacts if (end := _counts_until(c, per)) > now)
    if len(ends) < at_most:
        return ALLOWED
    return deny(
        code,
        eligible_after=ends[len(ends) - at_most],
        cap=cap,
        at_most=at_most,
        per_s=int(per.total_seconds()),
        contacts=len(ends),
    )


def _counts_until(contact: Contact, per: timedelta) -> datetime:
    end = contact.at + per
    return end if contact.counts_until is None else min(end, contact.counts_until)
