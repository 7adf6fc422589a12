"""One page of metrics over all workers: each counts in files of a folder, and the parent adds them up.

This is the multi-process mode of the client of Prometheus, without the variable of the environment that turns it on:
Feast reads the same one, and so would every process that a worker starts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server, values
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

OWN: Final = "rumbo_"
"""How the metrics begin that are shared; those of libraries stay where they are."""


def count_in(folder: Path, number: int) -> None:
    """From now on, metrics of this process that are made lie in files of `folder`, which `number` is part of the name
    of: no two processes that live may have the same. One that has the number of a dead one counts on from there.
    """
    files: dict[str, MmapedDict] = {}
    lock = Lock()

    def value(kind: str, metric: str, *of: Any, multiprocess_mode: str = "") -> object:
        if not metric.startswith(OWN):
            return values.MutexValue(kind, metric, *of)
        prefix = f"{kind}_{multiprocess_mode}" if kind == "gauge" else kind
        with lock:
            if prefix not in files:
                files[prefix] = MmapedDict(str(folder / f"{prefix}_{number}.db"))
            return _FileValue(files[prefix], lock, mmap_key(metric, *of))

    values.ValueClass = value


class _FileValue:
    """A number in a file, as `prometheus_client.values` has them."""

    _multiprocess = True

    def __init__(self, file: MmapedDict, lock: Lock, key: str) -> None:
        """`lock` is held, and guards the file."""
        self._file, self._lock, self._key = file, lock, key
        self._value: float = file.read_value(key)[0]

    def inc(self, amount: float) -> None:
        with self._lock:
            self._value += amount
            self._file.write_value(self._key, self._value, 0.0)

    def set(self, value: float, timestamp: float | None = None) -> None:
        with self._lock:
            self._value = value
            self._file.write_value(self._key, value, timestamp or 0.0)

    def get(self) -> float:
        with self._lock:
            return self._value

    def set_exemplar(self, exemplar: object) -> None:
        """There are none in files."""

    def get_exemplar(self) -> None:
        return None


class WorkerMetrics:
    """What the parent tells of the workers, beside what they count themselves in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.registry = CollectorRegistry()
        MultiProcessCollector(self.registry, str(folder))
        self._up = Gauge("rumbo_worker_up", "1 while a worker listens.", ["worker"], registry=self.registry)
        self._restarts = Counter(
            "rumbo_worker_restarts", "Workers started again because they died.", ["worker"], registry=self.registry
        )

    def begins(self, place: int) -> None:
        self._restarts.labels(worker=str(place))
        self.listens(place, is_up=False)

    def listens(self, place: int, *, is_up: bool) -> None:
        self._up.labels(worker=str(place)).set(1 if is_up else 0)

    def restarted(self, place: int) -> None:
        self._restarts.labels(worker=str(place)).inc()

    def ended(self, number: int) -> None:
        """What it said of the present holds no longer; what it counted does."""
        mark_process_dead(number, str(self.folder))


@contextmanager
def metrics_of_workers() -> Iterator[WorkerMetrics]:
    with TemporaryDirectory(prefix="rumbo-metrics-") as folder:
        yield WorkerMetrics(Path(folder))


@contextmanager
def page(metrics: WorkerMetrics, host: str, port: int | None) -> Iterator[int | None]:
    """Serves them until left. Yields: the port; None, and nothing is served, where `port` is."""
    if port is None:
        yield None
        return
    server, _ = start_http_server(port, host, metrics.registry)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
