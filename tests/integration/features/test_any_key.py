"""A customer is found by whatever key her company's repository has: a text, a number, under any name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from features.company.company import load_company
from features.company.registry import read_features
from features.reading import FeatureReading
from features.schema import FeatureSchema
from features.store.online import OnlineFeatures
from features.values import FeatureStatus
from tests.companies.bank import FIRST_HOLDER, NOW, Bank, make_bank

KEYS = ("INT64", "INT32", "STRING")
SOME = tuple(str(FIRST_HOLDER + n) for n in (0, 1, 57, 199))


@pytest.fixture(scope="module")
def banks(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Bank]:
    folder = tmp_path_factory.mktemp("banks")
    return {key: make_bank(folder / key, key, wealth=None) for key in KEYS}


def read(bank: Bank, customer_id: str) -> FeatureReading:
    schema = read_features(load_company(bank.folder), bank.store()).schema
    reader = OnlineFeatures(bank.repo, schema)
    try:
        return reader.read(customer_id, NOW)
    finally:
        reader.close()


@pytest.mark.parametrize("customer_id", SOME)
def test_every_type_of_key_finds_the_same_facts(customer_id: str, banks: Mapping[str, Bank]) -> None:
    found = {key: read(bank, customer_id) for key, bank in banks.items()}
    assert found["INT64"] == found["INT32"] == found["STRING"]
    values = found["INT64"].values
    assert {value.status for value in values.values()} == {FeatureStatus.PRESENT}
    assert values["rating"].value in ("A", "B", "C")
    assert values["card_rating"].value in ("gold", "plain")
    assert isinstance(values["balance"].value, float)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("customer_id", ["0100005", "99", "9" * 30, "ana", " 100001", "100001.0"])
def test_whoever_has_no_such_key_is_unknown_and_nothing_is_degraded(
    customer_id: str, key: str, banks: Mapping[str, Bank]
) -> None:
    reading = read(banks[key], customer_id)
    assert not reading.has_any_row
    assert reading.degraded == ()
    assert {value.status for value in reading.values.values()} == {FeatureStatus.NOT_FOUND}


def test_a_view_of_something_else_is_unavailable_and_never_not_found(banks: Mapping[str, Bank]) -> None:
    """As it is once the registry has changed under a service that serves."""
    bank = banks["INT64"]
    schema = read_features(load_company(bank.folder), bank.store()).schema
    moved = FeatureSchema((replace(schema.features[0], view="visits"),))
    reading = OnlineFeatures(bank.repo, moved).read(SOME[0], NOW)
    assert [(fault.view, fault.status) for fault in reading.degraded] == [("visits", FeatureStatus.UNAVAILABLE)]
    assert {value.status for value in reading.values.values()} == {FeatureStatus.UNAVAILABLE}
