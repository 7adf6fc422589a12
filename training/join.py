"""Feast's point-in-time join: for each pair, what was known at its decision time, as one table."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from features.errors import HomeNotPrepared
from features.schema import FeatureSchema
from features.store.connection import open_feature_store, open_offline

if TYPE_CHECKING:
    import pandas as pd
    from feast import FeatureStore, FeatureView

FEATURE_SERVICE = "redemption"
ENTITY = "customer_id"
EVENT_TIMESTAMP = "event_timestamp"  # Feast's name for the moment as of which a row is joined
PAIR = "pair"
AS_OF = "{view} as of"
"""Column with the event time of the joined row of a view that ages; Feast's own join does not return it."""


def point_in_time_table(repo: Path, targeting: Path, schema: FeatureSchema) -> pd.DataFrame:
    """One row a pair in order of time: the columns of `targeting`, the features in order of name, the ages' columns.

    Args:
        repo: the folder with feature_store.yaml.
        targeting: Parquet file of who was sent what when; `decided_at` becomes `event_timestamp`.
    """
    pairs = _numbered(targeting)
    with open_offline(repo) as store:
        table = pairs.merge(_historical(store, pairs), on=PAIR, validate="one_to_one")
        for view in ageing_views(schema):
            table = _with_event_time(table, store.get_feature_view(view))
    return table.sort_values(PAIR, ignore_index=True)


def files_of_views(repo: Path) -> dict[str, Path]:
    """The Parquet file behind each view that is kept in one."""
    from feast import FileSource

    sources = {view.name: view.batch_source for view in open_feature_store(repo).list_feature_views()}
    return {name: repo / source.path for name, source in sources.items() if isinstance(source, FileSource)}


def ageing_views(schema: FeatureSchema) -> tuple[str, ...]:
    """Views whose facts are not to be relied on beyond some age."""
    return tuple(view for view, specs in schema.by_view.items() if any(spec.max_age_s is not None for spec in specs))


def _numbered(targeting: Path) -> pd.DataFrame:
    """The pairs in order of time; their numbers tell them apart through the join."""
    import pandas as pd

    pairs = pd.read_parquet(targeting).sort_values(["decided_at", "campaign_id", ENTITY], ignore_index=True)
    return pairs.rename(columns={"decided_at": EVENT_TIMESTAMP}).assign(**{PAIR: np.arange(len(pairs))})


def _historical(store: FeatureStore, pairs: pd.DataFrame) -> pd.DataFrame:
    """PAIR and the features of the service, in order of name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # ibis calls a name that DuckDB 2 renamed
        facts = store.get_historical_features(
            entity_df=pairs[[PAIR, ENTITY, EVENT_TIMESTAMP]], features=store.get_feature_service(FEATURE_SERVICE)
        ).to_df()
    return facts[[PAIR, *sorted(set(facts.columns) - {PAIR, ENTITY, EVENT_TIMESTAMP})]]


def _with_event_time(table: pd.DataFrame, view: FeatureView) -> pd.DataFrame:
    """Adds the event time of the latest row of `view` at or before each pair's, from the file behind the view.

    Raises: HomeNotPrepared when the view is not kept in a file.
    """
    import pandas as pd
    from feast import FileSource

    source, as_of = view.batch_source, AS_OF.format(view=view.name)
    if not isinstance(source, FileSource):
        raise HomeNotPrepared(f"the view {view.name} is not kept in a Parquet file")
    times = pd.read_parquet(source.path, columns=[ENTITY, source.timestamp_field])
    return pd.merge_asof(
        table.sort_values(EVENT_TIMESTAMP),
        times.rename(columns={source.timestamp_field: as_of}).sort_values(as_of),
        left_on=EVENT_TIMESTAMP,
        right_on=as_of,
        by=ENTITY,
    )
