"""Each test of this folder runs once for each online store."""

from __future__ import annotations

import pytest

from tests.contract.features.online_stores import STORES, Banks, OnlineStore, SqliteFile, Valkey, make_banks


@pytest.fixture(scope="package", params=STORES)
def banks(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Banks:
    """Loaded once; each test pushes for a customer of its own."""
    store: OnlineStore = SqliteFile() if request.param == "sqlite" else Valkey(request.getfixturevalue("valkey"))
    return make_banks(store, tmp_path_factory.mktemp("banks"))
