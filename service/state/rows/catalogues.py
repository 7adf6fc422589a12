"""Rows of `catalogues`: the text of each, by its version, and that it is in use."""

from __future__ import annotations

from service.state.engines.session import Session, Sql

_READ_BY_ALL = ("versions", "customers", "events")


def keep_catalogue(version: str, source: str) -> Sql:
    """Keeps it, and says that it is in use."""
    return Sql(
        "INSERT INTO catalogues (version, source) VALUES (?, ?)"
        " ON CONFLICT (version) DO UPDATE SET unused_since = NULL WHERE catalogues.unused_since IS NOT NULL",
        (version, source),
    )


def use_catalogue(session: Session, version: str) -> bool:
    """Says that it is in use, by a row that is written anew whatever it held. Returns: whether it is kept.

    With it the tables that every decision reads are asked, so that it fails whenever a decision would.
    """
    text = "UPDATE catalogues SET unused_since = NULL WHERE version = ? RETURNING version"
    rows, *_ = session.query(Sql(text, (version,)), *(Sql(f"SELECT 1 FROM {table} LIMIT 1") for table in _READ_BY_ALL))
    return bool(rows)


def catalogue_source(session: Session, version: str) -> str | None:
    """The canonical text of a version; None if it is not kept."""
    (rows,) = session.query(Sql("SELECT source FROM catalogues WHERE version = ?", (version,)))
    return rows[0]["source"] if rows else None
