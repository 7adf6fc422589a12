"""`rumbo prepare`: from the example's source to a home folder that can be trained on and served from.

Each file appears whole or not at all; `dataset.json` goes before the first, and is written last. Doing it again moves
the data to the new day and keeps what was pushed (incidents, consents) and everything else in the home folder.
"""

from __future__ import annotations

import contextlib
import io
import logging
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from features.complete_journey import behaviour, customers, targeting
from features.complete_journey.shift import shift_table, shift_weeks, shifted
from features.complete_journey.shopping import read_shopping
from features.complete_journey.source import DATA_END, DATA_START, SOURCE, read_source
from features.connection import CONFIG_FILE
from features.dataset import Dataset
from features.feast_internals import release_online
from features.files import replacing, sha256_of, write_parquet, writing

if TYPE_CHECKING:
    from feast import FeatureStore

log = logging.getLogger(__name__)

TEMPLATE: Final = Path(__file__).parent / "repo" / CONFIG_FILE
ONLINE_STORE: Final = "online_store.db"
REGISTRY: Final = "registry.db"
SNAPSHOT_VIEWS: Final = ("demographics", "profile", "purchases", "behaviour")
SITUATION_COLUMNS: Final = {"incidents": "incidents_json", "consents": "consents_json"}
TABLES: Final = 8
STEPS: Final = 3 + TABLES + len(SNAPSHOT_VIEWS)

Report = Callable[[str], None]
"""Is told, as each of the `STEPS` steps begins, what it does."""


def prepare_home(home: Path, now: datetime, report: Report = lambda step: None) -> Dataset:
    """Builds or renews `home` as of `now` (aware).

    Writes HOME/feast (configuration, Parquet files, registry, online store), HOME/training/targeting.parquet,
    HOME/seed/consents.parquet and HOME/dataset.json.
    Raises: SourceMissing when the example's data is not installed; CannotWrite.
    """
    weeks = shift_weeks(now)
    report("Reading The Complete Journey")
    tables = _tables(report)
    with writing(home):
        Dataset.forget(home)
    for path, table in tables.items():
        report(f"Writing {path}")
        write_parquet(home / path, shift_table(table, weeks))
    report("Registering features")
    feast = home / "feast"
    _keep_or_set_aside(feast / ONLINE_STORE)
    with writing(feast / ONLINE_STORE), replacing(feast / REGISTRY) as registry:
        store = _register(feast, registry)
        for view in SNAPSHOT_VIEWS:
            report(f"Loading {view} into the online store")
            _materialise(store, view, shifted(DATA_START, weeks) - timedelta(days=1), now)
        release_online(store)  # what was written is then in the file and not beside it
    dataset = Dataset(
        source=SOURCE,
        shift_weeks=weeks,
        data_end=shifted(DATA_END, weeks),
        prepared_at=now,
        tables={path: sha256_of(home / path) for path in tables},
    )
    dataset.save(home)
    return dataset


def _tables(report: Report) -> dict[str, pa.Table]:
    """Every table by its path in the home folder, times not yet shifted."""
    source = read_source()
    report("Computing weekly snapshots")
    shopping = read_shopping(source)
    return {
        "feast/data/demographics.parquet": customers.demographics(source),
        "feast/data/profile.parquet": customers.profile(shopping),
        "feast/data/purchases.parquet": customers.purchases(shopping),
        "feast/data/behaviour.parquet": behaviour.snapshots(shopping),
        **{f"feast/data/{view}.parquet": _no_rows(column) for view, column in SITUATION_COLUMNS.items()},
        "training/targeting.parquet": targeting.targeting(source),
        "seed/consents.parquet": targeting.consents(source),
    }


def _no_rows(column: str) -> pa.Table:
    """The batch source Feast demands behind a push source; nothing is ever read from it."""
    schema = pa.schema(
        [("customer_id", pa.string()), ("event_time", pa.timestamp("us", tz="UTC")), (column, pa.string())]
    )
    return schema.empty_table()


def _keep_or_set_aside(path: Path) -> None:
    """Leaves a usable online store where it is, with what was pushed to it; moves a broken one out of the way."""
    if not path.exists():
        return
    try:
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA schema_version").fetchone()
    except sqlite3.DatabaseError as error:
        log.warning("%s is not usable (%s): set aside as %s.broken", path, error, path.name)
        path.replace(path.with_name(f"{path.name}.broken"))


def _register(feast: Path, registry: Path) -> FeatureStore:
    """Writes the configuration, registers the definitions in the file `registry` and makes the online tables."""
    from feast import FeatureStore
    from feast.repo_config import load_repo_config

    from features.inventory import definitions

    with replacing(feast / CONFIG_FILE) as draft:
        shutil.copyfile(TEMPLATE, draft)
    config = load_repo_config(feast, feast / CONFIG_FILE)
    config.registry.path = str(registry.resolve())
    store = FeatureStore(config=config)
    with _quiet():
        store.apply(definitions(feast))
    with contextlib.closing(sqlite3.connect(feast / ONLINE_STORE)) as database:
        # Readers and pushes go on while values are loaded.
        database.execute("PRAGMA journal_mode=WAL")
    return store


def _materialise(store: FeatureStore, view: str, start: datetime, end: datetime) -> None:
    with _quiet():
        store.materialize(start.astimezone(UTC), end.astimezone(UTC), feature_views=[view])


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Feast prints and draws a bar of its own."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield
