"""What the service says of its own stages, as its metrics have it."""

from __future__ import annotations

import urllib.request
from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

from tests.benchmarks.speed.figures import Figures

SECONDS = "rumbo_stage_seconds"
Stages = Mapping[str, tuple[float, float]]
"""By stage: the seconds that it took in all decisions until now, and how many those are."""


def stages(metrics_port: int | None) -> Stages:
    """Of a contender without metrics: none."""
    if metrics_port is None:
        return {}
    with urllib.request.urlopen(f"http://127.0.0.1:{metrics_port}/metrics") as answer:
        families = text_string_to_metric_families(answer.read().decode())
    found: dict[str, dict[str, float]] = {"_sum": {}, "_count": {}}
    for sample in (sample for family in families if family.name == SECONDS for sample in family.samples):
        kind = sample.name.removeprefix(SECONDS)
        if kind in found:
            found[kind][sample.labels["stage"]] = sample.value
    return {stage: (seconds, found["_count"][stage]) for stage, seconds in found["_sum"].items()}


def between(before: Stages, after: Stages) -> Figures:
    """Mean µs of each stage in the decisions between."""
    nothing = (0.0, 0.0)
    told = {stage: (after[stage], before.get(stage, nothing)) for stage in after}
    return {
        stage: 1e6 * (now[0] - then[0]) / (now[1] - then[1]) for stage, (now, then) in told.items() if now[1] > then[1]
    }
