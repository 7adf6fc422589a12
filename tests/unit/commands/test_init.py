"""`rumbo init` as a stranger finds it: what is wrong is told at once, and nothing is half-written."""

from __future__ import annotations

import json
import re
from contextlib import chdir
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from features.company.company import load_company
from features.company.registry import features_of
from features.errors import CannotWrite
from service.catalogue.documents.editor_schema import FORMS, written
from service.cli import main
from service.commands.company.init import _write
from tests.companies.bank import Bank, _tables, make_bank, quiet_feast
from tests.e2e.test_second_company import hashes
from tests.integration.features.test_full_disk import assert_one_line, can_mount, rumbo_on_read_only

pytestmark = pytest.mark.timeout(300)
ODD = ("Total Balance", "RatingClass", "in", "rating", "¿qué?", "2nd: level")


def made(folder: Path, *, key: str = "INT64", with_only: str = "") -> Bank:
    """A bank before it knows of Rumbo. `with_only`: the one view of its holders."""
    others = {"accounts", "cards", "claims", "visits", "wealth"} - {with_only}
    left_out: dict[str, Any] = dict.fromkeys(others) if with_only else {}
    bank = make_bank(folder, key, **left_out)
    (bank.folder / "rumbo.yaml").unlink()
    return bank


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    return made(tmp_path_factory.mktemp("init") / "existing")


def init(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["init", str(folder), *arguments])


def refused(folder: Path, *arguments: str) -> str:
    """What is told; nothing may have been written."""
    before = hashes(folder) if folder.is_dir() else {}
    result = init(folder, *arguments)
    assert result.exit_code == 1, result.output
    assert (hashes(folder) if folder.is_dir() else {}) == before
    return result.stderr


def test_what_is_written_is_aligned_named_for_editors_and_changes_nothing_of_the_repository(bank: Bank) -> None:
    before, folder = hashes(bank.repo), bank.folder.parent / "mybank"
    result = init(folder, "--feast", str(bank.repo))
    assert result.exit_code == 0, result.output
    assert hashes(bank.repo) == before
    for name in ("rumbo.yaml", "features.yaml"):
        text = (folder / name).read_text(encoding="utf-8")
        columns = [found.end() for line in text.splitlines() if (found := re.search(r"\S  +# ", line))]
        assert len(columns) >= 8
        assert len(set(columns)) == 1
    files = list(folder.rglob("*.yaml"))
    assert len(files) == 7
    for file in files:
        first = file.read_text(encoding="utf-8").splitlines()[0]
        assert first.startswith("# yaml-language-server: $schema=")
        named = (file.parent / first.partition("=")[2]).resolve()
        assert named.is_relative_to(folder)
        assert named.read_text(encoding="utf-8") == written(named.name)
    assert load_company(folder).document.situation is None


def test_the_first_audience_is_of_an_instant_for_what_a_number_means_is_not_known(bank: Bank, tmp_path: Path) -> None:
    result = init(tmp_path / "mybank", "--feast", str(bank.repo))
    assert "first-offer is for whom `customer.first_account_at < now` holds" in result.output
    offer = (tmp_path / "mybank" / "catalogue" / "journeys" / "first-offer.yaml").read_text(encoding="utf-8")
    assert "\naudience: customer.first_account_at < now #" in offer


def test_keys_that_are_texts_do_as_well(tmp_path: Path) -> None:
    bank = made(tmp_path / "existing", key="STRING", with_only="accounts")
    result = init(tmp_path / "existing", "--company", "texts", "--entity", "holder")
    assert result.exit_code == 0, result.output
    assert "company texts, 4 features of holder" in result.output
    assert features_of(load_company(bank.folder)).key.type == "String"


def test_of_two_entities_with_as_many_views_one_must_be_named(tmp_path: Path) -> None:
    bank = made(tmp_path / "existing", with_only="accounts")
    told = refused(tmp_path / "new", "--feast", str(bank.repo))
    assert "--entity" in told
    assert "branch, holder" in told
    assert init(tmp_path / "new", "--feast", str(bank.repo), "--entity", "branch").exit_code == 0
    assert "no entity 'nobody', it has: branch, holder" in refused(
        tmp_path / "another", "--feast", str(bank.repo), "--entity", "nobody"
    )


@pytest.fixture
def odd(tmp_path: Path) -> Bank:
    """A bank with a view whose features no condition can say, but for one, which another view has too."""
    from feast import FeatureView, Field, FileSource
    from feast.types import Int64

    bank = made(tmp_path / "existing", with_only="accounts")
    table = _tables("INT64")["claims"]
    columns = [table["claims_open"]] * len(ODD)
    for name, column in zip(ODD, columns, strict=True):
        table = table.append_column(name, column)
    pq.write_table(table.drop_columns(["claims_open"]), bank.repo / "data" / "odd.parquet")
    with chdir(bank.repo), quiet_feast():
        store = bank.store()
        view = FeatureView(
            name="odd",
            entities=[store.get_entity("holder")],
            ttl=timedelta(0),
            source=FileSource(name="odd", path="data/odd.parquet", timestamp_field="as_of"),
            schema=[Field(name=name, dtype=Int64) for name in ODD],
        )
        store.apply([view])
    return bank


