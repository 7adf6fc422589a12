"""A bank with an ordinary Feast repository, which knows nothing of Rumbo: 200 holders of accounts and cards.

Holders are numbered, under a name of the bank's own. Its views share a feature name, hold arrays and narrow types; one
is of branches, one of holders at branches, one is computed on demand.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from feast import Entity, FeatureStore, FeatureView
    from feast.types import FeastType

HOLDERS = 200
FIRST_HOLDER = 100_001
WITHOUT_RATING = 100_006
"""Of her card: the row is there, and this of it is empty."""
NOW = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
CONFIGURATION = """\
project: core_banking
provider: local
registry: REGISTRY
online_store: ONLINE
offline_store: {type: duckdb}
entity_key_serialization_version: 3
"""
REGISTRY = "registry.db"
SQLITE = "{type: sqlite, path: online.db}"
RUMBO = """\
company: mybank
customer: {entity: holder}
features:
  repo: feast/
  names: {cards.rating: card_rating}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bank:
    """The company's folder, and its Feast repository within it."""

    folder: Path

    @property
    def repo(self) -> Path:
        return self.folder / "feast"

    def write(self, text: str = RUMBO, **notes: str) -> None:
        """Its rumbo.yaml, and other files by name without ending."""
        (self.folder / "rumbo.yaml").write_text(text, encoding="utf-8")
        for name, content in notes.items():
            (self.folder / f"{name}.yaml").write_text(content, encoding="utf-8")

    def change_registry(self, *, adds: str = "", removes: str = "") -> None:
        """As `feast apply` of other definitions does; holders are numbers."""
        with chdir(self.repo), quiet_feast():
            store, known = self.store(), definitions("INT64", {"wealth"})
            gone: list[Any] = [store.get_feature_view(removes)] if removes else []
            store.apply([known[adds]] if adds else [], objects_to_delete=gone, partial=False)
            if adds:
                store.materialize(NOW - timedelta(days=3), NOW + timedelta(days=1), feature_views=[adds])

    def store(self) -> FeatureStore:
        from feast import FeatureStore

        return FeatureStore(repo_path=str(self.repo))


def redis_at(connection_string: str) -> str:
    """An online store on a Redis or Valkey server."""
    return f"{{type: redis, connection_string: '{connection_string}'}}"


def configuration(*, online_store: str = SQLITE, registry: str = REGISTRY) -> str:
    """Its feature_store.yaml."""
    return CONFIGURATION.replace("ONLINE", online_store).replace("REGISTRY", registry)


def make_bank(
    folder: Path, key: str = "INT64", online_store: str = SQLITE, registry: str = REGISTRY, **changes: Any
) -> Bank:
    """Writes the repository, registers it and loads its online store, from within its folder, as Feast's users do.

    `key`: the type of a holder's number.

    `changes`: views in place of its own, by name; None leaves one out.
    """
    from feast import FeatureStore

    bank = Bank(folder=folder)
    (bank.repo / "data").mkdir(parents=True, exist_ok=True)
    (bank.repo / "feature_store.yaml").write_text(
        configuration(online_store=online_store, registry=registry), encoding="utf-8"
    )
    for name, table in _tables(key).items():
        pq.write_table(table, bank.repo / "data" / f"{name}.parquet")
    without = {name for name, view in changes.items() if view is None}
    with chdir(bank.repo), quiet_feast():
        store = FeatureStore(repo_path=".")
        objects = definitions(key, without) | changes
        store.apply([item for item in objects.values() if item is not None])
        store.materialize(NOW - timedelta(days=3), NOW + timedelta(days=1))
    bank.write()
    return bank


