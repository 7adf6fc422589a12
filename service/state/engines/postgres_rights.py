"""What a role must be allowed to do for a service: asked at the start, so that nothing stops at the next midnight."""

from __future__ import annotations

from collections.abc import Iterator

from service.state.engines.inventory import TABLES
from service.state.engines.postgres_session import Connection
from service.state.port import StateUnavailable

_RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE")
_ROLE = (
    "SELECT current_user AS role, current_schema() AS schema,"
    " coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may_create"
)
_TABLES = (
    "SELECT name, row_security_active(to_regclass(name)::oid) AS is_filtered,"
    " ARRAY(SELECT kind FROM unnest(%s::text[]) AS kinds (kind)"
    "  WHERE NOT has_table_privilege(to_regclass(name)::oid, kind)) AS lacking"
    " FROM unnest(%s::text[]) AS named (name) WHERE to_regclass(name) IS NOT NULL ORDER BY name"
)
_DAYS = (
    "SELECT c.oid::regclass::text AS name FROM pg_class c WHERE NOT pg_has_role(c.relowner, 'USAGE')"
    " AND (c.oid = to_regclass('decisions') OR c.oid IN"
    "  (SELECT inhrelid FROM pg_inherits WHERE inhparent = to_regclass('decisions'))) ORDER BY 1"
)


def demand_rights(connection: Connection) -> None:
    """Raises: StateUnavailable with every right that is lacking."""
    (role,) = connection.execute(_ROLE).fetchall()
    lacking = list(_lacking(connection, role["schema"], may_create=role["may_create"]))
    if lacking:
        raise StateUnavailable(f"the role {role['role']} lacks what a service needs: {'; '.join(lacking)}")


def _lacking(connection: Connection, schema: str | None, *, may_create: bool) -> Iterator[str]:
    if not may_create:
        yield (
            "a schema to make tables in" if schema is None else f"CREATE on schema {schema}, to make days of decisions"
        )
    for row in connection.execute(_TABLES, (list(_RIGHTS), list(TABLES))).fetchall():
        if row["lacking"]:
            yield f"{', '.join(row['lacking'])} on {row['name']}"
        if row["is_filtered"]:
            yield f"sight of all rows of {row['name']}, which has row-level security: BYPASSRLS"
    owned_by_others = [row["name"] for row in connection.execute(_DAYS).fetchall()]
    if owned_by_others:
        yield f"ownership, to make and drop days, of {_few(owned_by_others)}"


def _few(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
