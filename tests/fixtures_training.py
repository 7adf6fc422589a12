"""A home with a served model: the prepared home of the session, trained once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from training.pipeline import train_home


@pytest.fixture(scope="session")
def trained_home(prepared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of `prepared_home` with a champion trained on it (one seed), shared by the whole session: read only.

    Its feature registry points to the Parquet files of `prepared_home`.
    """
    home = tmp_path_factory.mktemp("trained") / "home"
    shutil.copytree(prepared_home, home, ignore=shutil.ignore_patterns("data"))
    train_home(home, seeds=1, announce=lambda stage: None)
    return home
