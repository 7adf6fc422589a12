"""The second company with its online store on a Valkey server, which is told of its situation, and which may end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from features.company.company import load_company
from features.company.registry import features_of
from features.situation import ConsentFact, IncidentFact, IncidentStatus, parse
from features.store.online import OnlineFeatures
from rumbo.decision.v1 import decision_pb2
from tests.companies.bank import Bank, make_bank, push_views, redis_at
from tests.e2e.test_command_line import rumbo
from tests.e2e.test_second_company import HELP, HOLDER, OFFER, asked, denied, ranked, served, tell
from tests.e2e.wire import degraded_of
from tests.fixtures_stores import STORES
from tests.servers.valkey import ValkeyServer

NONE = "situation: none"
SITUATION = "situation: {incidents: {view: incidents}, consents: {view: consents}}"
PATIENCE_S = 60.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def bank(valkey: ValkeyServer, tmp_path_factory: pytest.TempPathFactory) -> Bank:
    folder = tmp_path_factory.mktemp("second") / "existing"
    bank = make_bank(folder, "INT64", redis_at(valkey.connection_string()), **push_views(folder))
    (bank.folder / "rumbo.yaml").unlink()
    return bank


@pytest.fixture
def company(bank: Bank, tmp_path: Path) -> Path:
    folder = tmp_path / "mybank"
    begun = rumbo("init", str(folder), "--feast", str(bank.repo))
    assert begun.returncode == 0, begun.stderr
    written = (folder / "rumbo.yaml").read_text(encoding="utf-8")
    assert NONE in written
    (folder / "rumbo.yaml").write_text(written.replace(NONE, SITUATION), encoding="utf-8")
    return folder


def until(holds: Callable[[], bool]) -> None:
    """Other processes tell nobody of what they have done."""
    until_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < until_s
        time.sleep(0.05)


@pytest.fixture
def reader(company: Path) -> Iterator[OnlineFeatures]:
    found = features_of(load_company(company))
    opened = OnlineFeatures(load_company(company).feature_repo, found.schema, key=found.key)
    yield opened
    opened.close()


def text_of(reader: OnlineFeatures, feature: str) -> str:
    return str(reader.read(HOLDER, datetime.now(UTC)).values[feature].value or "[]")


def degraded(answer: decision_pb2.DecideResponse) -> dict[str, str]:
    """But for the model, of which there is none."""
    return {what: status for what, status in degraded_of(answer).items() if what != "model"}


@pytest.mark.parametrize("store", STORES)
def test_it_decides_tells_the_server_of_the_situation_and_goes_on_without_it(
    store: str, company: Path, reader: OnlineFeatures, valkey: ValkeyServer, request: pytest.FixtureRequest
) -> None:
    variables = {}
    if store == "postgres":
        variables["STATE_URL"] = request.getfixturevalue("postgres").new_database("second_on_valkey")
    with served(company, **variables) as (client, _):
        tell(client, "consent.granted", purpose="marketing", channel="app")
        answer = asked(client)
        assert (ranked(answer), degraded(answer)) == ([OFFER, HELP], {})
        unknown = asked(client, "0" + HOLDER)
        assert (ranked(unknown), degraded(unknown)) == ([HELP], {})
        until(lambda: len(parse(ConsentFact, text_of(reader, "consents_json"))) == 1)
        tell(client, "incident.opened", incident_id=f"i-{store}")
        until(
            lambda: (
                (f"i-{store}", IncidentStatus.OPEN)
                in {(fact.incident_id, fact.status) for fact in parse(IncidentFact, text_of(reader, "incidents_json"))}
            )
        )
        tell(client, "incident.resolved", incident_id=f"i-{store}")
        valkey.stop()
        try:
            away = asked(client)
            assert set(degraded(away).values()) == {"UNAVAILABLE"}
            assert ranked(away) == [HELP]
            assert denied(away, OFFER)
        finally:
            valkey.start()
        until(lambda: degraded(asked(client)) == {})
        until(
            lambda: (
                IncidentStatus.OPEN not in {f.status for f in parse(IncidentFact, text_of(reader, "incidents_json"))}
            )
        )
