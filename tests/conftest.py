"""Fixtures shared by all rooms; each is described where it is defined.

`prometheus_client` comes first: Feast sets PROMETHEUS_MULTIPROC_DIR when it is imported, and a client that is imported
after that, in a process that tests start too, would keep its metrics in files, shared by all registries.
"""

from __future__ import annotations

import prometheus_client  # noqa: F401
from hypothesis import HealthCheck, settings

from tests.fixtures_features import NOW, complete_journey, of_the_example, own_feast, prepared_company, shopping
from tests.fixtures_logs import bank_log, example_log
from tests.fixtures_postgres import postgres
from tests.fixtures_service import seeded_home
from tests.fixtures_stores import seeded_database
from tests.fixtures_training import trained_example, trained_home
from tests.fixtures_valkey import valkey

__all__ = [
    "NOW",
    "bank_log",
    "complete_journey",
    "example_log",
    "of_the_example",
    "own_feast",
    "postgres",
    "prepared_company",
    "seeded_database",
    "seeded_home",
    "shopping",
    "trained_example",
    "trained_home",
    "valkey",
]

# How fast examples are drawn says something of the machine, nothing of the code.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")
