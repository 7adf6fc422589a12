"""A registry that changes while Rumbo serves is read again; one that cannot be used leaves what was read before."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest

from features.company.company import load_company
from features.company.registry import features_of
from features.company.registry_watch import AGAIN_AT_LATEST_S, AGAIN_S, RegistryWatch
from tests.companies.bank import REGISTRY, Bank, make_bank, quiet_feast

CACHE_S = 60
REGISTRIES = {
    "file": REGISTRY,
    "sql": f"{{registry_type: sql, path: 'sqlite:///registry.sqlite', cache_ttl_seconds: {CACHE_S}}}",
}


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture(params=REGISTRIES)
def bank(request: pytest.FixtureRequest, tmp_path: Path) -> Bank:
    """With accounts and claims alone, whose names are unique."""
    return make_bank(tmp_path / "bank", registry=REGISTRIES[request.param], **without("wealth", "cards", "visits"))


def without(*views: str) -> dict[str, Any]:
    return dict.fromkeys(views)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watch(bank: Bank, clock: Clock) -> RegistryWatch:
    bank.write("company: mybank\ncustomer: {entity: holder}\nfeatures: {repo: feast/}\n")
    return watch_of(bank, clock)


def watch_of(bank: Bank, clock: Clock) -> RegistryWatch:
    """Which has looked once."""
    company = load_company(bank.folder)
    watch = RegistryWatch(company, features_of(company), monotonic=clock)
    assert not watch.look()
    return watch


def registry_of(bank: Bank) -> Path:
    (file,) = bank.repo.glob("registry.*")
    return file


def looks(watch: RegistryWatch, clock: Clock, pause_s: float = CACHE_S) -> list[bool]:
    """Two looks once the cache time, or this pause, is over: a file is read when two in a row find it the same."""
    clock.now_s += pause_s
    return [watch.look(), watch.look()]


def test_a_registry_that_has_not_changed_is_nothing_new(watch: RegistryWatch, clock: Clock) -> None:
    assert looks(watch, clock) == [False, False]
    assert watch.faults == ()


def test_a_view_that_was_added_is_there_within_the_cache_time(bank: Bank, watch: RegistryWatch, clock: Clock) -> None:
    before = watch.features
    bank.change_registry(adds="cards")
    assert any(looks(watch, clock))
    assert set(watch.features.schema.by_view) == {"accounts", "claims"}  # `rating` is in two views
    assert "'rating' is in the views accounts and cards" in watch.faults[0]
    bank.change_registry(removes="accounts")
    assert any(looks(watch, clock))
    assert set(watch.features.schema.by_view) == {"cards", "claims"}
    assert watch.features.fingerprint != before.fingerprint
    assert watch.faults == ()
    assert looks(watch, clock) == [False, False]


def test_a_registry_elsewhere_is_not_asked_before_its_cache_time_is_over(tmp_path: Path, clock: Clock) -> None:
    bank = make_bank(tmp_path / "bank", registry=REGISTRIES["sql"], **without("wealth", "cards", "visits"))
    bank.write("company: mybank\ncustomer: {entity: holder}\n")
    watch = watch_of(bank, clock)
    bank.change_registry(removes="claims")
    assert looks(watch, clock, pause_s=CACHE_S - 1) == [False, False]
    assert looks(watch, clock, pause_s=1) == [True, False]


def test_a_lost_entity_is_named_and_what_was_read_stays(bank: Bank, watch: RegistryWatch, clock: Clock) -> None:
    before = watch.features
    with chdir(bank.repo), quiet_feast():
        store = bank.store()
        views = [store.get_feature_view(name) for name in ("accounts", "claims")]
        store.apply([], objects_to_delete=[*views, store.get_entity("holder")], partial=False)
    assert any(looks(watch, clock))
    assert watch.faults == ("rumbo.yaml:2:12: customer.entity: the registry has no entity 'holder', it has: branch",)
    assert watch.features == before


def _garbage(file: Path) -> Callable[[], None]:
    whole = file.read_bytes()
    file.write_bytes(b"\xff garbage" * 10_000)

    def mend() -> None:
        file.write_bytes(whole)

    return mend


def _missing(file: Path) -> Callable[[], None]:
    away = file.rename(file.with_name("away"))

    def mend() -> None:
        away.rename(file)

    return mend


@pytest.mark.parametrize("spoil", [_garbage, _missing])
def test_a_registry_that_cannot_be_read_leaves_what_was_read_until_it_is_mended(
    spoil: Callable[[Path], Callable[[], None]], bank: Bank, watch: RegistryWatch, clock: Clock
) -> None:
    before = watch.features
    mend = spoil(registry_of(bank))
    assert any(looks(watch, clock))
    assert watch.faults != ()
    assert watch.features == before
    assert looks(watch, clock) == [False, False]
    mend()
    assert any(looks(watch, clock, pause_s=AGAIN_AT_LATEST_S))
    assert watch.faults == ()
    assert watch.features == before


def test_a_registry_that_changed_or_went_before_the_first_look_is_seen_by_it(bank: Bank, clock: Clock) -> None:
    bank.write("company: mybank\ncustomer: {entity: holder}\n")
    company = load_company(bank.folder)
    known = features_of(company)
    bank.change_registry(removes="claims")
    watch = RegistryWatch(company, known, monotonic=clock)
    assert watch.look()
    assert set(watch.features.schema.by_view) == {"accounts"}
    mend = _missing(registry_of(bank))
    watch = RegistryWatch(company, known, monotonic=clock)
    assert watch.look()
    assert "there is no registry" in watch.faults[0]
    mend()
    clock.now_s += AGAIN_S
    assert watch.look()
    assert (set(watch.features.schema.by_view), watch.faults) == ({"accounts"}, ())


def test_notes_that_change_are_read_again_too(tmp_path: Path, clock: Clock) -> None:
    bank = make_bank(tmp_path / "bank", **without("wealth", "cards", "visits"))
    bank.write("company: mybank\ncustomer: {entity: holder}\nfeatures: {notes: features.yaml}\n", features="{}\n")
    watch = watch_of(bank, clock)
    (bank.folder / "features.yaml").write_text("balance: {max_age: 7d}\n", encoding="utf-8")
    assert looks(watch, clock) == [False, True]
    assert watch.features.schema.by_name["balance"].max_age_s == 7 * 86_400.0
