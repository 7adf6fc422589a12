"""The campaigns as a log of decisions, in the form in which `rumbo state export` writes one.

    targeting.parquet ──Feast's point-in-time join──> what was known of each household then ──> campaigns.parquet

Nothing that happened after `decided_at` is in a row. Nobody drew who was sent what: the propensity is 1, so the log
says what a campaign brings to whom, and nothing of what another would have brought.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import pyarrow as pa

from features.reading import is_stale
from features.schema import FeatureSchema, FeatureSpec, FeatureType
from features.store.connection import open_offline
from features.values import FeatureStatus
from service.examples.complete_journey.data.dataset import Dataset
from service.examples.complete_journey.data.shift import shifted
from service.state.export.table import FEATURE, export_schema, feature_specs

if TYPE_CHECKING:
    from feast import FeatureStore

TARGETING: Final = Path("training/targeting.parquet")
CAMPAIGNS: Final = Path("training/campaigns.parquet")
TEST_FROM: Final = datetime(2017, 9, 20, 4, tzinfo=UTC)
"""Campaigns from then on, unshifted, measure what was learnt of those that were over: midnight in New York."""
KIND: Final = "promotional"
ENTITY: Final = "customer_id"
AT: Final = "event_timestamp"  # Feast's name for the moment as of which a row is joined
PAIR: Final = "pair"
AS_OF: Final = "{view} as of"
"""Column with the event time of the joined row of a view that ages; Feast's own join does not return it."""


def campaigns_log(folder: Path, schema: FeatureSchema, data_end: datetime) -> pa.Table:
    """A row each household that was sent a campaign, in order of time; its reward is 1 where a coupon was redeemed.

    Args:
        folder: of the company, prepared but for this.
        data_end: a row whose window ends later is censored, and has no reward.
    """
    joined = _joined(folder, schema)
    return pa.Table.from_pylist([*_rows(joined, schema, data_end)], schema=export_schema(schema))


def options_of_training(folder: Path, dataset: Dataset) -> tuple[str, ...]:
    """What tells `rumbo train` to learn from them, and what to hold out."""
    test_from = shifted(TEST_FROM, dataset.shift_weeks)
    return ("--log", str(folder / CAMPAIGNS), "--test-from", f"{test_from:%Y-%m-%dT%H:%MZ}")


def _joined(folder: Path, schema: FeatureSchema) -> pd.DataFrame:
    """The pairs in order of time, with the features as of then and the times of those that age."""
    order = ["decided_at", "campaign_id", ENTITY]
    pairs = pd.read_parquet(folder / TARGETING).sort_values(order, ignore_index=True)
    pairs = pairs.rename(columns={"decided_at": AT}).assign(**{PAIR: range(len(pairs))})
    with open_offline(folder / "feast") as store:
        table = pairs.merge(_historical(store, pairs, schema), on=PAIR, validate="one_to_one")
        for view in _ageing(schema):
            table = _with_event_time(table, store, view)
    return table.sort_values(PAIR, ignore_index=True)


def _historical(store: FeatureStore, pairs: pd.DataFrame, schema: FeatureSchema) -> pd.DataFrame:
    named = [f"{view}:{spec.name}" for view, specs in schema.by_view.items() for spec in specs if not spec.is_situation]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # ibis calls a name that DuckDB 2 renamed
        facts = store.get_historical_features(entity_df=pairs[[PAIR, ENTITY, AT]], features=named).to_df()
    return facts.drop(columns=[ENTITY, AT])


def _with_event_time(table: pd.DataFrame, store: FeatureStore, view: str) -> pd.DataFrame:
    """Adds the event time of the latest row of `view` at or before each pair's."""
    from feast import FileSource

    source, as_of = store.get_feature_view(view).batch_source, AS_OF.format(view=view)
    assert isinstance(source, FileSource)
    times = pd.read_parquet(source.path, columns=[ENTITY, source.timestamp_field])
    times = times.rename(columns={source.timestamp_field: as_of}).sort_values(as_of)
    return pd.merge_asof(table.sort_values(AT), times, left_on=AT, right_on=as_of, by=ENTITY)


