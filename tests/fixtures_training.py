"""A home with a served model: what `rumbo train` learns from the campaigns of the session's prepared company."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from service.examples.complete_journey.data.campaigns import options_of_training
from service.examples.complete_journey.data.dataset import Dataset
from tests.fixtures_features import company_at
from tests.shared import made_once


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleTrained:
    """A home with a champion, and what the command printed as JSON."""

    home: Path
    document: Mapping[str, Any]


TOLD = "trained.json"


def train_example(company: Path, home: Path) -> ExampleTrained:
    """`rumbo train` as the demo runs it."""
    asked = ["--company", str(company), "--home", str(home), *options_of_training(company, Dataset.load(company))]
    command = [sys.executable, "-P", "-m", "service.cli", "train", *asked, "--json"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return ExampleTrained(home=home, document=json.loads(result.stdout))


@pytest.fixture(scope="session")
def trained_example(prepared_company: Path, tmp_path_factory: pytest.TempPathFactory) -> ExampleTrained:
    """Shared by the whole session: read only."""

    def make(place: Path) -> None:
        home = place / "home"
        company_at(home).symlink_to(prepared_company)
        (place / TOLD).write_text(json.dumps(train_example(company_at(home), home).document), encoding="utf-8")

    place = made_once(tmp_path_factory, "trained", make)
    return ExampleTrained(home=place / "home", document=json.loads((place / TOLD).read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def trained_home(trained_example: ExampleTrained) -> Path:
    """Its home."""
    return trained_example.home
