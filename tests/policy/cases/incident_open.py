"""While something is wrong: helping journeys may speak, the others may not."""

from __future__ import annotations

from datetime import timedelta

from features.values import FeatureStatus
from service.decision.verdict import Reason, deny, unknown
from tests.policy.cases.case import Case, with_incidents
from tests.policy.customers import DAY, NOW, incident

OPENED = NOW - timedelta(hours=2)


def _blocked(kind: str, incident_class: str, open_incidents: int = 1) -> Reason:
    return deny(
        "INCIDENT_OPEN", kind=kind, incident_class=incident_class, opened_at=OPENED, open_incidents=open_incidents
    )


INCIDENT_OPEN = (
    Case(name="no incident", code="INCIDENT_OPEN", journey="freezer-mailer"),
    Case(
        name="an offer while a delivery is late",
        code="INCIDENT_OPEN",
        journey="freezer-mailer",
        customer=with_incidents(incident("delivery")),
        reason=_blocked("promotional", "delivery"),
    ),
    Case(
        name="a survey while two incidents are open",
        code="INCIDENT_OPEN",
        journey="satisfaction-survey",
        customer=with_incidents(incident("billing"), incident("billing", "i-2")),
        reason=_blocked("feedback", "billing", 2),
    ),
    Case(
        name="a thank-you while an incident without a class is open",
        code="INCIDENT_OPEN",
        journey="loyalty-thanks",
        customer=with_incidents(incident()),
        reason=_blocked("loyalty", ""),
    ),
    Case(
        name="points of a loyalty journey count as an offer",
        code="INCIDENT_OPEN",
        journey="bring-a-friend",
        customer=with_incidents(incident("a class nobody named")),
        reason=_blocked("promotional", "a class nobody named"),
    ),
    Case(
        name="the apology while an incident is open",
        code="INCIDENT_OPEN",
        journey="complaint-apology",
        customer=with_incidents(incident("safety")),
    ),
    Case(
        name="help while an incident is open",
        code="INCIDENT_OPEN",
        journey="how-can-we-help",
        channel="app",
        customer=with_incidents(incident()),
    ),
    Case(
        name="an offer while nobody can tell",
        code="INCIDENT_OPEN",
        journey="freezer-mailer",
        customer=with_incidents(status=FeatureStatus.UNAVAILABLE),
        reason=unknown("INCIDENT_OPEN", fact="incidents", status="UNAVAILABLE"),
    ),
    Case(
        name="an offer while one is known and others cannot be told",
        code="INCIDENT_OPEN",
        journey="freezer-mailer",
        customer=with_incidents(incident("delivery"), status=FeatureStatus.UNAVAILABLE),
        reason=_blocked("promotional", "delivery"),
    ),
    Case(
        name="an offer after the incident was resolved",
        code="INCIDENT_OPEN",
        journey="freezer-mailer",
        customer=with_incidents(last_resolved_at=NOW - DAY),
    ),
)
