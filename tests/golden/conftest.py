"""The homes and stores that the golden story is told over; each is described where it is defined."""

from __future__ import annotations

from tests.fixtures_service import seeded_home
from tests.fixtures_stores import seeded_database, store

__all__ = ["seeded_database", "seeded_home", "store"]
