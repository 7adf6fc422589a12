"""What a role lacks is told before a service starts; what its settings would do to a session, they do not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.state.engines.postgres_connection import STATEMENT_MS
from service.state.engines.session import Sql
from service.state.port import StateUnavailable
from service.state.store import SqlState
from tests.builders import NOW
from tests.contract.rows import committed, propose, situation
from tests.integration.state.roles import as_role, carry_out, owned
from tests.servers.postgres import PostgresServer, database_name
from tests.stores import postgres_state

USER = "{role}_user"
GRANTED = (
    "GRANT CREATE, USAGE ON SCHEMA public TO {user}",
    "GRANT ALL ON ALL TABLES IN SCHEMA public TO {user}",
    "GRANT {role} TO {user}",
)


@pytest.fixture
def role(tmp_path: Path) -> str:
    return database_name(tmp_path)


@pytest.fixture
def own_url(server: PostgresServer, role: str) -> Iterator[str]:
    with owned(server, role) as url:
        yield url


@pytest.fixture
def user(server: PostgresServer, role: str, own_url: str) -> Iterator[str]:
    """Another role with every right of the owner."""
    name = USER.format(role=role)
    carry_out(server.url(), f"CREATE ROLE {name} LOGIN")
    carry_out(server.url(role), *(grant.format(role=role, user=name) for grant in GRANTED))
    yield name
    carry_out(server.url(role), f"DROP OWNED BY {name} CASCADE")
    carry_out(server.url(), f"DROP ROLE {name}")


async def started(url: str) -> SqlState:
    """A store as a service opens it."""
    state = postgres_state(url)
    try:
        await state.engine.demand_service()
    except BaseException:
        await state.close()
        raise
    return state


async def test_a_role_that_has_every_right_of_the_owner_serves(server: PostgresServer, role: str, user: str) -> None:
    state = await started(as_role(server.url(role), user))
    await committed(state, await propose(state))
    await state.close()


@pytest.mark.parametrize(
    ("taken", "lacking"),
    [
        ("REVOKE CREATE ON SCHEMA public FROM PUBLIC, {user}, {role}", "CREATE on schema public, to make days"),
        ("REVOKE UPDATE, DELETE ON contacts FROM {user}, {role}", "UPDATE, DELETE on contacts"),
        ("REVOKE SELECT ON kills FROM {user}, {role}", "SELECT on kills"),
        ("REVOKE {role} FROM {user}", "ownership, to make and drop days, of decisions"),
        (
            "ALTER TABLE incidents ENABLE ROW LEVEL SECURITY; ALTER TABLE incidents FORCE ROW LEVEL SECURITY",
            "sight of all rows of incidents, which has row-level security",
        ),
    ],
    ids=["create", "two", "one", "owner", "rows"],
)
async def test_what_a_role_lacks_is_told_at_the_start(
    server: PostgresServer, role: str, user: str, taken: str, lacking: str
) -> None:
    names = {"role": role, "user": user}
    carry_out(server.url(role), "ALTER SCHEMA public OWNER TO postgres", taken.format(**names))
    with pytest.raises(StateUnavailable, match=f"the role {user} lacks what a service needs: .*{lacking}"):
        await started(as_role(server.url(role), user))


async def test_everything_that_is_lacking_is_told_at_once(server: PostgresServer, role: str, user: str) -> None:
    carry_out(server.url(role), f"REVOKE {role} FROM {user}", f"REVOKE ALL ON kills, pools FROM {user}")
    with pytest.raises(StateUnavailable) as refused:
        await started(as_role(server.url(role), user))
    for lacking in ("DELETE on kills", "DELETE on pools", "ownership"):
        assert lacking in str(refused.value)


async def test_policies_hide_nothing_without_a_word(server: PostgresServer, role: str, own_url: str) -> None:
    """They came while the service ran: what they would hide is an error."""
    state = await started(own_url)
    await situation(state)
    carry_out(
        own_url, "ALTER TABLE incidents ENABLE ROW LEVEL SECURITY", "ALTER TABLE incidents FORCE ROW LEVEL SECURITY"
    )
    with pytest.raises(StateUnavailable, match="row-level security"):
        await situation(state)
    carry_out(own_url, "ALTER TABLE incidents NO FORCE ROW LEVEL SECURITY")
    await situation(state)
    await state.close()


async def test_what_the_role_has_set_does_not_become_the_session_s(
    server: PostgresServer, role: str, own_url: str
) -> None:
    set_ = {
        "statement_timeout": "700",
        "lock_timeout": "700",
        "idle_in_transaction_session_timeout": "700",
        "transaction_timeout": "700",
        "synchronous_commit": "off",
        "default_transaction_isolation": "serializable",
        "extra_float_digits": "-15",
        "client_encoding": "LATIN1",
        "row_security": "on",
    }
    carry_out(server.url(), *(f"ALTER ROLE {role} SET {name} = '{value}'" for name, value in set_.items()))
    state = await started(own_url)
    question = Sql("SELECT name, setting FROM pg_settings")
    (rows,) = await state.engine.read(lambda session: session.query(question))
    settings = {row["name"]: row["setting"] for row in rows if row["name"] in set_}
    assert settings == {
        "statement_timeout": str(STATEMENT_MS),
        "lock_timeout": "0",
        "idle_in_transaction_session_timeout": "20000",
        "transaction_timeout": "0",
        "synchronous_commit": "on",
        "default_transaction_isolation": "repeatable read",
        "extra_float_digits": "1",
        "client_encoding": "UTF8",
        "row_security": "off",
    }
    await committed(state, await propose(state, now=NOW))
    await state.close()
