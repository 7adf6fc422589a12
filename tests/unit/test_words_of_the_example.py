"""Nothing that serves a company, or learns for it, knows what another one sells.

The words of the example stand in the example alone.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
WORDS = re.compile("coupon|redemption|campaign|household|basket|grocery|pizza", re.IGNORECASE)
ENDINGS = {".py", ".sql", ".yaml", ".json"}
ELSEWHERE = (
    *(ROOT / "service" / name for name in ("examples", "guides", "adr")),
    ROOT / "training" / "simulate",
)
"""The example itself, texts that show it, and the company that the simulator makes up, a retailer too."""


def files() -> list[Path]:
    found = (file for room in ("features", "models", "service", "training") for file in (ROOT / room).rglob("*"))
    return [file for file in found if file.suffix in ENDINGS and not any(map(file.is_relative_to, ELSEWHERE))]


def test_there_is_something_to_look_at() -> None:
    assert {"company.py", "registry.py", "0001_tables.py", "journey.json", "scorer.py", "learn.py"} <= {
        file.name for file in files()
    }


def test_no_file_that_serves_has_a_word_of_the_example() -> None:
    told = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for file in files()
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if WORDS.search(line)
    ]
    assert told == []
