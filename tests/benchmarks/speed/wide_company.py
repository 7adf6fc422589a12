"""The same company with more features: so many numbers in a view beside, which no rule and no model reads."""

from __future__ import annotations

import random
from contextlib import redirect_stdout
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from tests.benchmarks.speed.grocer import Grocer, online

if TYPE_CHECKING:
    from tests.benchmarks.speed.grocer import OnlineRow

VIEW = "more"
VIEWS = "views: [demographics, profile, purchases, behaviour]"


def widened(grocer: Grocer, features: int) -> Grocer:
    """Adds the view to a company whose files may be written to, with a row of every customer."""
    _register(grocer.company / "feast", features)
    document = grocer.company / "rumbo.yaml"
    text = document.read_text(encoding="utf-8")
    assert VIEWS in text
    document.write_text(text.replace(VIEWS, VIEWS.replace("]", f", {VIEW}]")), encoding="utf-8")
    _fill(grocer, features)
    return grocer


def _register(repo: Path, features: int) -> None:
    from feast import FeatureStore, FeatureView
    from feast.types import Float64

    from features.declare import FOREVER, feature, view_tags
    from features.schema import PersonalData
    from service.examples.complete_journey.feast.customer import customer, parquet

    source = parquet(VIEW)
    file = repo / "data" / f"{VIEW}.parquet"
    columns = [("customer_id", pa.string()), ("event_time", pa.timestamp("us", tz="UTC"))]
    pq.write_table(pa.schema([*columns, *((f"more_{n}", pa.float64()) for n in range(features))]).empty_table(), file)
    source.file_options.uri = str(file)
    view = FeatureView(
        name=VIEW,
        entities=[customer],
        ttl=FOREVER,
        source=source,
        tags=view_tags(None),
        schema=[
            feature(f"more_{n}", Float64, "number", "One more.", "bench", PersonalData.PSEUDONYMOUS)
            for n in range(features)
        ],
    )
    with redirect_stdout(StringIO()):
        FeatureStore(repo_path=str(repo)).apply([customer, view])


def _fill(grocer: Grocer, features: int) -> None:
    from feast.protos.feast.types.Value_pb2 import Value

    chance, now = random.Random(1), datetime.now(UTC)
    with online(grocer) as connection:
        batch: list[OnlineRow] = [
            (key, {f"more_{n}": Value(double_val=chance.random()) for n in range(features)}, now, None)
            for one in grocer.customers()
            if (key := connection.entity_key(VIEW, one)) is not None
        ]
        connection.store.online_write_batch(connection.config, connection.views[VIEW], batch, None)
