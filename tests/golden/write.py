"""Writes the golden files anew: `python -m tests.golden.write`. Only for a change of behaviour that is meant.

The store of before stays as it is, for whoever has one: `--store` keeps the records of today in its place.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from service.bootstrap.store import state_store
from service.examples.complete_journey.data.prepare import prepare_company
from service.examples.complete_journey.seed import seed_consents
from service.state.export.table import export_schema
from service.state.history.take import HistoryImport
from tests.example import COMPANY, SCHEMA
from tests.fixtures_features import NOW, company_at
from tests.fixtures_service import Clock, Service, settings_of, settled_counts
from tests.golden.kept import (
    ANSWERS,
    DIGESTS,
    LATER,
    RECORDS,
    STORE,
    exported,
    lines_of,
    records_of,
    told,
    whole,
    written,
)
from tests.golden.kept_store import KeptStore
from tests.golden.story import BEGIN, HOUSEHOLDS, example_at

AT_ONCE = 4
IMPORTED_ROWS = 20


async def write(place: Path, *, is_store_kept: bool) -> None:
    """`place`: an empty folder."""
    home = place / "home"
    prepare_company(company_at(home), NOW)
    await seed_consents(settings_of(home))
    async with example_at(home, Clock(BEGIN)) as service:
        await settled_counts(home)
        answers = await told(service)
        await _ask_at_once(service)
    DIGESTS.write_text("".join(f"{line}\n" for line in lines_of(answers)))
    ANSWERS.write_text(written(whole(answers)) + "\n")
    if not is_store_kept:
        await _take_in_history(home, place)
        KeptStore.of(home / "state.db").write(STORE)
    kept, before = KeptStore.read(STORE), place / "before"
    before.mkdir()
    company_at(before).symlink_to(COMPANY)
    kept.restore(settings_of(before))
    RECORDS.write_text(written(await records_of(before, place / "table", kept.decision_ids)) + "\n")


async def _ask_at_once(service: Service) -> None:
    """Of such decisions all but one are settled over what another reserved meanwhile."""
    service.clock.move(timedelta(days=8))  # no cap is full
    for household in HOUSEHOLDS:
        await asyncio.gather(*(service.decide(household) for _ in range(AT_ONCE)))


async def _take_in_history(home: Path, place: Path) -> None:
    """Some of the decisions again, as if they had been made elsewhere."""
    features = SCHEMA
    rows = list((await exported(home, place / "exported")).values())[:IMPORTED_ROWS]
    for row in rows:
        row["decision_id"] = f"elsewhere-{row['decision_id']}"
        for outcome in row["outcomes"]:
            outcome["outcome_id"] = f"elsewhere-{outcome['outcome_id']}"
    file = place / "history.parquet"
    pq.write_table(pa.Table.from_pylist(rows, export_schema(features)), file)
    async with state_store(settings_of(home)) as state:
        await HistoryImport(state.engine, features, file, LATER).write(lambda count: None, _refuse)


def _refuse(fault: object) -> None:
    raise ValueError(str(fault))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(write(Path(folder), is_store_kept="--store" not in sys.argv))
