"""Deciders over real stores, closed at the end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.application.house import House, OpenHouse, RestlessState


@pytest.fixture
async def open_house(tmp_path: Path) -> AsyncIterator[OpenHouse]:
    """Opens one more decider over the same file; all are closed at the end."""
    opened: list[House] = []

    def open_one() -> House:
        opened.append(House(RestlessState(tmp_path / "state.db")))
        return opened[-1]

    yield open_one
    for one in opened:
        await one.close()


@pytest.fixture
def house(open_house: OpenHouse) -> House:
    return open_house()
