"""The champion as a team without Rumbo has it: its trees as MLflow's LightGBM model, and how its columns are made.

A plainer thing than the model that Rumbo registers, and faster: one call predicts all rows.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from features.company.company import load_company
from features.derived import Formula
from features.encoder import ColumnSource
from models.registry import fetch_champion
from models.tracking import Registry
from tests.benchmarks.speed.grocer import Grocer

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

MODEL, SERVED, COLUMNS = "model", "served", "columns.json"
"""What is served over HTTP must say that its columns are numbers: in JSON a missing one is as well a text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GlueColumns:
    """`order`: of the matrix. `levels`: the codes of texts. `ages`: columns of days by the instants they are from."""

    order: list[str]
    features: list[str]
    levels: dict[str, dict[str, float]]
    ages: dict[str, str]

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls(**json.loads((folder / COLUMNS).read_text(encoding="utf-8")))


def save_glue_model(grocer: Grocer, folder: Path) -> None:
    import lightgbm
    import mlflow.lightgbm

    bundle = fetch_champion(Registry.of(load_company(grocer.company), grocer.home))
    layout = bundle.encoder.layout
    ages = {column.name: column.formula.source for column in layout if isinstance(column.formula, Formula)}
    own = [column.name for column in layout if column.part is ColumnSource.CUSTOMER and column.name not in ages]
    columns = GlueColumns(
        order=list(bundle.encoder.columns),
        features=[*own, *sorted(set(ages.values()))],
        levels={column.name: codes for column in layout if (codes := column.codes) is not None},
        ages=ages,
    )
    folder.mkdir(parents=True)
    (folder / COLUMNS).write_text(json.dumps(asdict(columns)), encoding="utf-8")
    booster = lightgbm.Booster(model_str=bundle.model_text)
    mlflow.lightgbm.save_model(booster, str(folder / MODEL))
    mlflow.lightgbm.save_model(booster, str(folder / SERVED), signature=_numbers(columns))


def _numbers(columns: GlueColumns) -> ModelSignature:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    return ModelSignature(inputs=Schema([ColSpec(DataType.double, name, required=False) for name in columns.order]))
