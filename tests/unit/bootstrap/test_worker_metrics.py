"""Metrics of several processes as one page, each process a real one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from service.bootstrap.workers.metrics import WorkerMetrics

ROOT = Path(__file__).parents[3]
COUNTS = """
import sys
from pathlib import Path
from service.bootstrap.workers.metrics import count_in
count_in(Path(sys.argv[1]), int(sys.argv[2]))
import prometheus_client
from service.metrics import Metrics
metrics = Metrics()
prometheus_client.Counter('feast_requests', 'Of a library.').inc()
for _ in range(int(sys.argv[3])):
    metrics.failed('Decide', 'INTERNAL')
    metrics._seconds.observe(0.003)
metrics.in_force('catalogue', sys.argv[4])
metrics.feature_lag.set(int(sys.argv[3]))
"""


def count(folder: Path, number: int, times: int, version: str = "v1") -> None:
    command = [sys.executable, "-c", COUNTS, str(folder), str(number), str(times), version]
    subprocess.run(command, cwd=ROOT, check=True, timeout=60)


@pytest.fixture
def metrics(tmp_path: Path) -> WorkerMetrics:
    return WorkerMetrics(tmp_path)


def value(metrics: WorkerMetrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_counts_add_up_and_a_new_process_counts_on_where_a_dead_one_ended(metrics: WorkerMetrics) -> None:
    count(metrics.folder, 0, 3)
    count(metrics.folder, 1, 4)
    metrics.ended(0)
    count(metrics.folder, 0, 5)
    assert value(metrics, "rumbo_errors_total", method="Decide", status="INTERNAL") == 12
    assert value(metrics, "rumbo_decide_seconds_count") == 12
    assert value(metrics, "rumbo_decide_seconds_bucket", le="0.002") == 0
    assert value(metrics, "rumbo_decide_seconds_bucket", le="0.005") == 12
    assert len(list(metrics.folder.iterdir())) == 6, "files do not pile up"


def test_what_a_dead_process_said_of_the_present_is_gone(metrics: WorkerMetrics) -> None:
    count(metrics.folder, 0, 3, "v1")
    count(metrics.folder, 1, 7, "v2")
    assert value(metrics, "rumbo_in_force", what="catalogue", version="v1") == 1
    assert value(metrics, "rumbo_in_force", what="catalogue", version="v2") == 1
    assert value(metrics, "rumbo_feature_lag_rows") == 7
    metrics.ended(1)
    assert value(metrics, "rumbo_in_force", what="catalogue", version="v2") is None
    assert value(metrics, "rumbo_feature_lag_rows") == 3


def test_a_page_has_what_rumbo_counts_and_nothing_of_libraries(metrics: WorkerMetrics) -> None:
    count(metrics.folder, 0, 1)
    metrics.begins(0)
    metrics.listens(0, is_up=True)
    metrics.restarted(0)
    lines = generate_latest(metrics.registry).decode().splitlines()
    names = [line for line in lines if not line.startswith("#")]
    assert 'rumbo_worker_up{worker="0"} 1.0' in names
    assert 'rumbo_worker_restarts_total{worker="0"} 1.0' in names
    assert {line.split("_", 1)[0] for line in names} == {"rumbo"}
