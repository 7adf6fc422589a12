"""P1, P4 and P6 by an oracle that shares nothing with the service: random histories, every answer held to the words.

The oracle (`rules.py`) was written from the owner's table of constraints and ADR 7 alone. It tells of each journey of a
drawn catalogue which rules stand against it, and so what may be ranked, in which order, and what must be told of the
rest.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

import pytest

from service.decision.constraints.registry import BINDERS
from service.decision.constraints.stage import AtStage
from service.decision.verdict import ALLOWED
from tests.oracle.draw import CODES
from tests.oracle.judge import Coverage
from tests.oracle.run import Task, run, run_all
from tests.servers.postgres import PostgresServer

A_WORLD = 250
"""Decisions, of four customers under one catalogue."""
TOLD_EVERY_S = 60.0
MOST_FAULTS = 10
"""So many are looked for; the first may be one of a kind."""
log = logging.getLogger("oracle")


def worlds(decisions: int, postgres: PostgresServer, name: str) -> Iterator[Task]:
    """Of twenty worlds one goes over gRPC, two are kept in PostgreSQL; one is both."""
    for i in range(decisions // A_WORLD):
        on_postgres = i % 20 in (3, 7, 13)
        url = postgres.new_database(f"oracle_{name}_{i}") if on_postgres else None
        yield Task(seed=f"{name} {i}", decisions=A_WORLD, over_grpc=i % 20 in (7, 17), state_url=url)


@pytest.mark.parametrize(("over_grpc", "on_postgres"), [(False, False), (True, True)])
def test_some_answers_are_what_the_rules_say(postgres: PostgresServer, over_grpc: bool, on_postgres: bool) -> None:
    url = postgres.new_database("oracle_some") if on_postgres else None
    result = run(Task(seed="some", decisions=150, over_grpc=over_grpc, state_url=url))
    assert list(result.faults) == []
    assert result.seen.ranked > 0
    assert len(result.seen.denied) > 5


@pytest.mark.parametrize(
    "decisions",
    [
        pytest.param(20_000, marks=[pytest.mark.slow, pytest.mark.timeout(1200)]),
        pytest.param(1_000_000, marks=pytest.mark.proof),
    ],
)
def test_every_answer_is_what_the_rules_say(postgres: PostgresServer, decisions: int) -> None:
    """And no rule was idle: each alone stood against some journey, and each that a pick can use up did."""
    seen, begun_s, faults = Coverage(), time.monotonic(), list[str]()
    told_s = begun_s
    for result in run_all(worlds(decisions, postgres, str(decisions))):
        faults += [f"{fault}\n  in {result.task}" for fault in result.faults]
        assert len(faults) < MOST_FAULTS, faults
        seen.add(result.seen)
        if result.task.state_url is not None:
            postgres.drop_database(result.task.state_url.split("/")[3].split("?")[0])
        if time.monotonic() - told_s > TOLD_EVERY_S:
            told_s = time.monotonic()
            per_s = seen.decisions / (told_s - begun_s)
            log.info("%d of %d decisions, %d/s, faults: %s", seen.decisions, decisions, per_s, faults)
    log.info("%s", seen)
    assert faults == []
    assert seen.decisions >= decisions
    decisive = {code.split("_OWN_")[0] for code in seen.decisive}
    assert decisive == set(CODES)
    assert set(seen.bound) >= {"NEVER_WITH", "IN_FLIGHT", "PRESSURE_CAP", "BUDGET"}
    assert seen.open < sum(seen.denied.values()) / 100


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("code", BINDERS)
def test_a_rule_that_is_switched_off_is_found(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """So that no fault among so many answers says something: each rule is seen, by what is ranked against it."""
    assert set(CODES) == {c.removesuffix("_<ID>") for c in BINDERS}
    monkeypatch.setitem(BINDERS, code, lambda guarded, policies: iter(()))
    if code == AtStage.code:
        monkeypatch.setattr(AtStage, "denies", lambda rule, evaluation: False)
        monkeypatch.setattr(AtStage, "check", lambda rule, evaluation: ALLOWED)
    focus = code.removesuffix("_<ID>")
    for i in range(20):
        faults = run(Task(seed=f"off {i}", decisions=200, focus=focus)).faults
        if faults:
            break
    assert any(("denied by" in fault or "also denied" in fault) and focus in fault for fault in faults), faults