def _ageing(schema: FeatureSchema) -> tuple[str, ...]:
    """Views whose facts are not to be relied on beyond some age."""
    return tuple(view for view, specs in schema.by_view.items() if any(spec.max_age_s is not None for spec in specs))


def _rows(joined: pd.DataFrame, schema: FeatureSchema, data_end: datetime) -> Iterator[dict[str, Any]]:
    for record in joined.to_dict("records"):
        cells = {str(name): value for name, value in record.items()}
        at, ends = cells[AT].to_pydatetime(), cells["window_end"].to_pydatetime()
        journey, is_open = str(cells["journey_id"]), ends > data_end
        yield {
            **_decided(cells, at, ends),
            "journey_id": journey,
            "eligible": [{"journey_id": journey, "place": "RANKED", "rank": 1, "propensity": 1.0}],
            "reward": None if is_open else float(cells["redeemed_28d"]),
            "is_censored": is_open,
            **_served(cells, at, schema),
        }


def _decided(cells: Mapping[str, Any], at: datetime, ends: datetime) -> dict[str, Any]:
    """What is the same of every campaign, or follows from which one it is."""
    campaign = int(cells["campaign_id"])
    return {
        "decision_id": f"campaign-{campaign}-{cells[ENTITY]}",
        "customer_id": str(cells[ENTITY]),
        "decided_at": at,
        "valid_until": at,
        "channel": "mail",
        "rank": 1,
        "kind": KIND,
        "stage": "sent",
        "action_id": f"campaign-{campaign}",
        "tone": "neutral",
        "is_offer": True,
        "tier": 1,
        "attributes": {"campaign_type": str(cells["campaign_type"]), "category": str(cells["category"])},
        "value": 1.0,
        "propensity": 1.0,
        "model_version": "",
        "catalogue_version": "",
        "contact_state": "PRESENTED",
        "presented_at": at,
        "outcomes": [],
        "window_ends_at": ends,
        "context": json.dumps({"campaign": campaign}),
    }


def _served(cells: Mapping[str, Any], at: datetime, schema: FeatureSchema) -> dict[str, Any]:
    """The features with the statuses that serving gives them: a view without any value has no row for the customer."""
    found: dict[str, Any] = {}
    absent: list[tuple[str, str]] = []
    for view, specs in schema.by_view.items():
        stored = [spec for spec in specs if not spec.is_situation]
        has_row = any(not pd.isna(cells[spec.name]) for spec in stored)
        as_of = cells.get(AS_OF.format(view=view))
        for spec in stored:
            status = _status(spec, cells[spec.name], at, as_of, has_row=has_row)
            if status is FeatureStatus.PRESENT:
                found[FEATURE + spec.name] = _value(spec, cells[spec.name])
            else:
                absent.append((spec.name, status.value))
    known = {FEATURE + spec.name for spec in feature_specs(schema)}
    return {**{name: value for name, value in found.items() if name in known}, "absent_features": absent}


def _status(spec: FeatureSpec, value: Any, at: datetime, as_of: Any, *, has_row: bool) -> FeatureStatus:
    if not has_row:
        return FeatureStatus.NOT_FOUND
    if as_of is not None and not pd.isna(as_of) and is_stale(as_of.to_pydatetime(), at, spec.max_age_s):
        return FeatureStatus.STALE
    return FeatureStatus.NULL if pd.isna(value) else FeatureStatus.PRESENT


def _value(spec: FeatureSpec, value: Any) -> Any:
    if spec.type is FeatureType.TIMESTAMP:
        at = value.to_pydatetime()
        return at if at.tzinfo is not None else pd.Timestamp(at, tz="UTC").to_pydatetime()
    return {FeatureType.INT: int, FeatureType.BOOL: bool, FeatureType.STRING: str}.get(spec.type, float)(value)
