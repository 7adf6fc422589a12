"""`rumbo kill`, `unkill` and `kills` over a home, whether its service runs or not."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from features.errors import RumboError
from service.commands.kill import kill, kills, unkill
from service.decision.journey import JourneyKind
from service.state.port import Kill, StateUnavailable
from service.state.store import SqlState
from tests.stores import sqlite_state
from tests.unit.application.house import ASK, House

COMMANDS = {"kill": kill, "unkill": unkill, "kills": kills}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home from which a catalogue with `news` and `soap-club` was served."""
    keep(tmp_path, "v1", '{"journeys": [{"journey": "news"}, {"journey": "soap-club"}]}')
    return tmp_path


def keep(home: Path, version: str, source: str) -> None:
    async def run(state: SqlState) -> list[Kill]:
        await state.keep_catalogue(version, source)
        return []

    _within(home, run)


def _within(home: Path, ask: Callable[[SqlState], Awaitable[list[Kill]]]) -> list[Kill]:
    async def run() -> list[Kill]:
        state = sqlite_state(home / "state.db")
        try:
            return await ask(state)
        finally:
            await state.close()

    return asyncio.run(run())


def listed(home: Path) -> list[Kill]:
    return _within(home, lambda state: state.kills())


def rumbo(home: Path, command: str, *arguments: str) -> Result:
    return CliRunner().invoke(COMMANDS[command], ["--home", str(home), *arguments])


@pytest.mark.parametrize("target", ["news", "*", *(f"kind:{kind.value}" for kind in JourneyKind)])
def test_what_is_killed_is_on_the_list_since_now_with_its_reason(home: Path, target: str) -> None:
    before = datetime.now(UTC)
    result = rumbo(home, "kill", target, "--why", "wrong price, ñ")
    assert (result.exit_code, result.output) == (0, f"killed: {target}\n")
    (found,) = listed(home)
    assert (found.target, found.why) == (target, "wrong price, ñ")
    assert before <= found.since <= datetime.now(UTC)


def test_what_is_killed_is_shown_line_by_line(home: Path) -> None:
    assert rumbo(home, "kills").output == "nothing is killed\n"
    at = datetime(2018, 1, 3, 12, 30, 5, tzinfo=UTC)

    async def throw(state: SqlState) -> list[Kill]:
        await state.kill("news", "wrong price", at)
        await state.kill("kind:loyalty", "audit", at)
        return []

    _within(home, throw)
    assert rumbo(home, "kills").output.splitlines() == [
        "kind:loyalty  since 2018-01-03 12:30:05 UTC  audit",
        "news  since 2018-01-03 12:30:05 UTC  wrong price",
    ]


def test_what_is_taken_off_the_list_runs_again(home: Path) -> None:
    rumbo(home, "kill", "news", "--why", "wrong price")
    result = rumbo(home, "unkill", "news")
    assert (result.exit_code, result.output) == (0, "runs again: news\n")
    assert listed(home) == []


def test_what_is_not_on_the_list_cannot_be_taken_off(home: Path) -> None:
    rumbo(home, "kill", "news", "--why", "wrong price")
    result = rumbo(home, "unkill", "News")
    assert (result.exit_code, result.stderr) == (1, "Error: News is not on the kill list\n")
    assert [k.target for k in listed(home)] == ["news"]


@pytest.mark.parametrize("target", ["kind:promotion", "kind:", "kind:PROMOTIONAL", "", "n" * 129])
def test_a_target_that_cannot_be_is_refused(home: Path, target: str) -> None:
    """It would stop nothing, and whoever typed it would believe that it did."""
    result = rumbo(home, "kill", target, "--why", "wrong price")
    assert result.exit_code == 2
    assert listed(home) == []


@pytest.mark.parametrize(
    ("target", "meant"),
    [
        ("soap-clbu", "soap-club"),
        ("Soap-Club", "soap-club"),
        (" news", "news"),
        ("promotional", "kind:promotional"),
        ("entirely-else", None),
    ],
)
def test_a_kill_of_what_is_no_journey_is_kept_with_a_warning(home: Path, target: str, meant: str | None) -> None:
    result = rumbo(home, "kill", target, "--why", "wrong price")
    assert (result.exit_code, result.stdout) == (0, f"killed: {target}\n")
    suggested = "" if meant is None else f", did you mean `{meant}`?"
    assert result.stderr == (
        f"warning: no catalogue that was served here and can be read has a journey '{target}'{suggested}\n"
    )
    assert [k.target for k in listed(home)] == [target]


def test_a_journey_of_any_catalogue_that_was_served_can_be_meant(home: Path) -> None:
    """A catalogue that was in force earlier counts too: what it reserved is revoked."""
    keep(home, "v2", '{"journeys": [{"journey": "soap-clbu"}]}')
    assert rumbo(home, "kill", "soap-clbu", "--why", "wrong price").stderr == ""


@pytest.mark.parametrize("source", ["", "no JSON", "[]", '{"journeys": 5}', '{"journeys": [{}]}', "[" * 100_000])
def test_a_catalogue_that_cannot_be_read_does_not_keep_a_kill_off(tmp_path: Path, source: str) -> None:
    keep(tmp_path, "v1", source)
    result = rumbo(tmp_path, "kill", "news", "--why", "wrong price")
    assert (result.exit_code, result.stdout) == (0, "killed: news\n")
    assert "can be read has a journey 'news'" in result.stderr
    assert [k.target for k in listed(tmp_path)] == ["news"]


def test_a_store_without_its_catalogues_does_not_keep_a_kill_off(home: Path) -> None:
    with closing(sqlite3.connect(home / "state.db")) as database:
        database.execute("DROP TABLE catalogues")
    result = rumbo(home, "kill", "news", "--why", "wrong price")
    assert (result.exit_code, result.stdout) == (0, "killed: news\n")
    assert "has a journey 'news'" in result.stderr
    assert [k.target for k in listed(home)] == ["news"]


def test_a_kill_needs_a_reason(home: Path) -> None:
    result = rumbo(home, "kill", "news")
    assert result.exit_code == 2
    assert "--why" in result.stderr


@pytest.mark.parametrize("command", [["kill", "news", "--why", "x"], ["unkill", "news"], ["kills"]], ids=lambda c: c[0])
def test_a_home_without_a_store_is_refused_and_none_is_made(tmp_path: Path, command: list[str]) -> None:
    """A kill in the wrong folder would stop nothing either."""
    result = rumbo(tmp_path / "elsewhere", *command)
    assert isinstance(result.exception, StateUnavailable)
    assert isinstance(result.exception, RumboError)
    assert not (tmp_path / "elsewhere").exists()


async def test_a_running_service_obeys_in_its_next_decision(house: House, tmp_path: Path) -> None:
    assert len((await house.decide()).picks) == 1
    result = await asyncio.to_thread(rumbo, tmp_path, "kill", "kind:promotional", "--why", "wrong price")
    assert result.exit_code == 0
    (rejected,) = (await house.decide(replace(ASK, customer_id="2"))).rejected
    assert [reason.code for reason in rejected.reasons] == ["KILLED"]
