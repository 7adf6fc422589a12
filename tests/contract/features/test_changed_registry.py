"""While Rumbo serves, a registry may lose what it reads: then that is unavailable, on every store, never not found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest

from features.company.company import load_company
from features.company.registry import CompanyFeatures, features_of
from features.reading import FeatureReading
from features.store.online import OnlineFeatures
from features.values import FeatureStatus
from tests.companies.bank import FIRST_HOLDER, NOW, Bank, definitions, make_bank, quiet_feast
from tests.contract.features.online_stores import OnlineStore

SOMEBODY, NOBODY = str(FIRST_HOLDER), "999"
PRESENT, UNAVAILABLE = FeatureStatus.PRESENT, FeatureStatus.UNAVAILABLE


@pytest.fixture
def bank(online_store: OnlineStore, tmp_path: Path) -> Bank:
    return make_bank(tmp_path / "bank", "INT64", online_store.configuration(), wealth=None)


@pytest.fixture
def found(bank: Bank) -> CompanyFeatures:
    return features_of(load_company(bank.folder))


@pytest.fixture
def reader(bank: Bank, found: CompanyFeatures) -> Iterator[OnlineFeatures]:
    """One that has read already."""
    opened = OnlineFeatures(bank.repo, found.schema, key=found.key)
    assert opened.read(SOMEBODY, NOW).degraded == ()
    yield opened
    opened.close()


def loses_claims(store: Any, known: dict[str, Any]) -> None:
    store.apply([], objects_to_delete=[known["claims"]], partial=False)


def keeps_claims_by_branch(store: Any, known: dict[str, Any]) -> None:
    claims = known["claims"]
    store.apply([], objects_to_delete=[claims], partial=False)
    claims.entities, claims.entity_columns = ["branch"], known["branches"].entity_columns
    store.apply([claims])


def loses_a_feature_of_claims(store: Any, known: dict[str, Any]) -> None:
    claims = known["claims"]
    other = claims.features[0].__class__(name="claims_closed", dtype=claims.features[0].dtype)
    claims.features = claims.projection.features = [other]
    store.apply([claims])


def statuses(reading: FeatureReading) -> dict[str, set[FeatureStatus]]:
    by_view: dict[str, set[FeatureStatus]] = {}
    for name, value in reading.values.items():
        by_view.setdefault("claims" if name == "claims_open" else "others", set()).add(value.status)
    return by_view


@pytest.mark.parametrize("change", [loses_claims, keeps_claims_by_branch, loses_a_feature_of_claims])
def test_what_the_registry_lost_is_unavailable_and_the_rest_is_read(
    change: Callable[[Any, dict[str, Any]], None], bank: Bank, found: CompanyFeatures, reader: OnlineFeatures
) -> None:
    with chdir(bank.repo), quiet_feast():
        change(bank.store(), definitions("INT64", {"wealth"}))
    reader.renew(found.schema, found.key)
    known, unknown = reader.read(SOMEBODY, NOW), reader.read(NOBODY, NOW)
    assert statuses(known) == {"claims": {UNAVAILABLE}, "others": {PRESENT}}
    assert statuses(unknown) == {"claims": {UNAVAILABLE}, "others": {FeatureStatus.NOT_FOUND}}
    for reading in (known, unknown):
        assert [(fault.view, fault.status) for fault in reading.degraded] == [("claims", UNAVAILABLE)]


def test_what_was_added_is_read_once_the_reader_is_told(bank: Bank, found: CompanyFeatures) -> None:
    reader = OnlineFeatures(bank.repo, type(found.schema)(found.schema.features[:1]), key=found.key)
    assert set(reader.read(SOMEBODY, NOW).values) == {"balance"}
    reader.renew(found.schema, found.key)
    reading = reader.read(SOMEBODY, NOW)
    reader.close()
    assert set(reading.values) == set(found.schema.by_name)
    assert reading.degraded == ()


def test_a_registry_that_is_broken_when_the_reader_is_told_leaves_what_is_open(
    bank: Bank, found: CompanyFeatures, reader: OnlineFeatures
) -> None:
    before = reader.read(SOMEBODY, NOW)
    (bank.repo / "registry.db").write_bytes(b"\xff garbage" * 1000)
    reader.renew(found.schema, found.key)
    assert reader.read(SOMEBODY, NOW) == before
