"""Real households for tests: the example's source, and one home folder prepared from it once a session."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from features.complete_journey.shopping import Shopping, read_shopping
from features.complete_journey.source import SourceTables, read_source
from features.prepare import prepare_home

NOW = datetime(2018, 1, 3, 12, 0, tzinfo=UTC)
"""The clock of the tests: at it the shift is 0 weeks, so stamps are those of the source."""


@pytest.fixture(scope="session")
def complete_journey() -> SourceTables:
    """The source's tables; not to be changed."""
    return read_source()


@pytest.fixture(scope="session")
def shopping(complete_journey: SourceTables) -> Shopping:
    """The source's purchases as facts; not to be changed."""
    return read_shopping(complete_journey)


@pytest.fixture(scope="session")
def prepared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder prepared at `NOW`, shared by the whole session: to be read only; `own_feast` is for the rest."""
    home = tmp_path_factory.mktemp("prepared") / "home"
    prepare_home(home, NOW)
    return home


@pytest.fixture
def own_feast(prepared_home: Path, tmp_path: Path) -> Path:
    """A copy of HOME/feast that a test may push to or damage; its registry points to the shared Parquet files."""
    copy = tmp_path / "home" / "feast"
    shutil.copytree(prepared_home / "feast", copy, ignore=shutil.ignore_patterns("data"))
    return copy
