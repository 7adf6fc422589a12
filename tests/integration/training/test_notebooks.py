"""The notebooks, run on the example and on a bank; what they say is counted again from the tables."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.companies.bank import FIRST_HOLDER, HOLDERS, NOW
from tests.companies.bank_catalogue import CARD, DEPOSIT
from tests.fixtures_logs import CompanyLog
from tests.notebooks import Executed, executed

JUDGE = "judge_a_policy_offline"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def ran(name: str, of: CompanyLog, folder: Path, **variables: str | Path) -> Executed:
    said = {"company": of.company, "home": of.home, "log": of.export} | variables
    found = executed(name, folder, **said)
    assert found.strange == []
    return found


def rows_of(export: Path, columns: Iterable[str]) -> pd.DataFrame:
    """The first table, read file by file."""
    files = sorted(export.glob("day=*/decisions.parquet"))
    tables = [pq.ParquetFile(file).read(columns=list(columns)) for file in files]
    rows: pd.DataFrame = pa.concat_tables(tables).to_pandas()
    return rows


def test_where_nothing_is_drawn_by_chance_the_log_of_the_example_is_thin(
    example_log: CompanyLog, tmp_path: Path
) -> None:
    """Every propensity is 1, so whatever the champion's policy takes beside what was shown has no support."""
    found = ran(JUDGE, example_log, tmp_path, slot="1")

    rows = rows_of(example_log.export, ("rank", "reward", "propensity"))
    known = rows[(rows["rank"] == 1) & rows["reward"].notna()]
    told = found.text("the_log")
    assert f"{len(known):,}" in told
    assert (known["propensity"] == 1.0).all()
    assert "100.0%" in told
    assert "thin" in found.text("judging.support(")
    assert "WITHOUT_SUPPORT" in found.text("judging.support(")
    assert "not enough evidence" in found.text("judging.verdict")
    assert "Draw what is shown by chance for a while" in found.text("judging.advice")
    assert found.pictures == 3


def test_a_pilot_of_the_bank_proves_what_the_pilot_was_made_of(bank_log: CompanyLog, tmp_path: Path) -> None:
    """Who has three accounts or more takes the deposit more often than the card, who has fewer the card."""
    truth = write_pilot(bank_log.company, tmp_path)
    pilot, policy = tmp_path / "pilot.parquet", tmp_path / "policy.parquet"
    found = ran(JUDGE, bank_log, tmp_path, log=pilot, policy=policy, against=f"constant:{CARD}")

    assert "**better**: the gain is proven" in found.text("judging.verdict")
    assert "can be relied on" in found.text("judging.advice")
    low, high = (
        float(word) for word in found.text("judging.verdict").split("interval ")[1].split(" (")[0].split(" to ")
    )
    assert low < truth < high


def write_pilot(company: Path, folder: Path) -> float:
    """Writes what a coin decided for 6,000 contacts, and a policy. Returns: its true gain over the card for all."""
    draw = np.random.default_rng(13)
    accounts = pq.read_table(company / "feast" / "data" / "accounts.parquet")["accounts_open"].to_numpy()
    holder = draw.integers(0, HOLDERS, 6000)
    is_deposit = draw.random(holder.size) < 0.5
    of_deposit, of_card = 0.1 * accounts, np.full(accounts.size, 0.25)
    met = draw.random(holder.size) < np.where(is_deposit, of_deposit[holder], of_card[holder])
    at = NOW - pd.Timedelta(days=90)
    log = {
        "customer_id": [str(FIRST_HOLDER + n) for n in holder],
        "decided_at": pa.array([at + n * pd.Timedelta(minutes=10) for n in range(holder.size)]),
        "journey_id": np.where(is_deposit, DEPOSIT, CARD).tolist(),
        "propensity": [0.5] * holder.size,
        "reward": met.astype(np.float64),
    }
    pq.write_table(pa.table(log), folder / "pilot.parquet")
    takes = accounts[holder] >= 3
    policy = {
        "row": list(range(holder.size)),
        "journey_id": np.where(takes, DEPOSIT, CARD).tolist(),
        "probability": [1.0] * holder.size,
    }
    pq.write_table(pa.table(policy), folder / "policy.parquet")
    return float(np.where(accounts >= 3, of_deposit - of_card, 0.0)[holder].mean())


def test_a_company_without_a_model_is_told_to_train_one(bank_log: CompanyLog, tmp_path: Path) -> None:
    found = ran(JUDGE, bank_log, tmp_path)

    told = found.text("judging.the_log")
    assert told.startswith("**Nothing to show:**")
    assert "run `rumbo train`" in told
    assert found.text("judging.advice") == told
    assert found.pictures == 0
