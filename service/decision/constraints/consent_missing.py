"""CONSENT_MISSING: no consent, no contact. Missing consent is no consent, and a withdrawal wins at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from features.values import FeatureStatus
from service.decision.constraints.feed import Feed, sources_of
from service.decision.constraints.rule import Span
from service.decision.evaluation import Evaluation
from service.decision.facts import SERVICE, Facts, SituationPart
from service.decision.verdict import ALLOWED, Observation, Verdict, deny, unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentMissing:
    """Denies unless the customer consents to this purpose on this channel."""

    purpose: str
    channel: str
    feed: Feed | None = None
    code: ClassVar[str] = "CONSENT_MISSING"
    reads_contacts: ClassVar[bool] = False
    reads: ClassVar[tuple[SituationPart, ...]] = (SituationPart.CONSENTS, SituationPart.FEEDS)
    subjects: ClassVar[frozenset[str] | None] = None

    @property
    def span(self) -> Span:
        return Span(consents=((self.purpose, self.channel),), sources=sources_of(self.feed))

    def named(self, journey_id: str) -> str:
        return f"{self.code} {self.purpose}"

    def denies(self, evaluation: Evaluation) -> bool:
        consents = evaluation.facts.situation.consents
        if consents.status is not FeatureStatus.PRESENT or not consents.holds(self.purpose, self.channel):
            return True
        return self.feed is not None and self.feed.is_silent(evaluation.facts)

    def check(self, evaluation: Evaluation) -> Verdict:
        facts = evaluation.facts
        consents = facts.situation.consents
        if not consents.holds(self.purpose, self.channel):
            withdrawn_at = consents.withdrawal(self.purpose, self.channel)
            if withdrawn_at is None:
                return deny(self.code, purpose=self.purpose, channel=self.channel)
            return deny(self.code, purpose=self.purpose, channel=self.channel, withdrawn_at=withdrawn_at)
        if consents.status is not FeatureStatus.PRESENT:
            return unknown(self.code, fact="consents", status=consents.status.value, purpose=self.purpose)
        if self.feed is not None and self.feed.is_silent(facts):
            return unknown(self.code, fact=self.feed.fact, status="STALE", purpose=self.purpose)
        return ALLOWED

    def seen(self, evaluation: Evaluation) -> Observation:
        return _seen(self.purpose, self.channel, evaluation.facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceWithdrawn:
    """Guards journeys that list no purpose: denies once the customer withdrew `service`, or the whole channel.

    Declared to rest on what is known when the consents cannot be read in full: an apology does not wait for a store.
    """

    channel: str
    code: ClassVar[str] = "CONSENT_MISSING"
    reads_contacts: ClassVar[bool] = False
    reads: ClassVar[tuple[SituationPart, ...]] = (SituationPart.WITHDRAWALS,)
    subjects: ClassVar[frozenset[str] | None] = None

    @property
    def span(self) -> Span:
        return Span(consents=((SERVICE, self.channel),))

    def named(self, journey_id: str) -> str:
        return f"{self.code} {SERVICE}"

    def denies(self, evaluation: Evaluation) -> bool:
        consents = evaluation.facts.situation.consents
        withdrawn_at = consents.withdrawal(SERVICE, self.channel)
        if withdrawn_at is None:
            return False
        granted_at = consents.granted_at.get((SERVICE, self.channel))
        return granted_at is None or granted_at <= withdrawn_at

    def check(self, evaluation: Evaluation) -> Verdict:
        consents = evaluation.facts.situation.consents
        withdrawn_at = consents.withdrawal(SERVICE, self.channel)
        if withdrawn_at is None:
            return ALLOWED
        granted_at = consents.granted_at.get((SERVICE, self.channel))
        if granted_at is not None and granted_at > withdrawn_at:
            return ALLOWED
        return deny(self.code, purpose=SERVICE, channel=self.channel, withdrawn_at=withdrawn_at)

    def seen(self, evaluation: Evaluation) -> Observation:
        return _seen(SERVICE, self.channel, evaluation.facts)


def _seen(purpose: str, channel: str, facts: Facts) -> Observation:
    consents = facts.situation.consents
    told = {
        "granted": consents.granted_at.get((purpose, channel)),
        "withdrawn": consents.withdrawal(purpose, channel),
    }
    times = {name: at for name, at in told.items() if at is not None}
    return Observation(
        observed={"status": consents.status.value, **times},
        limits={"purpose": purpose, "channel": channel},
        ages={name: facts.now - at for name, at in times.items()},
    )