@contextmanager
def quiet_feast() -> Iterator[None]:
    """It tells of each view, and that views on demand are new."""
    with redirect_stdout(StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def holder_id(number: int, key: str) -> int | str:
    return number if key.startswith("INT") else str(number)


def _tables(key: str) -> dict[str, pa.Table]:
    chance = random.Random("bank")
    numbers = [FIRST_HOLDER + n for n in range(HOLDERS)]
    types = {"INT64": pa.int64(), "INT32": pa.int32(), "STRING": pa.string()}
    holder = pa.array([holder_id(n, key) for n in numbers], types[key])
    at = pa.array([NOW - timedelta(days=1)] * HOLDERS, pa.timestamp("us", tz="UTC"))

    def rows(**columns: pa.Array) -> pa.Table:
        return pa.table({"holder_no": holder, "as_of": at, **columns})

    return {
        "accounts": rows(
            balance=pa.array([round(chance.uniform(0, 50_000), 2) for _ in numbers], pa.float32()),
            rating=pa.array([chance.choice(("A", "B", "C")) for _ in numbers]),
            accounts_open=pa.array([chance.randint(1, 4) for _ in numbers], pa.int32()),
            first_account_at=pa.array(
                [NOW - timedelta(days=chance.randint(30, 9000)) for _ in numbers], pa.timestamp("us", tz="UTC")
            ),
            recent_amounts=pa.array([[1.0, 2.0] for _ in numbers], pa.list_(pa.float32())),
        ),
        "cards": rows(
            rating=pa.array(
                [kind if n != WITHOUT_RATING else None for n in numbers for kind in [chance.choice(("gold", "plain"))]]
            ),
            is_frozen=pa.array([chance.random() < 0.1 for _ in numbers]),
            card_expires_at=pa.array(
                [NOW + timedelta(days=chance.randint(1, 900)) for _ in numbers], pa.timestamp("us", tz="UTC")
            ),
        ),
        "claims": rows(claims_open=pa.array([int(chance.random() < 0.05) for _ in numbers], pa.int64())),
        "branches": pa.table(
            {
                "branch_no": pa.array([1, 2], pa.int64()),
                "as_of": pa.array([NOW, NOW], pa.timestamp("us", tz="UTC")),
                "opening_hours": pa.array(["9-14", "9-18"]),
            }
        ),
        "visits": rows(
            branch_no=pa.array([chance.choice((1, 2)) for _ in numbers], pa.int64()),
            visits=pa.array([chance.randint(0, 9) for _ in numbers], pa.int64()),
        ),
    }


def definitions(key: str, without: set[str]) -> dict[str, Any]:
    """Its entities and views by name."""
    from feast import Entity, ValueType
    from feast.types import Array, Bool, Float32, Int32, Int64, String, UnixTimestamp

    holder = Entity(name="holder", join_keys=["holder_no"], value_type=ValueType[key])
    branch = Entity(name="branch", join_keys=["branch_no"], value_type=ValueType.INT64)
    accounts = _view(
        "accounts",
        [holder],
        timedelta(days=40),
        balance=Float32,
        rating=String,
        accounts_open=Int32,
        first_account_at=UnixTimestamp,
        recent_amounts=Array(Float32),
    )
    return {
        "holder": holder,
        "branch": branch,
        "accounts": accounts,
        "cards": _view(
            "cards",
            [holder],
            timedelta(0),
            rating=String,
            is_frozen=Bool,
            card_expires_at=UnixTimestamp,
        ),
        "claims": _view("claims", [holder], timedelta(days=2), claims_open=Int64),
        "branches": _view("branches", [branch], timedelta(0), opening_hours=String),
        "visits": _view("visits", [holder, branch], timedelta(0), visits=Int64),
        **({} if "wealth" in without else {"wealth": _on_demand(accounts)}),
    }


def _view(name: str, entities: list[Entity], ttl: timedelta, **features: FeastType) -> FeatureView:
    from feast import FeatureView, Field, FileSource

    return FeatureView(
        name=name,
        entities=entities,
        ttl=ttl,
        source=FileSource(name=name, path=f"data/{name}.parquet", timestamp_field="as_of"),
        schema=[Field(name=feature, dtype=dtype) for feature, dtype in features.items()],
    )


def push_views(folder: Path, key: str = "INT64") -> dict[str, Any]:
    """The views that Rumbo pushes a situation to, for a bank that is to be made here and asks for it."""
    from feast import Entity, FeatureView, Field, FileSource, PushSource, ValueType
    from feast.types import String

    holder = Entity(name="holder", join_keys=["holder_no"], value_type=ValueType[key])
    views = {}
    for name in ("incidents", "consents"):
        file = folder / "feast" / "data" / f"{name}.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(_tables(key)["claims"].slice(0, 0).rename_columns(["holder_no", "as_of", f"{name}_json"]), file)
        batch = FileSource(name=f"{name}_file", path=f"data/{name}.parquet", timestamp_field="as_of")
        views[name] = FeatureView(
            name=name,
            entities=[holder],
            ttl=timedelta(0),
            source=PushSource(name=f"{name}_push", batch_source=batch),
            schema=[Field(name=f"{name}_json", dtype=String)],
        )
    return views


def _on_demand(accounts: FeatureView) -> Any:
    from feast import Field
    from feast.on_demand_feature_view import on_demand_feature_view
    from feast.types import Float64

    schema = [Field(name="is_wealthy", dtype=Float64)]
    wealth.__module__ = __name__  # Feast makes it one of `__main__`, and would look for its source there the next time
    return on_demand_feature_view(sources=[accounts], schema=schema)(wealth)


def wealth(inputs: pd.DataFrame) -> pd.DataFrame:
    """Computed by Feast, of what it has read."""
    return pd.DataFrame({"is_wealthy": (inputs["balance"] > 10_000).astype(float)})
