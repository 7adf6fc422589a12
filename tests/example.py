"""The example company, as the tests know it."""

from __future__ import annotations

from features.inventory import MODEL as MODEL
from features.schema import FeatureSchema
from service.catalogue.terms import EXAMPLE_EVENTS, terms_of

SCHEMA = FeatureSchema.load()
TERMS = terms_of(SCHEMA, EXAMPLE_EVENTS)
