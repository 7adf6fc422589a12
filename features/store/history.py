"""What was known of customers at given instants, by Feast's point-in-time join, with the status that serving gives.

    customers and instants, each pair once ──a view a question──> values, and when each was so ──> PRESENT, STALE, …

Feast's join has no row that came after the instant. It says neither how old a value is nor whether there was a row, so
the time of the row is asked for as if it were a feature. Who has no row of the age that serving allows is asked for
again without any limit of age, in place of the view's own ttl, so that STALE is told from NOT_FOUND. Where a source
says when its rows were written, later ones are left out too, by stores that can.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.errors import HistoryUnreadable
from features.schema import FeatureSpec, FeatureType
from features.store.configuration import CONFIG_FILE
from features.store.connection import open_offline
from features.store.coverage import quietly
from features.store.customer_key import CustomerKey, KeyType
from features.values import FeatureStatus

if TYPE_CHECKING:
    from feast import FeatureStore, FeatureView
    from feast.infra.offline_stores.offline_store import OfflineStore
    from pandas import DataFrame

AT: Final = "event_timestamp"
"""Feast's name for the instant as of which a row is joined."""
ASKED, AS_OF = "rumbo_asked", "rumbo_as_of"
"""Columns of ours in its tables: the place of a pair, and the time of the row that was found."""
STATUSES: Final = (FeatureStatus.PRESENT, FeatureStatus.NULL, FeatureStatus.NOT_FOUND, FeatureStatus.STALE)
PRESENT, NULL, NOT_FOUND, STALE = range(len(STATUSES))
TIME: Final = pa.timestamp("us", tz="UTC")
ARROW: Mapping[FeatureType, pa.DataType] = {
    FeatureType.STRING: pa.string(),
    FeatureType.DOUBLE: pa.float64(),
    FeatureType.INT: pa.int64(),
    FeatureType.BOOL: pa.bool_(),
    FeatureType.TIMESTAMP: TIME,
}
Instants = NDArray[np.datetime64]
Places = NDArray[np.int64]
Statuses = NDArray[np.int8]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asked:
    """n pairs, no two alike: `customers` as they are called in decisions, `at` (n,) datetime64[us] in UTC."""

    customers: Sequence[str]
    at: Instants


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fact:
    """One feature of n pairs: `values` typed as ARROW, null where not PRESENT; `statuses` (n,) index STATUSES."""

    values: pa.Array
    statuses: Statuses

    def take(self, rows: Places) -> Fact:
        return Fact(values=self.values.take(pa.array(rows)), statuses=self.statuses[rows])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ViewFacts:
    """What a view says of n pairs, by feature. `lost`: the pairs that the store left out, and again when asked anew.

    `is_hindsight`: the source says when its rows were written, and the store cannot leave out those written later.
    """

    facts: Mapping[str, Fact]
    lost: int
    is_hindsight: bool


