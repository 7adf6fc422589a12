"""A bundle as an MLflow model from code: a folder with the code, the bundle, its signature, an example and versions.

Nothing in it is pickled, nothing is looked up elsewhere, and no setting of MLflow is left changed.
"""

from __future__ import annotations

from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from models.bundle import Bundle
from models.predictions import (
    ATTRIBUTES,
    DECIDED_AT,
    JOURNEY,
    KIND,
    NUMBER,
    P_OUTCOME,
    REWARD,
    TEXT,
    VALUE,
    example_of,
    feature_columns,
)

if TYPE_CHECKING:
    from mlflow.models import ModelSignature
    from mlflow.models.model import Model

CODE: Final = Path(__file__).with_name("model_code.py")
BUNDLE: Final = "bundle"
BUNDLE_PLACE: Final = f"artifacts/{BUNDLE}"
"""Where the bundle lies in the folder of a model."""
REQUIREMENTS: Final = ("lightgbm", "mlflow", "numpy", "pandas", "pyarrow", "scipy")
"""What its code imports beside Rumbo, which is on no public index under that name."""


def save_model(folder: Path, bundle_folder: Path, bundle: Bundle, at: datetime, about: Model) -> None:
    """Writes the model into `folder`, which must not be there; `bundle_folder` is named BUNDLE and holds the bundle."""
    import mlflow.pyfunc

    mlflow.pyfunc.save_model(
        path=str(folder),
        mlflow_model=about,
        python_model=str(CODE),
        artifacts={BUNDLE: str(bundle_folder)},
        signature=signature_of(bundle),
        input_example=example_of(bundle, at),
        pip_requirements=[f"{name}=={version(name)}" for name in REQUIREMENTS],
    )


def signature_of(bundle: Bundle) -> ModelSignature:
    """Features, none of which must be there, then the journey and the moment; and what is told of them."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema, TensorSpec
    from mlflow.types.schema import Map

    columns = feature_columns(bundle.encoder)
    types = {NUMBER: DataType.double, TEXT: DataType.string}
    features: list[ColSpec | TensorSpec] = [
        ColSpec(types.get(kind, DataType.datetime), columns[name], required=False)
        for name, kind in bundle.encoder.types_read().items()
    ]
    beside = [
        ColSpec(DataType.string, JOURNEY),
        ColSpec(DataType.string, KIND, required=False),
        ColSpec(Map(DataType.string), ATTRIBUTES, required=False),
        ColSpec(DataType.datetime, DECIDED_AT),
    ]
    told: list[ColSpec | TensorSpec] = [
        ColSpec(DataType.double, name, required=False) for name in (P_OUTCOME, VALUE, REWARD)
    ]
    return ModelSignature(inputs=Schema([*features, *beside]), outputs=Schema(told))
