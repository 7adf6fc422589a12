"""Fixtures of a running service; each is described where it is defined."""

from __future__ import annotations

from tests.e2e.outages import impatient, outage, outage_name, place
from tests.fixtures_service import example_service, modelled_home, own_home, service
from tests.fixtures_stores import mortal, store, stored_home

__all__ = [
    "example_service",
    "impatient",
    "modelled_home",
    "mortal",
    "outage",
    "outage_name",
    "own_home",
    "place",
    "service",
    "store",
    "stored_home",
]
