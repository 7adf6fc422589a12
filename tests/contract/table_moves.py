"""A process that moves a table into a store and out of it: `python -m tests.contract.table_moves ADAPTER PLACE IN OUT`.

Prints, as JSON, its rows, the seconds and the most memory (bytes) it had after each of: loading, importing, exporting.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

from service.catalogue.objectives import KeptObjectives
from service.state.export.rewards import AsOf
from service.state.export.write import Export
from service.state.history.faults import RowFault
from service.state.history.take import HistoryImport
from tests.contract.adapters import ADAPTERS
from tests.contract.history import EPOCH, LATER, engine_of
from tests.example import SCHEMA, TERMS


def _refused(fault: RowFault) -> None:
    raise AssertionError(str(fault))


def _peak() -> int:
    """What Linux calls the high-water mark: unlike that of `getrusage` it is not the parent's."""
    (line,) = [one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


async def _main(adapter: str, place: Path, source: Path, target: Path) -> None:
    state = await ADAPTERS[adapter](place)
    engine, features = engine_of(state), SCHEMA
    peaks, seconds = [_peak()], []
    begun = time.perf_counter()
    await HistoryImport(engine, features, source, LATER).write(lambda _: None, _refused)
    peaks.append(_peak())
    seconds.append(time.perf_counter() - begun)
    begun = time.perf_counter()
    export = Export(engine, features, KeptObjectives(TERMS), target, AsOf(now=LATER, events_since=LATER))
    rows = sum([await export.write(day, lambda _: None) for day in await export.days(EPOCH, None)])
    peaks.append(_peak())
    seconds.append(time.perf_counter() - begun)
    await state.close()
    sys.stdout.write(json.dumps({"rows": rows, "peaks": peaks, "seconds": seconds}))


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], *map(Path, sys.argv[2:])))
