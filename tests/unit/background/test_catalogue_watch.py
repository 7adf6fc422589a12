"""A catalogue on disk comes into force while serving, and a bad one never does."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.application.catalogues import KeptCatalogues
from service.background.catalogue_watch import CatalogueWatch
from service.background.feature_feed import stopped
from service.catalogue.documents.patience import Patience, patiently
from service.catalogue.load import CatalogueFolder
from service.metrics import Metrics
from service.state.engines.session import Sql
from service.state.store import SqlState
from tests.builders import NOW
from tests.example import EXAMPLE, TERMS
from tests.stores import sqlite_state
from tests.unit.background.looks import Looks

JOURNEY = Path("journeys") / "rescue-basket.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedFolder:
    folder: Path
    catalogues: KeptCatalogues
    metrics: Metrics
    state: SqlState
    watch: CatalogueWatch
    looks: Looks
    told: list[bool]

    @property
    def version(self) -> str:
        return self.catalogues.current.version

    def metric(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)

    def execute(self, statement: str) -> None:
        with closing(sqlite3.connect(self.folder.parent / "state.db")) as database:
            database.execute(statement)

    def edit(self, old: str, new: str) -> None:
        """Changes the file in place, in another size so that no clock is needed to see it."""
        file = self.folder / JOURNEY
        content = file.read_text(encoding="utf-8")
        assert old in content
        file.write_text(content.replace(old, new) + "# edited\n", encoding="utf-8")


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[WatchedFolder]:
    folder, terms, metrics, looks = tmp_path / "catalogue", TERMS, Metrics(), Looks()
    shutil.copytree(EXAMPLE, folder)
    state = sqlite_state(tmp_path / "state.db")
    loaded = CatalogueFolder(folder, terms)
    stamp = loaded.stamp()
    catalogues = KeptCatalogues(loaded.load(), terms, state, lambda: NOW)
    watch = CatalogueWatch(loaded, stamp, catalogues, metrics)
    told: list[bool] = []

    async def listener(*, is_valid: bool) -> None:
        told.append(is_valid)

    watch.listen(listener)
    running = asyncio.create_task(watch.run(looks.sleep))
    yield WatchedFolder(
        folder=folder, catalogues=catalogues, metrics=metrics, state=state, watch=watch, looks=looks, told=told
    )
    await stopped(running)
    await state.close()


async def test_a_change_comes_into_force_once_it_stands_still(watched: WatchedFolder) -> None:
    before = watched.version
    watched.edit("tier: 4", "tier: 5")
    await watched.looks.next()
    assert watched.version == before
    await watched.looks.next()
    assert watched.version != before
    assert watched.told == [True]
    assert watched.metric("rumbo_in_force", what="catalogue", version=watched.version) == 1
    assert watched.metric("rumbo_in_force", what="catalogue", version=before) in (None, 0)
    assert await watched.state.catalogue(watched.version) == watched.catalogues.current.source


async def test_the_pools_of_a_change_are_counted_before_a_customer_asks_for_them(watched: WatchedFolder) -> None:
    watched.edit("tier: 4", "tier: 4\ncapacity: {units: 7, per: day}")
    await watched.looks.next()
    await watched.looks.next()
    (rows,) = await watched.state.engine.read(lambda session: session.query(Sql("SELECT pool_key FROM pools")))
    counted = {row["pool_key"].split("@")[0] for row in rows}
    assert counted == {pool.pool_id for pool in watched.catalogues.current.plan.pools} >= {"capacity:rescue-basket"}


async def test_a_change_waits_for_a_store_that_is_away(
    watched: WatchedFolder, caplog: pytest.LogCaptureFixture
) -> None:
    before = watched.version
    watched.execute("ALTER TABLE catalogues RENAME TO hidden")
    watched.edit("tier: 4", "tier: 5")
    await watched.looks.next()
    await watched.looks.next()
    await watched.looks.next()
    assert (watched.version, watched.told) == (before, [])
    assert [record.message.split(": ")[0].split(" ", 2)[2] for record in caplog.records] == [
        "waits for the state store"
    ] * 2
    watched.execute("ALTER TABLE hidden RENAME TO catalogues")
    await watched.looks.next()
    assert watched.version != before
    assert watched.told == [True]


async def test_nothing_is_loaded_while_nothing_changes(watched: WatchedFolder) -> None:
    await watched.looks.next()
    await watched.looks.next()
    assert watched.told == []


async def test_an_invalid_catalogue_never_replaces_a_good_one_and_says_so(
    watched: WatchedFolder, caplog: pytest.LogCaptureFixture
) -> None:
    before = watched.version
    watched.edit("customer.recency_days", "customer.recencydays")
    with caplog.at_level(logging.ERROR):
        await watched.looks.next()
        await watched.looks.next()
    assert watched.version == before
    assert watched.told == [False]
    assert watched.metric("rumbo_catalogue_refused") == 1
    assert before in caplog.text
    (record,) = [r for r in caplog.records if "refused" in r.message]
    assert "did you mean `customer.recency_days`?" in str(record.__dict__["fields"])


async def test_a_refused_catalogue_that_is_mended_comes_into_force(watched: WatchedFolder) -> None:
    watched.edit("customer.recency_days", "customer.recencydays")
    await watched.looks.next()
    await watched.looks.next()
    watched.edit("customer.recencydays", "customer.recency_days")
    await watched.looks.next()
    await watched.looks.next()
    assert watched.told == [False, True]
    assert watched.metric("rumbo_catalogue_refused") == 0
    assert watched.metric("rumbo_catalogue_loads_total", result="refused") == 1


async def test_a_removed_policies_file_is_refused(watched: WatchedFolder) -> None:
    before = watched.version
    (watched.folder / "policies.yaml").unlink()
    await watched.looks.next()
    await watched.looks.next()
    assert (watched.version, watched.told) == (before, [False])


async def test_a_new_journey_comes_into_force_when_told_to_reload(watched: WatchedFolder) -> None:
    content = (watched.folder / JOURNEY).read_text(encoding="utf-8")
    (watched.folder / "journeys" / "rescue-again.yaml").write_text(
        content.replace("journey: rescue-basket", "journey: rescue-again"), encoding="utf-8"
    )
    watched.watch.reload()
    await watched.looks.next()
    assert "rescue-again" in watched.catalogues.current.stages


async def test_an_earlier_catalogue_can_still_be_had_by_its_version(watched: WatchedFolder) -> None:
    first = watched.version
    await watched.catalogues.keep()
    for tier in (5, 6, 7):
        watched.edit(f"tier: {tier - 1}", f"tier: {tier}")
        await watched.looks.next()
        await watched.looks.next()
    assert (await watched.catalogues.of_version(first)).version == first


def _brackets(file: Path) -> None:
    file.write_text("[" * 200_000, encoding="utf-8")


def _laughs(file: Path) -> None:
    lines = (f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10))
    file.write_text("a0: &a0 [x, x]\n" + "".join(lines), encoding="utf-8")


def _fifo(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def _device(file: Path) -> None:
    file.unlink()
    file.symlink_to("/dev/zero")


@pytest.mark.parametrize("spoil", [_brackets, _laughs, _fifo, _device])
async def test_a_good_file_comes_into_force_after_a_hostile_one(
    watched: WatchedFolder, spoil: Callable[[Path], None]
) -> None:
    before, file = watched.version, watched.folder / JOURNEY
    text = file.read_text(encoding="utf-8")
    spoil(file)
    await watched.looks.next()
    await watched.looks.next()
    assert (watched.version, watched.told) == (before, [False])
    file.unlink()
    file.write_text(text.replace("tier: 4", "tier: 5"), encoding="utf-8")
    await watched.looks.next()
    await watched.looks.next()
    assert watched.version != before
    assert watched.told == [False, True]


async def test_what_an_editor_keeps_beside_a_journey_is_no_change(watched: WatchedFolder) -> None:
    (watched.folder / "journeys" / ".#rescue-basket.yaml").symlink_to("me@host.1234:5678")
    (watched.folder / "journeys" / "._rescue-basket.yaml").write_bytes(b"\x00\x05\x16\x07")
    await watched.looks.next()
    await watched.looks.next()
    assert watched.told == []


async def test_a_load_that_nobody_waits_for_any_more_ends_at_its_next_step() -> None:
    begun, ended = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def load(patience: Patience) -> None:
        loop.call_soon_threadsafe(begun.set)
        try:
            while True:
                patience()
        finally:
            ended.set()

    waiting = asyncio.create_task(patiently(load))
    await begun.wait()
    await stopped(waiting)
    assert await asyncio.to_thread(ended.wait, 30)
