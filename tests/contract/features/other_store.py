"""An online store that Feast ships no layout of: it counts its questions, and fails for one customer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from feast.infra.online_stores.sqlite import SqliteOnlineStore, SqliteOnlineStoreConfig

NAME = "tests.contract.features.other_store.OtherSqliteOnlineStore"
BROKEN = "broken"
"""Of this customer nothing can be read, nor of who is asked for with her."""


class OtherSqliteOnlineStoreConfig(SqliteOnlineStoreConfig):
    type: Literal[NAME] = NAME  # type: ignore[valid-type]


class OtherSqliteOnlineStore(SqliteOnlineStore):
    """As a company may have written its own."""

    asked: ClassVar[list[int]] = []

    def online_read(self, config: Any, table: Any, entity_keys: Sequence[Any], requested_features: Any = None) -> Any:
        self.asked.append(len(entity_keys))
        if any(key.entity_values[0].string_val == BROKEN for key in entity_keys):
            raise OSError("disk on fire")
        return super().online_read(config, table, list(entity_keys), requested_features)
