"""Reads a customer's facts from Feast's online store, with status and age, and never fails a decision.

Feast serves expired values as if they were fresh, so ages are compared here, with the clock of the caller.
"""

from __future__ import annotations

import logging
import math
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from features.errors import ValueUnfit
from features.reading import FeatureReading, ViewFault, is_stale
from features.schema import FeatureSchema, FeatureSpec, FeatureType
from features.store.connection import Connection, StoredRow
from features.store.customer_key import CustomerKey
from features.values import FeatureStatus, FeatureValue, Scalar

if TYPE_CHECKING:
    from feast.protos.feast.types.Value_pb2 import Value

log = logging.getLogger(__name__)

RETRY_S: Final = 5.0
"""The least time between two attempts to open a store that failed."""

SLOW_S: Final = 0.3
"""A fault that took so long is of a store that is silent: each question to it would cost as much again."""

NULL_INSTANT: Final = -(2**63)
"""How Feast stores a missing timestamp (feast.type_map.NULL_TIMESTAMP_INT_VALUE)."""

WIRE_KINDS: Final = {
    FeatureType.STRING: frozenset({"string_val"}),
    FeatureType.DOUBLE: frozenset({"double_val", "float_val"}),
    FeatureType.INT: frozenset({"int64_val", "int32_val"}),
    FeatureType.BOOL: frozenset({"bool_val"}),
    FeatureType.TIMESTAMP: frozenset({"unix_timestamp_val"}),
}


class OnlineFeatures:
    """The online reader. `read` is synchronous; threads that call it at once wait for each other."""

    def __init__(
        self,
        repo: Path,
        schema: FeatureSchema,
        *,
        key: CustomerKey | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        connect: Callable[[Path], Connection] = Connection.open,
    ) -> None:
        """Opens nothing yet, and so never fails.

        Args:
            repo: the folder with feature_store.yaml (HOME/feast).
            key: of the customers; a view that is kept by another is UNAVAILABLE. None: each view's own.
            monotonic: seconds, for the pause between attempts to open a store that failed.
            connect: opens the repository; another one in tests.
        """
        self._repo = repo
        self._views = schema.by_view
        self._key = key
        self._monotonic = monotonic
        self._connect = connect
        self._connection: Connection | None = None
        self._opened_at = -math.inf
        self._cause = "not opened yet"
        self._is_suspect = False
        self._silent_until = -math.inf
        self._turn = threading.Lock()

    def read(self, customer_id: str, now: datetime) -> FeatureReading:
        """Everything the store knows of `customer_id`, compared exactly, as of `now` (aware).

        Never raises for trouble of the store: what could not be read is UNAVAILABLE and listed in `degraded`. A store
        that keeps its readers waiting is asked one question every `RETRY_S`.
        """
        with self._turn:
            if self._monotonic() < self._silent_until:
                return self._nothing_read()
            connection = self._current()
            if connection is None:
                return self._nothing_read()
            return self._read(connection, customer_id, now)

    def read_many(self, customer_ids: Sequence[str], now: datetime) -> list[FeatureReading]:
        """`read` of each."""
        return [self.read(customer_id, now) for customer_id in customer_ids]

    def renew(self, schema: FeatureSchema, key: CustomerKey | None = None) -> None:
        """From the next `read` on, what `schema` has, in the registry as it is now; the one before if it is broken."""
        connection = None
        try:
            connection = self._connect(self._repo)
        except Exception as error:  # noqa: BLE001 - each registry raises its own errors
            log.warning("feature store cannot be opened anew, what is open stays: %s", _cause(error))
        with self._turn:
            self._views, self._key = schema.by_view, key
            if connection is not None:
                self._drop()
                self._connection, self._opened_at = connection, self._monotonic()

    def close(self) -> None:
        """Lets go of the store; a later `read` opens it again."""
        with self._turn:
            self._drop()
            self._opened_at = -math.inf

    def _read(self, connection: Connection, customer_id: str, now: datetime) -> FeatureReading:
        values: dict[str, FeatureValue] = {}
        faults: list[ViewFault] = []
        has_any_row = False
        for view, specs in self._views.items():
            began_s = self._monotonic()
            try:
                if self._key is not None:
                    connection.demand_key(view, self._key)
                row = connection.read(view, customer_id)
            except Exception as error:  # noqa: BLE001 - each store raises its own errors, and none may end a decision
                self._is_suspect = True
                if self._monotonic() - began_s >= SLOW_S:
                    return self._fell_silent(error)
                if type(error) is sqlite3.DatabaseError:  # the file is damaged, not one view: kept pages say nothing
                    self._cause = _cause(error)
                    return self._nothing_read()
                faults.append(_unavailable(view, error))
                values.update(_without_values(specs, FeatureStatus.UNAVAILABLE))
                continue
            has_any_row = has_any_row or row is not None
            values.update(_values(connection, view, specs, row, now, faults))
        return FeatureReading(values=values, degraded=tuple(faults), has_any_row=has_any_row)

    def _fell_silent(self, error: Exception) -> FeatureReading:
        self._silent_until = self._monotonic() + RETRY_S
        self._cause = _cause(error)
        return self._nothing_read()

    def _nothing_read(self) -> FeatureReading:
        status = FeatureStatus.UNAVAILABLE
        values = {
            name: value for specs in self._views.values() for name, value in _without_values(specs, status).items()
        }
        faults = tuple(ViewFault(view=view, status=status, cause=self._cause) for view in self._views)
        return FeatureReading(values=values, degraded=faults, has_any_row=False)

    def _current(self) -> Connection | None:
        """The open connection, opened anew when its file was replaced or, after trouble, when the pause is over.

        Where the registry cannot be opened the one that is open goes on, unless its file is another.
        """
        is_replaced = self._connection is not None and self._connection.is_replaced()
        if self._connection is not None and not self._is_suspect and not is_replaced:
            return self._connection
        now_s = self._monotonic()
        if now_s - self._opened_at < RETRY_S:
            return self._connection
        self._opened_at = now_s
        try:
            connection = self._connect(self._repo)
        except Exception as error:  # noqa: BLE001 - a broken registry, file or setting: every view is UNAVAILABLE
            self._cause = _cause(error)
            log.warning("feature store cannot be opened: %s", self._cause)
            if is_replaced:
                self._drop()
            return self._connection
        self._drop()
        self._connection = connection
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection, self._is_suspect = None, False


