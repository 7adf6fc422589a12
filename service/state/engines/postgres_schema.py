"""The tables of a PostgreSQL store: at which step they stand, what they hold, and how they are brought to the last."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import tuple_row

from service.state.engines.inventory import Heard, Inventory, StoreStatus, database_inventory, heard_in
from service.state.engines.postgres_connection import connect, connected, unhurried
from service.state.engines.postgres_session import Connection, PostgresSession, advisory_key, answering, first_line
from service.state.engines.postgres_url import PostgresUrl
from service.state.engines.steps import CURRENT, HEAD, STORE_ID, VERSION_TABLE, another_store, migrate, to_do
from service.state.port import StateUnavailable


def demand_schema(connection: Connection) -> None:
    version = version_of(connection)
    if version != HEAD:
        stands = "it has no tables" if version is None else f"its tables stand at step {version}"
        raise StateUnavailable(f"the state store cannot be used: {stands}, this program knows {HEAD}: {to_do(version)}")


def demand_store(connection: Connection, expected: str | None) -> str:
    """The id of the store. Raises: StateUnavailable if it is not the one that is expected."""
    row = connection.execute(STORE_ID).fetchone()
    found = "without an id" if row is None else str(row["store_id"])
    if expected is not None and found != expected:
        raise StateUnavailable(another_store(f"the database {connection.info.dbname}", found, expected))
    return found


def version_of(connection: Connection) -> str | None:
    found = connection.execute("SELECT to_regclass(%s) AS found", (VERSION_TABLE,)).fetchone()
    if found is None or found["found"] is None:
        return None
    row = connection.execute(CURRENT).fetchone()
    return None if row is None else str(row["version_num"])


def status_of(url: str) -> str | None:
    """The step that the tables of a database stand at; None without tables. Raises: StateUnavailable."""
    with answering(), connected(PostgresUrl.read(url)) as connection:
        return version_of(connection)


def store_at(url: str) -> str | None:
    """The id of the store in a database; None without tables. Raises: StateUnavailable if it stands at another step."""
    with answering(), connected(PostgresUrl.read(url)) as connection:
        if version_of(connection) is None:
            return None
        demand_schema(connection)
        return demand_store(connection, None)


def survey_of(url: str) -> StoreStatus:
    """What a database is and holds, without its password. Raises: StateUnavailable."""
    with answering(), connected(PostgresUrl.read(url)) as connection:
        step, info = version_of(connection), connection.info
        has_known_tables = step is not None and step <= HEAD
        inventory = database_inventory(PostgresSession(connection)) if has_known_tables else Inventory()
        return StoreStatus(name=f"PostgreSQL {info.dbname} at {info.host}", step=step, inventory=inventory)


def heard_by(url: str) -> Heard:
    """What a store at the last step was told. Raises: StateUnavailable."""
    with answering(), connected(PostgresUrl.read(url)) as connection:
        return heard_in(PostgresSession(connection))


def migrate_database(url: str) -> tuple[str | None, str | None]:
    """Brings the tables of a database to HEAD; of several processes one does it. Returns: the steps before and after.

    Raises: StateUnavailable.
    """
    from sqlalchemy import create_engine
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.pool import NullPool

    before = status_of(url)
    if before is not None and before > HEAD:
        raise StateUnavailable(f"the state store stands at step {before}, which is later than {HEAD}: {to_do(before)}")
    engine = create_engine("postgresql+psycopg://", creator=lambda: _connection_of_alembic(url), poolclass=NullPool)
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({advisory_key('migrate')})")
            migrate(connection)
    except SQLAlchemyError as error:
        raise StateUnavailable(f"the tables cannot be migrated: {first_line(error)}") from error
    return before, status_of(url)


def _connection_of_alembic(url: str) -> psycopg.Connection[Any]:
    """SQLAlchemy begins its transactions itself, and reads rows by position."""
    connection: psycopg.Connection[Any] = connect(PostgresUrl.read(url), unhurried())
    connection.autocommit, connection.row_factory = False, tuple_row
    return connection
