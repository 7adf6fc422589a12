"""`rumbo doctor`: whether all is well with a company, its home and its service, in one go.

Heavy imports stay inside, so that `--help` is quick.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from service.commands.company.examination import Finding, State
from service.commands.options import reads_settings

if TYPE_CHECKING:
    from service.settings import Settings

MARKS: Mapping[State, str] = {State.GOOD: "✓", State.DOUBT: "!", State.FAULT: "✗"}
PLAIN: Mapping[State, str] = {State.GOOD: "+", State.DOUBT: "!", State.FAULT: "x"}
"""Where the output has no such characters."""
_WIDTH = 9


@click.command()
@reads_settings("home", "catalogue", "host", "port", "metrics_port")
@click.option("--customer", metavar="ID", help="Whose row to read. Default: of the newest row of the offline sources.")
@click.option("--json", "as_json", is_flag=True, help="The findings as a JSON array.")
def doctor(settings: Settings, customer: str | None, as_json: bool) -> None:
    """Look at everything: file, registry, a row, catalogue, cases, home, store, model, consents, ports, clock.

    A line each: ✓ good, ! worth a look, ✗ wrong, and what to do. Exit status 1 if anything is wrong. Nothing is
    changed, and no home is made.
    """
    from service.bootstrap.clock import system_clock
    from service.commands.company.checks import WRITTEN
    from service.commands.company.checks_of_home import KEPT
    from service.commands.company.examination import Patient, examine

    patient = Patient(settings=settings, customer=customer, now=system_clock())
    findings = []
    for finding in examine(patient, (*WRITTEN, *KEPT)):
        findings.append(finding)
        if not as_json:
            _tell(finding)
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    if any(finding.state is State.FAULT for finding in findings):
        raise click.exceptions.Exit(1)


def _tell(finding: Finding) -> None:
    """At once, for some checks take seconds."""
    encoding = sys.stdout.encoding or "ascii"
    marks = MARKS if _can_say("".join(MARKS.values()), encoding) else PLAIN
    todo = f": {finding.todo}" if finding.todo else ""
    text = f"{finding.text}{todo}".replace("\n", "\n" + " " * (_WIDTH + 4))
    line = f"{marks[finding.state]} {finding.check:<{_WIDTH}}  {text}"
    click.echo(line.encode(encoding, "backslashreplace").decode(encoding))
    sys.stdout.flush()


def _can_say(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
