"""A home with a served model: the prepared home of the session, trained once."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.company.company import load_company
from tests.fixtures_features import company_at
from training.pipeline import train_home


@pytest.fixture(scope="session")
def trained_home(prepared_company: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a champion trained on `prepared_company` (one seed), shared by the whole session: read only."""
    home = tmp_path_factory.mktemp("trained") / "home"
    company_at(home).symlink_to(prepared_company)
    train_home(load_company(prepared_company), home, seeds=1, announce=lambda stage: None)
    return home
