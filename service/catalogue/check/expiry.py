"""What is over by the day of the check: warnings, for the passing of time must not break a build.

- a lever whose `until` has come, or that ends before its journey begins, weighs nothing (LEVER);
- a journey whose `valid.until` has come is for nobody (IMPOSSIBLE).
Levers out of bounds (0.5 to 2) are errors of the form.
"""

from __future__ import annotations

from service.catalogue.bind.policies import company_instant
from service.catalogue.check.under_check import CatalogueUnderCheck
from service.catalogue.documents.journey import JourneyDocument
from service.catalogue.documents.problems import FaultClass, Problems, Severity


def check_expiry(catalogue: CatalogueUnderCheck, problems: Problems) -> None:
    company = catalogue.document.policies
    for journey in catalogue.document.journeys:
        _check_lever(journey, catalogue, problems)
        until = None if journey.valid is None else journey.valid.until
        if until is not None and company_instant(until, company) <= catalogue.now:
            text = f"this journey is over since {until:%Y-%m-%d}: nobody gets it"
            problems.add(journey.journey, ("valid", "until"), FaultClass.IMPOSSIBLE, text, 0, Severity.WARNING)


def _check_lever(journey: JourneyDocument, catalogue: CatalogueUnderCheck, problems: Problems) -> None:
    lever, valid, company = journey.lever, journey.valid, catalogue.document.policies
    if lever is None:
        return
    begins, ends = None if valid is None else valid.from_, company_instant(lever.until, company)
    text = ""
    if ends <= catalogue.now:
        text = f"the lever is over since {lever.until:%Y-%m-%d}: it weighs nothing"
    elif begins is not None and ends <= company_instant(begins, company):
        text = f"the lever is over on {lever.until:%Y-%m-%d}, before the journey begins on {begins:%Y-%m-%d}"
    if text:
        problems.add(journey.journey, ("lever", "until"), FaultClass.LEVER, text, 0, Severity.WARNING)
