"""Reads Feast's Redis store, on Valkey too, by its own hashes: one round trip for all customers and views of a batch.

A customer's rows in all views kept by one key are one hash: `_ts:VIEW` is the time of a row, and a hash of VIEW:FEATURE
the field of a value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final

from features.errors import ValueUnfit
from features.store.customer_key import CustomerKey
from features.store.opened import Found, Row, Wanted, Way
from features.store.read_plan import ReadPlan

BEGINNING: Final = datetime.fromtimestamp(0, UTC)


class RedisRows:
    """A client of one server, of redis-py, which connects when it is first asked."""

    way = Way.DIRECT

    def __init__(self, plan: ReadPlan, client: Any) -> None:
        self._plan = plan
        self._registered = plan.registered
        self._project = plan.project.encode()
        self._client = client

    def questions(self, wanted: Wanted) -> _Questions:
        """What the registry does not have of it is not asked for."""
        groups: dict[CustomerKey, _Group] = {}
        for name, features in wanted.items():
            view = self._plan.views.get(name)
            if view is None or view.key is None:
                continue
            group = groups.setdefault(view.key, _Group(fields=[], places={}))
            known = [feature for feature in features if feature in view.cells]
            group.places[name] = _Place(first=len(group.fields), features=known)
            group.fields.extend(bytes.fromhex(view.cells[feature]) for feature in known)
            group.fields.append(view.place.encode())
        return _Questions(self, groups)

    def fetch(self, groups: Mapping[CustomerKey, _Group], customer_ids: Sequence[str]) -> list[Any]:
        """The hash of each customer in each group, a fault in its place; None of whom no such key is written.

        Raises: redis.RedisError when the server cannot be asked.
        """
        sent: list[bool] = []
        with self._client.pipeline(transaction=False) as pipe:
            for key, group in groups.items():
                for customer_id in customer_ids:
                    written = key.serialized(customer_id)
                    sent.append(written is not None)
                    if written is not None:
                        pipe.hmget(written + self._project, group.fields)
            replies = iter(pipe.execute(raise_on_error=False))
        return [next(replies) if is_sent else None for is_sent in sent]

    def key_of(self, view: str) -> CustomerKey:
        """Raises: StoreUnavailable as `Registered.key_of`."""
        return self._registered.key_of(view)

    def demand_key(self, view: str, key: CustomerKey) -> None:
        self._registered.demand_key(view, key)

    def has_feature(self, view: str, feature: str) -> bool:
        return self._registered.has_feature(view, feature)

    def is_replaced(self) -> bool:
        return False

    def close(self) -> None:
        self._client.close()


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a view's values lie among the fields of its group, the time of the row behind them."""

    first: int
    features: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Group:
    """The views whose rows are kept by one key."""

    fields: list[bytes]
    places: dict[str, _Place]


@dataclass(frozen=True, slots=True)
class _Questions:
    store: RedisRows
    groups: Mapping[CustomerKey, _Group]

    def ask(self, customer_ids: Sequence[str]) -> _Asked:
        return _Asked(self, customer_ids)


class _Asked:
    """The customers of one batch. The server is asked once, for all views; if it cannot be, each view says why."""

    def __init__(self, questions: _Questions, customer_ids: Sequence[str]) -> None:
        self._questions = questions
        self._customer_ids = customer_ids
        self._instants: dict[bytes, datetime] = {}
        self._fault: Exception | None = None

    @cached_property
    def _hashes(self) -> Mapping[CustomerKey, Sequence[Any]]:
        groups, count = self._questions.groups, len(self._customer_ids)
        replies = self._questions.store.fetch(groups, self._customer_ids)
        return {key: replies[i * count : (i + 1) * count] for i, key in enumerate(groups)}

    def of(self, view: str) -> Sequence[Found]:
        key = self._questions.store.key_of(view)
        if self._fault is not None:
            raise self._fault
        try:
            hashes = self._hashes[key]
        except Exception as error:
            self._fault = error
            raise
        place = self._questions.groups[key].places[view]
        return [self._found(place, hashed) for hashed in hashes]

    def _found(self, place: _Place, hashed: Any) -> Found:
        if hashed is None or isinstance(hashed, Exception):
            return hashed
        end = place.first + len(place.features)
        values, time = hashed[place.first : end], hashed[end] or b""
        at = self._instants.get(time)
        if at is None:
            try:
                at = self._instants[time] = instant_of(time)
            except ValueUnfit as error:
                return error
        if at == BEGINNING and not any(values):
            return None
        return Row(at, dict(zip(place.features, values, strict=True)))


def instant_of(time: bytes) -> datetime:
    """A stored time, to the microsecond as Feast rounds it; the beginning of time where there is none.

    Raises: ValueUnfit for what is no such message, or no instant.
    """
    from google.protobuf.message import DecodeError
    from google.protobuf.timestamp_pb2 import Timestamp

    try:
        stamp = Timestamp.FromString(time)
        return datetime.fromtimestamp(stamp.seconds + stamp.nanos / 1_000_000_000.0, UTC)
    except (DecodeError, ValueError, OverflowError, OSError) as error:
        raise ValueUnfit("the time of a row is no instant") from error
