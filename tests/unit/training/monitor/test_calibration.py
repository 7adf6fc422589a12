"""Observed beside expected: figures by hand, what is concluded, and from when."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from training.monitor.calendar import periods_from, weeks_between, weeks_of
from training.monitor.calibration import ALPHA, Told, calibration_of
from training.monitor.sequence import boundary

MONDAY = np.datetime64("2026-01-05", "us")
DAY = np.timedelta64(1, "D")


def told(
    p: list[float], met: list[float], day: list[int], kind: list[int] | None = None, customer: list[int] | None = None
) -> Told:
    at = MONDAY + np.array(day) * DAY
    return Told(
        p=np.array(p),
        met=np.array(met),
        customer=np.arange(len(p)) if customer is None else np.array(customer),
        decided_at=at,
        known_at=at,
        kind=np.zeros(len(p), dtype=np.int64) if kind is None else np.array(kind),
        kinds=("promotional", "service"),
    )


def steady(days: int, a_day: int, p: float, share: float) -> Told:
    """`share` of the rows of every day are met, exactly."""
    met = [1.0 if i < round(a_day * share) else 0.0 for i in range(a_day)]
    return told([p] * (days * a_day), met * days, [d for d in range(days) for _ in range(a_day)])


def test_a_week_has_what_was_met_and_what_was_expected() -> None:
    rows = told([0.1, 0.3, 0.2, 0.4], [0.0, 1.0, 1.0, 0.0], [0, 6, 7, 21], kind=[0, 1, 0, 0])
    everything, promotional, service = calibration_of(rows)
    assert [seen.kind for seen in (everything, promotional, service)] == ["all", "promotional", "service"]
    assert [(week.rows, week.observed) for week in everything.weeks] == [(2, 1.0), (1, 1.0), (0, 0.0), (1, 0.0)]
    assert everything.weeks[0].expected == pytest.approx(0.4)
    assert [week.rows for week in service.weeks] == [1, 0, 0, 0]
    assert [str(one.week) for one in promotional.sequences] == ["2026-01-05", "2026-01-12", "2026-01-26"]


def test_one_kind_alone_stands_for_all() -> None:
    (seen,) = calibration_of(told([0.1] * 3, [0.0] * 3, [0, 1, 2]))
    assert (seen.kind, seen.sequences[0].alpha) == ("promotional", ALPHA / 2 / 2)


def test_rows_without_a_kind_are_among_all_alone() -> None:
    kinds = [seen.kind for seen in calibration_of(told([0.1] * 3, [0.0] * 3, [0, 1, 2], kind=[-1, 0, -1]))]
    assert kinds == ["all", "promotional"]
    assert [seen.kind for seen in calibration_of(told([0.1] * 2, [0.0] * 2, [0, 1], kind=[-1, -1]))] == ["all"]


def test_alphas_add_up_to_the_whole_whatever_kinds_and_weeks_come() -> None:
    days = list(range(210))
    seen = calibration_of(told([0.1] * 210, [0.0] * 210, days, kind=[d % 2 for d in days]))
    spent = [sum(one.alpha for one in of_one.sequences) for of_one in seen]
    assert sum(spent) <= ALPHA
    assert spent[0] == pytest.approx(ALPHA / 2, rel=0.05)
    assert spent[1] == pytest.approx(ALPHA / 4, rel=0.05)


def test_an_interval_is_the_boundary_of_the_variance_over_what_was_expected() -> None:
    """70 rows of p = 0.5, 42 met: more is modelled, 70 / 4, than is seen by rows, 70 * 0.24 * 70 / 69."""
    (seen,) = calibration_of(steady(7, 10, 0.5, 0.6))
    first = seen.sequences[0]
    half = boundary(np.array([17.5]), first.alpha, 200.0)[0] / 35.0
    assert first.ratio[-1] == pytest.approx(1.2)
    assert first.high[-1] == pytest.approx(1.2 + half)
    assert np.isinf(first.half[2]), "30 rows, whose variance is 7.5"


def test_customers_who_come_again_widen_it() -> None:
    rows = steady(28, 50, 0.1, 0.1)
    again = replace(rows, customer=np.tile(np.arange(50), 28))  # who is met is met every day
    (alone,), (same,) = calibration_of(rows), calibration_of(again)
    assert same.sequences[0].half[-1] > 3 * alone.sequences[0].half[-1]


def test_few_rows_few_customers_and_none_conclude_nothing() -> None:
    (few,) = calibration_of(steady(3, 10, 0.1, 1.0))
    assert few.alarm is None
    rows = steady(28, 50, 0.1, 0.5)
    (few_customers,) = calibration_of(replace(rows, customer=rows.customer % 29))
    assert few_customers.alarm is None
    assert calibration_of(told([], [], [])) == ()


def test_a_customer_who_has_most_of_the_rows_is_no_proof() -> None:
    """Each has a rate of one's own, right on average: 80 % of the rows are of one, so his says nothing of the model."""
    draw, alarms = np.random.default_rng(8), 0
    for _ in range(20):
        customer = np.where(draw.random(3000) < 0.8, 0, draw.integers(1, 400, 3000))
        own = draw.gamma(2.0, 0.5, 400)
        met = (draw.random(3000) < np.minimum(0.1 * own[customer], 1.0)).astype(np.float64)
        (seen,) = calibration_of(replace(steady(30, 100, 0.1, 0.1), met=met, customer=customer))
        alarms += seen.alarm is not None
    assert alarms <= 2


