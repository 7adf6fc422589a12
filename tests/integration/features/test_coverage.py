"""Of how many customers something is known: by the latest rows in the offline sources of a bank."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import chdir
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from features.company.company import load_company
from features.company.registry import features_of
from features.store.coverage import Coverage, coverage_of
from service.cli import main
from tests.companies.bank import FIRST_HOLDER, HOLDERS, NOW, RUMBO, Bank, make_bank, quiet_feast

SOON, LATER = NOW + timedelta(hours=1), NOW + timedelta(days=1, seconds=1)
"""Rows are of the day before `NOW`; those of claims are relied on for 2 days."""
DERIVED = (
    RUMBO + "  derived: {account_days: days_since(first_account_at)}\nevents: {card.used: {latest: last_used_at}}\n"
)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    bank = make_bank(tmp_path_factory.mktemp("coverage"))
    bank.write(DERIVED)
    (bank.folder / "catalogue").mkdir()
    return bank


@pytest.fixture
def without_claims(bank: Bank) -> Iterator[Bank]:
    """A bank whose history of claims is gone."""
    file = bank.repo / "data" / "claims.parquet"
    file.rename(file.with_suffix(".away"))
    yield bank
    file.with_suffix(".away").rename(file)


def counted(bank: Bank, now: datetime = SOON) -> Coverage:
    return coverage_of(bank.repo, features_of(load_company(bank.folder)).schema, now)


def test_who_has_no_value_is_counted_as_a_customer_without_it(bank: Bank) -> None:
    found = counted(bank)
    assert found.customers == HOLDERS
    assert found.present["card_rating"] == (HOLDERS - 1) / HOLDERS
    assert found.present["balance"] == found.present["claims_open"] == found.present["is_frozen"] == 1.0
    assert found.latest_at == NOW - timedelta(days=1)
    assert found.notices == ()


def test_what_is_too_old_is_not_present(bank: Bank) -> None:
    found = counted(bank, LATER)
    assert (found.present["claims_open"], found.present["balance"]) == (0.0, 1.0)


def test_a_view_whose_history_cannot_be_read_is_blank_and_a_notice(without_claims: Bank) -> None:
    found = counted(without_claims)
    assert "claims_open" not in found.present
    assert found.present["balance"] == 1.0
    (notice,) = found.notices
    assert notice.startswith("claims: its offline source cannot be read")


def test_columns_of_other_names_are_found_and_of_rows_of_one_customer_the_newest_counts(bank: Bank) -> None:
    """As a table of a warehouse is mapped: other names, times without a zone, rows that follow one another, a NaN."""
    from feast import FeatureView, Field, FileSource
    from feast.types import Float64

    keys = [FIRST_HOLDER, FIRST_HOLDER, FIRST_HOLDER + 1, FIRST_HOLDER + 2]
    at = [(NOW - timedelta(days=age)).replace(tzinfo=None) for age in (9, 1, 1, 1)]
    table = pa.table(
        {
            "HOLDER": pa.array(keys, pa.int64()),
            "AT": pa.array(at, pa.timestamp("us")),
            "SHARE": pa.array([None, 0.5, float("nan"), None], pa.float64()),
        }
    )
    pq.write_table(table, bank.repo / "data" / "mapped.parquet")
    mapping = {"HOLDER": "holder_no", "AT": "as_of", "SHARE": "share"}
    with chdir(bank.repo), quiet_feast():
        store = bank.store()
        view = FeatureView(
            name="mapped",
            entities=[store.get_entity("holder")],
            ttl=timedelta(days=3),
            source=FileSource(
                name="mapped", path="data/mapped.parquet", timestamp_field="as_of", field_mapping=mapping
            ),
            schema=[Field(name="share", dtype=Float64)],
        )
        store.apply([view])
        found = counted(bank)
        store.apply([], objects_to_delete=[view], partial=False)
    assert found.notices == ()
    assert found.present["share"] == 1 / HOLDERS


def test_the_command_tells_it_of_features_and_ages_and_of_nothing_else(
    bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["features", "vars", "--coverage", "--json", "--company", str(bank.folder)])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    share = {one["name"]: one["coverage"] for one in told["variables"]}
    assert told["customers"] == HOLDERS
    assert share["customer.card_rating"] == (HOLDERS - 1) / HOLDERS
    assert share["customer.is_known"] == share["customer.account_days"] == 1.0
    assert share["customer.last_used_at"] is share["now"] is share["situation.stages"] is None
    assert any("policies.yaml" in notice for notice in told["notices"])
