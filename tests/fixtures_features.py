"""Real households for tests: the example's source, and one home folder prepared from it once a session."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from features.company.company import load_company
from models.tracking import Registry
from service.examples.complete_journey.data.prepare import prepare_company
from service.examples.complete_journey.data.shopping import Shopping, read_shopping
from service.examples.complete_journey.data.source import SourceTables, read_source
from tests.example import COMPANY
from tests.shared import made_once

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
def prepared_company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's folder prepared at `NOW`, shared by the whole session: to be read only."""
    return made_once(tmp_path_factory, "prepared", lambda place: _prepare(place / "company")) / "company"


def _prepare(folder: Path) -> None:
    prepare_company(folder, NOW)


@pytest.fixture
def own_feast(prepared_company: Path, tmp_path: Path) -> Path:
    """A copy of its repository that a test may push to or damage; its registry points to the shared Parquet files."""
    copy = tmp_path / "company" / "feast"
    shutil.copytree(prepared_company / "feast", copy, ignore=shutil.ignore_patterns("data"))
    return copy


@pytest.fixture
def of_the_example(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands work for the example, whatever the home and the current folder."""
    monkeypatch.setenv("RUMBO_COMPANY", str(COMPANY))


def company_at(home: Path) -> Path:
    """The folder of the company whose home this is: in tests, beside the home."""
    return home.with_name(f"{home.name}-company")


def registry_at(home: Path) -> Registry:
    """The registry of models of a home of the example."""
    return Registry.of(load_company(COMPANY), home)


def feast_at(home: Path) -> Path:
    """The Feast repository of that company."""
    return company_at(home) / "feast"
