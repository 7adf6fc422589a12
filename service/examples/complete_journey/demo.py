"""`rumbo demo`: data, model, service and a short story with real customers. Ends by itself, leaves nothing running."""

from __future__ import annotations

import re
import shlex
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from features.errors import RumboError
from service.examples.complete_journey.data.dataset import Dataset

if TYPE_CHECKING:
    from rumbo.decision.v1 import decision_pb2
    from service.wire.client import Client

TIMED = 500
CHANNEL = "app"
LOOP = "loop"
"""In the folder of the example: the company that the last scene plays."""
LOOP_OPTIONS = ("--customers", "200", "--days", "29", "--seed", "4")
"""Four weeks: learn when two are over, learn another a week later, judge it in the night of the 28th day."""


class StepFailed(RumboError):
    """A step of the demo ended with an error of its own, which stands above."""


def run_demo(folder: Path, home: Path, locale: str) -> None:
    """Prepares, trains and serves the example in this folder, and tells a short story. Raises: StepFailed."""
    from service.examples.complete_journey.data.campaigns import options_of_training

    _say("prepare")
    _run_step("prepare", folder)
    _say("train")
    _run_step("train", folder, "--home", str(home), *options_of_training(folder, Dataset.load(folder)))
    _say("seed")
    _run_step("seed", folder, "--home", str(home))
    _say("serve")
    with _service(folder, home) as address:
        from service.wire.client import Client

        with Client(address) as client:
            story = _Story(client, folder, locale)
            story.tell()
            story.time_decisions()
    _say("how it learns: four weeks of a company whose customers are simulated")
    _play_loop(folder)
    _say("what to type next")
    click.echo(f"  .venv/bin/rumbo serve --company {shlex.quote(str(folder))}")
    click.echo(
        f"  .venv/bin/rumbo decide --customer {story.customer} --channel email --locale es     (in another terminal)"
    )
    click.echo(f"  .venv/bin/mlflow ui --backend-store-uri {shlex.quote(f'sqlite:///{home}/mlflow/mlflow.db')}")