def test_the_alpha_of_a_sequence_does_not_change_when_what_was_decided_before_becomes_known() -> None:
    """Promotional outcomes are known 28 days late, and were decided first; service ones are known at once."""
    days = np.arange(60)
    rows = told([0.1] * 120, [0.0] * 120, [*days, *(days + 3)], kind=[0] * 60 + [1] * 60)
    rows = replace(rows, known_at=rows.decided_at + np.where(rows.kind == 0, 28, 0) * DAY)

    def alphas(day: int) -> dict[tuple[str, str], float]:
        """As they are at the end of a day."""
        looked, until = rows.decided_at <= MONDAY + day * DAY, MONDAY + day * DAY
        now = Told(
            p=rows.p[looked],
            met=np.where(rows.known_at <= until, rows.met, np.nan)[looked],
            customer=rows.customer[looked],
            decided_at=rows.decided_at[looked],
            known_at=rows.known_at[looked],
            kind=rows.kind[looked],
            kinds=rows.kinds,
        )
        return {(seen.kind, str(one.week)): one.alpha for seen in calibration_of(now) for one in seen.sequences}

    early, late = alphas(10), alphas(60)
    assert ("service", "2026-01-05") in early
    assert early.items() <= late.items()
    assert late["promotional", "2026-01-05"] == pytest.approx(ALPHA / 2 / 2 / 2)


def test_what_was_seen_before_the_week_that_tells_most_is_not_when_it_was_seen() -> None:
    """A first drift is seen and goes; another, larger one comes half a year later."""
    first, between, second = steady(14, 100, 0.1, 0.2), steady(168, 100, 0.1, 0.1), steady(28, 100, 0.1, 0.3)
    parts = [(first, 0), (between, 14), (second, 182)]
    at = np.concatenate([part.decided_at + day * DAY for part, day in parts])
    (seen,) = calibration_of(
        Told(
            p=np.full(at.size, 0.1),
            met=np.concatenate([part.met for part, _ in parts]),
            customer=np.arange(at.size),
            decided_at=at,
            known_at=at,
            kind=np.zeros(at.size, dtype=np.int64),
            kinds=("promotional",),
        )
    )
    assert seen.alarm is not None
    most, seen_on = seen.alarm
    begins = (MONDAY + 182 * DAY).astype("datetime64[D]")
    assert seen.sequences[0].seen_on is not None
    assert seen.sequences[0].seen_on < most.week == begins
    assert begins <= seen_on <= begins + 7 * DAY


