"""The training table: who was sent which journey when, joined with what was known of them at that very moment.

Facts come from Feast's point-in-time join, become the same `FeatureRow` that serving builds, and meet the model
through the one encoder. Nothing that happened after `decided_at` is in a row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from features.dataset import FILE as DATASET_FILE
from features.dataset import Dataset
from features.encoder import Encoder, JourneyRow
from features.errors import HomeNotPrepared
from features.reading import is_stale
from features.schema import FeatureSchema, FeatureSpec, FeatureType
from features.values import FeatureRow, FeatureStatus, FeatureValue, Scalar
from training.fit import Examples
from training.join import AS_OF, EVENT_TIMESTAMP, ageing_views, files_of_views, point_in_time_table

if TYPE_CHECKING:
    import pandas as pd

REPO = Path("feast")
TARGETING = Path("training") / "targeting.parquet"
KIND = "promotional"


PLAIN: Mapping[FeatureType, Callable[[Any], Scalar]] = {
    FeatureType.STRING: str,
    FeatureType.DOUBLE: float,
    FeatureType.INT: int,
    FeatureType.BOOL: bool,
    FeatureType.TIMESTAMP: lambda stamp: stamp.to_pydatetime(),
}
"""From a cell of a pandas column to the value of a fact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One household that was sent one campaign, what was known of it then, and what came of it."""

    customer_id: str
    campaign_id: int
    journey: JourneyRow
    decided_at: datetime
    window_end: datetime
    is_redeemed: bool
    row: FeatureRow


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignHistory:
    """All pairs in order of time, and the dataset they come from.

    `fingerprint` is the sha256 of the joined table, as CSV, followed by dataset.json.
    """

    pairs: tuple[Pair, ...]
    dataset: Dataset
    fingerprint: str


def read_history(folder: Path, schema: FeatureSchema) -> CampaignHistory:
    """Reads a company's folder that was prepared.

    Raises: HomeNotPrepared when a file of `rumbo prepare` is missing, or a table is not the one that it describes.
    """
    dataset = Dataset.load(folder)
    targeting = folder / TARGETING
    for path in (targeting, folder / REPO / "feature_store.yaml"):
        if not path.is_file():
            raise HomeNotPrepared(f"{path} does not exist: run `rumbo prepare --company {folder}` first")
    _demand_tables(folder, dataset)
    table = point_in_time_table(folder / REPO, targeting, schema)
    _demand_tables(folder, Dataset.load(folder))  # nobody prepared it anew while it was read
    described = (folder / DATASET_FILE).read_bytes()
    return CampaignHistory(
        pairs=tuple(_pairs(table, schema)),
        dataset=dataset,
        fingerprint=hashlib.sha256(table.to_csv(index=False).encode() + described).hexdigest(),
    )


def _demand_tables(folder: Path, dataset: Dataset) -> None:
    """The tables are compared where the join reads them: where the registry says."""
    dataset.demand(TARGETING.as_posix(), folder / TARGETING)
    for view, file in files_of_views(folder / REPO).items():
        dataset.demand(f"{REPO}/data/{view}.parquet", file)


def encode(pairs: Sequence[Pair], encoder: Encoder) -> Examples:
    """One row a pair, through the encoder that serves."""
    rows = [encoder.matrix(pair.row, pair.decided_at, [pair.journey]) for pair in pairs]
    return Examples(
        matrix=np.concatenate(rows) if rows else np.empty((0, len(encoder.columns))),
        label=np.array([pair.is_redeemed for pair in pairs], dtype=np.float64),
        campaign=np.array([pair.campaign_id for pair in pairs], dtype=np.int64),
        started=_instants([pair.decided_at for pair in pairs]),
        ended=_instants([pair.window_end for pair in pairs]),
    )


def feature_row(
    facts: Mapping[str, Scalar | None], as_of: Mapping[str, Scalar | None], at: datetime, schema: FeatureSchema
) -> FeatureRow:
    """The facts of one joined row with the statuses that serving gives them; views that are not joined are absent.

    A view without any value has no row for the customer (NOT_FOUND); a view older than its max_age is STALE.

    Args:
        facts: values by feature; None where the join found none.
        as_of: event time of the joined row, of the views that age.
    """
    row: dict[str, FeatureValue] = {}
    for view, specs in schema.by_view.items():
        joined = [spec for spec in specs if spec.name in facts]
        has_row = any(facts[spec.name] is not None for spec in joined)
        known = as_of.get(view)
        event_time = known if isinstance(known, datetime) else None
        for spec in joined:
            row[spec.name] = _value(spec, facts[spec.name], at, event_time, has_row=has_row)
    return row


def _value(
    spec: FeatureSpec, value: Scalar | None, at: datetime, event_time: datetime | None, *, has_row: bool
) -> FeatureValue:
    if not has_row:
        status = FeatureStatus.NOT_FOUND
    elif event_time is not None and is_stale(event_time, at, spec.max_age_s):
        status = FeatureStatus.STALE
    else:
        status = FeatureStatus.NULL if value is None else FeatureStatus.PRESENT
    return FeatureValue(name=spec.name, status=status, value=value, event_time=event_time)


def _pairs(table: pd.DataFrame, schema: FeatureSchema) -> Iterator[Pair]:
    import pandas as pd

    columns = {name: scalars(table[name], schema.by_name[name].type) for name in table if name in schema.by_name}
    started = [at.to_pydatetime() for at in pd.to_datetime(table[EVENT_TIMESTAMP], utc=True)]
    ended = [at.to_pydatetime() for at in pd.to_datetime(table["window_end"], utc=True)]
    as_of = {view: scalars(table[AS_OF.format(view=view)], FeatureType.TIMESTAMP) for view in ageing_views(schema)}
    keys = table[["customer_id", "campaign_id", "journey_id", "campaign_type", "category", "redeemed_28d"]]
    for i, (customer, campaign, journey, kind, category, redeemed) in enumerate(keys.itertuples(index=False)):
        attributes = {"campaign_type": str(kind), "category": str(category)}
        yield Pair(
            customer_id=str(customer),
            campaign_id=int(campaign),
            journey=JourneyRow(journey_id=str(journey), kind=KIND, attributes=attributes),
            decided_at=started[i],
            window_end=ended[i],
            is_redeemed=bool(redeemed),
            row=feature_row(_nth(columns, i), _nth(as_of, i), started[i], schema),
        )


def _nth(columns: Mapping[str, Sequence[Scalar | None]], i: int) -> dict[str, Scalar | None]:
    return {name: values[i] for name, values in columns.items()}


def scalars(column: pd.Series[Any], feature_type: FeatureType) -> list[Scalar | None]:
    """A joined column as plain values; what is missing in any of pandas' ways is None."""
    import pandas as pd

    values = pd.to_datetime(column, utc=True) if feature_type is FeatureType.TIMESTAMP else column
    plain = PLAIN[feature_type]
    return [None if is_missing else plain(value) for value, is_missing in zip(values, column.isna(), strict=True)]


def _instants(times: Sequence[datetime]) -> np.ndarray[tuple[int], np.dtype[np.datetime64]]:
    """UTC instants as microseconds without a zone, which numpy lacks."""
    return np.array([at.replace(tzinfo=None) for at in times], dtype="datetime64[us]")
