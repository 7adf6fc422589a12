"""Feast is imported without the checks of its own calls, and nothing else is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SEEN = """
{first}
import typeguard
from feast import Entity, FeatureView

@typeguard.typechecked
def ours(number: int) -> int:
    return number

def is_checked(function):
    return any("check_argument_types" in name for name in function.__code__.co_names)

print(is_checked(FeatureView.__init__), is_checked(Entity.__init__), is_checked(ours))
"""


def seen(place: Path, first: str) -> str:
    """What a process sees that does this first."""
    script = place / "seen.py"  # typeguard reads a function's source
    script.write_text(SEEN.format(first=first), encoding="utf-8")
    program = [sys.executable, "-W", "ignore", str(script)]
    return subprocess.run(program, capture_output=True, text=True, check=True).stdout


def test_what_feast_defines_is_not_rewritten(tmp_path: Path) -> None:
    assert seen(tmp_path, "import features") == "False False True\n"


def test_by_itself_it_would_be(tmp_path: Path) -> None:
    assert seen(tmp_path, "") == "True True True\n"
