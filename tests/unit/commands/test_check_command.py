"""`rumbo catalogue check`: what CI and people see."""

from __future__ import annotations

import asyncio
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from features.company.company import CompanyInvalid, load_company
from features.company.home import make_home_of
from service.commands.catalogue import check
from service.state.port import StateUnavailable
from tests.contract.rows import event
from tests.example import EXAMPLE
from tests.fixtures_service import copied_company
from tests.stores import sqlite_state

pytestmark = pytest.mark.usefixtures("of_the_example")

FAULTY = Path(__file__).parents[1] / "catalogue" / "check" / "faulty"
NOW = ("--now", "2026-06-01")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(check, list(arguments))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small catalogue without a finding, to be broken."""
    return shutil.copytree(FAULTY / "base", tmp_path / "catalogue")


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_example_has_no_error() -> None:
    result = run(str(EXAMPLE))
    assert result.exit_code == 0, result.output
    assert "0 errors" in result.output


def test_catalogue_without_a_finding_passes(folder: Path) -> None:
    result = run(str(folder), "--strict", *NOW)
    assert (result.exit_code, result.output) == (0, "0 errors, 0 warnings, 0 notices\n")


def test_a_repository_that_is_not_there_fails_also_where_the_home_knows_what_was_in_one(
    prepared_company: Path, tmp_path: Path
) -> None:
    """A service would go on by that."""
    copied_company(prepared_company, company := tmp_path / "company")
    asked = ("--company", str(company))
    make_home_of(load_company(company), company / ".rumbo")
    assert run(*asked).exit_code == 0
    assert (company / ".rumbo" / "features.json").is_file()
    change(company / "rumbo.yaml", "repo: feast/", "repo: feats/")
    with pytest.raises(CompanyInvalid, match=r"features\.repo: .*feats; there is one in feast/"):
        CliRunner().invoke(check, asked, catch_exceptions=False)


def test_error_fails_and_is_told_with_its_place(folder: Path) -> None:
    change(folder / "journeys" / "pizza.yaml", "audience: customer.recency_days", "audience: customer.recencydays")
    result = run(str(folder), *NOW)
    place = f"{folder.as_posix()}/journeys/pizza.yaml:6:11"
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        f"{place}: error[CONDITION]: unknown name `customer.recencydays`, did you mean `customer.recency_days`?",
        "1 error, 0 warnings, 0 notices",
    ]


def test_warning_fails_only_where_it_is_to(folder: Path) -> None:
    change(folder / "journeys" / "pizza.yaml", "Noche de pizza", "Pizza night")
    assert "1 warning" in run(str(folder), *NOW).output
    assert run(str(folder), *NOW).exit_code == 0
    assert run(str(folder), *NOW, "--strict").exit_code == 1


def test_day_of_the_check_can_be_given(folder: Path) -> None:
    """The lever is over from 2030 on."""
    assert "LEVER" in run(str(folder), "--now", "2030-01-01").output
    assert "LEVER" not in run(str(folder), "--now", "2029-12-31T23:59:59Z").output
    assert run(str(folder), "--now", "yesterday").exit_code == 2


def test_json_holds_every_field(folder: Path) -> None:
    (folder / "journeys" / "late.yml").write_text("journey: late\n", encoding="utf-8")
    result = run(str(folder), "--json")
    assert result.exit_code == 1
    assert json.loads(result.output) == [
        {
            "file": f"{folder.as_posix()}/journeys/late.yml",
            "line": 1,
            "column": 1,
            "severity": "ERROR",
            "fault": "FILE",
            "text": "name it *.yaml",
            "suggestion": "",
        }
    ]


def test_older_catalogue_shows_ids_that_changed_their_meaning(folder: Path) -> None:
    change(folder / "journeys" / "help.yaml", "kind: service", "kind: resolution")
    assert run(str(folder), *NOW).exit_code == 0
    result = run(str(folder), *NOW, "--against", str(FAULTY / "base"))
    assert result.exit_code == 1
    assert "help.yaml:4:7: error[MEANING]: help was of kind service" in result.output


def test_folder_that_does_not_exist_is_a_wrong_call(tmp_path: Path) -> None:
    assert run(str(tmp_path / "nowhere")).exit_code == 2


async def _stand(home: Path, *places: tuple[str, str, str]) -> None:
    """Customers who entered a journey at a stage."""
    at = datetime(2026, 5, 31, tzinfo=UTC)
    state = sqlite_state(home / "state.db")
    try:
        for customer, journey, stage in places:
            attributes = {"journey_id": journey, "stage": stage}
            entered = event(f"{customer}-{journey}", "journey.entered", at, customer_id=customer, **attributes)
            await state.record_events([entered], at)
    finally:
        await state.close()


def test_customers_who_stand_where_no_place_is_left_are_counted_and_not_named(folder: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    places = (("c-1", "pizza", "receive"), ("c-2", "pizza", "receive"), ("c-3", "pizza", "use"), ("c-4", "old", "need"))
    asyncio.run(_stand(home, *places))
    result = run(str(folder), *NOW, "--home", str(home))
    assert result.exit_code == 0
    gone, left, summary = result.output.splitlines()
    assert gone == (
        f"{folder}/journeys:1:1: warning[UNREACHABLE]:"
        " 1 customer stands at stage 'need' of 'old', which is no journey any more"
    )
    assert left == (
        f"{folder}/journeys/pizza.yaml:13:1: warning[UNREACHABLE]:"
        " 2 customers stand at stage 'receive', which this journey has no more: it has nothing for them"
    )
    assert summary == "0 errors, 2 warnings, 0 notices"


def test_home_without_a_store_is_named(folder: Path, tmp_path: Path) -> None:
    result = run(str(folder), *NOW, "--home", str(tmp_path))
    assert isinstance(result.exception, StateUnavailable)
