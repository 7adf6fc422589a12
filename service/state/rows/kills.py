"""The kill list, and its version: every decision that read an earlier one is made again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from service.state.engines.session import (
    RULES_LOCK,
    Locks,
    Row,
    RuleVersions,
    Session,
    Sql,
    from_micros,
    micros,
    placeholders,
)
from service.state.port import Kill, KillList

KILLS = Sql("SELECT target, since, why FROM kills ORDER BY target")
VERSIONS = Sql("SELECT name, version FROM versions")


def kill_locks(session: Session) -> Locks:
    """No decision commits while the list changes."""
    return Locks(exclusive=frozenset({RULES_LOCK}))


def keep_kill(session: Session, target: str, why: str, now: datetime) -> None:
    """The version stays if the list says the same already."""
    (known,) = session.query(Sql("SELECT why FROM kills WHERE target = ?", (target,)))
    if known and known[0]["why"] == why:
        return
    session.execute(
        Sql(
            "INSERT INTO kills (target, since, why) VALUES (?, ?, ?)"
            " ON CONFLICT (target) DO UPDATE SET why = excluded.why",
            (target, micros(now), why),
        ),
        raise_version("kills"),
    )


def drop_kill(session: Session, target: str) -> bool:
    """Returns: whether it was on the list."""
    (known,) = session.query(Sql("SELECT why FROM kills WHERE target = ?", (target,)))
    if known:
        session.execute(Sql("DELETE FROM kills WHERE target = ?", (target,)), raise_version("kills"))
    return bool(known)


def kills_of(rows: Iterable[Row]) -> list[Kill]:
    return [Kill(target=row["target"], since=from_micros(row["since"]), why=row["why"]) for row in rows]


def kill_list(session: Session) -> KillList:
    versions, kills = session.query(VERSIONS, KILLS)
    return KillList(version=read_versions(versions).kills, kills=tuple(kills_of(kills)))


def version_read_by(session: Session, service_id: str) -> int | None:
    """The version that a service said last to have read; None if the store does not know the service."""
    (rows,) = session.query(Sql("SELECT kills_version FROM services WHERE service_id = ?", (service_id,)))
    return int(rows[0]["kills_version"]) if rows else None


def note_reading(service_id: str, name: str, version: int, now: datetime) -> Sql:
    return Sql(
        "INSERT INTO services (service_id, name, kills_version, read_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (service_id) DO UPDATE SET kills_version = excluded.kills_version, read_at = excluded.read_at",
        (service_id, name, version, micros(now)),
    )


def forget_services(service_ids: Iterable[str]) -> Sql:
    listed = sorted(service_ids)
    return Sql(f"DELETE FROM services WHERE service_id IN {placeholders(listed)}", listed)


SERVICES = Sql("SELECT service_id, name, kills_version FROM services ORDER BY name, service_id")


def versions_of(session: Session) -> RuleVersions:
    """The versions within a transaction that shares the rules."""
    if session.cache.versions is None:
        (rows,) = session.query(VERSIONS)
        session.cache.versions = read_versions(rows)
    return session.cache.versions


def read_versions(rows: Iterable[Row]) -> RuleVersions:
    return RuleVersions(**{row["name"]: int(row["version"]) for row in rows})


def raise_version(name: str) -> Sql:
    return Sql(
        "INSERT INTO versions (name, version) VALUES (?, 1)"
        " ON CONFLICT (name) DO UPDATE SET version = versions.version + 1",
        (name,),
    )
