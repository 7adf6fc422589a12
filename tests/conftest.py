"""Fixtures shared by all rooms; each is described where it is defined."""

from __future__ import annotations

from tests.fixtures_features import NOW, complete_journey, own_feast, prepared_home, shopping
from tests.fixtures_training import trained_home

__all__ = ["NOW", "complete_journey", "own_feast", "prepared_home", "shopping", "trained_home"]