def _values(
    connection: Connection,
    view: str,
    specs: Sequence[FeatureSpec],
    row: StoredRow | None,
    now: datetime,
    faults: list[ViewFault],
) -> dict[str, FeatureValue]:
    """What a view says of a customer. Adds to `faults` as `_decode`, and what the registry no longer has."""
    lost = [spec for spec in specs if not connection.has_feature(view, spec.stored_as or spec.name)]
    if lost:
        faults.append(_lost(lost))
        specs = [spec for spec in specs if spec not in lost]
    found = _without_values(specs, FeatureStatus.NOT_FOUND) if row is None else _decode(view, specs, row, now, faults)
    return found | _without_values(lost, FeatureStatus.UNAVAILABLE)


def _decode(
    view: str, specs: Iterable[FeatureSpec], row: StoredRow, now: datetime, faults: list[ViewFault]
) -> dict[str, FeatureValue]:
    """The features of one row. Adds to `faults` a view that is too old or holds a type that was not declared."""
    values = {}
    mismatch = None
    stale: FeatureSpec | None = None
    for spec in specs:
        try:
            value = _scalar(row.values.get(spec.stored_as or spec.name), spec)
        except ValueUnfit as error:
            mismatch = error
            values[spec.name] = FeatureValue(name=spec.name, status=FeatureStatus.UNAVAILABLE)
            continue
        status = FeatureStatus.NULL if value is None else FeatureStatus.PRESENT
        if is_stale(row.event_time, now, spec.max_age_s):
            status, stale = FeatureStatus.STALE, spec
        values[spec.name] = FeatureValue(name=spec.name, status=status, value=value, event_time=row.event_time)
    if mismatch is not None:
        faults.append(_unavailable(view, mismatch))
    elif stale is not None:
        faults.append(_stale(stale, (now - row.event_time).total_seconds()))
    return values


def _scalar(value: Value | None, spec: FeatureSpec) -> Scalar | None:
    """The plain value; None for a null, however Feast stores it.

    Raises: ValueUnfit when the stored type is not the declared one.
    """
    kind = None if value is None else value.WhichOneof("val")
    if value is None or kind is None or kind == "null_val":
        return None
    if kind not in WIRE_KINDS[spec.type]:
        raise ValueUnfit(f"feature {spec.name} is stored as {kind}, declared as {spec.type.value}")
    if spec.type is FeatureType.TIMESTAMP:
        return None if value.unix_timestamp_val == NULL_INSTANT else _instant(value.unix_timestamp_val, spec)
    plain: Scalar = getattr(value, kind)
    return None if isinstance(plain, float) and math.isnan(plain) else plain


def _instant(seconds: int, spec: FeatureSpec) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise ValueUnfit(f"feature {spec.name} holds no instant") from error


def _without_values(specs: Iterable[FeatureSpec], status: FeatureStatus) -> dict[str, FeatureValue]:
    return {spec.name: FeatureValue(name=spec.name, status=status) for spec in specs}


def _stale(spec: FeatureSpec, age_s: float) -> ViewFault:
    cause = f"{age_s / 86_400:.1f} days old, at most {(spec.max_age_s or 0.0) / 86_400:.1f} allowed"
    return ViewFault(view=spec.view, status=FeatureStatus.STALE, cause=cause)


def _lost(specs: Sequence[FeatureSpec]) -> ViewFault:
    names = ", ".join(spec.stored_as or spec.name for spec in specs)
    cause = f"the registry has no such feature of it: {names}"
    return ViewFault(view=specs[0].view, status=FeatureStatus.UNAVAILABLE, cause=cause)


def _unavailable(view: str, error: Exception) -> ViewFault:
    return ViewFault(view=view, status=FeatureStatus.UNAVAILABLE, cause=_cause(error))


def _cause(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
