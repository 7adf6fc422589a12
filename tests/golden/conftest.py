"""The stores that the golden story is told over, one after the other."""

from __future__ import annotations

from tests.fixtures_stores import store

__all__ = ["store"]
