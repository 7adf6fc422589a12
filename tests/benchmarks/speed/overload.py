"""Twice what a service can take: what it answers all the same, in what time, and what the rest leaves behind."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from statistics import mean
from time import perf_counter

import psycopg

from rumbo.decision.v1 import decision_pb2
from tests.benchmarks.speed.figures import Calls, Figures, ms
from tests.benchmarks.speed.grocer import Grocer
from tests.benchmarks.speed.load import closed, opened
from tests.benchmarks.speed.measure import CALLERS, Measured
from tests.benchmarks.speed.timer import timer

FACTOR, DEADLINE_S = 2.0, 1.0
SETTLES_S = 15.0
"""What was reserved for callers who are gone is given back meanwhile."""


class Overload:
    """Calls of which is kept which decisions were answered; those of a flood have a deadline."""

    def __init__(self, measured: Measured) -> None:
        self._measured = measured
        self.answered = set[str]()
        self.answered_late = 0

    async def quiet(self, seconds: float) -> Calls:
        return await closed(self._patiently, self._measured.numbers, CALLERS, seconds)

    async def flood(self, per_s: float, seconds: float) -> Calls:
        with timer() as alarm:
            return await opened(self._in_time, self._measured.numbers, per_s, seconds, alarm.until)

    async def _patiently(self, number: int) -> None:
        self.answered.add((await self._measured.asker.decide(number)).decision_id)

    async def _in_time(self, number: int) -> None:
        begins = perf_counter()
        answer = await self._measured.asker.ask(number, DEADLINE_S)
        self.answered_late += perf_counter() - begins > DEADLINE_S
        self.answered.add(decision_pb2.DecideResponse.FromString(answer).decision_id)


async def overloaded(measured: Measured, grocer: Grocer, rounds: int, seconds: float) -> Figures:
    """Floods, and what it takes when nobody floods it before and after each.

    `goodput`: answers in time a second by that. `unanswered`: decisions in the store whose callers were told nothing,
    `orphans`: reservations that these still hold. `answered_late`: answers that came after the deadline all the same.
    """
    begun_us = int(time.time() * 1e6)
    overload = Overload(measured)
    quiet, floods = [await overload.quiet(seconds)], list[Calls]()
    for _ in range(rounds):
        floods.append(await overload.flood(FACTOR * quiet[-1].per_s, seconds))
        quiet.append(await overload.quiet(seconds))
    taken_s = [s for calls in floods for s in calls.taken_s]
    failed = sum((Counter(calls.failed) for calls in floods), Counter[str]())
    asked = len(taken_s) + failed.total()
    most_per_s = mean(calls.per_s for calls in quiet)
    quiet_p99_ms = ms([s for calls in quiet for s in calls.taken_s], 0.99)
    return {
        "saturation_per_s": most_per_s,
        "goodput": len(taken_s) / rounds / seconds / most_per_s,
        "saturation_p99_ms": quiet_p99_ms,
        "p50_ms": ms(taken_s, 0.5),
        "p99_ms": ms(taken_s, 0.99),
        "p99_by_saturation": ms(taken_s, 0.99) / quiet_p99_ms,
        "refused_share": failed["RESOURCE_EXHAUSTED"] / asked,
        "past_deadline_share": failed["DEADLINE_EXCEEDED"] / asked,
        "failed_otherwise": float(failed.total() - failed["RESOURCE_EXHAUSTED"] - failed["DEADLINE_EXCEEDED"]),
        "answered_late": float(overload.answered_late),
        **await _left_behind(grocer, begun_us, overload.answered),
    }


async def _left_behind(grocer: Grocer, begun_us: int, answered: set[str]) -> Figures:
    """Looks until no reservation is left of a caller who was told nothing, or it must be over."""
    until_s = time.monotonic() + SETTLES_S
    while True:
        reserved = _ids(
            grocer, "SELECT decision_id FROM contacts WHERE state = 'RESERVED' AND decided_at >= {}", begun_us
        )
        orphans = sum(one not in answered for one in reserved)
        if not orphans or time.monotonic() > until_s:
            decided = _ids(grocer, "SELECT decision_id FROM decisions WHERE decided_at >= {}", begun_us)
            return {"unanswered": float(len(set(decided) - answered)), "orphans": float(orphans)}
        await asyncio.sleep(0.2)


def _ids(grocer: Grocer, question: str, begun_us: int) -> Sequence[str]:
    text = question.format(begun_us)
    if grocer.state_url is None:
        with closing(sqlite3.connect(f"{grocer.state_file.as_uri()}?mode=ro", uri=True)) as database:
            return [row[0] for row in database.execute(text)]
    with psycopg.connect(grocer.state_url) as connection:
        return [row[0] for row in connection.execute(text.encode())]
