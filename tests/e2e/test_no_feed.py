"""A company whose feature store is told nothing: events alone tell of incidents and consents, and nothing waits."""

from __future__ import annotations

import asyncio
from pathlib import Path
from unittest.mock import patch

import pytest

from features.online import OnlineFeatures
from features.situation import SituationViews
from service import bootstrap
from tests.e2e.wire import REGULAR, offered, opened
from tests.example import SCHEMA
from tests.fixtures_features import NOW
from tests.fixtures_service import ask_state, running

WAITING = "SELECT count(*) FROM outbox"
FEED = "service.background.feature_feed"


def test_the_example_s_views_are_those_of_its_schema() -> None:
    assert SCHEMA.situation == bootstrap.EXAMPLE_SITUATION


async def test_without_views_nothing_is_queued_nor_pushed_and_the_gate_closes_all_the_same(stored_home: Path) -> None:
    with patch.object(bootstrap, "EXAMPLE_SITUATION", SituationViews()):
        async with running(stored_home) as service:
            before = await service.preview(REGULAR)
            await service.tell(opened(REGULAR))
            during = await service.preview(REGULAR)
    assert offered(before, "web")
    assert not offered(during, "web")
    assert ask_state(stored_home, WAITING) == [(0,)]
    reader = OnlineFeatures(stored_home / "feast", SCHEMA)
    assert not reader.read(REGULAR, NOW).values["incidents_json"].is_present
    reader.close()


@pytest.mark.parametrize(("views", "is_told_of"), [(SituationViews(), False), (bootstrap.EXAMPLE_SITUATION, True)])
async def test_without_views_nothing_is_said_of_a_store_that_cannot_be_told(
    own_home: Path, caplog: pytest.LogCaptureFixture, views: SituationViews, is_told_of: bool
) -> None:
    (own_home / "feast" / "online_store.db").write_bytes(b"This is no database. " * 4096)
    with patch.object(bootstrap, "EXAMPLE_SITUATION", views):
        async with running(own_home) as service:
            await service.tell(opened(REGULAR))
            await service.preview(REGULAR)
            while is_told_of and not said_of_the_feed(caplog):
                await asyncio.sleep(0.05)
    assert bool(said_of_the_feed(caplog)) is is_told_of


def said_of_the_feed(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == FEED]
