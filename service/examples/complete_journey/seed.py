"""The example's consents, as a file of events. Doing it again changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.application.bulk.load import LoadCounts
    from service.settings import Settings

CONSENTS = Path("seed") / "consents.parquet"


async def seed_consents(settings: Settings) -> LoadCounts:
    """Raises: HomeNotPrepared, StateUnavailable."""
    from features.company.home import demanded
    from service.application.bulk.load import LoadCounts
    from service.commands.events import load_file, refused_beside
    from service.examples.complete_journey.data.dataset import Dataset

    folder, counts = demanded(settings.company, settings.home).folder, LoadCounts()
    file = folder / CONSENTS
    Dataset.load(folder).demand(CONSENTS.as_posix(), file)
    await load_file(settings, file, refused_beside(file), counts)
    return counts
