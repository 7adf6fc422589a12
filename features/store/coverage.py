"""How much of what could be known of a company's customers is known: from the history that Feast keeps of each view."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from features.schema import FeatureSchema, FeatureSpec
from features.store.connection import BEGINNING, open_offline

if TYPE_CHECKING:
    import pyarrow as pa
    from feast import FeatureStore, FeatureView

AHEAD: Final = timedelta(days=36_500)
"""Facts of tomorrow are served as they are, so they are counted too."""

WITHIN: Final = (timedelta(days=2), timedelta(days=60), None)
"""One customer is looked for in the newest rows first."""
Period = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """`customers`: of whom some view has a row. `present`: the share of them of whom a feature is PRESENT, by feature.

    `notices`: the views that have no history to be read, each in a line; their features are in no share. `latest_at`:
    the newest of the rows.
    """

    customers: int
    present: Mapping[str, float]
    notices: tuple[str, ...]
    latest_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Latest:
    """The latest row of each customer in one view: her key, when it was so, and the columns by feature."""

    keys: pa.ChunkedArray
    times: pa.ChunkedArray
    columns: Mapping[str, pa.ChunkedArray]


def coverage_of(repo: Path, schema: FeatureSchema, now: datetime) -> Coverage:
    """Reads the latest row of each customer in each view, by Feast's own interface. As `open_offline`, alone.

    Raises: StoreUnavailable; Feast's own errors for a registry that cannot be read.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    found: dict[str, _Latest] = {}
    notices = []
    with open_offline(repo) as store, quietly(store):
        for view, specs in _views(schema):
            try:
                found[view] = _latest_rows(store, view, specs, (BEGINNING, now + AHEAD))
            except Exception as error:  # noqa: BLE001 - each offline store raises its own errors
                cause = f"{type(error).__name__}: {error}".partition("\n")[0]
                notices.append(f"{view}: its offline source cannot be read, so its coverage is not known: {cause}")
    keys = [chunk for rows in found.values() for chunk in rows.keys.cast(pa.string()).chunks]
    customers = len(pc.unique(pa.chunked_array(keys, pa.string())))
    present = {
        spec.name: _count(found[view], spec, now) / customers if customers else 0.0
        for view, specs in _views(schema)
        if view in found
        for spec in specs
    }
    times = [at for rows in found.values() if (at := pc.max(rows.times).as_py()) is not None]
    return Coverage(customers=customers, present=present, notices=tuple(notices), latest_at=max(times, default=None))


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleCustomer:
    """Somebody whom the history of features knows. `newest_at`: the newest row of all views that were looked at."""

    customer_id: str
    newest_at: datetime


def sample_customer(repo: Path, schema: FeatureSchema, now: datetime) -> SampleCustomer | None:
    """The customer of the newest row; None where no history can be read, or there are no rows. As `coverage_of`."""
    newest: list[tuple[datetime, str]] = []
    with open_offline(repo) as store, quietly(store):
        for view, specs in _views(schema):
            with suppress(Exception):  # each offline store raises its own errors; another view may tell
                newest += _newest_row(store, view, specs[:1], now)
    if not newest:
        return None
    at, customer_id = max(newest)
    return SampleCustomer(customer_id=customer_id, newest_at=at)


def _newest_row(
    store: FeatureStore, view: str, specs: Sequence[FeatureSpec], now: datetime
) -> list[tuple[datetime, str]]:
    import pyarrow.compute as pc

    for within in WITHIN:
        rows = _latest_rows(store, view, specs, (BEGINNING if within is None else now - within, now + AHEAD))
        if len(rows.times):
            newest = pc.max(rows.times)
            return [(newest.as_py(), str(rows.keys[pc.index(rows.times, newest).as_py()].as_py()))]
    return []


@contextmanager
def quietly(store: FeatureStore) -> Iterator[None]:
    """Stores on files warn of what DuckDB is about to give up. Their modules ask to be heard when they are imported."""
    from feast.infra.offline_stores.offline_utils import get_offline_store_from_config

    get_offline_store_from_config(store.config.offline_store)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _views(schema: FeatureSchema) -> Iterator[tuple[str, list[FeatureSpec]]]:
    """What conditions read, by view: not the lists that tell of the situation."""
    for view, specs in schema.by_view.items():
        if read := [spec for spec in specs if not spec.is_situation]:
            yield view, read


def _latest_rows(store: FeatureStore, name: str, specs: Sequence[FeatureSpec], period: Period) -> _Latest:
    from feast.infra.offline_stores.offline_utils import get_offline_store_from_config

    view = _view(store, name)
    source = view.batch_source
    if source is None:
        raise LookupError("it has none")
    written = {told: column for column, told in (source.field_mapping or {}).items()}

    def column(told: str) -> str:
        return written.get(told, told)

    key = column(view.entity_columns[0].name)
    at = column(source.timestamp_field)
    job = get_offline_store_from_config(store.config.offline_store).pull_latest_from_table_or_query(
        config=store.config,
        data_source=source,
        join_key_columns=[key],
        feature_name_columns=[column(spec.stored_as or spec.name) for spec in specs],
        timestamp_field=at,
        created_timestamp_column=column(source.created_timestamp_column) if source.created_timestamp_column else None,
        start_date=period[0],
        end_date=period[1],
    )
    table = job.to_arrow()
    return _Latest(
        keys=table[key],
        times=_instants(table[at]),
        columns={spec.name: table[column(spec.stored_as or spec.name)] for spec in specs},
    )


def _view(store: FeatureStore, name: str) -> FeatureView:
    views = [*store.list_batch_feature_views(), *store.list_stream_feature_views()]
    return next(view for view in views if view.name == name)


def _count(rows: _Latest, spec: FeatureSpec, now: datetime) -> int:
    """Of how many customers it is PRESENT: there, no NaN, and not too old."""
    import pyarrow.compute as pc

    values = rows.columns[spec.name]
    is_present = pc.is_valid(values)
    if str(values.type) in ("float", "double"):
        is_present = pc.and_(is_present, pc.invert(pc.fill_null(pc.is_nan(values), False)))
    if spec.max_age_s is not None:
        is_present = pc.and_(is_present, pc.greater_equal(rows.times, now - timedelta(seconds=spec.max_age_s)))
    return int(pc.sum(is_present).as_py() or 0)


def _instants(times: pa.ChunkedArray) -> pa.ChunkedArray:
    """To the microsecond in UTC, which Feast takes times without a zone for."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if times.type.tz is None:
        times = pc.assume_timezone(times, "UTC")
    return times.cast(pa.timestamp("us", tz="UTC"), safe=False)
