"""Long work beside the event loop leaves nothing behind that the end of the process would complain about."""

from __future__ import annotations

import subprocess
import sys

WORK = """
import duckdb
from service.quiet_load import in_background, kept_for_good

with kept_for_good(), in_background():
    pass
with in_background():
    pass
"""


def test_a_process_that_worked_in_the_background_ends_without_a_word() -> None:
    """DuckDB's own objects are counted at the end, and what was kept from collection would count as lost."""
    ended = subprocess.run([sys.executable, "-c", WORK], capture_output=True, text=True, check=True)
    assert (ended.stdout, ended.stderr) == ("", "")
