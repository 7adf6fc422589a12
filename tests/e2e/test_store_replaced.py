"""The store removed or replaced while the service serves: nothing is acknowledged by what nobody will ever find."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from service.cli import main
from tests.e2e.outages import AWAY
from tests.e2e.replaced_stores import IN_DATABASE, IN_FILE, Replacement, home_moved_away, removed
from tests.e2e.wire import OPEN_DOOR, event, outcome, ranked_ids, refusal_of
from tests.fixtures_service import STATE_URL, Service, copied, running
from tests.fixtures_stores import home_on


@pytest.fixture(params=[*IN_FILE, *IN_DATABASE])
def replacement(request: pytest.FixtureRequest) -> Replacement:
    return {**IN_FILE, **IN_DATABASE}[request.param]


@pytest.fixture
def home(request: pytest.FixtureRequest, replacement: Replacement, tmp_path: Path) -> Iterator[Path]:
    """Behind a link, which some turn."""
    store = "sqlite" if replacement.__name__ in IN_FILE else "postgres"
    with home_on(store, request, tmp_path / "real") as real:
        (tmp_path / "home").symlink_to(real)
        yield tmp_path / "home"


async def assert_nothing_is_acknowledged(service: Service, decision_id: str) -> None:
    for _ in range(2):  # not even after a while
        refused = [
            await refusal_of(service.decide("meanwhile")),
            await refusal_of(service.decide("before", request_id="r1")),
            await refusal_of(service.preview("before")),
            await refusal_of(service.tell(event("consent.withdrawn", "before", purpose="marketing"))),
            await refusal_of(service.report(outcome(decision_id, OPEN_DOOR, "ENGAGED"))),
            await refusal_of(service.recall(decision_id)),
        ]
        assert refused == [AWAY] * 6


async def test_a_store_that_was_replaced_acknowledges_and_answers_nothing(home: Path, replacement: Replacement) -> None:
    async with running(home) as service:
        known = await service.decide("before", request_id="r1")
        replacement(home)
        await assert_nothing_is_acknowledged(service, known.decision_id)


async def test_a_home_that_is_moved_back_goes_on_as_if_nothing_had_been(own_home: Path) -> None:
    async with running(own_home) as service:
        known = await service.decide("before", request_id="r1")
        home_moved_away(own_home)
        await assert_nothing_is_acknowledged(service, known.decision_id)
        own_home.with_name("away").rename(own_home)
        again = await service.decide("before", request_id="r1")
        assert (again.decision_id, ranked_ids(again)) == (known.decision_id, ranked_ids(known))
        await service.decide("after")


def rumbo(home: Path, *arguments: str, answer: str | None = None) -> Result:
    url = home / STATE_URL
    env = {"RUMBO_STATE_URL": url.read_text()} if url.is_file() else {}
    return CliRunner(env=env).invoke(main, [*arguments, "--home", str(home)], input=answer)


async def test_a_kill_of_a_store_that_is_gone_is_not_said_to_be_thrown(own_home: Path) -> None:
    async with running(own_home) as service:
        await service.decide("before")
        removed(own_home)
        result = await asyncio.to_thread(rumbo, own_home, "kill", "*", "--why", "a test")
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"{own_home / 'state.db'} is gone" in result.stderr
    assert not (own_home / "state.db").exists()


async def test_an_old_service_that_ends_leaves_the_log_of_the_new_store_where_it_is(own_home: Path) -> None:
    """It lies under the name of the one that the old service would remove."""
    async with AsyncExitStack() as until_the_end:
        async with running(own_home) as old:
            await old.decide("before")
            own_home.rename(own_home.with_name("away"))
            copied(own_home.with_name("away"), own_home)
            new = await until_the_end.enter_async_context(running(own_home))
            decided = await new.decide("new")
            log = (own_home / "state.db-wal").stat().st_ino
        assert (own_home / "state.db-wal").stat().st_ino == log
        assert (await new.recall(decided.decision_id)).decision_id == decided.decision_id