class History:
    """An open offline store. Not to be shared between threads."""

    def __init__(self, store: FeatureStore, key: CustomerKey) -> None:
        self._store = store
        self._key = key
        self._views: dict[str, _JoinedView] = {}

    def facts(self, view: str, specs: Sequence[FeatureSpec], asked: Asked) -> ViewFacts:
        """What was known at each instant of `specs`, all of `view`; instants to the second, as they are served.

        A pair is asked for once. One that the store leaves out (Feast's file store does so where a customer has later
        rows alone) is asked for again; then it is lost, and NOT_FOUND. Who has no key in the store is NOT_FOUND.

        Raises: HistoryUnreadable naming the view.
        """
        keys = [self._key.value_of(customer) for customer in asked.customers]
        keyed = np.array([i for i, key in enumerate(keys) if key is not None], dtype=np.int64)
        joined, oldest = self._view(view), _oldest(specs)
        table = self._asked(joined, oldest, specs, keys, asked.at, keyed)
        seen = np.asarray(table[ASKED], dtype=np.int64)
        if oldest is not None:
            seen = seen[np.asarray(table[AS_OF].is_valid(), dtype=bool)]
        again = np.setdiff1d(keyed, seen)
        if again.size:
            kept = table.filter(pa.array(np.isin(np.asarray(table[ASKED], dtype=np.int64), seen)))
            more = self._asked(joined, None, specs, keys, asked.at, again)
            table = pa.concat_tables([kept, more], promote_options="permissive")
        places = np.full(len(keys), -1)
        places[np.asarray(table[ASKED], dtype=np.int64)] = np.arange(table.num_rows)
        found = table.take(pa.array(places, mask=places < 0))
        as_of = _as_of(found, view)
        facts = {spec.name: _fact(found, spec, joined.dtypes, as_of, asked.at) for spec in specs}
        is_hindsight = joined.has_creation and not joined.store_filters
        return ViewFacts(facts=facts, lost=int((places[keyed] < 0).sum()), is_hindsight=is_hindsight)

    def _view(self, name: str) -> _JoinedView:
        if name not in self._views:
            self._views[name] = _JoinedView.of(self._store, name)
        return self._views[name]

    def _asked(
        self,
        view: _JoinedView,
        oldest: timedelta | None,
        specs: Sequence[FeatureSpec],
        keys: Sequence[str | int | None],
        at: Instants,
        rows: Places,
    ) -> pa.Table:
        """What came back of these rows, no older than is said. Raises: HistoryUnreadable."""
        names = [spec.stored_as or spec.name for spec in specs]
        if taken := {AT, ASKED, AS_OF, self._key.name} & {*names}:
            raise HistoryUnreadable(f"{view.name}: a feature that is called {min(taken)} cannot be joined")
        if not rows.size:
            return pa.table({name: pa.nulls(0) for name in (*names, AS_OF)} | {ASKED: pa.array([], pa.int64())})
        with _told(view.name):
            table = self._answer(view, oldest, names, _pairs(self._key, keys, at, rows))
        if len(pc.unique(table[ASKED])) < table.num_rows:
            raise HistoryUnreadable(f"{view.name}: its store gave some of the rows that it was asked for twice")
        times = table[view.as_of]
        return table.select([*names, ASKED]).append_column(AS_OF, times)

    def _answer(self, view: _JoinedView, oldest: timedelta | None, names: Sequence[str], pairs: DataFrame) -> pa.Table:
        """Raises: what each store raises."""
        options = {"filter_by_created_timestamp": True} if view.has_creation and view.store_filters else {}
        view.view.ttl = oldest or timedelta(0)
        return view.offline.get_historical_features(
            config=self._store.config,
            feature_views=[view.view],
            feature_refs=[f"{view.name}:{name}" for name in dict.fromkeys((*names, view.as_of))],
            entity_df=pairs,
            registry=self._store.registry,
            project=self._store.project,
            full_feature_names=False,
            **options,
        ).to_arrow()


@contextmanager
def open_history(repo: Path, key: CustomerKey) -> Iterator[History]:
    """The history of the repository at `repo`; as `open_offline`, so relative paths of others do not hold meanwhile.

    Raises: StoreUnavailable; HistoryUnreadable where there is no offline store.
    """
    with open_offline(repo) as store:
        if store.config.offline_store is None:
            raise HistoryUnreadable(f"{CONFIG_FILE} names no offline store: there is no history to read")
        with quietly(store):
            yield History(store, key)


@dataclass(frozen=True, slots=True, kw_only=True)
class _JoinedView:
    """A view as it is joined: a copy, with the time of its rows as the feature `as_of`; `dtypes` are Feast's."""

    name: str
    view: FeatureView
    as_of: str
    offline: OfflineStore
    dtypes: Mapping[str, str]
    has_creation: bool

    @classmethod
    def of(cls, store: FeatureStore, name: str) -> _JoinedView:
        """Raises: HistoryUnreadable."""
        from feast.infra.offline_stores.offline_utils import get_offline_store_from_config

        known = {view.name: view for view in (*store.list_batch_feature_views(), *store.list_stream_feature_views())}
        if name not in known:
            raise HistoryUnreadable(f"{name}: the registry has no such view")
        view = copy.deepcopy(known[name])
        source = view.batch_source
        if source is None:
            raise HistoryUnreadable(f"{name}: it has no source of its history")
        dtypes = {field.name: str(field.dtype) for field in view.features}
        if source.timestamp_field not in dtypes:  # by a name of ours, for theirs may be that of the instants asked for
            written = {told: column for column, told in (source.field_mapping or {}).items()}
            raw = written.get(source.timestamp_field, source.timestamp_field)
            source.field_mapping = {**(source.field_mapping or {}), raw: AS_OF}
            source.timestamp_field = AS_OF
        return cls(
            name=name,
            view=view,
            as_of=source.timestamp_field,
            offline=get_offline_store_from_config(store.config.offline_store),
            dtypes=dtypes,
            has_creation=bool(source.created_timestamp_column),
        )

    @property
    def store_filters(self) -> bool:
        """Whether the store can leave out what was written later."""
        return bool(self.offline.supports_filter_by_created_timestamp)


