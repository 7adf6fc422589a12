"""What is over by the day of the check: warnings, for the passing of time must not break a build.

- a lever whose `until` has come, or that ends before its journey begins, weighs nothing (LEVER);
- a journey whose `valid.until` has come is for nobody (IMPOSSIBLE).
Levers out of bounds (0.5 to 2) are errors of the form.
"""

from __future__ import annotations

from datetime import datetime

from service.catalogue.check.under_check import CatalogueUnderCheck, JourneyUnderCheck
from service.catalogue.documents.problems import FaultClass, Problems, Severity
from service.decision.constraints.not_valid_now import NotValidNow


def check_expiry(catalogue: CatalogueUnderCheck, problems: Problems) -> None:
    for journey in catalogue.journeys:
        _check_lever(journey, catalogue.now, problems)
        _check_end(journey, catalogue.now, problems)


def _check_end(journey: JourneyUnderCheck, now: datetime, problems: Problems) -> None:
    rule, written = journey.own(NotValidNow), journey.document.valid
    if rule is not None and written is not None and rule.valid_until is not None and rule.valid_until <= now:
        text = f"this journey is over since {written.until:%Y-%m-%d}: nobody gets it"
        problems.add(journey.journey_id, ("valid", "until"), FaultClass.IMPOSSIBLE, text, 0, Severity.WARNING)


def _check_lever(journey: JourneyUnderCheck, now: datetime, problems: Problems) -> None:
    lever, rule = journey.journey.lever, journey.own(NotValidNow)
    written, valid = journey.document.lever, journey.document.valid
    if lever is None or written is None:
        return
    text = ""
    if lever.until <= now:
        text = f"the lever is over since {written.until:%Y-%m-%d}: it weighs nothing"
    elif rule is not None and valid is not None and rule.valid_from is not None and lever.until <= rule.valid_from:
        text = f"the lever is over on {written.until:%Y-%m-%d}, before the journey begins on {valid.from_:%Y-%m-%d}"
    if text:
        problems.add(journey.journey_id, ("lever", "until"), FaultClass.LEVER, text, 0, Severity.WARNING)
