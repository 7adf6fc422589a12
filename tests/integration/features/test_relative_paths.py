"""The relative paths of a Feast repository hold from its own folder, wherever a command is run."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from features.company.company import CompanyInvalid, load_company
from features.company.registry import features_of
from features.store.connection import open_offline
from features.store.online import OnlineFeatures
from features.values import FeatureStatus
from tests.companies.bank import FIRST_HOLDER, NOW, REGISTRY, Bank, make_bank

REGISTRIES = {"file": REGISTRY, "sql": "{registry_type: sql, path: 'sqlite:///registry.sqlite'}"}


@pytest.fixture(scope="module")
def banks(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Bank]:
    """Each with nothing but relative paths."""
    folder = tmp_path_factory.mktemp("banks")
    return {name: make_bank(folder / name, registry=registry, wealth=None) for name, registry in REGISTRIES.items()}


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of the test, empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("registry", REGISTRIES)
def test_registry_and_online_store_lie_in_the_repository(
    registry: str, banks: Mapping[str, Bank], elsewhere: Path
) -> None:
    company = load_company(banks[registry].folder)
    reader = OnlineFeatures(company.feature_repo, features_of(company).schema)
    values = reader.read(str(FIRST_HOLDER), NOW).values
    reader.close()
    assert {value.status for value in values.values()} == {FeatureStatus.PRESENT}
    assert list(elsewhere.iterdir()) == []


def test_the_files_of_its_history_too(banks: Mapping[str, Bank], elsewhere: Path) -> None:
    asked = pd.DataFrame({"holder_no": [FIRST_HOLDER], "event_timestamp": [NOW + timedelta(hours=1)]})
    with open_offline(banks["file"].repo) as store, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        found = store.get_historical_features(entity_df=asked, features=["accounts:balance"]).to_df()
    assert found["balance"].notna().tolist() == [True]
    assert Path.cwd() == elsewhere


@pytest.mark.parametrize(("registry", "file"), [("file", "registry.db"), ("sql", "registry.sqlite")])
def test_a_registry_that_is_missing_is_named_and_none_is_made(
    registry: str, file: str, banks: Mapping[str, Bank], elsewhere: Path
) -> None:
    bank = banks[registry]
    (bank.repo / file).rename(bank.repo / "away")
    try:
        with pytest.raises(CompanyInvalid, match=f"rumbo.yaml:4:3: features.repo: there is no registry {file}"):
            features_of(load_company(bank.folder))
        assert not (bank.repo / file).exists()
    finally:
        (bank.repo / "away").rename(bank.repo / file)
    assert list(elsewhere.iterdir()) == []
