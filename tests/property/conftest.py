"""Hypothesis for the promises: the same examples for the same code, as many as RUMBO_PROPERTY_EXAMPLES says.

40 by default, 600 in continuous integration.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "ci",
    max_examples=int(os.environ.get("RUMBO_PROPERTY_EXAMPLES", "600" if os.environ.get("CI") == "true" else "40")),
    deadline=None,  # a slow machine is no counterexample
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Thousands of examples take longer than the minute that a test has elsewhere."""
    for item in items:
        if "tests/property" in item.path.as_posix():
            item.add_marker(pytest.mark.timeout(1800))
