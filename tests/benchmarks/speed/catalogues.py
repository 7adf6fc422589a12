"""Catalogues of so many journeys with an action on the channel: the example's own, fewer of them or again and again."""

from __future__ import annotations

import re
from pathlib import Path

from tests.benchmarks.speed.contenders import CHANNEL
from tests.benchmarks.speed.glue_parts import journeys_on
from tests.example import EXAMPLE
from tests.large_catalogue import write_large_catalogue


def write_catalogue(folder: Path, journeys: int) -> None:
    """The smallest of whole copies of the example, or a part of one, that has so many of them."""
    size = journeys
    while True:
        write_large_catalogue(folder, max(size, _example_size()))
        offered = len(journeys_on(folder, CHANNEL))
        if offered >= journeys:
            break
        size += journeys - offered
    if size < _example_size():
        _keep(folder / "journeys", folder, journeys)


def _example_size() -> int:

    return len(list((EXAMPLE / "journeys").glob("*.yaml")))


def _keep(files: Path, folder: Path, journeys: int) -> None:
    """Drops those that are named by nobody who is left, the last first, until no more can go."""
    for file in sorted(files.glob("*.yaml"), reverse=True):
        others = "".join(other.read_text(encoding="utf-8") for other in files.glob("*.yaml") if other != file)
        text = file.read_text(encoding="utf-8")
        if re.search(rf"(?<![\w-]){file.stem}(?![\w-])", others):
            continue
        file.unlink()
        if len(journeys_on(folder, CHANNEL)) < journeys:
            file.write_text(text, encoding="utf-8")
