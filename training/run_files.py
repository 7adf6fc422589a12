"""What a run leaves for people beside its model: card, pictures, the log that it saw, the packages it ran with."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from features.files import write_text
from training.card import CARD, card_of
from training.from_log import Trained

CALIBRATION, IMPORTANCE, DATA, ENVIRONMENT = "calibration.png", "importance.png", "data.json", "environment.json"
PACKAGES = ("lightgbm", "numpy", "scipy", "pyarrow", "feast", "mlflow", "matplotlib")


def write_files(folder: Path, log: Path, trained: Trained) -> None:
    """Raises: CannotWrite."""
    from training.pictures import calibration, importance, save

    write_text(folder / CARD, card_of(trained))
    save(calibration(trained.judged), folder / CALIBRATION)
    save(importance(trained.bundle), folder / IMPORTANCE)
    _write(folder / DATA, {"log": log.name, "sha256": trained.fingerprint, "rows": trained.rows()})
    _write(folder / ENVIRONMENT, environment())


def environment() -> Mapping[str, str]:
    """Versions of Python and of the packages that decide the result."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def _write(path: Path, document: Mapping[str, object]) -> None:
    write_text(path, json.dumps(document, indent=1, sort_keys=True) + "\n")
