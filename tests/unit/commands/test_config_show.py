"""`rumbo config show`: each value, and what it is from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.cli import main
from service.settings import Settings

COMPANY = "company: mybank\ncustomer: {entity: holder}\nmlflow: {experiment: offers}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "mybank"
    folder.mkdir()
    (folder / "rumbo.yaml").write_text(COMPANY, encoding="utf-8")
    return folder


def shown(*arguments: str, **env: str) -> dict[str, tuple[str, str]]:
    result = CliRunner(env=env).invoke(main, ["config", "show", "--json", *arguments])
    assert result.exit_code == 0, result.output
    return {line["name"]: (line["value"], line["origin"]) for line in json.loads(result.output)}


def test_every_setting_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown() == {
        name: ("" if field.default is None else str(field.default), "default")
        for name, field in Settings.model_fields.items()
    }


def test_an_option_goes_before_a_variable_before_the_file_before_the_default(folder: Path) -> None:
    found = shown("--company", str(folder), "--port", "6000", RUMBO_PORT="7000", RUMBO_HOST="127.0.0.2")
    assert found["company"] == (str(folder), "--company")
    assert found["port"] == ("6000", "--port")
    assert found["host"] == ("127.0.0.2", "RUMBO_HOST")
    assert found["home"] == (str(folder / ".rumbo"), "the company's folder")
    assert found["catalogue"] == (str(folder / "catalogue"), "default")
    assert found["company.name"] == ("mybank", "rumbo.yaml")
    assert found["mlflow.experiment"] == ("offers", "rumbo.yaml")


def test_the_current_folder_is_a_company_s(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert shown()["company"] == (".", "the current folder")
    assert shown(RUMBO_COMPANY=str(folder))["company"] == (str(folder), "RUMBO_COMPANY")


def test_a_home_tells_whose_it_is(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "home"
    home.mkdir()
    (home / "company.json").write_text(json.dumps({"company": "mybank", "folder": str(folder)}), encoding="utf-8")
    assert shown("--home", str(home))["company"] == (str(folder), "the home")


def test_a_secret_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    value, origin = shown(RUMBO_STATE_URL="postgresql://a:secret@c/d")["state_url"]
    assert value == "set, and not shown"
    assert origin == "RUMBO_STATE_URL"
