"""Opens the online store of a repository: to be read directly where its layout is as planned, else by Feast."""

from __future__ import annotations

import logging
from pathlib import Path

from features.errors import LayoutUnknown, StoreUnavailable
from features.store.compile_plan import plan_of
from features.store.configuration import bounded, configured_server
from features.store.connection import Connection
from features.store.feast_internals import redis_client
from features.store.opened import OpenStore
from features.store.read_plan import ReadPlan, StoreKind
from features.store.redis_rows import RedisRows
from features.store.sqlite_rows import SqliteRows

log = logging.getLogger(__name__)


def open_store(repo: Path) -> OpenStore:
    """Reads the registry by Feast, whose import takes seconds, and opens the store as it says.

    Raises: as `Connection.open` and `open_directly`.
    """
    connection = Connection.open(repo)
    plan = plan_of(connection, repo)
    if plan is None:
        return connection
    try:
        direct = open_directly(plan, repo)
    except LayoutUnknown as error:
        log.warning("the online store is read by Feast: %s", error)
        return connection
    except BaseException:
        connection.close()
        raise
    connection.close()
    return direct


def open_directly(plan: ReadPlan, repo: Path) -> OpenStore:
    """Opens the store of `repo` by a plan of its registry.

    Raises: StoreUnavailable naming what is missing; LayoutUnknown if it is not as planned; the store's own errors.
    """
    if plan.kind is StoreKind.SQLITE:
        return SqliteRows(plan, repo / (plan.file or ""))
    server = configured_server(repo)
    if server is None:
        raise StoreUnavailable("feature_store.yaml names no server")
    return RedisRows(plan, redis_client(bounded(server)))
