"""The example's consents, through the same intake as any event. Doing it again changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.decision.reports.rows import CustomerEvent, RowStatus
    from service.settings import Settings

BATCH = 1000
SOURCE = "example"
CONSENTS = Path("seed") / "consents.parquet"


async def seed_consents(settings: Settings) -> tuple[int, int]:
    """Returns: (taken in, known already). Raises: HomeNotPrepared, StateUnavailable."""
    from rich.progress import track

    from features.dataset import Dataset
    from features.home import demanded
    from service.bootstrap import intake_only
    from service.decision.reports.rows import RowStatus

    folder = demanded(settings.company, settings.home).folder
    dataset, file = Dataset.load(folder), folder / CONSENTS
    dataset.demand(CONSENTS.as_posix(), file)
    events = list(_consents(file))
    tally: Counter[RowStatus] = Counter()
    async with intake_only(settings) as intake:
        for begin in track(range(0, len(events), BATCH), "taking in consents"):
            results = await intake.record_events(events[begin : begin + BATCH])
            tally.update(r.status for r in results)
    return tally[RowStatus.ACCEPTED], tally[RowStatus.DUPLICATE]


def _consents(file: Path) -> Iterator[CustomerEvent]:
    import pyarrow.parquet as parquet

    from service.decision.reports.rows import CustomerEvent

    for row in parquet.read_table(file).to_pylist():
        customer_id, purpose, channel = row["customer_id"], row["purpose"], row["channel"]
        yield CustomerEvent(
            event_id=f"{SOURCE}-{customer_id}-{purpose}-{channel}-{row['occurred_at']:%Y%m%d}",
            customer_id=customer_id,
            source=SOURCE,
            type="consent.granted",
            occurred_at=row["occurred_at"],
            attributes={"purpose": purpose, "channel": channel},
        )
