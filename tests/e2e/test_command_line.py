"""`rumbo serve` and `rumbo decide` as people start them: processes, signals and exit statuses."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from service.catalogue.load import load
from tests.example import TERMS

ROOT = Path(__file__).parents[2]
START_S, CALL_S, END_S = 60, 120, 30


@contextmanager
def process(*arguments: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """`rumbo` with these arguments, and RUMBO_ variables; whatever happens, nothing is left running."""
    with process_with_log(subprocess.PIPE, *arguments, **variables) as started:
        yield started


@contextmanager
def process_with_log(log: IO[str] | int, *arguments: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """The same, with a log that may be longer than what a pipe holds while nobody reads it."""
    command = [sys.executable, "-m", "service.cli", *arguments]
    out = subprocess.PIPE
    env = {**os.environ, **{f"RUMBO_{name}": value for name, value in variables.items()}}
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=out, stderr=log, text=True) as started:
        try:
            yield started
        finally:
            if started.poll() is None:
                started.kill()


def rumbo(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "service.cli", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=CALL_S, check=False)


def address_of(serving: subprocess.Popen[str]) -> str:
    """What the first line says; the test's own timeout ends a wait that is in vain."""
    assert serving.stdout is not None
    line = serving.stdout.readline()
    assert line.startswith("rumbo listens on "), (line, serving.communicate(timeout=END_S))
    return line.removeprefix("rumbo listens on ").strip()


@pytest.mark.timeout(120)
def test_serve_prints_its_address_answers_drains_on_sigterm_and_ends_well(own_home: Path) -> None:
    with process("serve", "--home", str(own_home), "--port", "0") as serving:
        address = address_of(serving)
        asked = ("decide", "--customer", "46", "--channel", "web", "--address", address)
        as_json = rumbo(*asked, "--reserve", "--json", "--limit", "2", "--context", "page=home")
        as_table = rumbo(*asked, "--locale", "es")
        kept = rumbo(*asked, "--reserve")
        refused = rumbo("decide", "--customer", "46", "--channel", "fax", "--address", address)
        decision_id = json.loads(as_json.stdout)["decision_id"]
        shown = rumbo("decision", decision_id, "--address", address)
        whole = rumbo("decision", decision_id, "--address", address, "--json")
        unknown = rumbo("decision", "no-such-decision", "--address", address)
        serving.send_signal(signal.SIGTERM)
        last_words, log = serving.communicate(timeout=END_S)
    assert as_json.returncode == 0, as_json.stderr
    answer = json.loads(as_json.stdout)
    assert answer["ranked"][0]["journey_id"]
    assert answer["limit"] == 2
    assert "how-can-we-help" in as_table.stdout
    assert "recorded: " not in as_table.stdout
    assert re.search(r"^recorded: rumbo decision [0-9a-f-]{36}$", kept.stdout, re.MULTILINE)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "channel" in refused.stderr
    assert shown.returncode == 0, shown.stderr
    assert "customer 46 on web" in shown.stdout
    assert answer["ranked"][0]["journey_id"] in shown.stdout
    assert "reserved" in shown.stdout
    assert json.loads(whole.stdout)["ranked"][0]["contact_state"] == "CONTACT_STATE_RESERVED"
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "no decision has this id" in unknown.stderr
    assert serving.returncode == 0
    assert last_words == "draining\n"
    decided = [line for line in map(json.loads, log.splitlines()) if line["message"] == "decided"]
    assert [line["dry_run"] for line in decided] == [False, True, False]
    assert decided[0]["decision_id"] == answer["decision_id"]


def test_decide_without_a_service_says_what_to_do() -> None:
    refused = rumbo("decide", "--customer", "46", "--channel", "web", "--address", "127.0.0.1:1")
    assert refused.returncode == 1
    assert "rumbo serve" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.timeout(120)
def test_serve_is_set_up_by_variables_alone(own_home: Path) -> None:
    """As a container is. Its catalogue is not the example."""
    variables = {
        "HOME": str(own_home),
        "CATALOGUE": str(own_home / "catalogue"),
        "HOST": "127.0.0.2",
        "PORT": "0",
        "METRICS_PORT": "0",
        "DURABILITY": "process-safe",
    }
    with process("serve", **variables) as serving:
        address = address_of(serving)
        assert serving.stdout is not None
        metrics = serving.stdout.readline()
        answered = rumbo("decide", "--customer", "46", "--channel", "web", "--address", address, "--json")
        serving.send_signal(signal.SIGTERM)
        _, log = serving.communicate(timeout=END_S)
    assert address.startswith("127.0.0.2:")
    assert metrics.startswith("metrics on http://127.0.0.2:")
    assert answered.returncode == 0, (answered.stderr, log)
    version = load(own_home / "catalogue", TERMS).version
    assert json.loads(answered.stdout)["catalogue_version"] == version