def _oldest(specs: Sequence[FeatureSpec]) -> timedelta | None:
    """The age at which all of them are too old; None if some never is."""
    ages = [spec.max_age_s for spec in specs]
    return None if None in ages else timedelta(seconds=max(age for age in ages if age is not None))


def _pairs(key: CustomerKey, keys: Sequence[str | int | None], at: Instants, rows: Places) -> DataFrame:
    import pandas as pd

    typed = {KeyType.STRING: "object", KeyType.INT64: "int64", KeyType.INT32: "int32"}[key.type]
    return pd.DataFrame(
        {
            key.name: pd.Series([keys[i] for i in rows], dtype=typed),
            AT: pd.Series(at[rows]).dt.tz_localize("UTC"),
            ASKED: pd.Series(rows),
        }
    )


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Each offline store raises its own errors: they become one line that names `what`."""
    try:
        yield
    except Exception as error:
        cause = f"{type(error).__name__}: {error}".strip().partition("\n")[0]
        raise HistoryUnreadable(f"{what}: its history cannot be read: {cause}") from error


def _as_of(found: pa.Table, view: str) -> Instants:
    """(n,) the time of each row that was found; NaT where there is none."""
    times = found[AS_OF].combine_chunks()
    try:
        return to_numpy(_instants(times.chunk(0) if isinstance(times, pa.ChunkedArray) else times))
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise HistoryUnreadable(f"{view}: the times of its rows are {times.type}") from error


def _fact(found: pa.Table, spec: FeatureSpec, dtypes: Mapping[str, str], as_of: Instants, at: Instants) -> Fact:
    name = spec.stored_as or spec.name
    try:
        values = _typed(found[name].combine_chunks(), spec.type, dtypes.get(name, ""))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        held = found[name].type
        raise HistoryUnreadable(f"{spec.view}: {name} holds {held} in its history, not {spec.type.value}") from error
    statuses = np.where(np.asarray(values.is_valid()), PRESENT, NULL).astype(np.int8)
    statuses[np.isnat(as_of)] = NOT_FOUND
    if spec.max_age_s is not None:
        oldest = np.timedelta64(round(spec.max_age_s * 1_000_000), "us")
        statuses[~np.isnat(as_of) & (at - as_of > oldest)] = STALE
    kept = pc.if_else(pa.array(statuses == PRESENT), values, pa.scalar(None, values.type))
    return Fact(values=kept, statuses=statuses)


def _typed(held: pa.Array, kind: FeatureType, dtype: str) -> pa.Array:
    """As the online store would give it: narrow floats are rounded, instants are of whole seconds, NaN is null."""
    values = held.chunk(0) if isinstance(held, pa.ChunkedArray) else held
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_null(values.type):
        return values.cast(ARROW[kind])
    if kind is FeatureType.TIMESTAMP:
        return pc.floor_temporal(_instants(values), unit="second")
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    if dtype == "Float32":
        values = values.cast(pa.float32(), safe=False)
    return values.cast(ARROW[kind], safe=False)


def _instants(values: pa.Array) -> pa.Array:
    """In UTC, which Feast takes times without a zone for."""
    if pa.types.is_null(values.type):
        return values.cast(TIME)
    if pa.types.is_date(values.type):
        values = values.cast(pa.timestamp("us"))
    if not pa.types.is_timestamp(values.type):
        raise pa.ArrowTypeError(f"{values.type} is no instant")
    zoned = values if values.type.tz is not None else pc.assume_timezone(values, "UTC")
    return zoned.cast(TIME, safe=False)


def to_numpy(instants: pa.Array) -> Instants:
    """(n,) datetime64[us] of an array of type TIME; NaT where it is null."""
    return np.asarray(instants.cast(pa.int64()).fill_null(np.iinfo(np.int64).min)).astype("datetime64[us]")