def test_what_is_met_where_nothing_was_expected_is_an_alarm_without_a_ratio() -> None:
    (seen,) = calibration_of(steady(14, 100, 0.0, 0.5))
    assert seen.alarm is not None
    assert np.isnan(seen.alarm[0].ratio[-1])


def test_nothing_met_where_much_was_expected_is_an_alarm() -> None:
    """What is seen varies by nothing then; p (1 - p) keeps that from being proof at once."""
    (seen,) = calibration_of(steady(14, 100, 0.1, 0.0))
    assert seen.alarm is not None
    most, seen_on = seen.alarm
    assert (most.high[-1] < 1.0, most.low[-1]) == (True, 0.0)
    assert np.datetime64("2026-01-06") <= seen_on <= np.datetime64("2026-01-11")


def test_since_when_is_the_week_that_tells_most() -> None:
    """Four weeks as expected, three at twice that."""
    before, after = steady(28, 100, 0.1, 0.1), steady(21, 100, 0.1, 0.2)
    later = after.decided_at + 28 * DAY
    (seen,) = calibration_of(
        replace(
            before,
            p=np.concatenate([before.p, after.p]),
            met=np.concatenate([before.met, after.met]),
            customer=np.arange(4900),
            decided_at=np.concatenate([before.decided_at, later]),
            known_at=np.concatenate([before.known_at, later]),
            kind=np.zeros(4900, dtype=np.int64),
        )
    )
    assert seen.alarm is not None
    assert str(seen.alarm[0].week) == "2026-02-02"
    assert seen.alarm[0].ratio[-1] == pytest.approx(2.0)


def test_what_is_known_later_is_looked_at_later() -> None:
    rows = steady(14, 100, 0.1, 0.3)
    (at_once,) = calibration_of(rows)
    (late,) = calibration_of(replace(rows, known_at=rows.known_at + 28 * DAY))
    assert at_once.alarm is not None
    assert late.alarm is not None
    assert late.alarm[1] - at_once.alarm[1] == 28 * DAY
    assert late.alarm[0].week == at_once.alarm[0].week


def test_weeks_begin_on_mondays() -> None:
    days = np.array(["1969-12-28", "2026-01-04", "2026-01-05", "2026-01-11"], dtype="datetime64[D]")
    assert weeks_of(days).astype(str).tolist() == ["1969-12-22", "2025-12-29", "2026-01-05", "2026-01-05"]
    assert weeks_between(days[1], days[2]).size == 2


def test_periods_are_the_weeks_that_are_over_and_the_last_seven_days() -> None:
    thursday, saturday = np.datetime64("2026-01-15"), np.datetime64("2026-02-07")
    found = periods_from(thursday, saturday)
    assert [str(period.begins) for period in found] == ["2026-01-19", "2026-01-26", "2026-02-01"]
    assert [period.share for period in found] == [0.25, pytest.approx(1 / 12), pytest.approx(0.5 / (18 * 19))]
    sunday = periods_from(thursday, np.datetime64("2026-02-01"))
    assert [str(period.begins) for period in sunday] == ["2026-01-19", "2026-01-26"], "the last seven days are a week"
    assert periods_from(thursday, np.datetime64("2026-01-20")) == ()
    assert periods_from(thursday, np.datetime64("2026-01-01")) == ()


def test_periods_spend_no_more_than_the_whole_over_all_looks() -> None:
    begins = np.datetime64("2026-01-05")
    looks = [periods_from(begins, begins + np.timedelta64(day, "D")) for day in range(400)]
    spent = {(str(one.begins), one.share) for look in looks for one in look}
    assert 0.5 < sum(share for _, share in spent) <= 1.0
