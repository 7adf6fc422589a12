"""Fixtures shared by all rooms; each is described where it is defined."""

from __future__ import annotations

from tests.fixtures_features import NOW, complete_journey, own_feast, prepared_home, shopping

__all__ = ["NOW", "complete_journey", "own_feast", "prepared_home", "shopping"]
