"""Ways in which a state store goes away under a running service, and comes back."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import grpc
import psutil
import psycopg
import pytest

from tests.e2e.wire import Refusal
from tests.fixtures_service import STATE_URL, copied
from tests.fixtures_stores import without_state
from tests.servers.postgres import PostgresServer, database_name

AWAY = Refusal(code=grpc.StatusCode.UNAVAILABLE, reason="STATE_UNAVAILABLE")
SOON_S = 1.0
"""What the waits of a store are set to here, so that these tests need not wait the usual ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the state of a service lies: in a file of its home, or in a server that may be ended."""

    home: Path
    server: PostgresServer | None = None

    @property
    def mortal(self) -> PostgresServer:
        assert self.server is not None
        return self.server


Outage = Callable[[Place], AbstractContextManager[None]]


@contextmanager
def file_locked(place: Place) -> Iterator[None]:
    """Another process writes, and does not end."""
    with closing(sqlite3.connect(place.home / "state.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@contextmanager
def tables_locked(place: Place) -> Iterator[None]:
    """Somebody changes the tables, and does not end: nobody can read or write."""
    with psycopg.connect((place.home / STATE_URL).read_text()) as other:
        other.execute("LOCK TABLE versions, customers, events, decisions IN ACCESS EXCLUSIVE MODE")
        yield


@contextmanager
def server_stopped(place: Place) -> Iterator[None]:
    place.mortal.stop()
    try:
        yield
    finally:
        place.mortal.start()


@contextmanager
def server_killed(place: Place) -> Iterator[None]:
    place.mortal.kill()
    try:
        yield
    finally:
        place.mortal.start()


@contextmanager
def server_frozen(place: Place) -> Iterator[None]:
    """Takes connections and questions, and answers none."""
    processes = place.mortal.processes()
    for process in processes:
        with suppress(psutil.NoSuchProcess):  # a worker that had done its work
            process.suspend()
    try:
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.resume()


ON_FILE: Mapping[str, Outage] = {"file-locked": file_locked}
ON_SERVER: Mapping[str, Outage] = {
    "tables-locked": tables_locked,
    "server-stopped": server_stopped,
    "server-killed": server_killed,
    "server-frozen": server_frozen,
}
OUTAGES: Mapping[str, Outage] = {**ON_FILE, **ON_SERVER}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of a second, for stores that are opened from now on."""
    monkeypatch.setattr("service.state.engines.sqlite.BUSY_S", SOON_S)
    monkeypatch.setattr("service.state.engines.postgres_connection.STATEMENT_MS", int(SOON_S * 1000))
    monkeypatch.setattr("service.state.store.ANSWER_S", 2 * SOON_S)


@contextmanager
def place_of(outage: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[Place]:
    """A home of its own in a store that this outage befalls; in a server nobody has consented to anything."""
    seeded_home: Path = request.getfixturevalue("seeded_home")
    if outage in ON_FILE:
        yield Place(home=copied(seeded_home, folder / "home"))
        return
    server: PostgresServer = request.getfixturevalue("mortal")
    home = without_state(seeded_home, folder / "home")
    name = database_name(folder)
    (home / STATE_URL).write_text(server.new_database(name))
    yield Place(home=home, server=server)
    server.drop_database(name)


@pytest.fixture(params=OUTAGES)
def outage_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def outage(outage_name: str) -> Outage:
    return OUTAGES[outage_name]


@pytest.fixture
def place(outage_name: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with place_of(outage_name, request, tmp_path) as own:
        yield own
