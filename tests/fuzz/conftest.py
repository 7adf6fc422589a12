"""Homes for a service whose clock is that of today, by the store that keeps their state."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from features.company.company import load_company
from features.company.home import make_home_of
from service.examples.complete_journey.data.prepare import prepare_company
from tests.fixtures_features import company_at
from tests.fixtures_service import STATE_URL
from tests.fixtures_stores import store, without_state
from tests.servers.postgres import PostgresServer, database_name

__all__ = ["store"]


@pytest.fixture(scope="session")
def todays_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home prepared today, so that `rumbo serve` finds no fact of it stale: shared, to be read only."""
    home = tmp_path_factory.mktemp("today") / "home"
    prepare_company(company_at(home), datetime.now(UTC))
    make_home_of(load_company(company_at(home)), home)
    return home


@pytest.fixture
def home(store: str, todays_home: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A copy of `todays_home` with an empty store of each kind in turn."""
    home = without_state(todays_home, tmp_path / "home")
    if store == "sqlite":
        yield home
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    name = database_name(home)
    (home / STATE_URL).write_text(server.new_database(name))
    yield home
    server.drop_database(name)
