"""Whom each journey is for, at the edges of its condition."""

from __future__ import annotations

from collections.abc import Mapping

from features.values import FeatureStatus, Scalar
from service.decision.verdict import Reason, ReasonKind, unknown
from tests.policy.cases.case import Case, with_incidents
from tests.policy.customers import DAY, NOW, Customer, known, lost, regular_but

FREEZER = "customer.spend_frozen_meat_90d > 0.0 && customer.recency_days < 45.0"
BREAKFAST = "customer.spend_cold_cereal_90d >= 7.5 && customer.baskets_90d >= 4"
FOLLOW_UP = '!situation.has_open_incident && now < situation.last_incident_resolved_at + duration("168h")'


def outside(params: Mapping[str, Scalar]) -> Reason:
    return Reason(code="AUDIENCE", kind=ReasonKind.DENIED, params=params)


AUDIENCE = (
    Case(name="who buys frozen meat", code="AUDIENCE", journey="freezer-mailer"),
    Case(
        name="who buys none",
        code="AUDIENCE",
        journey="freezer-mailer",
        customer=regular_but(spend_frozen_meat_90d=0.0),
        reason=outside(
            {"condition": FREEZER, "customer.spend_frozen_meat_90d": 0.0, "customer.recency_days": 3.0},
        ),
    ),
    Case(
        name="who was last seen 45 days ago",
        code="AUDIENCE",
        journey="freezer-mailer",
        customer=regular_but(recency_days=45.0),
        reason=outside(
            {"condition": FREEZER, "customer.spend_frozen_meat_90d": 12.0, "customer.recency_days": 45.0},
        ),
    ),
    Case(
        name="whose behaviour is stale",
        code="AUDIENCE",
        journey="breakfast-coupons",
        customer=Customer(features=lost(FeatureStatus.STALE)),
        reason=unknown(
            "AUDIENCE",
            condition=BREAKFAST,
            fact="customer.baskets_90d",
            status="STALE",
        ),
    ),
    Case(
        name="one fact is enough to be outside, whatever is missing",
        code="AUDIENCE",
        journey="breakfast-coupons",
        customer=Customer(features=known({"baskets_90d": 3})),
        reason=outside(
            {
                "condition": BREAKFAST,
                "customer.baskets_90d": 3,
            },
        ),
    ),
    Case(
        name="a new customer is welcome",
        code="AUDIENCE",
        journey="welcome",
        customer=Customer(features=lost(FeatureStatus.NOT_FOUND), is_known=False),
    ),
    Case(
        name="an incident resolved six days ago is followed up",
        code="AUDIENCE",
        journey="incident-follow-up",
        customer=with_incidents(last_resolved_at=NOW - 6 * DAY),
    ),
    Case(
        name="an incident resolved seven days ago is not",
        code="AUDIENCE",
        journey="incident-follow-up",
        customer=with_incidents(last_resolved_at=NOW - 7 * DAY),
        reason=outside(
            {
                "condition": FOLLOW_UP,
                "now": NOW,
                "situation.has_open_incident": False,
                "situation.last_incident_resolved_at": NOW - 7 * DAY,
            },
        ),
    ),
)