def test_features_that_no_condition_can_say_are_given_names_and_without_them_a_notice_says_how(
    odd: Bank, tmp_path: Path
) -> None:
    folder = tmp_path / "mybank"
    assert init(folder, "--feast", str(odd.repo)).exit_code == 0
    company = load_company(folder)
    given = {
        "odd.Total Balance": "total_balance",
        "odd.RatingClass": "rating_class",
        "odd.in": "in_",
        "odd.rating": "odd_rating",
        "odd.¿qué?": "qu",
        "odd.2nd: level": "nd_level",
    }
    assert company.document.features.names == given
    assert {s.name: s.stored_as for s in features_of(company).schema.features if s.view == "odd"} == {
        name: place.removeprefix("odd.") for place, name in given.items()
    }
    text = (folder / "rumbo.yaml").read_text(encoding="utf-8")
    bare = [line for line in text.splitlines() if not line.startswith("    ") or "odd.rating" in line]
    (folder / "rumbo.yaml").write_text("\n".join(bare) + "\n", encoding="utf-8")
    (notice,) = [n for n in features_of(load_company(folder)).notices if n.startswith("odd: ")]
    assert notice == (
        "odd: no condition can say these, so they are left out: Total Balance, RatingClass, in, ¿qué?, 2nd: level:"
        " name them, such as features: {names: {odd.Total Balance: total_balance}}"
    )


def test_without_a_repository_it_is_told_what_is_missing(tmp_path: Path) -> None:
    told = refused(tmp_path / "mybank")
    assert f"{tmp_path / 'mybank' / 'feast'} is no Feast repository" in told
    assert "--feast" in told
    assert not (tmp_path / "mybank").exists()
    (tmp_path / "mybank" / "feast").mkdir(parents=True)
    (tmp_path / "mybank" / "feast" / "feature_store.yaml").write_text("project: [", encoding="utf-8")
    assert "cannot be read" in refused(tmp_path / "mybank")
    unregistered = "project: a\nprovider: local\nregistry: r.db\nentity_key_serialization_version: 3\n"
    (tmp_path / "mybank" / "feast" / "feature_store.yaml").write_text(unregistered, encoding="utf-8")
    assert "there is no registry r.db: `feast apply`" in refused(tmp_path / "mybank")


def test_a_folder_with_other_things_is_taken_and_what_is_in_it_stays(bank: Bank, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("ours", encoding="utf-8")
    assert init(tmp_path, "--feast", str(bank.repo), "--company", "ours").exit_code == 0
    assert (tmp_path / "notes.txt").read_text(encoding="utf-8") == "ours"


def test_twice_nothing_is_written(bank: Bank, tmp_path: Path) -> None:
    assert init(tmp_path / "mybank", "--feast", str(bank.repo)).exit_code == 0
    told = refused(tmp_path / "mybank", "--feast", str(bank.repo))
    assert "has rumbo.yaml, features.yaml, catalogue, .schema already: nothing was written" in told


@pytest.mark.parametrize(("name", "hint"), [("My Bank", "my_bank"), ("4711", ""), ("in", "in_"), ("", "")])
def test_a_name_that_no_company_can_have_is_refused_at_once(name: str, hint: str, bank: Bank, tmp_path: Path) -> None:
    told = refused(tmp_path / "mybank", "--feast", str(bank.repo), "--company", name)
    assert f"--company {name!r}: a company's name is lower-case letters" in told
    assert (f"such as {hint}:" in told) == bool(hint)
    assert not (tmp_path / "mybank").exists()


def test_a_folder_after_which_no_company_can_be_called_needs_a_name(bank: Bank, tmp_path: Path) -> None:
    assert "name it by --company" in refused(tmp_path / "2027", "--feast", str(bank.repo))
    assert init(tmp_path / "Bank of 2027", "--feast", str(bank.repo)).exit_code == 0
    assert load_company(tmp_path / "Bank of 2027").name == "bank_of_2027"


def test_where_one_file_cannot_be_written_none_is_left(tmp_path: Path) -> None:
    (tmp_path / "ours").write_text("", encoding="utf-8")
    for folder in (tmp_path, tmp_path / "new"):
        with pytest.raises(CannotWrite):
            _write(folder, {Path("one"): "a", Path("two/three/four"): "b", Path("one/two"): "c"})
        assert [path.name for path in tmp_path.rglob("*")] == ["ours"]


@pytest.mark.slow
@pytest.mark.skipif(not can_mount(), reason="needs to mount")
def test_a_read_only_disk_is_one_line(bank: Bank, tmp_path: Path) -> None:
    ended = rumbo_on_read_only(tmp_path, "init", str(tmp_path / "mybank"), "--feast", str(bank.repo))
    assert_one_line(ended, "mybank")
    assert list(tmp_path.iterdir()) == []


def test_the_schemas_are_written_anew(bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "mybank"
    assert init(folder, "--feast", str(bank.repo)).exit_code == 0
    (folder / ".schema" / "rumbo.json").write_text("{}", encoding="utf-8")
    monkeypatch.chdir(folder)
    result = CliRunner().invoke(main, ["config", "schema"])
    assert (result.exit_code, result.output.split()) == (0, ["wrote", str(folder / ".schema" / "rumbo.json")])
    assert json.loads((folder / ".schema" / "rumbo.json").read_text(encoding="utf-8"))["title"] == "CompanyDocument"
    assert CliRunner().invoke(main, ["config", "schema"]).output == "nothing changed\n"
    elsewhere = CliRunner().invoke(main, ["config", "schema", str(tmp_path / "forms")])
    assert len(elsewhere.output.splitlines()) == len(FORMS)
