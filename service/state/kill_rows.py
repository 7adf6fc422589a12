"""The kill list, and its version: every decision that read an earlier one is made again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from service.state.port import Kill
from service.state.session import EVERYTHING_DECIDED_BY, Keys, Row, Session, Sql, instant, micros

KILLS = Sql("SELECT target, since, why FROM kills ORDER BY target")
VERSIONS = Sql("SELECT name, version FROM versions")


def kill_keys(session: Session) -> Keys:
    """No decision commits while the list changes."""
    return Keys(alone=frozenset({EVERYTHING_DECIDED_BY}))


def keep_kill(session: Session, target: str, why: str, now: datetime) -> None:
    """The version stays if the list says the same already."""
    (known,) = session.ask(Sql("SELECT why FROM kills WHERE target = ?", (target,)))
    if known and known[0]["why"] == why:
        return
    session.tell(
        Sql(
            "INSERT INTO kills (target, since, why) VALUES (?, ?, ?)"
            " ON CONFLICT (target) DO UPDATE SET why = excluded.why",
            (target, micros(now), why),
        ),
        raise_version("kills"),
    )


def drop_kill(session: Session, target: str) -> bool:
    """Returns: whether it was on the list."""
    (known,) = session.ask(Sql("SELECT why FROM kills WHERE target = ?", (target,)))
    if known:
        session.tell(Sql("DELETE FROM kills WHERE target = ?", (target,)), raise_version("kills"))
    return bool(known)


def kills_of(rows: Iterable[Row]) -> list[Kill]:
    return [Kill(target=row["target"], since=instant(row["since"]), why=row["why"]) for row in rows]


def versions_of(session: Session) -> dict[str, int]:
    """The versions within a transaction that shares the rules; a list that never changed has none."""
    if "versions" not in session.memo:
        (rows,) = session.ask(VERSIONS)
        session.memo["versions"] = read_versions(rows)
    versions: dict[str, int] = session.memo["versions"]
    return versions


def read_versions(rows: Iterable[Row]) -> dict[str, int]:
    return {row["name"]: int(row["version"]) for row in rows}


def raise_version(name: str) -> Sql:
    return Sql(
        "INSERT INTO versions (name, version) VALUES (?, 1)"
        " ON CONFLICT (name) DO UPDATE SET version = versions.version + 1",
        (name,),
    )
