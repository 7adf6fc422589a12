"""A company that Rumbo never saw: from its own, ordinary Feast repository to decisions, by what it writes alone."""

from __future__ import annotations

import hashlib
import json
import re
import signal
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import grpc
import pyarrow.parquet as pq
import pytest

from rumbo.decision.v1 import decision_pb2, events_pb2, outcomes_pb2, row_pb2, value_pb2
from rumbo.decision.v1.service_pb2_grpc import DecisionServiceStub
from service.state.export.table import FEATURE
from service.wire.client import Client
from tests.companies.bank import FIRST_HOLDER, Bank, make_bank
from tests.e2e.test_command_line import END_S, address_of, process, rumbo
from tests.fixtures_stores import STORES

HOLDER = str(FIRST_HOLDER + 4)
OFFER, HELP = "first-offer", "how-can-we-help"
OF_THE_EXAMPLE = re.compile("coupon|redemption|campaign|household|basket|grocer|pizza|complete.journey", re.IGNORECASE)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    bank = make_bank(tmp_path_factory.mktemp("second") / "existing")
    (bank.folder / "rumbo.yaml").unlink()
    return bank


def hashes(folder: Path) -> Mapping[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


@pytest.fixture
def company(bank: Bank, tmp_path: Path) -> Iterator[Path]:
    """As `rumbo init` begins it; nothing in the bank's repository has changed in the end."""
    before = hashes(bank.repo)
    folder = tmp_path / "mybank"
    begun = rumbo("init", str(folder), "--feast", str(bank.repo))
    assert begun.returncode == 0, begun.stderr
    yield folder
    assert hashes(bank.repo) == before


def said(*arguments: str) -> str:
    """What a command prints that must end well, with none of the example's words."""
    done = rumbo(*arguments)
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert not OF_THE_EXAMPLE.search(done.stdout + done.stderr)
    return done.stdout


@contextmanager
def served(company: Path, **variables: str) -> Iterator[tuple[Client, str]]:
    """A running service of the company, and where it listens; what it logs has none of the example's words."""
    with process("serve", "--company", str(company), "--port", "0", **variables) as serving:
        address = address_of(serving)
        with Client(address) as client:
            yield client, address
        serving.send_signal(signal.SIGTERM)
        _, log = serving.communicate(timeout=END_S)
    assert serving.returncode == 0, log
    assert not OF_THE_EXAMPLE.search(log)


def asked(client: Client, customer_id: str = HOLDER, channel: str = "app") -> decision_pb2.DecideResponse:
    return client.decide(
        decision_pb2.DecideRequest(
            customer_id=customer_id, channel=channel, explain=decision_pb2.EXPLAIN_FULL, dry_run=channel != "app"
        )
    )


def ranked(answer: decision_pb2.DecideResponse) -> list[str]:
    return [journey.journey_id for journey in answer.ranked]


def denied(answer: decision_pb2.DecideResponse, journey: str) -> list[str]:
    return [reason.code for j in answer.rejected if j.journey_id == journey for reason in j.reasons]


def tell(client: Client, event_type: str, **attributes: str) -> None:
    event = events_pb2.Event(
        event_id=f"{event_type}-{datetime.now(UTC).timestamp()}",
        customer_id=HOLDER,
        source="core-banking",
        type=event_type,
        attributes={name: value_pb2.Value(string_value=value) for name, value in attributes.items()},
    )
    event.occurred_at.GetCurrentTime()
    (result,) = client.record_events([event]).results
    assert result.status == row_pb2.ROW_STATUS_ACCEPTED, result


def test_what_init_writes_is_checked_and_its_cases_pass(company: Path) -> None:
    assert "entity holder, key holder_no (Int64)" in said("features", "check", "--company", str(company))
    assert "0 errors, 0 warnings" in said("catalogue", "check", "--company", str(company))
    assert "13 of 13 cases met" in said("catalogue", "test", "--company", str(company))
    assert "mybank" in said("config", "show", "--company", str(company))


@pytest.mark.parametrize("store", STORES)
def test_it_decides_learns_of_events_and_outcomes_and_exports(
    company: Path, store: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    variables = {}
    if store == "postgres":
        variables["STATE_URL"] = request.getfixturevalue("postgres").new_database(f"second_{tmp_path.name}"[:40])
    with served(company, **variables) as (client, address):
        assert denied(asked(client), OFFER) == ["CONSENT_MISSING"]
        tell(client, "consent.granted", purpose="marketing", channel="app")
        answer = asked(client)
        assert ranked(answer) == [OFFER, HELP]
        assert HELP in said("decide", "--customer", HOLDER, "--channel", "call_center", "--address", address)
        assert OFFER in said("decision", answer.decision_id, "--address", address)
        outcome = outcomes_pb2.Outcome(
            outcome_id="o1",
            decision_id=answer.decision_id,
            journey_id=OFFER,
            type=outcomes_pb2.OUTCOME_TYPE_PRESENTED,
        )
        outcome.occurred_at.GetCurrentTime()
        with grpc.insecure_channel(address) as channel:
            reported = DecisionServiceStub(channel).RecordOutcomes(
                outcomes_pb2.RecordOutcomesRequest(outcomes=[outcome])
            )
        (result,) = reported.results
        assert result.status == row_pb2.ROW_STATUS_ACCEPTED
        tell(client, "incident.opened", incident_id="i-1")
        assert denied(asked(client), OFFER)[:1] == ["INCIDENT_OPEN"]
        assert ranked(asked(client, "0" + HOLDER)) == ranked(asked(client, "9" * 30)) == [HELP]
    export = ("state", "export", "--company", str(company), "--since", "2026-01-01", "--to", str(tmp_path / "out"))
    if store == "sqlite":
        said(*export)
        (table,) = [pq.read_table(file) for file in (tmp_path / "out").glob("day=*/*.parquet")]
        assert {"customer_id", *(FEATURE + name for name in ("balance", "rating", "cards_rating"))} <= set(
            table.column_names
        )
        assert set(table["customer_id"].to_pylist()) >= {HOLDER}
    home = json.loads((company / ".rumbo" / "company.json").read_text(encoding="utf-8"))
    assert home == {"company": "mybank", "folder": str(company)}


CLAIMS = "situation: {incidents: {claims: {when: customer.claims_open > 0}}}"


def with_situation(company: Path, said: str) -> None:
    file = company / "rumbo.yaml"
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith("situation:")]
    file.write_text("\n".join([*lines, said, ""]), encoding="utf-8")


def test_its_own_claims_close_the_gate_and_nothing_waits_for_a_feed(company: Path, bank: Bank) -> None:
    """A customer whom nobody knows may have a claim; where one is known of, the reason says since when."""
    with_situation(company, CLAIMS)
    said("catalogue", "check", "--company", str(company))
    claims = pq.read_table(bank.repo / "data" / "claims.parquet").to_pydict()
    open_of = dict(zip(claims["holder_no"], claims["claims_open"], strict=True))
    claimant = str(next(number for number, is_open in open_of.items() if is_open))
    assert not open_of[int(HOLDER)]
    with served(company) as (client, _):
        tell(client, "consent.granted", purpose="marketing", channel="app")
        assert ranked(asked(client)) == [OFFER, HELP]
        assert "INCIDENT_OPEN" in denied(asked(client, claimant), OFFER)
        assert "INCIDENT_OPEN" in denied(asked(client, "9" * 30), OFFER)
        tell(client, "incident.opened", incident_id="i-1")
        assert denied(asked(client), OFFER)[:1] == ["INCIDENT_OPEN"]
    with closing(sqlite3.connect(company / ".rumbo" / "state.db")) as database:
        assert database.execute("SELECT count(*) FROM outbox").fetchall() == [(0,)]


UNTELLABLE = {
    CLAIMS.replace("claims_open", "claim"): "situation.incidents.claims.when: unknown name `customer.claim`",
    "situation: {incidents: {view: tickets}}": "situation.incidents.view: the registry has no view 'tickets'",
    "situation: {consents: {view: claims}}": "situation.consents.view: the view 'claims' is no push view",
}


def test_a_situation_that_nothing_can_tell_is_refused_by_name_at_check_and_start(company: Path) -> None:
    for situation, told in UNTELLABLE.items():
        with_situation(company, situation)
        line = len((company / "rumbo.yaml").read_text(encoding="utf-8").splitlines())
        refused = rumbo("catalogue", "check", "--company", str(company))
        assert refused.returncode == 1, refused
        assert f"rumbo.yaml:{line}:" in refused.stderr
        assert told in refused.stderr
    started = rumbo("serve", "--company", str(company))
    assert (started.returncode, started.stderr) == (1, refused.stderr)
