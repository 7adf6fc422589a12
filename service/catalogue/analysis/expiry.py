"""What is over by the day of the check: warnings, for the passing of time must not break a build.

- a lever whose `until` has come, or that ends before its journey begins, weighs nothing (LEVER);
- a journey whose `valid.until` has come is for nobody (IMPOSSIBLE).
Levers out of bounds (0.5 to 2) are errors of the form.
"""

from __future__ import annotations

from service.catalogue.analysis.examined import Examined
from service.catalogue.problems import Fault, Problems, Severity
from service.catalogue.schema import JourneyDocument


def check_expiry(catalogue: Examined, problems: Problems) -> None:
    for journey in catalogue.document.journeys:
        _check_lever(journey, catalogue, problems)
        valid = journey.valid
        if valid is not None and valid.until is not None and valid.until <= catalogue.now:
            text = f"this journey is over since {valid.until:%Y-%m-%d}: nobody gets it"
            problems.add(journey.journey, ("valid", "until"), Fault.IMPOSSIBLE, text, 0, Severity.WARNING)


def _check_lever(journey: JourneyDocument, catalogue: Examined, problems: Problems) -> None:
    lever, valid = journey.lever, journey.valid
    if lever is None:
        return
    begins = None if valid is None else valid.from_
    text = ""
    if lever.until <= catalogue.now:
        text = f"the lever is over since {lever.until:%Y-%m-%d}: it weighs nothing"
    elif begins is not None and lever.until <= begins:
        text = f"the lever is over on {lever.until:%Y-%m-%d}, before the journey begins on {begins:%Y-%m-%d}"
    if text:
        problems.add(journey.journey, ("lever", "until"), Fault.LEVER, text, 0, Severity.WARNING)
