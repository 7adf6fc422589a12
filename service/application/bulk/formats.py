"""The formats of a file of events, by the end of its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from service.application.bulk.columnar import parquet_events
from service.application.bulk.comma_separated import comma_separated_events
from service.application.bulk.file import WHOLE, EventFile, EventFileUnfit
from service.application.bulk.json_lines import json_lines_events
from service.application.bulk.lines import Lines, lines_of
from service.state.history.faults import RowFault


def open_events(file: Path) -> AbstractContextManager[EventFile]:
    """The events of a file, to be read within. Raises: EventFileUnfit, also for a format that is not known."""
    name = file.name.lower()
    opened = next((opened for end, opened in _FORMATS.items() if name.endswith(end)), None)
    if opened is None:
        expected = f"a name that ends in {', '.join(_FORMATS)}"
        raise EventFileUnfit(RowFault(file=file.name, row=0, column=WHOLE, code="UNKNOWN_FORMAT", expected=expected))
    return opened(file)


def _of_lines(kind: Callable[[str, Lines], EventFile]) -> Callable[[Path], AbstractContextManager[EventFile]]:
    @contextmanager
    def opened(file: Path) -> Iterator[EventFile]:
        with lines_of(file) as lines:
            yield kind(file.name, lines)

    return opened


_FORMATS: Mapping[str, Callable[[Path], AbstractContextManager[EventFile]]] = {
    ".parquet": parquet_events,
    ".csv": _of_lines(comma_separated_events),
    ".csv.gz": _of_lines(comma_separated_events),
    ".jsonl": _of_lines(json_lines_events),
    ".jsonl.gz": _of_lines(json_lines_events),
}
