"""`rumbo events load` as people start it: killed, interrupted, and beside a running service; on each store."""

from __future__ import annotations

import asyncio
import csv
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.application.bulk.file import ROWS_AT_ONCE
from service.cli import INTERRUPTED
from tests.e2e.test_command_line import END_S, process
from tests.e2e.wire import REGULAR, allowed_ids, reasons_of
from tests.event_files import as_csv, as_json_lines
from tests.fixtures_service import ask_state, running, settings_of

ROWS = 6_000
BEGIN = datetime(2026, 6, 1, tzinfo=UTC)
KEPT = "SELECT count(*), count(DISTINCT event_id) FROM events WHERE source = 'till'"

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def own_home(stored_home: Path) -> Path:
    """On each store in turn."""
    return stored_home


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A purchase a minute; the second is none. Without ids."""
    rows = [
        {
            "customer_id": str(i % 50),
            "source": "till",
            "type": "purchase",
            "occurred_at": BEGIN + timedelta(minutes=i),
            "amount": None if i == 1 else i / 4,
        }
        for i in range(ROWS)
    ]
    return as_csv(tmp_path, rows)


def variables(home: Path) -> Mapping[str, str]:
    url = settings_of(home).state_url
    return {} if url is None else {"STATE_URL": url.get_secret_value()}


@contextmanager
def loading(home: Path, file: Path) -> Iterator[subprocess.Popen[str]]:
    with process("events", "load", str(file), "--home", str(home), **variables(home)) as started:
        yield started


def loaded(home: Path, file: Path) -> tuple[int | None, str]:
    """Exit status and what was said."""
    with loading(home, file) as started:
        out, _ = started.communicate(timeout=END_S)
    return started.returncode, out


def await_some(home: Path, started: subprocess.Popen[str]) -> None:
    """Waits until the second batch is begun."""
    while ask_state(home, KEPT)[0][0] <= ROWS_AT_ONCE:
        assert started.poll() is None, started.communicate()
        time.sleep(0.005)


def refused_rows(file: Path) -> list[list[str]]:
    with file.with_name(f"{file.name}.refused.csv").open(encoding="utf-8", newline="") as listed:
        return list(csv.reader(listed))


@pytest.mark.slow
def test_a_load_that_is_killed_and_begun_again_keeps_each_event_once(own_home: Path, file: Path) -> None:
    with loading(own_home, file) as started:
        await_some(own_home, started)
        started.kill()
        started.wait(END_S)
    ((kept, _),) = ask_state(own_home, KEPT)
    assert ROWS_AT_ONCE < kept < ROWS - 1
    assert not file.with_name(f"{file.name}.refused.csv").exists()
    status, said = loaded(own_home, file)
    assert status == 1
    assert f"events: {ROWS - 1 - kept:,} taken in, {kept:,} known already, 1 refused (1 MISSING)" in said
    assert ask_state(own_home, KEPT) == [(ROWS - 1, ROWS - 1)]
    header, (row, _, column, code) = refused_rows(file)
    assert (header, row, column, code) == (["row", "event_id", "field", "code"], "2", "amount", "MISSING")
    assert not list(file.parent.glob(".*.draft"))


@pytest.mark.slow
def test_a_load_that_is_interrupted_ends_in_order_and_says_how_far_it_came(own_home: Path, file: Path) -> None:
    with loading(own_home, file) as started:
        await_some(own_home, started)
        started.send_signal(signal.SIGINT)
        out, err = started.communicate(timeout=END_S)
    ((kept, _),) = ask_state(own_home, KEPT)
    assert started.returncode == INTERRUPTED
    assert (out, "Traceback" in err) == ("", False)
    assert kept < ROWS - 1
    assert not file.with_name(f"{file.name}.refused.csv").exists()
    told = err.splitlines()[-1]
    assert told.startswith("ended after row "), err
    row = int(told.split()[3].rstrip(":").replace(",", ""))
    assert row % ROWS_AT_ONCE == 0
    assert 0 < row - 1 <= kept, "what is said to be done is kept"


async def test_what_is_loaded_beside_a_running_service_counts_in_the_next_decision(
    own_home: Path, tmp_path: Path
) -> None:
    async with running(own_home) as service:
        before = await service.preview(REGULAR)
        told = {
            "customer_id": REGULAR,
            "source": "ticketing",
            "type": "incident.opened",
            "occurred_at": BEGIN,
            "incident_id": "from a file",
            "class": "delivery",
        }
        status, said = await asyncio.to_thread(loaded, own_home, as_json_lines(tmp_path, [told]))
        assert (status, said) == (0, "events: 1 taken in, 0 known already\n")
        after = await service.preview(REGULAR)
    stopped = allowed_ids(before) - allowed_ids(after)
    assert stopped
    assert all("INCIDENT_OPEN" in reasons_of(after, journey_id) for journey_id in stopped)
