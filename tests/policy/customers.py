"""Customers made by hand for the policy cases, at one frozen instant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from features.values import FeatureRow, FeatureStatus, FeatureValue, Scalar
from service.decision.facts import Consents, Contact, Facts, Incident, OpenIncidents, Situation
from service.decision.journey import JourneyKind
from service.decision.variables import with_variables

NOW = datetime(2018, 1, 3, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
CHANNELS = ("app", "call_center", "email", "push", "sms", "store", "web")
PURPOSES = ("loyalty", "marketing", "research")

REGULAR: Mapping[str, Scalar] = {
    "baskets_30d": 4,
    "baskets_7d": 1,
    "baskets_90d": 11,
    "campaigns_received_total": 3,
    "categories_90d": 73,
    "coupon_baskets_90d": 0,
    "days_since_first_seen": 360.0,
    "evening_share_90d": 0.3,
    "recency_days": 3.0,
    "redemptions_total": 1,
    "share_meat_90d": 0.1,
    "share_produce_90d": 0.05,
    "spend_90d": 320.0,
    "spend_baby_food_90d": 0.0,
    "spend_cold_cereal_90d": 8.0,
    "spend_frozen_meat_90d": 12.0,
    "spend_frozen_pizza_90d": 12.0,
    "spend_greeting_cards_90d": 0.0,
    "spend_hair_care_90d": 0.0,
    "spend_makeup_90d": 0.0,
    "spend_soap_90d": 3.0,
    "time_zone": "America/New_York",
}
"""A household like the median one of The Complete Journey: 11 baskets and $320 in 90 days, first seen a year ago."""


def known(values: Mapping[str, Scalar]) -> FeatureRow:
    return {n: FeatureValue(name=n, status=FeatureStatus.PRESENT, value=v, event_time=NOW) for n, v in values.items()}


def lost(status: FeatureStatus, names: Iterable[str] = REGULAR) -> FeatureRow:
    """The same features, none of which may be relied on."""
    return {name: FeatureValue(name=name, status=status) for name in names}


def granted(purposes: Iterable[str] = PURPOSES, channels: Iterable[str] = CHANNELS) -> Consents:
    return Consents(granted_at={(p, c): NOW - 90 * DAY for p in purposes for c in channels})


def incident(incident_class: str | None = None, incident_id: str = "i-1") -> Incident:
    return Incident(incident_id=incident_id, opened_at=NOW - timedelta(hours=2), incident_class=incident_class)


def contact(
    journey_id: str,
    channel: str,
    at: datetime,
    kind: JourneyKind = JourneyKind.PROMOTIONAL,
    until: datetime | None = None,
) -> Contact:
    return Contact(
        decision_id=f"d-{at:%j%H}", journey_id=journey_id, kind=kind, channel=channel, at=at, counts_until=until
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A customer at an instant; the regular one, who consents to everything everywhere, unless said otherwise."""

    features: FeatureRow = field(default_factory=lambda: known(REGULAR))
    is_known: bool | None = True
    incidents: OpenIncidents = field(default_factory=OpenIncidents)
    consents: Consents = field(default_factory=granted)
    contacts: tuple[Contact, ...] = ()
    context: Mapping[str, Scalar] = field(default_factory=dict)
    now: datetime = NOW

    def asks(self, channel: str, placement: str | None = None) -> Facts:
        """The facts of a request on this channel."""
        situation = Situation(incidents=self.incidents, consents=self.consents, contacts=self.contacts)
        return with_variables(
            Facts(
                now=self.now,
                customer_id="c-1",
                channel=channel,
                placement=placement,
                context=self.context,
                features=self.features,
                is_known=self.is_known,
                situation=situation,
            )
        )


def regular_but(**values: Scalar) -> Customer:
    """The regular customer with some facts changed."""
    return Customer(features=known({**REGULAR, **values}))
