"""P1 across processes: no decision whose commit follows the acknowledgement of an event ranks what it forbids."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from service.decision.facts import FactKind
from tests.builders import NOW
from tests.concurrency.kill_races import RaceResult, decide_after_each_kill, kill_and_lift
from tests.concurrency.kill_races import decide_meanwhile as meanwhile_killed
from tests.concurrency.processes import Job, Worker, line, workers
from tests.concurrency.races import AT_ONCE, Race, decide_after, decide_meanwhile, granted, record
from tests.contract.adapters import Store
from tests.contract.rows import situation

SLOW = [pytest.mark.slow, pytest.mark.timeout(300)]
SOME, MANY = pytest.param(2_000, marks=SLOW), pytest.param(10_000, marks=pytest.mark.proof)
CODE = ("INCIDENT_OPEN", "CONSENT_MISSING")
"""Why a race's event forbids `news`: in even races, and in odd ones."""
LEFT = (["plain"], ["open"])
"""What it leaves."""
BATCH = 500


@pytest.mark.parametrize("races", [400, SOME, MANY])
async def test_a_decision_that_is_committed_after_an_event_was_acknowledged_is_made_again_and_obeys(
    adapter: str, place: Path, state: Store, races: int
) -> None:
    """The decider proposes, the other process records, the decider hears of it and commits."""
    run, granted_by_then = await _races(adapter, place, state, races, decide_after)
    assert not any("news" in granted for granted in granted_by_then.values())
    assert Counter((r.proposed[0], r.was_acknowledged, r.has_moved) for r in run) == {("news", True, True): races}
    for race in run:
        assert (race.ranked, race.codes) == (LEFT[race.number % 2], [CODE[race.number % 2]])


@pytest.mark.parametrize("races", [400, SOME, MANY])
async def test_a_decision_that_races_an_event_ranks_what_it_forbids_only_if_the_store_has_it_first(
    adapter: str, place: Path, state: Store, races: int
) -> None:
    """By what is read right after the acknowledgement: what is not there is committed later, and must obey.

    And by the versions of the facts that each record holds: in all 1 before the event, 2 with it.
    """
    run, granted_by_then = await _races(adapter, place, state, races, decide_meanwhile, 5)
    for race in run:
        assert ("news" in race.ranked) == ("news" in granted_by_then[race.number])
        stored = await state.decision(f"d{race.number}", NOW)
        assert stored is not None
        read = stored.record["input"]["situation"]["versions"]
        version = read["consents"] + read["incidents"]
        expected = {1: ["news"], 2: LEFT[race.number % 2]}[version]
        assert race.ranked == expected
        assert [r["journey_id"] for r in stored.record["output"]["ranked"]] == expected
        assert version == 2 or not race.was_acknowledged
        now = (await situation(state, f"c{race.number}")).versions
        assert now[FactKind.CONSENTS] + now[FactKind.INCIDENTS] == 2
    came_between = sum(race.has_moved for race in run)
    assert races // 50 < came_between < races - races // 50, "the races were not close"


@pytest.mark.parametrize("rounds", [6, pytest.param(32, marks=SLOW), pytest.param(157, marks=pytest.mark.proof)])
async def test_decisions_that_are_committed_after_a_kill_was_acknowledged_are_made_again_and_obey(
    adapter: str, place: Path, rounds: int
) -> None:
    """64 decisions a round, each proposed before the kill."""
    run = await _kill_races(adapter, place, decide_after_each_kill, rounds)
    went = Counter((*r.proposed, r.has_moved, *r.ranked) for r in run)
    assert went == {("news", True, "plain"): rounds * AT_ONCE}


@pytest.mark.parametrize("races", [500, SOME, MANY])
async def test_a_decision_that_begins_and_ends_while_a_kill_is_acknowledged_obeys_it(
    adapter: str, place: Path, state: Store, races: int
) -> None:
    """And each obeys the list of the version that its record holds: killed by odd changes, lifted by even ones."""
    run = await _kill_races(adapter, place, meanwhile_killed, races)
    assert len(run) == races
    throughout = Counter(
        (race.phase_before.split()[0], *race.ranked) for race in run if race.phase_before == race.phase_after != ""
    )
    assert throughout.keys() >= {("killed", "plain"), ("lifted", "news")}
    assert throughout.keys().isdisjoint({("killed", "news"), ("lifted", "plain")})
    for race in run:
        stored = await state.decision(race.decision_id, NOW)
        assert stored is not None
        is_killed = stored.record["input"]["situation"]["kills_version"] % 2 == 1
        assert race.ranked == (["plain"] if is_killed else ["news"])
    assert Counter(race.has_moved for race in run)[True] > 0


async def _kill_races(adapter: str, place: Path, decide: Job, much: int) -> list[RaceResult]:
    to_decider, to_killer = line()
    started = Worker(kill_and_lift, adapter, place, to_decider), Worker(decide, adapter, place, to_killer, much)
    with workers(*started) as (killer, decider):
        to_decider.close()
        to_killer.close()
        run: list[RaceResult] = await decider.told()
        during_kills: list[float] = await killer.told()
        decider.end()
        killer.end()
    assert set(during_kills) == {0.0}, "granted while the kill was acknowledged"
    return run


async def _races(
    adapter: str, place: Path, state: Store, races: int, decide: Job, *more: object
) -> tuple[list[Race], dict[int, list[str]]]:
    for first in range(0, races, BATCH):
        await state.record_events([granted(number) for number in range(first, min(first + BATCH, races))], NOW)
    to_decider, to_recorder = line()
    started = Worker(record, adapter, place, to_decider), Worker(decide, adapter, place, to_recorder, races, *more)
    with workers(*started) as (recorder, decider):
        to_decider.close()
        to_recorder.close()
        run: list[Race] = await decider.told()
        granted_by_then: dict[int, list[str]] = await recorder.told()
        decider.end()
        recorder.end()
    assert sorted(race.number for race in run) == sorted(granted_by_then) == list(range(races))
    return run, granted_by_then
