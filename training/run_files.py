"""What a run leaves for people beside its model: card, pictures, slices, its log, the packages it ran with."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from importlib.metadata import distributions, version
from pathlib import Path

from features.files import write_text
from training.card import CARD, card_of
from training.from_log import Trained

CALIBRATION, IMPORTANCE, BY_SLICE, GAINS = "calibration.png", "importance.png", "slices.png", "gains.png"
SLICES, DATA, ENVIRONMENT = "slices.json", "data.json", "environment.json"
PACKAGES = ("lightgbm", "numpy", "scipy", "pyarrow", "feast", "mlflow", "matplotlib")


def write_files(folder: Path, trained: Trained) -> None:
    """Raises: CannotWrite."""
    write_text(folder / CARD, card_of(trained))
    _draw(folder, trained)
    _write(folder / SLICES, {"all": trained.figures.document(), "slices": [one.document() for one in trained.slices]})
    _write(folder / DATA, {"log": trained.log.name, "sha256": trained.fingerprint, "rows": trained.rows()})
    _write(folder / ENVIRONMENT, {**environment(), "installed": installed()})


def environment() -> Mapping[str, str]:
    """Versions of Python and of the packages that decide the result."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def installed() -> Mapping[str, str]:
    """Every package that is, by name; without what a removal that was cut short has left, which has none."""
    whole = (one for one in distributions() if one.read_text("METADATA") or one.read_text("PKG-INFO"))
    return dict(sorted((one.name.lower(), one.version) for one in whole))


def _draw(folder: Path, trained: Trained) -> None:
    """Gains only where chance had a part in what was shown: else nothing tells them."""
    from training.pictures import by_slice, calibration, gains, importance, save

    save(calibration(trained.judged), folder / CALIBRATION)
    save(importance(trained.bundle), folder / IMPORTANCE)
    if (sliced := by_slice(trained.slices)) is not None:
        save(sliced, folder / BY_SLICE)
    if trained.bundle.policy is not None and trained.learnt_from.drawn > 0.0:
        save(gains(trained.bundle.policy), folder / GAINS)


def _write(path: Path, document: Mapping[str, object]) -> None:
    write_text(path, json.dumps(document, indent=1, sort_keys=True) + "\n")
