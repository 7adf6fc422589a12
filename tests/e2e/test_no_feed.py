"""A company whose feature store is told nothing: events alone tell of incidents and consents, and nothing waits."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from features.store.online import OnlineFeatures
from tests.e2e.wire import REGULAR, offered, opened
from tests.example import SCHEMA
from tests.fixtures_features import NOW, company_at, feast_at
from tests.fixtures_service import ask_state, running

WAITING = "SELECT count(*) FROM outbox"
FEED = "service.background.feature_feed"


def without_situation(home: Path) -> None:
    """Its company's rumbo.yaml says so."""
    file = company_at(home) / "rumbo.yaml"
    text, found = re.subn(r"^situation:\n(  .*\n)+", "situation: none\n", file.read_text(encoding="utf-8"), flags=re.M)
    assert found
    file.write_text(text, encoding="utf-8")


async def test_without_views_nothing_is_queued_nor_pushed_and_the_gate_closes_all_the_same(stored_home: Path) -> None:
    without_situation(stored_home)
    async with running(stored_home) as service:
        before = await service.preview(REGULAR)
        await service.tell(opened(REGULAR))
        during = await service.preview(REGULAR)
    assert offered(before, "web")
    assert not offered(during, "web")
    assert ask_state(stored_home, WAITING) == [(0,)]
    reader = OnlineFeatures(feast_at(stored_home), SCHEMA)
    assert not reader.read(REGULAR, NOW).values["incidents_json"].is_present
    reader.close()


@pytest.mark.parametrize("is_told_of", [False, True])
async def test_without_views_nothing_is_said_of_a_store_that_cannot_be_told(
    own_home: Path, caplog: pytest.LogCaptureFixture, is_told_of: bool
) -> None:
    if not is_told_of:
        without_situation(own_home)
    (feast_at(own_home) / "online_store.db").write_bytes(b"This is no database. " * 4096)
    async with running(own_home) as service:
        await service.tell(opened(REGULAR))
        await service.preview(REGULAR)
        while is_told_of and not said_of_the_feed(caplog):
            await asyncio.sleep(0.05)
    assert bool(said_of_the_feed(caplog)) is is_told_of


def said_of_the_feed(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == FEED]
