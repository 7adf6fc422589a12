"""What the online reader needs of an open store, whichever way its rows are read.

wanted features ──> Questions ──(customers of a batch)──> Answers ──(view)──> a row, or none, or a fault, a customer
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

from features.errors import StoreUnavailable
from features.store.customer_key import CustomerKey

SLOW_S: Final = 0.3
"""A fault that took so long is of a store that is silent: each question to it would cost as much again."""

FileIdentity = tuple[int, int] | None
Wanted = Mapping[str, Sequence[str]]
"""Features by view, by their names in the store."""


class Way(StrEnum):
    """How rows are read."""

    DIRECT = "direct"  # from the store's own layout
    FEAST = "feast"  # by Feast's own interface


@dataclass(frozen=True, slots=True)
class Row:
    """What the store holds of one customer in one view.

    `cells`: bytes of Feast's values by their names there; one that is absent or empty is a null.
    """

    event_time: datetime
    cells: Mapping[str, bytes]


Found = Row | None | Exception
"""Of one customer: her row, None if there is none, or why it cannot be read while those of others can."""


class Answers(Protocol):
    """What a store says of the customers of one batch."""

    def of(self, view: str) -> Sequence[Found]:
        """One a customer, in their order. Raises: the store's own errors, where nobody's row can be read."""


class Questions(Protocol):
    """What is asked of each customer, put once for many batches."""

    def ask(self, customer_ids: Sequence[str]) -> Answers:
        """Quick, and never raises: the store is asked with the first `of`, or with each."""


class OpenStore(Protocol):
    """One open store; not to be shared between threads."""

    @property
    def way(self) -> Way: ...

    def questions(self, wanted: Wanted) -> Questions:
        """For these features; a view that the registry does not have is told by its answer."""

    def demand_key(self, view: str, key: CustomerKey) -> None:
        """Raises: StoreUnavailable when the rows of `view` are not, or no longer, kept by this key."""

    def has_feature(self, view: str, feature: str) -> bool:
        """Whether the registry has it."""

    def is_replaced(self) -> bool:
        """Whether the file of an embedded store is no longer the one that was opened."""

    def close(self) -> None:
        """Lets go of the store: of its file, or its connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """What the registry has. `keys`: of the views whose rows are each of one customer; `features`: by view."""

    keys: Mapping[str, CustomerKey]
    features: Mapping[str, frozenset[str]]

    def key_of(self, view: str) -> CustomerKey:
        """Raises: StoreUnavailable when the registry does not know `view`, or not as one of customers."""
        if view not in self.features:
            raise StoreUnavailable(f"the registry has no view {view!r}")
        if view not in self.keys:
            raise StoreUnavailable(f"the view {view!r} is not of one entity with one key")
        return self.keys[view]

    def demand_key(self, view: str, key: CustomerKey) -> None:
        """Raises: StoreUnavailable when the rows of `view` are not, or no longer, kept by this key."""
        found = self.keys.get(view)
        if view in self.features and found != key:
            kept = "another" if found is None else f"{found.name} ({found.type})"
            raise StoreUnavailable(f"the key of the view {view!r} is {kept}, not {key.name} ({key.type})")

    def has_feature(self, view: str, feature: str) -> bool:
        """Whether the registry has it."""
        return feature in self.features.get(view, frozenset())


def identity_of(file: Path | None) -> FileIdentity:
    """Which file lies there; None if there is none."""
    if file is None:
        return None
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
