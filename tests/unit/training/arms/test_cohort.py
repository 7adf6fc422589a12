"""Who counts in a comparison: once, where he came in, and only with a past that both arms share."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.arm_logs import START, instants
from training.arms.cohort import Cohort, cohort_of
from training.arms.decided import Decided
from training.arms.shares import phases_of

Line = tuple[str, float, str, float]
"""Customer, day, arm, share."""


def decided(lines: list[Line], window: float = 7.0) -> Decided:
    lines = sorted(lines, key=lambda line: line[1])
    customers, arms = sorted({line[0] for line in lines}), tuple(sorted({line[2] for line in lines}))
    at = np.array([line[1] for line in lines])
    return Decided(
        path=Path("log.parquet"),
        arms=arms,
        customer=np.array([customers.index(line[0]) for line in lines]),
        arm=np.array([arms.index(line[2]) for line in lines]),
        share=np.array([line[3] for line in lines]),
        decided_at=instants(at),
        value=np.arange(float(len(lines))),
        told=np.zeros(len(lines)),
        known_at=instants(at + window),
    )


def cohort(lines: list[Line], pair: tuple[str, str], since: float | None = None) -> Cohort:
    found = decided(lines)
    begins = None if since is None else instants(np.array([since]))[0]
    told = cohort_of(found, phases_of(found), pair, begins)
    assert told is not None
    return told


def days(found: Cohort) -> list[float]:
    return [float((at - START) / np.timedelta64(1, "D")) for at in found.entries.decided_at]


HELD = ("CHAMPION", "HOLDOUT")
RIVALS = ("CHALLENGER", "CHAMPION")


def test_a_customer_counts_once_by_the_first_decision() -> None:
    lines = [("h", 0.0, "HOLDOUT", 0.5), ("c", 1.0, "CHAMPION", 0.5), ("c", 2.0, "CHAMPION", 0.5)]
    found = cohort([*lines, ("h", 3.0, "HOLDOUT", 0.5)], HELD)
    assert found.begins == instants(np.array([1.0]))[0]
    assert days(found) == [1.0], "the holdout's one customer came before there was a champion's"
    assert found.seen_before == 1


def test_who_had_all_been_in_one_arm_counts_anew_when_another_begins() -> None:
    before = [(f"c{one}", 0.1 * one, "CHAMPION", 1.0) for one in range(40)]
    after = [(f"c{one}", 10.0 + 0.1 * one, *(("HOLDOUT", 0.5) if one % 2 else ("CHAMPION", 0.5))) for one in range(40)]
    found = cohort([*before, *after], HELD)
    assert found.entries.size == 39, "all but the one of the champion before the first of the holdout"
    assert found.seen_before == 0
    assert min(days(found)) == 10.1


def test_who_had_been_in_these_very_arms_before_does_not_count_since_a_day() -> None:
    lines = [
        (f"c{one}", day + 0.01 * one, *(("HOLDOUT", 0.5) if one % 2 else ("CHAMPION", 0.5)))
        for day in (0.0, 10.0)
        for one in range(40)
    ]
    new = [("n1", 11.0, "HOLDOUT", 0.5), ("n2", 11.5, "CHAMPION", 0.5)]
    found = cohort([*lines, *new], HELD, since=5.0)
    assert days(found) == [11.0, 11.5]
    assert found.seen_before == 39


def test_who_was_assigned_anew_by_another_salt_counts_since_that_day() -> None:
    lines: list[Line] = []
    for one in range(80):
        first, then = one % 2, one // 2 % 2
        lines += [
            (f"c{one:02}", 0.01 * one, "HOLDOUT" if first else "CHAMPION", 0.5),
            (f"c{one:02}", 10.0 + 0.01 * one, "HOLDOUT" if then else "CHAMPION", 0.5),
        ]
    found = cohort(lines, HELD, since=5.0)
    assert found.seen_before == 0
    assert found.entries.size == 78, "from the first of the holdout on"


def test_challengers_are_compared_with_champions_of_their_time_alone() -> None:
    """While there is no challenger, who comes in is no champion to compare with."""
    lines: list[Line] = []
    for day, has_challenger in ((0.0, True), (10.0, False), (20.0, True)):
        for one in range(20):
            is_challenger = has_challenger and one % 2 == 0
            share = 0.5 if has_challenger else 1.0
            lines.append((f"c{day}{one:02}", day + 0.01 * one, "CHALLENGER" if is_challenger else "CHAMPION", share))
    found = cohort(lines, RIVALS)
    assert all(day < 1.0 or day >= 20.0 for day in days(found))
    assert found.entries.size == 38, "but the first of all, and the one of whom no champion tells the phase"


def test_who_changes_the_arm_counts_where_he_came_in_and_is_told() -> None:
    lines = [("h", 0.0, "HOLDOUT", 0.5), ("c", 0.0, "CHAMPION", 0.5), ("h", 3.0, "CHAMPION", 0.5)]
    found = cohort([*lines, ("c", 9.0, "HOLDOUT", 0.5)], HELD)
    assert found.moved == 1, "of c the window was over"
    assert found.entries.size == 2


def test_two_arms_are_needed() -> None:
    found = decided([("c", 0.0, "CHAMPION", 1.0)])
    assert cohort_of(found, phases_of(found), HELD, None) is None
    both = decided([("c", 0.0, "CHAMPION", 0.5), ("h", 0.0, "HOLDOUT", 0.5), ("c", 9.0, "CHAMPION", 0.5)])
    assert cohort_of(both, phases_of(both), HELD, instants(np.array([5.0]))[0]) is None
