"""The example catalogue, bound once."""

from __future__ import annotations

import pytest

from service.catalogue.load import load
from service.decision.plan import Plan
from tests.example import EXAMPLE, TERMS


@pytest.fixture(scope="session")
def plan() -> Plan:
    return load(EXAMPLE, TERMS).plan
