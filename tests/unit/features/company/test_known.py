"""What is known of the features while nothing changes, and while their registry is away."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import pytest

from features.company.company import Company, CompanyInvalid, load_company
from features.company.home import make_home_of
from features.company.kept_registry import FILE, KeptRegistry, known_features
from features.company.registry import RegistryUnreadable, features_of
from features.company.registry_reading import RegistryReading, read_registry, read_registry_apart
from features.errors import StoreUnavailable
from tests.example import COMPANY


@pytest.fixture
def company(tmp_path: Path) -> Company:
    folder = tmp_path / "company"
    shutil.copytree(COMPANY, folder, ignore=shutil.ignore_patterns("*.py", "catalogue", "__pycache__"))
    return load_company(folder)


@pytest.fixture
def home(company: Company, tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    make_home_of(company, folder)
    return folder


class Reads:
    """Reads registries, and counts how often."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, company: Company) -> RegistryReading:
        self.count += 1
        return read_registry(company)


@pytest.fixture
def reads() -> Reads:
    return Reads()


def test_a_registry_that_has_not_changed_is_not_opened_again(company: Company, home: Path, reads: Reads) -> None:
    first = KeptRegistry(company, home, reads).known()
    assert KeptRegistry(company, home, reads).known() == first == features_of(company)
    assert reads.count == 1


@pytest.mark.parametrize("file", ["rumbo.yaml", "features.yaml", "feast/feature_store.yaml", "feast/registry.db"])
def test_it_is_read_again_as_soon_as_anything_changes_that_it_is_read_from(
    company: Company, home: Path, reads: Reads, file: str
) -> None:
    KeptRegistry(company, home, reads).known()
    path = company.folder / file
    path.write_bytes(path.read_bytes() + (b"\x12\x00" if file.endswith(".db") else b"\n"))
    with contextlib.suppress(CompanyInvalid):
        KeptRegistry(load_company(company.folder), home, reads).known()
    assert reads.count == 2


def test_another_note_is_known_at_once(company: Company, home: Path) -> None:
    known_features(company, home)
    notes = company.folder / "features.yaml"
    notes.write_text(notes.read_text() + "\nspend_7d: {unit: EUR}\n")
    assert known_features(company, home).schema.by_name["spend_7d"].unit == "EUR"


@pytest.mark.parametrize("damage", ["gone", "garbled"])
def test_while_the_registry_is_away_it_is_as_it_was(company: Company, home: Path, damage: str) -> None:
    first, registry = known_features(company, home), company.feature_repo / "registry.db"
    registry.unlink() if damage == "gone" else registry.write_bytes(b"\xff" * 100)
    assert known_features(company, home) == first


def test_a_home_that_never_knew_them_cannot_stand_in(company: Company, home: Path) -> None:
    (company.feature_repo / "registry.db").unlink()
    with pytest.raises(RegistryUnreadable, match=r"rumbo\.yaml:\d+:\d+: features\.repo: there is no registry"):
        known_features(company, home)


def test_what_is_wrong_is_not_covered_up_by_what_was_known(company: Company, home: Path) -> None:
    known_features(company, home)
    text = (company.folder / "rumbo.yaml").read_text()
    (company.folder / "rumbo.yaml").write_text(text.replace("views: [demographics,", "views: [demography,"))
    with pytest.raises(CompanyInvalid, match="no view 'demography'"):
        known_features(load_company(company.folder), home)


def test_a_repository_that_is_not_there_is_told_with_those_that_are(company: Company, tmp_path: Path) -> None:
    text = (company.folder / "rumbo.yaml").read_text()
    (company.folder / "rumbo.yaml").write_text(text.replace("repo: feast/", "repo: feats/"))
    with pytest.raises(RegistryUnreadable, match=r"rumbo\.yaml:6:3: features\.repo: .*feats; there is one in feast/"):
        known_features(load_company(company.folder), tmp_path / "home")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"stamp": 1}'])
def test_what_is_kept_is_not_believed_when_it_is_damaged(company: Company, home: Path, text: str) -> None:
    known_features(company, home)
    (home / FILE).write_text(text, encoding="utf-8")
    assert known_features(company, home) == features_of(company)


def test_nothing_is_written_where_there_is_no_home(company: Company, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "absent", tmp_path / "empty"):
        known_features(company, folder)
    assert not (tmp_path / "absent").exists()
    assert list((tmp_path / "empty").iterdir()) == []


def test_nothing_of_a_home_is_for_git(home: Path) -> None:
    assert (home / ".gitignore").read_text(encoding="utf-8") == "*\n"


def test_a_process_of_its_own_reads_what_this_one_does(company: Company) -> None:
    assert read_registry_apart(company) == read_registry(company)


def test_a_process_of_its_own_tells_what_is_wrong(company: Company) -> None:
    text = (company.folder / "rumbo.yaml").read_text()
    (company.folder / "rumbo.yaml").write_text(text.replace("views: [demographics,", "views: [demography,"))
    wrong = read_registry_apart(load_company(company.folder))
    assert (wrong.features, wrong.is_unreadable, wrong.is_open) == (None, False, True)
    assert "no view 'demography'" in wrong.faults[0]


def test_a_process_of_its_own_tells_that_nothing_can_be_read(company: Company) -> None:
    (company.feature_repo / "registry.db").unlink()
    away = read_registry_apart(company)
    assert (away.features, away.is_unreadable, away.is_open, away.plan) == (None, True, False, None)
    assert "there is no registry" in away.faults[0]


def test_a_company_is_read_as_it_was_when_its_service_began(company: Company) -> None:
    before = read_registry_apart(company)
    (company.folder / "rumbo.yaml").write_text("company: another\n")
    assert read_registry_apart(company) == before


def test_a_store_is_opened_as_the_registry_said_last_without_reading_it(
    company: Company, home: Path, reads: Reads
) -> None:
    KeptRegistry(company, home, reads).known()
    kept = KeptRegistry(company, home, reads)
    kept.known()
    assert kept.is_current()
    (company.feature_repo / "online_store.db").touch()
    kept.open(company.feature_repo).close()
    kept.open_cells(company.feature_repo).close()
    assert reads.count == 1
    (company.feature_repo / "registry.db").unlink()
    assert not kept.is_current()
    with pytest.raises(StoreUnavailable, match=r"there is no registry registry\.db"):
        kept.open(company.feature_repo)


def test_a_registry_that_could_never_be_read_opens_no_store(company: Company, home: Path, reads: Reads) -> None:
    known_features(company, home)
    (company.feature_repo / "registry.db").write_bytes(b"\xff" * 100)
    kept = KeptRegistry(company, home, reads)
    kept.known()
    with pytest.raises(StoreUnavailable, match="its registry cannot be read"):
        kept.open(company.feature_repo)
    assert reads.count == 1
