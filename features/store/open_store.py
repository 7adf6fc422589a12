"""Opens the online store of a repository: to be read and written directly where its layout is as planned, else by
Feast.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from features.errors import LayoutUnknown, StoreUnavailable
from features.store.compile_plan import plan_of
from features.store.configuration import CONFIG_FILE, bounded, configured_server
from features.store.connection import Connection
from features.store.direct_cells import RedisCells, SqliteCells
from features.store.feast_internals import redis_client
from features.store.opened import OpenStore
from features.store.read_plan import ReadPlan, StoreKind
from features.store.redis_rows import RedisRows
from features.store.sqlite_rows import SqliteRows
from features.store.text_rows import FeastCells, TextCells

log = logging.getLogger(__name__)


def open_store(repo: Path) -> OpenStore:
    """Reads the registry by Feast, whose import takes seconds, and opens the store as it says.

    Raises: as `Connection.open` and `open_planned`.
    """
    return open_planned(_plan_at(repo), repo)


def open_cells(repo: Path) -> TextCells:
    """The same, to write to. Raises: as `Connection.open` and `open_planned_cells`."""
    return open_planned_cells(_plan_at(repo), repo)


def open_planned(plan: ReadPlan | None, repo: Path) -> OpenStore:
    """Opens the store of `repo` by a plan of its registry; by Feast if there is none, or the store is otherwise.

    Raises: StoreUnavailable naming what is missing; the store's own errors.
    """
    if plan is not None:
        try:
            if plan.kind is StoreKind.SQLITE:
                return SqliteRows(plan, repo / (plan.file or ""))
            return RedisRows(plan, _client_of(repo))
        except LayoutUnknown as error:
            log.warning("the online store is read by Feast: %s", error)
    return Connection.open(repo)


def open_planned_cells(plan: ReadPlan | None, repo: Path) -> TextCells:
    """The same, to write to. Raises: as `open_planned`."""
    if plan is not None and plan.writes_text:
        try:
            if plan.kind is StoreKind.SQLITE:
                return SqliteCells(plan, repo / (plan.file or ""))
            return RedisCells(plan, _client_of(repo))
        except LayoutUnknown as error:
            log.warning("the online store is written by Feast: %s", error)
    return FeastCells.open(repo)


def _plan_at(repo: Path) -> ReadPlan | None:
    connection = Connection.open(repo)
    try:
        return plan_of(connection, repo)
    finally:
        connection.close()


def _client_of(repo: Path) -> Any:
    server = configured_server(repo)
    if server is None:
        raise StoreUnavailable(f"{CONFIG_FILE} names no server")
    return redis_client(bounded(server))
