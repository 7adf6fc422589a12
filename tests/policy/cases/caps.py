"""How often one journey may come, and all together."""

from __future__ import annotations

from datetime import timedelta

from service.decision.facts import OpenIncidents
from service.decision.journey import JourneyKind
from service.decision.verdict import deny
from tests.policy.cases.case import Case
from tests.policy.customers import DAY, NOW, Customer, contact, incident

WEEK_S = 604_800

CONTACT_CAP = (
    Case(
        name="two of three contacts within a week",
        code="CONTACT_CAP",
        journey="freezer-mailer",
        channel="app",
        customer=Customer(contacts=tuple(contact("freezer-mailer", "web", NOW - d * DAY) for d in (1, 2))),
    ),
    Case(
        name="three of three, on other channels too",
        code="CONTACT_CAP",
        journey="freezer-mailer",
        channel="app",
        customer=Customer(
            contacts=tuple(
                contact("freezer-mailer", c, NOW - d * DAY) for c, d in (("web", 1), ("email", 2), ("app", 4))
            )
        ),
        reason=deny("CONTACT_CAP", eligible_after=NOW + 3 * DAY, cap="journey", at_most=3, per=WEEK_S, contacts=3),
    ),
    Case(
        name="the oldest of three is a week old",
        code="CONTACT_CAP",
        journey="freezer-mailer",
        channel="app",
        customer=Customer(contacts=tuple(contact("freezer-mailer", "web", NOW - d * DAY) for d in (1, 2, 7))),
    ),
    Case(
        name="contacts of another journey",
        code="CONTACT_CAP",
        journey="freezer-mailer",
        channel="app",
        customer=Customer(contacts=tuple(contact("pantry-mailer", "web", NOW - d * DAY) for d in (1, 2, 3))),
    ),
    Case(
        name="a reservation that is given back in a quarter of an hour",
        code="CONTACT_CAP",
        journey="satisfaction-survey",
        channel="web",
        customer=Customer(
            contacts=(contact("satisfaction-survey", "app", NOW, JourneyKind.FEEDBACK, NOW + timedelta(minutes=15)),)
        ),
        reason=deny(
            "CONTACT_CAP",
            eligible_after=NOW + timedelta(minutes=15),
            cap="journey",
            at_most=1,
            per=90 * 86_400,
            contacts=1,
        ),
    ),
)

PRESSURE_CAP = (
    Case(
        name="one e-mail this week",
        code="PRESSURE_CAP",
        journey="freezer-mailer",
        customer=Customer(contacts=(contact("pantry-mailer", "email", NOW - DAY),)),
    ),
    Case(
        name="two e-mails this week, of any journeys",
        code="PRESSURE_CAP",
        journey="freezer-mailer",
        customer=Customer(
            contacts=(
                contact("pantry-mailer", "email", NOW - 6 * DAY),
                contact("loyalty-thanks", "email", NOW - DAY, JourneyKind.LOYALTY),
            )
        ),
        reason=deny("PRESSURE_CAP", eligible_after=NOW + DAY, cap="email-week", at_most=2, per=WEEK_S, contacts=2),
    ),
    Case(
        name="two e-mails that helped",
        code="PRESSURE_CAP",
        journey="freezer-mailer",
        customer=Customer(
            contacts=tuple(contact("complaint-apology", "email", NOW - d * DAY, JourneyKind.RESOLUTION) for d in (1, 2))
        ),
    ),
    Case(
        name="two e-mails do not silence an apology",
        code="PRESSURE_CAP",
        journey="complaint-apology",
        customer=Customer(
            incidents=OpenIncidents(known=(incident(),)),
            contacts=tuple(contact("pantry-mailer", "email", NOW - d * DAY) for d in (1, 2)),
        ),
    ),
    Case(
        name="four outbound contacts this week",
        code="PRESSURE_CAP",
        journey="breakfast-coupons",
        channel="push",
        customer=Customer(
            contacts=(
                contact("pantry-mailer", "email", NOW - 5 * DAY),
                contact("freezer-mailer", "email", NOW - 4 * DAY),
                contact("rescue-basket", "sms", NOW - 3 * DAY),
                contact("pizza-night-coupons", "push", NOW - 2 * DAY),
            )
        ),
        reason=deny(
            "PRESSURE_CAP", eligible_after=NOW + 2 * DAY, cap="outbound-week", at_most=4, per=WEEK_S, contacts=4
        ),
    ),
    Case(
        name="a survey 29 days after the last, on another channel",
        code="PRESSURE_CAP",
        journey="store-visit-effort",
        channel="push",
        customer=Customer(contacts=(contact("satisfaction-survey", "web", NOW - 29 * DAY, JourneyKind.FEEDBACK),)),
        reason=deny(
            "PRESSURE_CAP", eligible_after=NOW + DAY, cap="survey-month", at_most=1, per=30 * 86_400, contacts=1
        ),
    ),
    Case(
        name="a survey 30 days after the last",
        code="PRESSURE_CAP",
        journey="store-visit-effort",
        channel="push",
        customer=Customer(contacts=(contact("satisfaction-survey", "web", NOW - 30 * DAY, JourneyKind.FEEDBACK),)),
    ),
)
