"""Texts for people: titles of journeys, texts of policies.

A language that is left out, or blank, is an error (TRANSLATION); two languages of the same words are a warning: one of
them was copied and awaits its translation.
"""

from __future__ import annotations

from service.catalogue.check.under_check import CatalogueUnderCheck, Path
from service.catalogue.documents.forms import Titles
from service.catalogue.documents.problems import POLICIES, FaultClass, Problems, Severity

LANGUAGES = ("es", "en")


def check_texts(catalogue: CatalogueUnderCheck, problems: Problems) -> None:
    for i, policy in enumerate(catalogue.document.policies.policies):
        _check(POLICIES, ("policies", i, "text"), policy.text, problems)
    for journey in catalogue.document.journeys:
        _check(journey.journey, ("title",), journey.title, problems)


def _check(subject: str, path: Path, titles: Titles, problems: Problems) -> None:
    words = {language: getattr(titles, language).strip() for language in LANGUAGES}
    blank = [language for language, text in words.items() if not text]
    for language in blank:
        problems.add(subject, (*path, language), FaultClass.TRANSLATION, f"the text in '{language}' is blank", 0)
    if not blank and words["es"].casefold() == words["en"].casefold():
        text = "both languages have the same words: is one of them still to be translated?"
        problems.add(subject, path, FaultClass.TRANSLATION, text, None, Severity.WARNING)
