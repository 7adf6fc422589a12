"""Who is measured: each a tree of processes on 127.0.0.1 that answers one gRPC method."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.speed import echo
from tests.benchmarks.speed.glue_model import SERVED, GlueColumns
from tests.benchmarks.speed.grocer import RUMBO, Grocer
from tests.benchmarks.speed.processes import Command, ProcessTree, ServerTree, module, running
from tests.servers.postgres import PostgresServer
from tests.servers.valkey import ValkeyServer

CHANNEL = "app"
DECIDE = "/rumbo.decision.v1.DecisionService/Decide"
LISTENS = echo.LISTENS
METRICS = r"metrics on http://127\.0\.0\.1:(\d+)/metrics"
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
"""Of LightGBM's in the glue, as in the service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A contender that serves. `servers`: databases that it asks, whose costs are told apart."""

    name: str
    port: int
    method: str
    tree: ServerTree
    servers: Mapping[str, ProcessTree] = field(default_factory=dict)
    metrics_port: int | None = None
    grocer: Grocer | None = None
    starts_s: float

    def cpu_s(self) -> float:
        return self.tree.cpu_s()

    def servers_cpu_s(self) -> float:
        return sum(tree.cpu_s() for tree in self.servers.values())


Starting = Callable[[], AbstractContextManager[Contender]]


@contextmanager
def echoes(size: int, logs: Path) -> Iterator[Contender]:
    begins = time.monotonic()
    with running(module("echo", str(size)), logs / "echo.log") as tree:
        port = int(tree.told(LISTENS)[1])
        yield Contender(name="echo", port=port, method=echo.METHOD, tree=tree, starts_s=time.monotonic() - begins)


@contextmanager
def decides(
    name: str,
    grocer: Grocer,
    catalogue: Path,
    logs: Path,
    *options: str,
    servers: Mapping[str, ProcessTree] | None = None,
) -> Iterator[Contender]:
    """`rumbo serve`, as an operator starts it."""
    command: Command = [RUMBO, "serve", "--catalogue", catalogue, "--port", "0", "--metrics-port", "0", *options]
    begins = time.monotonic()
    with running(command, logs / f"{name}.log", grocer.variables) as tree:
        port = int(tree.told(LISTENS)[1])
        starts_s = time.monotonic() - begins
        yield Contender(
            name=name,
            port=port,
            method=DECIDE,
            tree=tree,
            servers=servers or {},
            metrics_port=int(tree.told(METRICS)[1]),
            grocer=grocer,
            starts_s=starts_s,
        )


def has_workers() -> bool:
    """Whether `rumbo serve` can be more processes than one."""
    told = subprocess.run([RUMBO, "serve", "--help"], capture_output=True, text=True, check=True)
    return "--workers" in told.stdout


@contextmanager
def glue(grocer: Grocer, catalogue: Path, model: Path, logs: Path) -> Iterator[Contender]:
    repo, begins = grocer.company / "feast", time.monotonic()
    command = module("glue_process", repo, catalogue, CHANNEL, model)
    with running(command, logs / "glue.log", ONE_THREAD) as tree:
        port = int(tree.told(LISTENS)[1])
        yield Contender(name="glue", port=port, method=DECIDE, tree=tree, starts_s=time.monotonic() - begins)


@contextmanager
def glue_over_http(grocer: Grocer, catalogue: Path, model: Path, logs: Path) -> Iterator[Contender]:
    """Three servers, which are one tree: a shell that ends with the last of them is their parent."""
    feast, mlflow = _free_port(), _free_port()
    repo, begins = grocer.company / "feast", time.monotonic()
    bin_folder = RUMBO.parent
    serve_features: Command = [
        *(bin_folder / "feast", "-c", repo, "serve", "-h", "127.0.0.1", "-p", str(feast)),
        *("--no-access-log", "-w", "1"),
    ]
    serve_model: Command = [
        *(bin_folder / "mlflow", "models", "serve", "-m", model / SERVED, "--env-manager", "local"),
        *("-h", "127.0.0.1", "-p", str(mlflow), "--workers", "1"),
    ]
    asked = _features_of(grocer, model)
    front = module("glue_front", catalogue, CHANNEL, model, str(feast), str(mlflow), *asked)
    path = {"PATH": f"{bin_folder}:/usr/bin:/bin", **ONE_THREAD}
    with ExitStack() as opened:
        trees = [
            opened.enter_context(running(serve_features, logs / "glue_http_feast.log", path)),
            opened.enter_context(running(serve_model, logs / "glue_http_mlflow.log", path)),
        ]
        for tree, port in zip(trees, (feast, mlflow), strict=True):
            _until_listening(tree, port)
        tree = opened.enter_context(running(front, logs / "glue_http.log", path))
        port = int(tree.told(LISTENS)[1])
        tree.adopt(trees)
        yield Contender(name="glue_http", port=port, method=DECIDE, tree=tree, starts_s=time.monotonic() - begins)


def _features_of(grocer: Grocer, model: Path) -> list[str]:
    from features.store.connection import Connection

    columns = GlueColumns.load(model)
    connection = Connection.open(grocer.company / "feast")
    known = ((name, field.name) for name, view in connection.views.items() for field in view.features)
    asked = [f"{view}:{name}" for view, name in known if name in columns.features]
    connection.close()
    return asked


def trees_of(postgres: PostgresServer, valkey: ValkeyServer) -> dict[str, ProcessTree]:
    return {"postgres": ProcessTree(postgres.processes()[0].pid), "valkey": ProcessTree(valkey.process_id)}


def _until_listening(tree: ServerTree, port: int) -> None:
    """Raises: ContenderDied."""
    until_s = tree.patience()
    while True:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        tree.demand_life(until_s)
        time.sleep(0.05)


def _free_port() -> int:
    """That of a moment ago: these two programs cannot tell which one they took."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
