"""Of how many customers something is known: by the latest rows in the offline sources of a bank."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from features.company import load_company
from features.coverage import Coverage, coverage_of
from features.registry import features_of
from service.cli import main
from tests.companies.bank import HOLDERS, NOW, RUMBO, Bank, make_bank

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
