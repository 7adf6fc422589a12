"""Reads customers' facts from Feast's online store, with status and age, and never fails a decision.

Feast serves expired values as if they were fresh, so ages are compared here, with the clock of the caller.
"""

from __future__ import annotations

import logging
import math
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from features.reading import FeatureReading, ViewFault
from features.schema import FeatureSchema
from features.store.customer_key import CustomerKey
from features.store.open_store import open_store
from features.store.opened import SLOW_S, OpenStore, Questions, Way
from features.store.row_decoder import Draft, ViewDecoder, cause_of, without_values
from features.values import FeatureStatus

log = logging.getLogger(__name__)

RETRY_S: Final = 5.0
"""The least time between two attempts to open a store that failed."""

Open = Callable[[Path], OpenStore]


@dataclass(frozen=True, slots=True)
class _Opened:
    """An open store, what it is asked, and who turns its answers into facts."""

    store: OpenStore
    questions: Questions
    decoders: Sequence[ViewDecoder]

    @classmethod
    def of(cls, store: OpenStore, schema: FeatureSchema) -> _Opened:
        views = schema.by_view.items()
        wanted = {view: [spec.stored_as or spec.name for spec in specs] for view, specs in views}
        decoders = [
            ViewDecoder(
                view, specs, [spec for spec in specs if not store.has_feature(view, spec.stored_as or spec.name)]
            )
            for view, specs in views
        ]
        return cls(store, store.questions(wanted), decoders)


class OnlineFeatures:
    """The online reader. Reading is synchronous; threads that read at once wait for each other.

    `reads`: of how many customers the store was asked, by way.
    """

    def __init__(
        self,
        repo: Path,
        schema: FeatureSchema,
        *,
        key: CustomerKey | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        connect: Open = open_store,
    ) -> None:
        """Opens nothing yet, and so never fails.

        Args:
            repo: the folder with feature_store.yaml (HOME/feast).
            key: of the customers; a view that is kept by another is UNAVAILABLE. None: each view's own.
            monotonic: seconds, for the pause between attempts to open a store that failed.
            connect: opens the repository; another one in tests.
        """
        self._repo = repo
        self._schema = schema
        self._key = key
        self._monotonic = monotonic
        self._connect = connect
        self._opened: _Opened | None = None
        self._opened_at = -math.inf
        self._cause = "not opened yet"
        self._is_suspect = False
        self._silent_until = -math.inf
        self._turn = threading.Lock()
        self._listeners: list[Callable[[Way, int], None]] = []
        self.reads: Counter[Way] = Counter()

    def listen(self, listener: Callable[[Way, int], None]) -> None:
        """`listener` is told the way of each read, and of how many customers. Quick, in the reading thread."""
        self._listeners.append(listener)

    def read(self, customer_id: str, now: datetime) -> FeatureReading:
        """As `read_many` of one."""
        return self.read_many((customer_id,), now)[0]

    def read_many(self, customer_ids: Sequence[str], now: datetime) -> list[FeatureReading]:
        """Everything the store knows of each, compared exactly, as of `now` (aware); in their order.

        Never raises for trouble of the store: what could not be read is UNAVAILABLE and listed in `degraded`. A store
        that keeps its readers waiting is asked one question every `RETRY_S`.
        """
        with self._turn:
            opened = None if self._monotonic() < self._silent_until else self._current()
            if opened is None:
                return [self._nothing_read() for _ in customer_ids]
            self._count(opened.store.way, len(customer_ids))
            distinct = list(dict.fromkeys(customer_ids))
            readings = self._read(opened, distinct, now)
        by_customer = dict(zip(distinct, readings, strict=True))
        return [by_customer[customer_id] for customer_id in customer_ids]

    def renew(self, schema: FeatureSchema, key: CustomerKey | None = None) -> None:
        """From the next `read` on, what `schema` has, in the registry as it is now; the one before if it is broken."""
        store = None
        try:
            store = self._connect(self._repo)
        except Exception as error:  # noqa: BLE001 - each registry raises its own errors
            log.warning("feature store cannot be opened anew, what is open stays: %s", cause_of(error))
        with self._turn:
            self._schema, self._key = schema, key
            if store is not None:
                self._drop()
                self._opened_at = self._monotonic()
            elif self._opened is not None:
                store = self._opened.store
            self._opened = None if store is None else _Opened.of(store, schema)

    def close(self) -> None:
        """Lets go of the store; a later `read` opens it again."""
        with self._turn:
            self._drop()
            self._opened_at = -math.inf

    def _count(self, way: Way, customers: int) -> None:
        self.reads[way] += customers
        for listener in self._listeners:
            listener(way, customers)

    def _read(self, opened: _Opened, customer_ids: Sequence[str], now: datetime) -> list[FeatureReading]:
        drafts = [Draft() for _ in customer_ids]
        answers = opened.questions.ask(customer_ids)
        for decoder in opened.decoders:
            began_s = self._monotonic()
            try:
                if self._key is not None:
                    opened.store.demand_key(decoder.view, self._key)
                rows = answers.of(decoder.view)
            except Exception as error:  # noqa: BLE001 - each store raises its own errors, and none may end a decision
                self._is_suspect = True
                is_silent = self._monotonic() - began_s >= SLOW_S
                if is_silent:
                    self._silent_until = self._monotonic() + RETRY_S
                if is_silent or type(error) is sqlite3.DatabaseError:  # a damaged file: kept pages say nothing
                    self._cause = cause_of(error)
                    return [self._nothing_read() for _ in customer_ids]
                for draft in drafts:
                    decoder.fail(draft, error)
                continue
            for draft, row in zip(drafts, rows, strict=True):
                if not decoder.add(draft, row, now):
                    self._is_suspect = True
        return [draft.finished() for draft in drafts]

    def _nothing_read(self) -> FeatureReading:
        status, views = FeatureStatus.UNAVAILABLE, self._schema.by_view
        values = without_values([spec for specs in views.values() for spec in specs], status)
        faults = tuple(ViewFault(view=view, status=status, cause=self._cause) for view in views)
        return FeatureReading(values=values, degraded=faults, has_any_row=False)

    def _current(self) -> _Opened | None:
        """The open connection, opened anew when its file was replaced or, after trouble, when the pause is over.

        Where the registry cannot be opened the one that is open goes on, unless its file is another.
        """
        is_replaced = self._opened is not None and self._opened.store.is_replaced()
        if self._opened is not None and not self._is_suspect and not is_replaced:
            return self._opened
        now_s = self._monotonic()
        if now_s - self._opened_at < RETRY_S:
            return self._opened
        self._opened_at = now_s
        try:
            store = self._connect(self._repo)
        except Exception as error:  # noqa: BLE001 - a broken registry, file or setting: every view is UNAVAILABLE
            self._cause = cause_of(error)
            log.warning("feature store cannot be opened: %s", self._cause)
            if is_replaced:
                self._drop()
            return self._opened
        self._drop()
        self._opened = _Opened.of(store, self._schema)
        return self._opened

    def _drop(self) -> None:
        if self._opened is not None:
            self._opened.store.close()
        self._opened, self._is_suspect = None, False
