"""No consent, no contact; journeys that help need no grant, but obey a withdrawal."""

from __future__ import annotations

from features.values import FeatureStatus
from service.decision.facts import ANY, Consents
from service.decision.verdict import deny, unknown
from tests.policy.cases.case import Case, withdrawn
from tests.policy.customers import DAY, NOW, Customer, granted

MARKETING_BY_EMAIL = ("marketing", "email")

CONSENT_MISSING = (
    Case(name="consent was given", code="CONSENT_MISSING", journey="freezer-mailer"),
    Case(
        name="consent was never given",
        code="CONSENT_MISSING",
        journey="freezer-mailer",
        customer=Customer(consents=Consents()),
        reason=deny("CONSENT_MISSING", purpose="marketing", channel="email"),
    ),
    Case(
        name="consent for another channel",
        code="CONSENT_MISSING",
        journey="freezer-mailer",
        customer=Customer(consents=granted(channels=("app",))),
        reason=deny("CONSENT_MISSING", purpose="marketing", channel="email"),
    ),
    Case(
        name="consent for another purpose",
        code="CONSENT_MISSING",
        journey="satisfaction-survey",
        customer=Customer(consents=granted(purposes=("marketing", "loyalty"))),
        reason=deny("CONSENT_MISSING", purpose="research", channel="email"),
    ),
    Case(
        name="consent was withdrawn later",
        code="CONSENT_MISSING",
        journey="freezer-mailer",
        customer=withdrawn(MARKETING_BY_EMAIL, NOW - DAY),
        reason=deny("CONSENT_MISSING", purpose="marketing", channel="email", withdrawn_at=NOW - DAY),
    ),
    Case(
        name="consent was withdrawn at the very instant of the grant",
        code="CONSENT_MISSING",
        journey="freezer-mailer",
        customer=withdrawn(MARKETING_BY_EMAIL, NOW - 90 * DAY),
        reason=deny("CONSENT_MISSING", purpose="marketing", channel="email", withdrawn_at=NOW - 90 * DAY),
    ),
    Case(
        name="consent was withdrawn before it was given again",
        code="CONSENT_MISSING",
        journey="freezer-mailer",
        customer=withdrawn(MARKETING_BY_EMAIL, NOW - 91 * DAY),
    ),
    Case(
        name="everything was withdrawn",
        code="CONSENT_MISSING",
        journey="freezer-mailer",
        customer=withdrawn((ANY, ANY), NOW - DAY),
        reason=deny("CONSENT_MISSING", purpose="marketing", channel="email", withdrawn_at=NOW - DAY),
    ),
    Case(
        name="withdrawals cannot be read",
        code="CONSENT_MISSING",
        journey="freezer-mailer",
        customer=Customer(consents=Consents(granted_at=granted().granted_at, status=FeatureStatus.UNAVAILABLE)),
        reason=unknown("CONSENT_MISSING", fact="consents", status="UNAVAILABLE", purpose="marketing"),
    ),
    Case(
        name="an apology needs no grant",
        code="CONSENT_MISSING",
        journey="complaint-apology",
        customer=Customer(consents=Consents(status=FeatureStatus.UNAVAILABLE)),
    ),
    Case(
        name="an apology obeys a withdrawn channel",
        code="CONSENT_MISSING",
        journey="complaint-apology",
        customer=withdrawn((ANY, "email"), NOW - DAY),
        reason=deny("CONSENT_MISSING", purpose="service", channel="email", withdrawn_at=NOW - DAY),
    ),
    Case(
        name="an apology does not mind that marketing was withdrawn",
        code="CONSENT_MISSING",
        journey="complaint-apology",
        customer=withdrawn(("marketing", ANY), NOW - DAY),
    ),
)
