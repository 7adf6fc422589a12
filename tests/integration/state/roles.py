"""Roles of a PostgreSQL server that are not its superuser, and stores that they use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from service.state.engines.postgres_schema import migrate_database
from tests.servers.postgres import PostgresServer


def carry_out(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def as_role(url: str, role: str) -> str:
    return url.replace("postgres@", f"{role}@")


@contextmanager
def owned(server: PostgresServer, name: str, *, options: str = "") -> Iterator[str]:
    """A store that the role of this name owns, who is no superuser. Yields its URL as that role."""
    carry_out(server.url(), f"CREATE ROLE {name} LOGIN {options}", f"CREATE DATABASE {name} OWNER {name}")
    try:
        migrate_database(as_role(server.url(name), name))
        yield as_role(server.url(name), name)
    finally:
        carry_out(server.url(), f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"DROP ROLE {name}")
