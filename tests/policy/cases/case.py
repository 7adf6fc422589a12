"""What one constraint says of one journey, for one customer on one channel."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from features.values import FeatureStatus
from service.decision.facts import ConsentKey, Consents, Incident, OpenIncidents
from service.decision.verdict import Reason
from tests.policy.customers import Customer, granted


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`code` says `reason` of `journey` for this customer, or nothing."""

    name: str
    code: str
    journey: str
    customer: Customer = field(default_factory=Customer)
    channel: str = "email"
    reason: Reason | None = None


def withdrawn(key: ConsentKey, at: datetime) -> Customer:
    """The regular customer, who took back a consent at this instant."""
    return Customer(consents=Consents(granted_at=granted().granted_at, withdrawn_at={key: at}))


def with_incidents(
    *known: Incident, status: FeatureStatus = FeatureStatus.PRESENT, last_resolved_at: datetime | None = None
) -> Customer:
    """The regular customer, with what is known of incidents."""
    return Customer(incidents=OpenIncidents(known=known, status=status, last_resolved_at=last_resolved_at))
