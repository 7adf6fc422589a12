"""A catalogue of any size: the example's journeys again and again, under ids of their own."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tests.example import EXAMPLE

_CONDITION = re.compile(r"^(audience|exit_when): (?P<quote>'?)(?P<text>customer\..*?)(?P=quote)(?P<rest> +#.*)?$", re.M)


def write_large_catalogue(folder: Path, size: int) -> None:
    """Each copy of the whole example names journeys of its own copy, and its conditions are none of another's."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "journeys").mkdir(parents=True)
    shutil.copy(EXAMPLE / "policies.yaml", folder)
    files = sorted((EXAMPLE / "journeys").glob("*.yaml"))
    ids = re.compile(r"(?<![\w-])(" + "|".join(file.stem for file in files) + r")(?![\w-])")
    for number in range(size):
        copy, file = number // len(files), files[number % len(files)]
        is_whole = (copy + 1) * len(files) <= size
        text = file.read_text(encoding="utf-8")
        if copy > 0:
            text = ids.sub(rf"\1-{copy}", text, count=0 if is_whole else 1)
            text = _CONDITION.sub(rf"\1: '(\g<text>) && customer.recency_days < {1000 + copy}.5'", text)
        name = file.stem if copy == 0 else f"{file.stem}-{copy}"
        (folder / "journeys" / f"{name}.yaml").write_text(text, encoding="utf-8")
