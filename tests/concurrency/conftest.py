"""The stores of the contract suite, here under many processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.adapters import URL
from tests.contract.conftest import adapter, open_store, place, state
from tests.servers.postgres import PostgresServer, database_name

__all__ = ["adapter", "open_store", "place", "state"]


class Home:
    """Where the stores of one adapter are made, each empty."""

    def __init__(self, adapter: str, folder: Path, server: PostgresServer | None) -> None:
        self.adapter = adapter
        self._folder = folder
        self._server = server
        self._made = 0

    def make(self) -> Path:
        self._made += 1
        place = self._folder / str(self._made)
        place.mkdir()
        if self._server is not None:
            (place / URL).write_text(self._server.new_database(database_name(place)))
        return place

    def drop(self, place: Path) -> None:
        if self._server is not None:
            self._server.drop_database(database_name(place))


@pytest.fixture
def home(adapter: str, tmp_path: Path, request: pytest.FixtureRequest) -> Home:
    server = request.getfixturevalue("postgres") if adapter == "postgres" else None
    return Home(adapter, tmp_path, server)
