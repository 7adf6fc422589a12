"""Fixtures of a running service; each is described where it is defined."""

from __future__ import annotations

from tests.fixtures_service import example_service, modelled_home, own_home, seeded_home, service
from tests.fixtures_stores import seeded_database, store, stored_home, stored_service

__all__ = [
    "example_service",
    "modelled_home",
    "own_home",
    "seeded_database",
    "seeded_home",
    "service",
    "store",
    "stored_home",
    "stored_service",
]
