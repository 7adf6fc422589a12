"""Hypothesis for the promises: the same examples for the same code, as many as RUMBO_PROPERTY_EXAMPLES says."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "ci",
    max_examples=int(os.environ.get("RUMBO_PROPERTY_EXAMPLES", "300")),
    deadline=None,  # a slow machine is no counterexample
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci")
