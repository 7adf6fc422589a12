"""How values are written in texts for people: durations, numbers, instants, and texts of others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from features.values import Scalar
from service.decision.verdict import Reason, ReasonKind, deny
from service.texts.fill import text
from service.texts.wording import TEXTS, Wording

AT = datetime(2017, 12, 3, 5, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("per_s", "in_english", "in_spanish"),
    [
        (604_800, "7 days", "7 días"),
        (86_400, "1 day", "1 día"),
        (43_200, "12 hours", "12 horas"),
        (3_600, "1 hour", "1 hora"),
        (5_400, "90 minutes", "90 minutos"),
        (60, "1 minute", "1 minuto"),
        (45, "45 seconds", "45 segundos"),
        (1, "1 second", "1 segundo"),
    ],
)
def test_duration_is_told_in_the_largest_exact_unit(per_s: int, in_english: str, in_spanish: str) -> None:
    given = deny("CONTACT_CAP", cap="email-week", at_most=2, per=per_s, contacts=2)
    assert f" within {in_english}," in text(given, "en")
    assert f" en {in_spanish}," in text(given, "es")


def test_seconds_are_told_as_a_duration_whatever_their_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TEXTS, "NEW", Wording("Wait[ {min_age_s}].", "Espera[ {min_age_s}]."))
    assert text(deny("NEW", min_age_s=172_800), "en") == "Wait 2 days."
    assert text(deny("NEW", min_age_s=172_800), "es") == "Espera 2 días."


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (19.0614, "19.06"),
        (30.0, "30"),
        (0.5, "0.5"),
        (1234.56, "1235"),
        (-0.001, "-0.001"),
        (0.000123, "0.00012"),
        (0.0, "0"),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
        (7, "7"),
        (True, "true"),
        ("beauty", "beauty"),
        (AT, "2017-12-03 05:00 UTC"),
        (datetime(2017, 12, 3, 0, 0, tzinfo=timezone(timedelta(hours=-5))), "2017-12-03 05:00 UTC"),
    ],
)
def test_observed_value_is_rounded_and_in_utc(value: Scalar, shown: str) -> None:
    given = Reason(code="AUDIENCE", kind=ReasonKind.DENIED, params={"condition": "a", "context.x": value})
    assert text(given, "en") == f"The customer is not in the audience “a”; observed: context.x = {shown}."


@pytest.mark.parametrize(
    ("condition", "value", "shown"),
    [
        ("customer.a > 30.0", 29.999999, "29.999999"),
        ("customer.a > 30.0", 29.99, "29.99"),
        ("customer.a > 30.0", 30.0, "30"),
        ("customer.a < 30", 30.004, "30.004"),
        ("customer.a > 1000.0", 999.7, "999.7"),
        ("customer.a > 1200.0", 1199.9999, "1199.9999"),
        ("customer.a > -2.5", -2.5000001, "-2.5000001"),
        ("customer.a > 0.001", 0.000999999, "0.000999999"),
        ("customer.a > 30.0", 30.0 - 2**-48, "29.999999999999996"),
        ('customer.a > timestamp("2017-12-03T05:00:00Z")', AT - timedelta(seconds=1), "2017-12-03 04:59 UTC"),
        ('customer.a > timestamp("2017-12-03T05:00:01Z")', AT, "2017-12-03 05:00:00 UTC"),
        (
            'customer.a > timestamp("2017-12-03T05:00:00Z")',
            AT + timedelta(microseconds=1),
            "2017-12-03 05:00:00.000001 UTC",
        ),
    ],
)
def test_observed_value_never_reads_like_a_limit_that_it_is_not(condition: str, value: Scalar, shown: str) -> None:
    """`30 is not more than 30` explains nothing."""
    given = Reason(code="AUDIENCE", kind=ReasonKind.DENIED, params={"condition": condition, "customer.a": value})
    assert text(given, "en").endswith(f"observed: customer.a = {shown}.")


def test_two_values_of_one_sentence_never_read_alike_unless_they_are_equal() -> None:
    spent = deny("BUDGET", pool="budget:may", used=99.9991, limit=100.0, needs=0.5)
    assert "99.999 of 100 are spent" in text(spent, "en")
    assert "gastado 99,999 de 100" in text(spent, "es")
    compared: dict[str, Scalar] = {"condition": "customer.a > customer.b", "customer.a": 1234.4, "customer.b": 1234.5}
    given = Reason(code="AUDIENCE", kind=ReasonKind.DENIED, params=compared)
    assert text(given, "en").endswith("observed: customer.a = 1234.4, customer.b = 1234.5.")


def test_instant_of_being_eligible_is_rounded_up() -> None:
    """Rounded down, the text would promise too early."""
    given = deny("CONTACT_CAP", eligible_after=AT + timedelta(microseconds=1))
    assert text(given, "en").endswith("Possible again after 2017-12-03 05:01 UTC.")


def test_values_with_braces_and_brackets_are_shown_as_they_are() -> None:
    """A condition is its owner's text; it is never taken for a template."""
    condition = 'channel in ["app", "{x}"]'
    given = Reason(code="AUDIENCE", kind=ReasonKind.DENIED, params={"condition": condition})
    assert text(given, "en") == f"The customer is not in the audience “{condition}”."
