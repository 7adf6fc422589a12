"""`rumbo prepare`: from the example's source to a company folder that can be trained on and served from.

Each file appears whole or not at all; `dataset.json` goes before the first, and is written last. Doing it again moves
the data to the new day and keeps what was pushed (incidents, consents) and everything else in the folder.
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

from features.company.company import COMPANY_FILE, CompanyInvalid, load_company
from features.company.registry import features_of
from features.errors import RumboError
from features.files import remove, replacing, sha256_of, write_parquet, write_text, writing
from features.store.configuration import CONFIG_FILE
from features.store.feast_internals import release_online
from service.examples.complete_journey.data import behaviour, customers, targeting
from service.examples.complete_journey.data.campaigns import CAMPAIGNS, campaigns_log
from service.examples.complete_journey.data.dataset import Dataset
from service.examples.complete_journey.data.shift import shift_table, shift_weeks, shifted
from service.examples.complete_journey.data.shopping import read_shopping
from service.examples.complete_journey.data.source import DATA_END, DATA_START, SOURCE, read_source

if TYPE_CHECKING:
    from feast import FeatureStore

log = logging.getLogger(__name__)

EXAMPLE: Final = Path(__file__).parents[1]
COMPANY: Final = "complete_journey"
ONLINE_STORE: Final = "online_store.db"
REGISTRY: Final = "registry.db"
SNAPSHOT_VIEWS: Final = ("demographics", "profile", "purchases", "behaviour")
SITUATION_COLUMNS: Final = {"incidents": "incidents_json", "consents": "consents_json"}
TABLES: Final = 8
STEPS: Final = 4 + TABLES + len(SNAPSHOT_VIEWS)


class FolderForeign(RumboError):
    """A folder that `rumbo prepare` did not make."""


Report = Callable[[str], None]
"""Is told, as each of the `STEPS` steps begins, what it does."""


def prepare_company(folder: Path, now: datetime, report: Report = lambda step: None) -> Dataset:
    """Builds or renews the example's company folder as of `now` (aware).

    Writes rumbo.yaml, features.yaml and catalogue/ where they are not there, and anew feast/ (configuration, Parquet
    files, registry, online store), training/targeting.parquet and, joined with what was known then,
    campaigns.parquet, seed/consents.parquet and dataset.json.
    Raises: FolderForeign; SourceMissing when the example's data is not installed; CannotWrite.
    """
    weeks = shift_weeks(now)
    _demand_example(folder)
    report("Reading The Complete Journey")
    tables = _tables(report)
    with writing(folder):
        Dataset.forget(folder)
        remove(folder / CAMPAIGNS)
        _copy_company(folder)
    for path, table in tables.items():
        report(f"Writing {path}")
        write_parquet(folder / path, shift_table(table, weeks))
    report("Registering features")
    feast = folder / "feast"
    _keep_or_set_aside(feast / ONLINE_STORE)
    with writing(feast / ONLINE_STORE), replacing(feast / REGISTRY) as registry:
        store = _register(feast, registry)
        for view in SNAPSHOT_VIEWS:
            report(f"Loading {view} into the online store")
            _materialise(store, view, shifted(DATA_START, weeks) - timedelta(days=1), now)
        release_online(store)  # what was written is then in the file and not beside it
    report(f"Writing {CAMPAIGNS}")
    schema = features_of(load_company(folder)).schema
    write_parquet(folder / CAMPAIGNS, campaigns_log(folder, schema, shifted(DATA_END, weeks)))
    dataset = Dataset(
        source=SOURCE,
        shift_weeks=weeks,
        data_end=shifted(DATA_END, weeks),
        prepared_at=now,
        tables={path: sha256_of(folder / path) for path in (*tables, CAMPAIGNS.as_posix())},
    )
    dataset.save(folder)
    return dataset


def _demand_example(folder: Path) -> None:
    """Raises: FolderForeign unless the folder is absent, empty, or one of the example."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    try:
        is_example = load_company(folder).name == COMPANY
    except (CompanyInvalid, OSError):
        is_example = False
    if not is_example:
        raise FolderForeign(
            f"{folder} is not of the example, so nothing was written: name a folder that does not exist"
        )


def _copy_company(folder: Path) -> None:
    """What a company writes itself; rumbo.yaml first, for it tells whose folder this is. What is there stays."""
    for file in (COMPANY_FILE, "features.yaml"):
        if not (folder / file).exists():
            write_text(folder / file, (EXAMPLE / file).read_text(encoding="utf-8"))
    if not (folder / "catalogue").exists():
        draft = folder / ".catalogue.draft"
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(EXAMPLE / "catalogue", draft)
        draft.rename(folder / "catalogue")


def _tables(report: Report) -> dict[str, pa.Table]:
    """Every table by its path in the company's folder, times not yet shifted."""
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

    from service.examples.complete_journey.feast.definitions import anchored

    with replacing(feast / CONFIG_FILE) as draft:
        shutil.copyfile(EXAMPLE / "feast" / CONFIG_FILE, draft)
    config = load_repo_config(feast, feast / CONFIG_FILE)
    config.registry.path = str(registry.resolve())
    store = FeatureStore(config=config)
    with _quiet():
        store.apply(anchored(feast))
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
