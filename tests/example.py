"""The example company, as the tests know it."""

from __future__ import annotations

from pathlib import Path

import service.examples.complete_journey as complete_journey
from features.company.company import load_company
from features.company.registry import features_of
from service.catalogue.terms import company_terms

COMPANY = Path(complete_journey.__file__).parent
EXAMPLE = COMPANY / "catalogue"
"""Its catalogue."""
_FEATURES = features_of(load_company(COMPANY))
SCHEMA, MODEL = _FEATURES.schema, _FEATURES.model
TERMS = company_terms(load_company(COMPANY), SCHEMA)