class _Story:
    def __init__(self, client: Client, folder: Path, locale: str) -> None:
        self._client = client
        self._locale = locale
        self.households = _households(folder)
        self.customer = next(self._regular_customers(), self.households[0])

    def tell(self) -> None:
        customer = self.customer
        click.echo("Each question of the story is a dry run, so that nothing but the story changes the answers.")
        self._show(customer, f"1. Customer {customer}, a regular, opens the app", withheld=6)
        incident = {"incident_id": f"demo-{_now():%Y%m%d%H%M%S}", "class": "delivery"}
        self._report(customer, "incident.opened", incident)
        self._show(customer, f"2. Customer {customer} while an incident is open")
        self._report(customer, "incident.resolved", {"incident_id": incident["incident_id"]})
        self._show(customer, f"3. Customer {customer} after it was resolved", withheld=0)
        self._show("never-seen-before", "4. A customer never seen before", withheld=6)
        self._report(customer, "consent.withdrawn", {"purpose": "marketing"})
        self._show(customer, f"5. Customer {customer} after withdrawing the consent to marketing", withheld=6)

    def time_decisions(self) -> None:
        """The median of real, recorded decisions, one caller, one after another."""
        _say(f"{TIMED} recorded decisions, one after another")
        micros = []
        for customer in self.households[:TIMED]:
            began = time.perf_counter()
            self._decide(customer, is_dry_run=False)
            micros.append((time.perf_counter() - began) * 1e6)
        p99 = statistics.quantiles(micros, n=100)[98]
        click.echo(f"  median {statistics.median(micros) / 1000:.2f} ms, p99 {p99 / 1000:.2f} ms, on this machine")

    def _regular_customers(self) -> Iterator[str]:
        """Households with a full slate of which one is an offer, and to whom a survey could go."""
        for customer in self.households:
            answer = self._decide(customer, is_dry_run=True)
            allowed = {*(j.journey_id for j in answer.ranked), *(j.journey_id for j in answer.eligible)}
            has_offer = any(j.is_offer for j in answer.ranked)
            if len(answer.ranked) == answer.limit and has_offer and "satisfaction-survey" in allowed:
                yield customer

    def _decide(self, customer: str, *, is_dry_run: bool) -> decision_pb2.DecideResponse:
        from rumbo.decision.v1 import decision_pb2

        return self._client.decide(
            decision_pb2.DecideRequest(
                customer_id=customer,
                channel=CHANNEL,
                locale=self._locale,
                dry_run=is_dry_run,
                explain=decision_pb2.EXPLAIN_FULL if is_dry_run else decision_pb2.EXPLAIN_SUMMARY,
            )
        )

    def _show(self, customer: str, title: str, withheld: int = 50) -> None:
        from service.commands.show_answer import show_answer

        click.echo()
        show_answer(self._decide(customer, is_dry_run=True), title=title, most_rejected=withheld)

    def _report(self, customer: str, event_type: str, attributes: Mapping[str, str]) -> None:
        from google.protobuf.timestamp_pb2 import Timestamp

        from rumbo.decision.v1 import events_pb2, row_pb2, value_pb2

        now = _now()
        occurred_at = Timestamp()
        occurred_at.FromDatetime(now)
        event = events_pb2.Event(
            event_id=f"demo-{customer}-{event_type}-{now.timestamp()}",
            customer_id=customer,
            source="demo",
            type=event_type,
            occurred_at=occurred_at,
            attributes={name: value_pb2.Value(string_value=value) for name, value in attributes.items()},
        )
        result = self._client.record_events([event]).results[0]
        if result.status != row_pb2.ROW_STATUS_ACCEPTED:
            raise StepFailed(f"the event was not accepted: {result.rejection.field} {result.rejection.code}")
        click.echo(f"\n→ event {event_type} {dict(attributes) or ''}".rstrip())


@contextmanager
def _service(folder: Path, home: Path) -> Iterator[str]:
    """A service of its own, on a free port; ended in order when left."""
    log_file = home / "demo-service.log"
    with log_file.open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            _command("serve", folder, "--home", str(home), "--port", "0"), stdout=subprocess.PIPE, stderr=log, text=True
        )
        try:
            first = process.stdout.readline() if process.stdout else ""
            address = re.search(r"listens on (\S+)", first)
            if address is None:
                raise StepFailed(f"the service did not start; its log is {log_file}")
            yield address[1]
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate()


def _run_step(step: str, folder: Path, *options: str) -> None:
    if subprocess.run(_command(step, folder, *options), check=False).returncode:
        raise StepFailed(f"`rumbo {step}` failed")


def _play_loop(folder: Path) -> None:
    """Decide, see outcomes, export, learn, judge, promote or hold back; nothing of the example is touched."""
    asked = ("simulate", "--folder", str(folder / LOOP), *LOOP_OPTIONS)
    if subprocess.run(_program(*asked), check=False).returncode:
        raise StepFailed("`rumbo simulate` failed")


def _command(step: str, folder: Path, *options: str) -> list[str]:
    return _program(step, "--company", str(folder), *options)


def _program(*arguments: str) -> list[str]:
    """The command line of this very program, whatever packages lie in the current folder (-P)."""
    return [sys.executable, "-P", "-m", "service.cli", *arguments]


def _households(folder: Path) -> list[str]:
    """The customers who consented, in a fixed order."""
    import pyarrow.parquet as parquet

    table = parquet.read_table(folder / "seed" / "consents.parquet", columns=["customer_id"])
    return sorted(set(table["customer_id"].to_pylist()))


def _say(what: str) -> None:
    click.secho(f"\n── {what} " + "─" * max(0, 60 - len(what)), bold=True)


def _now() -> datetime:
    return datetime.now(UTC)
