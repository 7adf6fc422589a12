"""Whose a home is, and which company is meant."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from features.company.company import Company, load_company
from features.company.home import CompanyUnknown, HomeForeign, Origin, demand_home_of, make_home_of, places


def company(folder: Path, name: str = "mybank") -> Company:
    folder.mkdir(parents=True)
    (folder / "rumbo.yaml").write_text(f"company: {name}\ncustomer: {{entity: holder}}\n", encoding="utf-8")
    return load_company(folder)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_what_was_said_goes_before_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said, here = company(tmp_path / "said"), company(tmp_path / "here", "other")
    monkeypatch.chdir(here.folder)
    found = places(said.folder)
    assert (found.company, found.company_from) == (said.folder, Origin.SAID)
    assert (found.home, found.home_from) == (said.folder / ".rumbo", Origin.COMPANY)
    assert places().demand_company().name == "other"


def test_a_catalogue_s_own_company_goes_before_where_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = company(tmp_path / "mine")
    (mine.folder / "catalogue" / "journeys").mkdir(parents=True)
    monkeypatch.chdir(company(tmp_path / "here", "other").folder)
    assert places(within=mine.folder / "catalogue" / "journeys").demand_company().name == "mybank"


def test_where_nothing_is_said_it_is_the_one_that_the_home_was_made_for(tmp_path: Path, elsewhere: Path) -> None:
    make_home_of(company(tmp_path / "mine"), tmp_path / "home")
    found = places(home=tmp_path / "home")
    assert (found.demand_company().name, found.company_from) == ("mybank", Origin.HOME)
    make_home_of(company(tmp_path / "other", "other"), elsewhere / ".rumbo")
    assert places().demand_company().name == "other"


def test_without_a_company_one_line_says_so(elsewhere: Path) -> None:
    with pytest.raises(CompanyUnknown, match=r"no company: name its folder by --company or RUMBO_COMPANY.*rumbo\.yaml"):
        places().demand_company()


def test_a_home_is_made_of_nothing_or_of_an_empty_folder(tmp_path: Path) -> None:
    mine = company(tmp_path / "mine")
    (tmp_path / "empty").mkdir()
    for home in (tmp_path / "empty", tmp_path / "absent" / "home"):
        make_home_of(mine, home)
        make_home_of(mine, home)
        assert json.loads((home / "company.json").read_text()) == {"company": "mybank", "folder": str(mine.folder)}


def test_another_company_s_home_is_refused_by_name(tmp_path: Path) -> None:
    make_home_of(company(tmp_path / "mine"), tmp_path / "home")
    other = company(tmp_path / "other", "other")
    with pytest.raises(HomeForeign, match=r"home of the company 'mybank'.*not of 'other'"):
        make_home_of(other, tmp_path / "home")
    assert places(home=tmp_path / "home").demand_company().name == "mybank"


def test_the_folder_of_a_company_may_move(tmp_path: Path) -> None:
    mine = company(tmp_path / "mine")
    make_home_of(mine, tmp_path / "home")
    mine.folder.rename(tmp_path / "moved")
    make_home_of(load_company(tmp_path / "moved"), tmp_path / "home")
    assert places(home=tmp_path / "home").company == tmp_path / "moved"


@pytest.mark.parametrize("content", ["notes.txt", "src/main.py"])
def test_a_folder_with_something_else_in_it_is_refused_and_stays_as_it_is(tmp_path: Path, content: str) -> None:
    file = tmp_path / "home" / content
    file.parent.mkdir(parents=True)
    file.write_text("mine", encoding="utf-8")
    with pytest.raises(HomeForeign, match="is not empty and no home"):
        demand_home_of(company(tmp_path / "mine"), tmp_path / "home")
    assert [path.name for path in (tmp_path / "home").iterdir()] == [content.split("/")[0]]


def test_a_file_is_no_home(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("", encoding="utf-8")
    with pytest.raises(HomeForeign):
        demand_home_of(company(tmp_path / "mine"), tmp_path / "home")


@pytest.mark.parametrize("name", ["store.json", "state.db"])
def test_a_home_of_before_homes_told_whose_they_are_becomes_its_company_s(tmp_path: Path, name: str) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / name).touch()
    make_home_of(company(tmp_path / "mine"), tmp_path / "home")
    assert places(home=tmp_path / "home").demand_company().name == "mybank"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"company": "x"}', "\udcff"])
def test_a_home_whose_description_is_damaged_is_nobody_s(tmp_path: Path, text: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "company.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(HomeForeign, match=r"company\.json"):
        demand_home_of(company(tmp_path / "mine"), home)
