"""`rumbo doctor`: each check tells what is wrong with its part, and none hides the others. Nothing is changed."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from features.company.company import load_company
from models.registry import publish
from models.tracking import Registry
from service.cli import main
from service.commands.company.checks import WRITTEN
from service.commands.company.checks_of_home import KEPT
from service.commands.company.examination import Check, Finding, Patient, State, examine, good
from service.settings import Settings
from tests.companies.bank import FIRST_HOLDER, HOLDERS, NOW, RUMBO, Bank, make_bank, push_views
from tests.e2e.test_second_company import hashes
from tests.model_builders import bundle
from tests.unit.models.test_registry import record

NAMES = [check.name for check in (*WRITTEN, *KEPT)]
EVENTS = "customer_id,source,type,occurred_at,purpose,channel\n"
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A company as `rumbo init` begins it, over its repository in the same folder; to be copied."""
    folder = tmp_path_factory.mktemp("doctor") / "mybank"
    bank = make_bank(folder)
    (bank.folder / "rumbo.yaml").unlink()
    result = CliRunner().invoke(main, ["init", str(folder)])
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def company(begun: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "mybank"
    shutil.copytree(begun, folder)
    return folder


def run(company: Path, *arguments: str, **env: str) -> tuple[int, dict[str, Finding]]:
    """Exit status, and the findings by check."""
    asked = ["doctor", "--company", str(company), "--port", "0", "--json", *arguments]
    result = CliRunner(env=env).invoke(main, asked)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    findings = [Finding(**{**one, "state": State(one["state"])}) for one in json.loads(result.stdout)]
    assert [finding.check for finding in findings] == NAMES
    return result.exit_code, {finding.check: finding for finding in findings}


def test_events_of_the_companys_own_are_counted_and_which_of_them_are_of_incidents(company: Path) -> None:
    with (company / "rumbo.yaml").open("a", encoding="utf-8") as file:
        file.write("events:\n  claim.opened: {opens_incident: claims}\n  card.renewed: {latest: last_renewed_at}\n")
    _, found = run(company)
    assert (
        found["events"].text == "2 types of events beside the built-in, 1 of incidents; features tell of no incidents"
    )


def faults(found: Mapping[str, Finding]) -> list[str]:
    return [name for name, finding in found.items() if finding.state is State.FAULT]


def unseen(found: Mapping[str, Finding]) -> list[str]:
    return [name for name, finding in found.items() if finding.text.startswith("not looked at")]


def test_a_company_that_was_just_begun_is_well_and_nothing_is_changed(company: Path) -> None:
    before = hashes(company)
    status, found = run(company)
    assert (status, faults(found), unseen(found)) == (0, [], [])
    assert hashes(company) == before
    assert not (company / ".rumbo").exists()
    assert "entity holder, key holder_no (Int64), 8 features" in found["registry"].text
    assert found["row"].text.endswith(": 8 PRESENT")
    assert "13 of 13 met" in found["cases"].text
    assert found["home"].state is found["store"].state is found["consents"].state is State.DOUBT
    assert "nothing promotional is ever shown" in found["consents"].text
    assert "priors" in found["model"].text


def test_a_line_a_check_for_people_whatever_their_locale(company: Path) -> None:
    asked = ["doctor", "--company", str(company / "nowhere"), "--port", "0"]
    for charset, marks in (("utf-8", "✗!✓"), ("ascii", "x!+")):
        result = CliRunner(charset=charset).invoke(main, asked)
        assert result.exit_code == 1
        lines = [line for line in result.output.splitlines() if not line.startswith(" ")]
        assert [line.split()[1] for line in lines] == NAMES
        assert {line[0] for line in lines} == set(marks)


def test_without_a_company_ports_and_clock_are_looked_at_all_the_same(tmp_path: Path) -> None:
    status, found = run(tmp_path)
    assert (status, faults(found)) == (1, ["company"])
    assert "rumbo.yaml:1:1: the file is missing" in found["company"].text
    assert set(unseen(found)) == set(NAMES) - {"company", "ports", "clock"}


def test_a_registry_that_is_gone_hides_neither_home_nor_store(company: Path) -> None:
    (company / "feast" / "registry.db").unlink()
    status, found = run(company)
    assert (status, faults(found)) == (1, ["registry"])
    assert "no registry registry.db" in found["registry"].text
    assert not {"home", "store", "consents", "ports", "clock"} & set(unseen(found))


def test_an_online_store_that_is_gone_is_told_by_its_row(company: Path) -> None:
    (company / "feast" / "online.db").unlink()
    status, found = run(company)
    assert (status, faults(found)) == (1, ["row"])
    assert "there is no online.db" in found["row"].text


def test_a_customer_without_a_row_is_a_doubt(company: Path) -> None:
    status, found = run(company, "--customer", "1")
    assert (status, found["row"].state) == (0, State.DOUBT)
    assert found["row"].text == "customer 1: 8 NOT_FOUND"


def test_a_fault_of_the_catalogue_is_told_where_it_stands_and_its_cases_are_left(company: Path) -> None:
    journey = company / "catalogue" / "journeys" / "first-offer.yaml"
    journey.write_text(journey.read_text(encoding="utf-8").replace("audience: ", "audience: customer.nothing > 1 && "))
    status, found = run(company)
    assert (status, faults(found), unseen(found)) == (1, ["catalogue"], ["cases"])
    assert "journeys/first-offer.yaml:" in found["catalogue"].text
    assert "customer.nothing" in found["catalogue"].text


def test_a_case_that_is_not_met_is_a_fault(company: Path) -> None:
    cases = company / "catalogue" / "cases" / "first.yaml"
    text = cases.read_text(encoding="utf-8")
    cases.write_text(text.replace("denied: {first-offer: [KILLED]}", "denied: {first-offer: [COOLDOWN]}"))
    status, found = run(company)
    assert (status, faults(found)) == (1, ["cases"])
    assert found["cases"].text.startswith("12 of 13 met")


def test_the_home_of_another_company_and_one_that_others_can_write_are_faults(company: Path) -> None:
    home = company / ".rumbo"
    home.mkdir()
    (home / "company.json").write_text(json.dumps({"company": "another", "folder": "/there"}), encoding="utf-8")
    status, found = run(company)
    assert (status, faults(found)) == (1, ["home"])
    assert "the home of the company 'another'" in found["home"].text
    (home / "company.json").write_text(json.dumps({"company": "mybank", "folder": str(company)}), encoding="utf-8")
    home.chmod(0o777)
    status, found = run(company)
    assert (status, faults(found)) == (1, ["home"])
    assert "chmod go-w" in found["home"].text


def test_consents_are_counted_by_purpose_and_channel_and_a_withdrawn_one_is_none(company: Path) -> None:
    rows = [
        f"{100_001 + n},crm,consent.granted,2026-11-0{n + 1}T09:00:00Z,marketing,{channel}"
        for n, channel in enumerate(("app", "app", "email"))
    ]
    rows.append("100001,crm,consent.withdrawn,2026-11-05T09:00:00Z,marketing,")
    (company / "events.csv").write_text(EVENTS + "\n".join(rows) + "\n", encoding="utf-8")
    loaded = CliRunner().invoke(main, ["events", "load", str(company / "events.csv"), "--company", str(company)])
    assert loaded.exit_code == 0, loaded.output
    before = hashes(company / ".rumbo")
    status, found = run(company)
    assert (status, faults(found)) == (0, [])
    counts = "marketing on email 1, marketing on app 1, marketing on call_center 0"
    assert (found["consents"].state, counts in found["consents"].text) == (State.GOOD, True)
    assert found["home"].state is found["store"].state is State.GOOD
    assert {name: seen for name, seen in hashes(company / ".rumbo").items() if name in before} == before
    (company / ".rumbo" / "state.db").write_bytes(b"damaged" * 1000)
    status, found = run(company)
    assert (status, faults(found), unseen(found)) == (1, ["store"], ["consents"])


def test_a_model_whose_columns_the_registry_lacks_is_a_fault_that_names_them(company: Path, tmp_path: Path) -> None:
    home = company / ".rumbo"
    home.mkdir()
    (home / "company.json").write_text(json.dumps({"company": "mybank", "folder": str(company)}), encoding="utf-8")
    (tmp_path / "files").mkdir()
    publish(Registry.of(load_company(company), home), record(bundle(), tmp_path / "files"), NOW)
    status, found = run(company)
    assert (status, faults(found)) == (1, ["model"])
    assert "age_band: there is no such feature" in found["model"].text
    (home / "mlflow" / "mlflow.db").write_bytes(b"")
    assert "mlflow.db is empty" in run(company)[1]["model"].text


def test_a_port_that_another_program_has_is_a_fault(company: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for option in ("--port", "--metrics-port"):
            status, found = run(company / "nowhere", option, port)
            assert found["ports"].state is State.FAULT
            assert f"127.0.0.1:{port} is taken by another program" in found["ports"].text
            assert option in found["ports"].todo
            assert status == 1


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    return make_bank(tmp_path_factory.mktemp("clock"), wealth=None)


@pytest.mark.parametrize(
    ("now", "state", "told"),
    [
        (NOW, State.GOOD, "the newest fact of the features is 24 hours old"),
        (NOW - timedelta(days=1), State.GOOD, ""),
        (NOW - timedelta(days=1, minutes=4), State.GOOD, ""),
        (NOW - timedelta(days=1, minutes=7), State.DOUBT, "the newest fact of the features is 7 minutes ahead"),
    ],
)
def test_a_clock_is_held_against_the_newest_fact(bank: Bank, now: datetime, state: State, told: str) -> None:
    settings = Settings(company=bank.folder, home=bank.folder / ".rumbo")
    (clock,) = [check for check in KEPT if check.name == "clock"]
    (found,) = examine(Patient(settings=settings, customer=None, now=now), [clock])
    assert found.state is state
    assert found.text.partition("; ")[2] == told


def test_a_row_that_is_too_old_is_a_doubt_that_names_its_view(bank: Bank) -> None:
    settings = Settings(company=bank.folder, home=bank.folder / ".rumbo")
    patient = Patient(settings=settings, customer=None, now=NOW + timedelta(days=5))
    (found,) = examine(patient, [check for check in WRITTEN if check.name == "row"])
    assert (found.state, "claims: 6.0 days old" in found.text) == (State.DOUBT, True)
    assert patient.sample is not None
    assert FIRST_HOLDER <= int(patient.sample.customer_id) < FIRST_HOLDER + HOLDERS


def test_what_no_check_foresees_is_a_fault_of_its_own_part_alone(tmp_path: Path) -> None:
    def breaks(_: Patient) -> None:
        raise ZeroDivisionError("a bug")

    patient = Patient(settings=Settings(home=tmp_path), customer=None, now=NOW)
    checks = [Check(name="one", find=breaks), Check(name="two", find=lambda _: good("well"))]  # type: ignore[arg-type]
    found = list(examine(patient, checks))
    assert [one.state for one in found] == [State.FAULT, State.GOOD]
    assert found[0].text == "ZeroDivisionError: a bug"


def test_views_that_rumbo_pushes_to_are_looked_at_and_nothing_is_pushed(tmp_path: Path) -> None:
    bank = make_bank(tmp_path, wealth=None, **push_views(tmp_path))
    bank.write(RUMBO + "situation: {incidents: {view: incidents}, consents: {view: consents}}\n")
    before = hashes(bank.repo)
    settings = Settings(company=bank.folder, home=bank.folder / ".rumbo")
    checks = [check for check in WRITTEN if check.name in ("company", "registry", "situation")]
    found = list(examine(Patient(settings=settings, customer=None, now=NOW), checks))
    assert [one.state for one in found] == [State.GOOD] * 3
    assert found[-1].text == "consents, incidents can be pushed to"
    assert hashes(bank.repo) == before
    (bank.repo / "online.db").unlink()
    found = list(examine(Patient(settings=settings, customer=None, now=NOW), checks))
    assert (found[-1].state, "online.db" in found[-1].text) == (State.FAULT, True)


def test_without_history_no_row_is_known_but_a_store_that_is_gone_is_told(tmp_path: Path) -> None:
    bank = make_bank(tmp_path, wealth=None)
    for file in (bank.repo / "data").iterdir():
        file.unlink()
    settings = Settings(company=bank.folder, home=bank.folder / ".rumbo")
    checks = [check for check in WRITTEN if check.name == "row"]
    (found,) = examine(Patient(settings=settings, customer=None, now=NOW), checks)
    assert (found.state, found.todo) == (State.DOUBT, "name one by --customer")
    (bank.repo / "online.db").unlink()
    (found,) = examine(Patient(settings=settings, customer=None, now=NOW), checks)
    assert (found.state, "there is no online.db" in found.text) == (State.FAULT, True)
