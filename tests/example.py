"""The example company, as the tests know it."""

from __future__ import annotations

from features.schema import FeatureSchema

SCHEMA = FeatureSchema.load()
