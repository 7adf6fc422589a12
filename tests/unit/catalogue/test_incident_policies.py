"""What an incident allows of which the policies say nothing, or not all."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.catalogue.load import load
from service.catalogue.terms import Terms
from service.decision.constraints.incident_open import IncidentOpen
from service.decision.facts import Incident, OpenIncidents, Situation
from service.decision.journey import JourneyKind
from tests.builders import NOW, evaluation, facts

DEFAULT = "  default: [service, resolution]\n  classes:\n    billing: [service, resolution]\n"


@pytest.mark.parametrize(
    ("incidents", "incident_class", "severity", "is_allowed"),
    [
        ("  default: [promotional, service]\n", None, None, True),
        ("  default: [promotional, service]\n  classes: {billing: [service]}\n", None, None, False),
        (
            "  default: {allow: [promotional], severities: {minor: [promotional], major: [service]}}\n",
            None,
            None,
            False,
        ),
        (
            "  default: {allow: [promotional], severities: {minor: [promotional], major: [service]}}\n",
            None,
            "minor",
            False,
        ),
        ("  default: {allow: [promotional], severities: {major: [service]}}\n", "unheard-of", "minor", False),
        ("  default: {allow: [service], severities: {minor: [promotional]}}\n", None, "minor", False),
    ],
)
def test_an_incident_of_no_class_is_treated_by_the_strictest_of_all_that_the_policies_list(
    terms: Terms,
    folder: Path,
    incidents: str,
    incident_class: str | None,
    severity: str | None,
    is_allowed: bool,
) -> None:
    """The severities of the default are among them. The offer of the catalogue counts as promotional."""
    policies = folder / "policies.yaml"
    text = policies.read_text(encoding="utf-8")
    assert DEFAULT in text
    policies.write_text(text.replace(DEFAULT, incidents), encoding="utf-8")
    rules = [r for r in load(folder, terms).plan.rules if isinstance(r, IncidentOpen)]
    selling = [rule for rule in rules if rule.kind is JourneyKind.PROMOTIONAL]
    known = Incident(incident_id="i1", opened_at=NOW, incident_class=incident_class, severity=severity)
    situation = Situation(incidents=OpenIncidents(known=(known,)))
    assert all(rule.check(evaluation(facts(situation=situation))) is None for rule in selling) is is_allowed
