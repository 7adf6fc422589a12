"""What a rule does about a fact that it cannot have: deny, unless its owner declared otherwise for that very status."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from features.values import FeatureStatus, Scalar
from service.decision.facts import Facts
from service.decision.verdict import ALLOWED, Verdict, unknown


class WhenUnknown(StrEnum):
    DENY = "deny"
    ALLOW = "allow"


class WhenStale(StrEnum):
    DENY = "deny"
    ALLOW = "allow"
    USE = "use"  # the old value is better than none


@dataclass(frozen=True, slots=True, kw_only=True)
class OnUnknown:
    """Declared per status. What cannot be reached (UNAVAILABLE) always denies.

    `on_unknown_customer` applies to missing facts of a customer nobody knows, in place of `on_missing`; where that
    cannot be told, both must allow.
    `max_age` makes an older feature stale for this rule, whatever its view declares.
    """

    on_missing: WhenUnknown = WhenUnknown.DENY
    on_stale: WhenStale = WhenStale.DENY
    on_unknown_customer: WhenUnknown | None = None
    max_age: timedelta | None = None

    @property
    def measures_age(self) -> bool:
        """Whether this rule may see other values than the rules that declare nothing."""
        return self.max_age is not None or self.on_stale is WhenStale.USE

    @property
    def tells_strangers_apart(self) -> bool:
        return self.on_unknown_customer is not None

    def verdict(self, code: str, facts: Facts, names: Iterable[str], **params: Scalar) -> Verdict:
        """The verdict of a rule that misses these facts: allowed if each one's status is declared to allow."""
        for name in names:
            status = self.status(facts, name)
            if not self._allows(status, facts):
                return unknown(code, fact=name, status=status.value, **params)
        return ALLOWED

    def denies(self, facts: Facts, names: Iterable[str]) -> bool:
        """Whether that verdict denies."""
        return any(not self._allows(self.status(facts, name), facts) for name in names)

    @property
    def always_denies(self) -> bool:
        """Whether nothing is declared to allow."""
        return (
            self.on_missing is WhenUnknown.DENY
            and self.on_stale is not WhenStale.ALLOW
            and self.on_unknown_customer is not WhenUnknown.ALLOW
        )

    def status(self, facts: Facts, name: str) -> FeatureStatus:
        """The status of a fact by this rule's own measure of age."""
        feature = facts.features.get(name.removeprefix("customer."))
        if feature is not None and feature.is_present and self.is_too_old(facts, name):
            return FeatureStatus.STALE
        return facts.status_of(name)

    def is_too_old(self, facts: Facts, name: str) -> bool:
        feature = facts.features.get(name.removeprefix("customer."))
        if self.max_age is None or feature is None or feature.event_time is None:
            return False
        return facts.fresh_at - feature.event_time > self.max_age

    def _allows(self, status: FeatureStatus, facts: Facts) -> bool:
        if status is FeatureStatus.STALE:
            return self.on_stale is WhenStale.ALLOW
        if status not in (FeatureStatus.NULL, FeatureStatus.NOT_FOUND):
            return False
        if_known, if_unknown = self.on_missing, self.on_unknown_customer or self.on_missing
        if facts.is_known is None:
            return if_known is if_unknown is WhenUnknown.ALLOW
        return (if_known if facts.is_known else if_unknown) is WhenUnknown.ALLOW


STRICT = OnUnknown()
