"""Entries of `bypass` that pass nothing: warnings.

A bypass of a constraint that guards no action of the journey, on no channel and at no stage, changes nothing: a limit
that the journey does not set, a policy for other kinds, an incident that allows it anyway. Whoever wrote it believes
in a rule that is not there.
"""

from __future__ import annotations

from service.catalogue.check.under_check import CatalogueUnderCheck
from service.catalogue.documents.problems import FaultClass, Problems, Severity


def check_bypasses(catalogue: CatalogueUnderCheck, problems: Problems) -> None:
    for journey in catalogue.journeys:
        passed = {rule.code for offered in journey.offered for rule in offered.bypassed}
        for i, code in enumerate(journey.document.bypass):
            if code not in passed:
                text = f"{code} guards no action of this journey: there is nothing to bypass"
                problems.add(journey.journey_id, ("bypass", i), FaultClass.BYPASS, text, 0, Severity.WARNING)
