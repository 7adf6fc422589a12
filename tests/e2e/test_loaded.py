"""What a process loads that serves: nothing of the tools that prepare, learn and register, which cost seconds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from models.registry import fetch_champion
from tests.documents import ROOT
from tests.e2e.wire import REGULAR
from tests.fixtures_features import NOW, registry_at

HEAVY = ("dask", "lightgbm", "matplotlib", "mlflow", "pandas", "pyarrow", "scipy", "sklearn", "z3")

IMPORTS = """
import json, sys
import service.bootstrap.serve, service.commands.serve, service.wire.server
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""

SERVES = """
import asyncio, json, sys
from datetime import datetime
from pathlib import Path
import grpc
from features.company.home import places
from features.reading import CustomerByCustomer, FeatureReading
from rumbo.decision.v1.decision_pb2 import DecideRequest
from rumbo.decision.v1.service_pb2_grpc import DecisionServiceStub
from service.bootstrap.serve import application
from service.settings import Settings
from service.wire.server import serving

class Nothing(CustomerByCustomer):
    def read(self, customer_id, now):
        return FeatureReading(values={}, degraded=(), has_any_row=False)

async def main(home, now, customer):
    places_of = {"company": places(home=home).company, "home": home, "catalogue": home / "catalogue"}
    settings = Settings(**places_of, port=0, metrics_port=None)
    async with application(settings, lambda: now, features=Nothing()) as app, serving(app, settings) as at:
        async with grpc.aio.insecure_channel(f"{at.host}:{at.port}") as channel:
            request = DecideRequest(customer_id=customer, channel="web")
            answer = await DecisionServiceStub(channel).Decide(request)
            modules = sorted({name.partition(".")[0] for name in sys.modules})
            maps = Path("/proc/self/maps")
            print(json.dumps([answer.model_version, modules, maps.read_text() if maps.exists() else ""]))

asyncio.run(main(Path(sys.argv[1]), datetime.fromisoformat(sys.argv[2]), sys.argv[3]))
"""


def said_by(program: str, *arguments: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=ROOT, capture_output=True, text=True, check=True, timeout=240
    )
    return ran.stdout.splitlines()[-1]


def test_what_serves_imports_none_of_the_tools() -> None:
    modules = json.loads(said_by(IMPORTS))
    assert "service" in modules
    assert sorted({*HEAVY, "feast", "sqlalchemy"}.intersection(modules)) == []


@pytest.mark.timeout(300)
def test_a_process_that_ranks_by_a_model_loads_none_of_the_tools(modelled_home: Path) -> None:
    """Beside a feature store of nothing: what the company's own loads is that store's affair."""
    version, modules, maps = json.loads(said_by(SERVES, str(modelled_home), NOW.isoformat(), REGULAR))
    assert version == fetch_champion(registry_at(modelled_home)).version
    assert "numpy" in modules
    assert sorted(set(HEAVY).intersection(modules)) == []
    assert [name for name in HEAVY if name != "lightgbm" and f"/site-packages/{name}/" in maps] == []
