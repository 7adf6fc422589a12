"""Whether quiet hours leave any minute of a day."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import time

from service.decision.constraints.quiet_hours import QuietHours

DAY_MINUTES = 24 * 60


def is_never_awake(rules: Iterable[QuietHours]) -> bool:
    """Whether these hours, which all hold every day, cover the day. Weekends and holidays only add to them."""
    quiet = {minute for rule in rules for minute in quiet_minutes(rule)}
    return len(quiet) == DAY_MINUTES


def quiet_minutes(rule: QuietHours) -> Iterable[int]:
    """The minutes of the day that are quiet: hours are given to the minute."""
    if rule.begins is None or rule.ends is None:
        return ()
    begins, ends = _minute(rule.begins), _minute(rule.ends)
    if begins < ends:
        return range(begins, ends)
    return (*range(begins, DAY_MINUTES), *range(ends))


def _minute(at: time) -> int:
    return at.hour * 60 + at.minute
