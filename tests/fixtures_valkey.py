"""The Valkey server of a test session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.valkey import ValkeyServer, valkey_server


@pytest.fixture(scope="session")
def valkey() -> Iterator[ValkeyServer]:
    """Started with the first test that needs it. Whoever ends it starts it again."""
    with valkey_server() as server:
        yield server
