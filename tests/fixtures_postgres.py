"""The PostgreSQL server of a test session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.postgres import PostgresServer, postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Started with the first test that needs it."""
    with postgres_server() as server:
        yield server
