"""All that reading a store directly takes, compiled from the registry, so that reading it needs no Feast.

It holds neither a place that a password may stand in nor a fact of a customer, and is kept as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from features.store.customer_key import CustomerKey, KeyType
from features.store.opened import Registered


class StoreKind(StrEnum):
    """The stores whose layout is known."""

    SQLITE = "sqlite"
    REDIS = "redis"


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewPlan:
    """One view in the store. `key`: None where its rows are not each of one customer.

    `place`: its table, or the field that holds the time of a row. `cells`: of each feature the name that the table has
    it by, or its field of a row in hexadecimal digits.
    """

    key: CustomerKey | None
    place: str
    cells: Mapping[str, str]


@dataclass(frozen=True)
class ReadPlan:
    """`project`: what keys of rows end with on a server. `file`: of an embedded store, as its configuration says it.

    `writes_text`: whether a text is written as planned, too. `ttl_s`: for so long a server keeps what is written.
    """

    kind: StoreKind
    project: str
    file: str | None
    writes_text: bool
    ttl_s: int | None
    views: Mapping[str, ViewPlan]

    @cached_property
    def registered(self) -> Registered:
        keys = {name: view.key for name, view in self.views.items() if view.key is not None}
        return Registered(keys=keys, features={name: frozenset(view.cells) for name, view in self.views.items()})

    def described(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> ReadPlan:
        """As `described` has it. Raises: ValueError, KeyError, TypeError."""
        file, ttl_s = described["file"], described["ttl_s"]
        return cls(
            kind=StoreKind(described["kind"]),
            project=str(described["project"]),
            file=None if file is None else str(file),
            writes_text=bool(described["writes_text"]),
            ttl_s=None if ttl_s is None else int(ttl_s),
            views={str(name): _view(view) for name, view in described["views"].items()},
        )


def _view(described: Mapping[str, Any]) -> ViewPlan:
    key = described["key"]
    return ViewPlan(
        key=None if key is None else CustomerKey(name=str(key["name"]), type=KeyType(key["type"])),
        place=str(described["place"]),
        cells={str(name): str(cell) for name, cell in described["cells"].items()},
    )
