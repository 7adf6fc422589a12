"""A journey's first instant, and the one at which it is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from service.decision.verdict import deny
from tests.policy.cases.case import Case
from tests.policy.customers import Customer

FIRST_DAY, LAST_DAY = datetime(2026, 12, 1, 5, tzinfo=UTC), datetime(2027, 1, 7, 5, tzinfo=UTC)
"""Midnight in New York, where the company is."""

NOT_VALID_NOW = (
    Case(name="a journey for all seasons", code="NOT_VALID_NOW", journey="freezer-mailer"),
    Case(
        name="before its first instant",
        code="NOT_VALID_NOW",
        journey="holiday-table",
        customer=Customer(now=FIRST_DAY - timedelta(seconds=1)),
        reason=deny("NOT_VALID_NOW", eligible_after=FIRST_DAY, valid_from=FIRST_DAY),
    ),
    Case(
        name="at its first instant",
        code="NOT_VALID_NOW",
        journey="holiday-table",
        customer=Customer(now=FIRST_DAY),
    ),
    Case(
        name="in its last second",
        code="NOT_VALID_NOW",
        journey="holiday-table",
        customer=Customer(now=LAST_DAY - timedelta(seconds=1)),
    ),
    Case(
        name="when it is over",
        code="NOT_VALID_NOW",
        journey="holiday-table",
        customer=Customer(now=LAST_DAY),
        reason=deny("NOT_VALID_NOW", valid_until=LAST_DAY),
    ),
)
