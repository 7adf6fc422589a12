"""CONTACT_CAP and PRESSURE_CAP: rolling windows, reservations that are given back, and when the denial ends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from service.decision.constraints.caps import ContactCap, PressureCap
from service.decision.constraints.registry import Policies, RuleInputs, bind_rules
from service.decision.facts import Contact, Facts, Situation
from service.decision.journey import JourneyKind
from service.decision.verdict import ReasonKind
from service.decision.windows import Period
from tests.builders import NOW, contact, evaluation, facts

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
ONE_A_WEEK = ContactCap(journey_id="news", at_most=1, per=7 * DAY)
TWO_A_WEEK = ContactCap(journey_id="news", at_most=2, per=7 * DAY)
PROMOTIONS = PressureCap(
    cap_id="promotions",
    kinds=frozenset({JourneyKind.PROMOTIONAL, JourneyKind.LOYALTY}),
    channels=frozenset({"email", "sms"}),
    at_most=1,
    per=DAY,
)


def after(*contacts: Contact) -> Facts:
    return facts(situation=Situation(contacts=contacts))


@pytest.mark.parametrize(
    ("age", "is_allowed"),
    [
        (timedelta(0), False),
        (7 * DAY - SECOND, False),
        (7 * DAY - timedelta(microseconds=1), False),
        (7 * DAY, True),
        (7 * DAY + SECOND, True),
        (-SECOND, False),
    ],
)
def test_a_contact_counts_until_it_is_exactly_as_old_as_the_window(age: timedelta, is_allowed: bool) -> None:
    """The last row: a clock that runs ahead elsewhere gives nothing away."""
    assert (ONE_A_WEEK.check(evaluation(after(contact(at=NOW - age)))) is None) is is_allowed


@pytest.mark.parametrize(
    ("counts_until", "is_allowed"),
    [(NOW - SECOND, True), (NOW, True), (NOW + SECOND, False), (None, False)],
)
def test_a_reservation_counts_until_it_is_given_back(counts_until: datetime | None, is_allowed: bool) -> None:
    known = after(contact(at=NOW - HOUR, counts_until=counts_until))
    assert (ONE_A_WEEK.check(evaluation(known)) is None) is is_allowed


@pytest.mark.parametrize(
    ("reserved_for", "counts_until", "is_allowed"),
    [
        (timedelta(0), None, True),
        (SECOND, None, False),
        (DAY, None, False),
        (DAY, NOW - SECOND, True),
        (DAY, NOW + SECOND, False),
    ],
)
def test_a_reservation_counts_as_long_as_it_can_be_shown_though_its_window_is_over(
    reserved_for: timedelta, counts_until: datetime | None, is_allowed: bool
) -> None:
    """Shown now it counts now: a second one granted meanwhile would be one more than the cap."""
    known = after(contact(at=NOW - 8 * DAY, reserved_until=NOW + reserved_for, counts_until=counts_until))
    assert (ONE_A_WEEK.check(evaluation(known)) is None) is is_allowed


@pytest.mark.parametrize(
    ("ages", "expected"),
    [
        # two a week: with n contacts that count, the denial ends when the oldest n - 1 of them no longer do
        ([], None),
        ([DAY], None),
        ([DAY, 2 * DAY], 5 * DAY),
        ([2 * DAY, DAY], 5 * DAY),
        ([DAY, DAY], 6 * DAY),
        ([DAY, 2 * DAY, 3 * DAY], 5 * DAY),
        ([DAY, 2 * DAY, 8 * DAY], 5 * DAY),
        ([DAY, 8 * DAY, 9 * DAY], None),
    ],
)
def test_a_cap_ends_when_enough_contacts_have_left_the_window(
    ages: Sequence[timedelta], expected: timedelta | None
) -> None:
    reason = TWO_A_WEEK.check(evaluation(after(*(contact(at=NOW - age) for age in ages))))
    assert (None if reason is None else reason.eligible_after) == (None if expected is None else NOW + expected)


def test_a_reservation_that_is_given_back_first_ends_the_denial_first() -> None:
    known = after(contact(at=NOW - DAY), contact(at=NOW - HOUR, counts_until=NOW + HOUR))
    reason = TWO_A_WEEK.check(evaluation(known))
    assert reason is not None
    assert reason.eligible_after == NOW + HOUR


def test_the_window_ends_a_contact_whose_reservation_would_last_longer() -> None:
    reason = ONE_A_WEEK.check(evaluation(after(contact(at=NOW - 6 * DAY, counts_until=NOW + 9 * DAY))))
    assert reason is not None
    assert reason.eligible_after == NOW + DAY


def test_the_reason_shows_the_cap_the_limit_and_what_was_counted() -> None:
    reason = TWO_A_WEEK.check(evaluation(after(*[contact(at=NOW - DAY)] * 3)))
    assert reason is not None
    assert (reason.code, reason.kind) == ("CONTACT_CAP", ReasonKind.DENIED)
    assert reason.params == {"cap": "journey", "at_most": 2, "per": 604800, "contacts": 3}


def test_a_journeys_cap_counts_its_own_contacts_on_every_channel() -> None:
    assert ONE_A_WEEK.check(evaluation(after(contact("other")))) is None
    assert ONE_A_WEEK.check(evaluation(after(contact("news", channel="sms")))) is not None


@pytest.mark.parametrize(
    ("kind", "channel", "is_allowed"),
    [
        (JourneyKind.PROMOTIONAL, "email", False),
        (JourneyKind.LOYALTY, "sms", False),
        (JourneyKind.SERVICE, "email", True),
        (JourneyKind.PROMOTIONAL, "web", True),
    ],
)
def test_a_pressure_cap_counts_the_contacts_of_its_kinds_on_its_channels_together(
    kind: JourneyKind, channel: str, is_allowed: bool
) -> None:
    reason = PROMOTIONS.check(evaluation(after(contact("any", kind=kind, channel=channel))))
    assert (reason is None) is is_allowed
    if reason is not None:
        assert (reason.code, reason.params["cap"]) == ("PRESSURE_CAP", "promotions")


@pytest.mark.parametrize(
    ("kind", "channel", "is_guarded"),
    [
        (JourneyKind.PROMOTIONAL, "email", True),
        (JourneyKind.PROMOTIONAL, "web", False),
        (JourneyKind.SERVICE, "email", False),
    ],
)
def test_a_pressure_cap_guards_only_the_candidates_it_counts(kind: JourneyKind, channel: str, is_guarded: bool) -> None:
    policies = Policies(incident_default=frozenset(JourneyKind), incident_classes={}, pressure=(PROMOTIONS,))
    rules = list(bind_rules(RuleInputs(journey_id="a", kind=kind, channel=channel), policies))
    assert (PROMOTIONS in rules) is is_guarded


@pytest.mark.parametrize(
    ("ages", "is_allowed"),
    [
        ([timedelta(hours=3)], False),
        ([timedelta(hours=60)], True),
        ([8 * DAY, 20 * DAY, 30 * DAY], True),
        ([8 * DAY, timedelta(hours=3)], False),
    ],
)
def test_a_day_of_an_unknown_zone_is_told_where_no_zone_could_make_enough_contacts_lie_in_it(
    ages: Sequence[timedelta], is_allowed: bool
) -> None:
    """Wherever the customer lives, today began less than two days ago."""
    cap = ContactCap(journey_id="news", at_most=1, per=Period.DAY)
    assert (cap.check(evaluation(after(*(contact(at=NOW - age) for age in ages)))) is None) is is_allowed
