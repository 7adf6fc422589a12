"""Messages of every kind to a service in a process of its own: each is answered, and what is acknowledged is kept."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.e2e.test_command_line import END_S, address_of, process_with_log
from tests.fixtures_service import STATE_URL
from tests.fuzz.play import Play
from tests.fuzz.values import WHO

HOUSEHOLD = re.compile(r"(?<![\w.:-])[12]\d{3}(?![\w.:-])")
"""A customer id of the example, as a word of its own."""
ANSWERED = {"Decide:OK", "RecordEvents:OK", "RecordOutcomes:OK", "GetDecision:OK"}
BAD_CALLS = {"MALFORMED", "METHOD_UNKNOWN", "UNKNOWN_CHANNEL", "REQUEST_ID_REUSED", "DECISION_UNKNOWN", "TOO_MANY"}
BAD_FIELDS = {"EMPTY", "TOO_LONG", "TOO_LARGE", "NUL_IN_TEXT", "OUT_OF_RANGE", "MISSING", "NOT_FINITE", "UNDECLARED"}
ROWS = {"ROW_STATUS_ACCEPTED", "ROW_STATUS_DUPLICATE", "ID_REUSED", "NOT_RANKED", "UNKNOWN_DECISION", "IN_THE_FUTURE"}
OF_CUSTOMERS = {"OF_CUSTOMER", "NO_CONTACT", "NEEDS_DECISION", "BOTH_SET"}
REACHED = ANSWERED | BAD_CALLS | BAD_FIELDS | ROWS | OF_CUSTOMERS
"""So that no fault says something: what is answered well, and the reasons for which calls and rows are refused."""
log = logging.getLogger("fuzz")


class Memory:
    """Resident bytes of a process after a tenth of the messages, and now."""

    def __init__(self, pid: int, count: int) -> None:
        self._process, self._count = psutil.Process(pid), count
        self.warm = 0

    def after(self, done: int) -> None:
        if done % (self._count // 10) == 0:
            resident = self._process.memory_info().rss
            self.warm = self.warm or resident
            log.info("after %d messages %.0f MB", done, resident / 2**20)

    @property
    def growth(self) -> float:
        return self._process.memory_info().rss / self.warm - 1.0


def told_of_somebody(lines: list[str]) -> Iterator[str]:
    """Lines of a log with a traceback, or with a customer's id in any of their texts."""
    for line in lines:
        texts = " ".join(_texts({name: part for name, part in json.loads(line).items() if name != "at"}))
        if "raceback" in line or WHO in line or HOUSEHOLD.search(texts):
            yield line


def _texts(part: object) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict):
        for name, inner in part.items():
            yield name
            yield from _texts(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _texts(inner)


@contextmanager
def served(home: Path, log_file: Path) -> Iterator[subprocess.Popen[str]]:
    """`rumbo serve` over a home, its log in a file; it must end well. No test here cuts the power."""
    url = home / STATE_URL
    variables = {"STATE_URL": url.read_text(encoding="utf-8")} if url.is_file() else {}
    serve = ("serve", "--home", str(home), "--port", "0", "--durability", "process-safe")
    with log_file.open("w", encoding="utf-8") as to, process_with_log(to, *serve, **variables) as serving:
        yield serving
        serving.send_signal(signal.SIGTERM)
        assert serving.wait(END_S) == 0


@pytest.mark.parametrize(
    ("seed", "count"),
    [
        pytest.param("some", 3_000, marks=[pytest.mark.slow, pytest.mark.timeout(600)]),
        pytest.param("many", 100_000, marks=pytest.mark.proof),
    ],
)
async def test_whatever_comes_is_answered_and_what_is_kept_is_what_was_acknowledged(
    home: Path, tmp_path: Path, seed: str, count: int
) -> None:
    """And the log tells of nobody, and memory does not grow with the number of messages."""
    log_file = tmp_path / "log"
    with served(home, log_file) as serving:
        play = Play(seed, count, await asyncio.to_thread(address_of, serving))
        memory = Memory(serving.pid, count)
        await play.run(memory.after)
        assert not play.faults, "\n\n".join([*play.faults, log_file.read_text(encoding="utf-8")[-3000:]])
        growth = memory.growth
    log.info("%s", play.seen)
    assert play.seen.reached >= REACHED
    assert list(play.ledger.faults(home)) == []
    assert list(told_of_somebody(log_file.read_text(encoding="utf-8").splitlines())) == []
    assert growth < 0.1
