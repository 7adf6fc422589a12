"""The model as MLflow loads it: this file is copied beside the bundle and run there. Rumbo itself must be installed.

`rumbo serve` never runs it: it reads bundles, and tries each in a process of its own (`models.trial`).
"""

from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from models.bundle import Bundle
from models.predictions import Predictor


class RumboModel(PythonModel):
    """The bundle beside this file."""

    def load_context(self, context: PythonModelContext) -> None:
        """Raises: BundleCorrupt for one that is not, byte for byte, what was saved."""
        self._predictor = Predictor(Bundle.load(Path(context.artifacts["bundle"])))

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """What each row may come to."""
        return self._predictor.predict(model_input)


set_model(RumboModel())
