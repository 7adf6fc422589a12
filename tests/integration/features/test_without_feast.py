"""On each store with a plan a process that knows it reads and writes features, and never imports Feast."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from features.company.company import load_company
from features.company.home import make_home_of
from features.company.kept_registry import KeptRegistry
from tests.companies.bank import FIRST_HOLDER, SQLITE, make_bank, push_views, redis_at
from tests.contract.features.online_stores import RUMBO
from tests.servers.valkey import ValkeyServer

PROGRAM = """
import json, sys
from datetime import UTC, datetime
from pathlib import Path
from features.company.company import load_company
from features.company.kept_registry import KeptRegistry
from features.situation import IncidentFact, IncidentStatus
from features.store.online import OnlineFeatures
from features.store.push import SituationWriter

folder, home, customer_id = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
now = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
company = load_company(folder)
kept = KeptRegistry(company, home, read=lambda company: sys.exit("the registry was read"))
known = kept.known()
writer = SituationWriter(company.feature_repo, company.situation, connect=kept.open_cells)
writer.write(customer_id, [IncidentFact(
    incident_id="a", incident_class=None, severity=None, status=IncidentStatus.OPEN, at=now
)])
reader = OnlineFeatures(company.feature_repo, known.schema, key=known.key, connect=kept.open)
(reading,) = reader.read_many([customer_id], now)
heavy = sorted({"feast", "pandas", "pyarrow", "dask"} & set(sys.modules))
statuses = {name: value.status for name, value in reading.values.items()}
print(json.dumps({"heavy": heavy, "statuses": statuses, "reads": reader.reads}))
"""


@pytest.mark.parametrize("store", ["sqlite", "valkey"])
def test_what_is_kept_in_the_home_is_enough(store: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    online_store = SQLITE
    if store == "valkey":
        server: ValkeyServer = request.getfixturevalue("valkey")
        online_store = redis_at(server.connection_string())
    bank = make_bank(tmp_path / "bank", "INT64", online_store, wealth=None, **push_views(tmp_path / "bank"))
    bank.write(RUMBO)
    company = load_company(bank.folder)
    make_home_of(company, tmp_path / "home")
    KeptRegistry(company, tmp_path / "home").known()
    asked = [sys.executable, "-c", PROGRAM, str(bank.folder), str(tmp_path / "home"), str(FIRST_HOLDER)]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["heavy"] == []
    assert told["reads"] == {"direct": 1}
    assert told["statuses"].pop("consents_json") == "NOT_FOUND"
    assert set(told["statuses"].values()) == {"PRESENT"}
