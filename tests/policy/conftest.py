"""The example catalogue, bound once."""

from __future__ import annotations

import pytest

from features.schema import FeatureSchema
from service.catalogue.load import EXAMPLE, load
from service.decision.plan import Plan


@pytest.fixture(scope="session")
def plan() -> Plan:
    return load(EXAMPLE, FeatureSchema.load()).plan
