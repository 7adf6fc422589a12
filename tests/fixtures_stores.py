"""Homes of services by the store that keeps their state: a file in the home, or a PostgreSQL database."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from service.examples.complete_journey.seed import seed_consents
from tests.fixtures_service import STATE_URL, copied, settings_of
from tests.servers.postgres import PostgresServer, database_name, postgres_server

STORES = ("postgres", "sqlite")
SEEDED = "seeded"
STATE = ("state.db*", "store.json")
"""The files of an embedded store, and what tells which store belongs to a home."""


@pytest.fixture(scope="session")
def seeded_database(postgres: PostgresServer, seeded_home: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a database with the example's consents, of which others are copied: nobody uses it."""
    home = without_state(seeded_home, tmp_path_factory.mktemp("seeded-postgres") / "home")
    url = postgres.new_database(SEEDED)
    (home / STATE_URL).write_text(url)
    asyncio.run(seed_consents(settings_of(home)))
    with psycopg.connect(url) as connection:
        connection.execute("DELETE FROM outbox")  # the feature store of `seeded_home` was told already
    return SEEDED


@pytest.fixture(scope="session")
def mortal() -> Iterator[PostgresServer]:
    """A server that tests may end. Whoever ends it starts it again."""
    with postgres_server() as server:
        yield server


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> str:
    """The name of the store under test."""
    return str(request.param)


@pytest.fixture
def stored_home(store: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A copy of `seeded_home` whose state lies in each store in turn."""
    with home_on(store, request, tmp_path / "home") as home:
        yield home


@contextmanager
def home_on(
    store: str, request: pytest.FixtureRequest, place: Path, *, without: tuple[str, ...] = ()
) -> Iterator[Path]:
    """A copy of `seeded_home` at this place whose state lies in this store."""
    seeded_home: Path = request.getfixturevalue("seeded_home")
    if store == "sqlite":
        yield copied(seeded_home, place, without=without)
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    template, name = request.getfixturevalue("seeded_database"), database_name(place)
    home = copied(seeded_home, place, without=(*STATE, *without))
    (home / STATE_URL).write_text(server.new_database(name, template))
    yield home
    server.drop_database(name)


def without_state(home: Path, place: Path) -> Path:
    """A copy of a home with nothing of its state."""
    return copied(home, place, without=STATE)
