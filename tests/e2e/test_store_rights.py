"""A service whose role lacks a right does not start, and says which; the same role with it decides."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.state.port import StateUnavailable
from tests.fixtures_service import STATE_URL, running
from tests.fixtures_stores import without_state
from tests.integration.state.roles import carry_out, owned
from tests.servers.postgres import PostgresServer, database_name


@pytest.fixture
def home(postgres: PostgresServer, seeded_home: Path, tmp_path: Path) -> Iterator[Path]:
    """Its database is owned by a role of the same name."""
    place = without_state(seeded_home, tmp_path / "home")
    with owned(postgres, database_name(tmp_path)) as url:
        (place / STATE_URL).write_text(url)
        yield place


async def test_a_service_without_a_right_does_not_start_and_names_it(
    home: Path, postgres: PostgresServer, tmp_path: Path
) -> None:
    async with running(home) as service:
        assert (await service.decide("1")).decision_id
    role = database_name(tmp_path)
    as_superuser = postgres.url(role)
    carry_out(
        as_superuser, "ALTER SCHEMA public OWNER TO postgres", f"REVOKE CREATE ON SCHEMA public FROM PUBLIC, {role}"
    )
    with pytest.raises(StateUnavailable, match=f"the role {role} lacks what a service needs: CREATE on schema public"):
        async with running(home):
            pass
