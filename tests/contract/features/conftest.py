"""Each test of this folder runs once for each online store."""

from __future__ import annotations

import pytest

from tests.contract.features.online_stores import STORES, Banks, OnlineStore, SqliteFile, Valkey, make_banks


@pytest.fixture(scope="package", params=STORES)
def online_store(request: pytest.FixtureRequest) -> OnlineStore:
    """The store under test."""
    return SqliteFile() if request.param == "sqlite" else Valkey(request.getfixturevalue("valkey"))


@pytest.fixture(scope="package")
def banks(online_store: OnlineStore, tmp_path_factory: pytest.TempPathFactory) -> Banks:
    """Loaded once; each test pushes for a customer of its own."""
    return make_banks(online_store, tmp_path_factory.mktemp("banks"))
