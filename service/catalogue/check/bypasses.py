"""Entries of `bypass` that pass nothing: warnings.

A bypass of a constraint that guards no action of the journey, on no channel and at no stage, changes nothing: a limit
that the journey does not set, a policy for other kinds, an incident that allows it anyway. Whoever wrote it believes
in a rule that is not there.
"""

from __future__ import annotations

from service.catalogue.bind.catalogue import excluded_by
from service.catalogue.bind.journey import JourneyBinder
from service.catalogue.check.under_check import CatalogueUnderCheck
from service.catalogue.documents.journey import JourneyDocument
from service.catalogue.documents.problems import FaultClass, Problems, Severity
from service.decision.constraints.registry import group_of


def check_bypasses(catalogue: CatalogueUnderCheck, problems: Problems) -> None:
    for journey in catalogue.document.journeys:
        guarding = _guarding(journey, catalogue) if journey.bypass else frozenset()
        for i, code in enumerate(journey.bypass):
            if code not in guarding:
                text = f"{code} guards no action of this journey: there is nothing to bypass"
                problems.add(journey.journey, ("bypass", i), FaultClass.BYPASS, text, 0, Severity.WARNING)


def _guarding(journey: JourneyDocument, catalogue: CatalogueUnderCheck) -> frozenset[str]:
    """The codes, and those of their groups, of the rules that guard any of its actions."""
    excluded = excluded_by(catalogue.document).get(journey.journey, ())
    binder = JourneyBinder(journey, catalogue.company, catalogue.policies, catalogue.compiler, Problems(), excluded)
    return frozenset(code for rule in binder.rules for code in (rule.code, group_of(rule.code)))
