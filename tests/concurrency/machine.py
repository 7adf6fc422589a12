"""A store and its naive twin, driven through anything that may happen to a store, in any order."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from service.decision.decide import Decision
from service.decision.reach import Reach
from service.decision.reports.effects import KnownEvent
from service.decision.reports.rows import Outcome, OutcomeType, RowStatus
from service.state.engines.engine import Durability
from service.state.port import AlreadyDecided, CommitResult, Committed, ContactState, FactsMoved, RequestKey
from tests.builders import NOW
from tests.concurrency.callers import decide_and_wait
from tests.concurrency.processes import Worker, opened, workers
from tests.concurrency.twin import (
    CAP,
    COST,
    DAY,
    GIFTS,
    MONEY,
    ORDER,
    TREATS,
    UNITS,
    WINDOW_DAYS,
    Twin,
    TwinProposal,
    plan,
)
from tests.contract.by_customer import of_customer, windows_of
from tests.contract.rows import MINUTE, event, outcome, picked, propose, undecided_of

Result = TypeVar("Result")
PLAN = plan()
CUSTOMERS = st.sampled_from(["a", "b"])
CHANNELS = st.sampled_from(["web", "email"])
LIMITS = st.integers(1, 4)
REQUESTS = st.sampled_from([None, None, "r1", "r2"])
ANY = st.integers(0, 2**16)
"""Chooses one of what there is, whatever that is by then."""
LATEST = st.integers(0, 4)
"""Chooses a contact, 0 for the latest."""
AGO = st.sampled_from([0 * MINUTE, MINUTE, 30 * MINUTE])
INSTANT_S = 0.0002


class Home(Protocol):
    """Where the stores of the examples are made."""

    adapter: str

    def make(self) -> Path: ...

    def drop(self, place: Path) -> None: ...


class StoreMachine(RuleBasedStateMachine):
    """Rules have no preconditions: what becomes of a call that is cancelled or killed is not foreseen, only checked."""

    home: Home
    proposals = Bundle("proposals")

    def __init__(self) -> None:
        super().__init__()
        self.place = self.home.make()
        self.runner = asyncio.Runner()
        self.state = opened(self.home.adapter, self.place, Durability.PROCESS_SAFE)
        self.twin, self.now = Twin(), NOW
        self.numbers = itertools.count(1)
        self.outcomes: list[tuple[Outcome, str]] = []

    def teardown(self) -> None:
        self.run(self.state.close())
        self.runner.close()
        self.home.drop(self.place)

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self.runner.run(work)

    @initialize()
    def both_consent_to_both_channels(self) -> None:
        self.run(self.state.keep_catalogue(PLAN.version, windows_of(WINDOW_DAYS, *ORDER)))
        for customer_id in ("a", "b"):
            for channel in ("web", "email"):
                self._tell(customer_id, "consent.granted", purpose="marketing", channel=channel)

    @rule(customer_id=CUSTOMERS, channel=CHANNELS, limit=LIMITS, request_id=REQUESTS)
    def decide(self, customer_id: str, channel: str, limit: int, request_id: str | None) -> None:
        decision, asked = self._propose(customer_id, channel, limit)
        self._check(self.run(self.state.commit(decision, _key(request_id))), asked, request_id)

    @rule(target=proposals, customer_id=CUSTOMERS, channel=CHANNELS, limit=LIMITS)
    def propose(self, customer_id: str, channel: str, limit: int) -> tuple[Decision, TwinProposal]:
        return self._propose(customer_id, channel, limit)

    @rule(proposal=consumes(proposals), request_id=REQUESTS)
    def commit(self, proposal: tuple[Decision, TwinProposal], request_id: str | None) -> None:
        self._check(self.run(self.state.commit(proposal[0], _key(request_id))), proposal[1], request_id)

    @rule(which=LATEST, ago=AGO)
    def present(self, which: int, ago: timedelta) -> None:
        self._report(which, OutcomeType.PRESENTED, ago)

    @rule(which=LATEST)
    def release(self, which: int) -> None:
        self._report(which, OutcomeType.NOT_PRESENTED, timedelta(0))

    @rule(which=LATEST)
    def engage(self, which: int) -> None:
        self._report(which, OutcomeType.ENGAGED, timedelta(0))

    @rule(customer_id=CUSTOMERS, journey_id=st.sampled_from(ORDER), ago=AGO)
    def answer(self, customer_id: str, journey_id: str, ago: timedelta) -> None:
        """Of a customer, by somebody who knows no decision."""
        row = of_customer(
            f"o{next(self.numbers)}", self.now - ago - NOW, customer_id=customer_id, journey_id=journey_id
        )
        (result,) = self.run(self.state.record_outcomes([row], self.now))
        assert (result.decision_id or result.code) == self.twin.answered(customer_id, journey_id, self.now - ago)
        if result.status is RowStatus.ACCEPTED:
            self.outcomes.append((row, result.decision_id))

    @rule(which=ANY)
    def report_again(self, which: int) -> None:
        if self.outcomes:
            row, decision_id = self.outcomes[which % len(self.outcomes)]
            (result,) = self.run(self.state.record_outcomes([row], self.now))
            assert (result.status, result.decision_id) == (RowStatus.DUPLICATE, decision_id)

    @rule(customer_id=CUSTOMERS, verb=st.sampled_from(["opened", "resolved"]), incident_id=st.sampled_from("xy"))
    def incident(self, customer_id: str, verb: str, incident_id: str) -> None:
        self._tell(customer_id, f"incident.{verb}", incident_id=incident_id)

    @rule(customer_id=CUSTOMERS)
    def purchase(self, customer_id: str) -> None:
        """Nothing that the plan looks at."""
        self._tell(customer_id, "purchase", amount=1.0)

    @rule(customer_id=CUSTOMERS, channel=CHANNELS, limit=LIMITS, request_id=REQUESTS)
    def decide_alone(self, customer_id: str, channel: str, limit: int, request_id: str | None) -> None:
        """Within the transaction: nothing moves meanwhile, so that it is what would be decided now."""
        asked = self.twin.ask(f"d{next(self.numbers)}", customer_id, channel, self.now, limit)
        undecided = undecided_of(PLAN, asked.decision_id, customer_id, channel, self.now, limit)
        self._check(self.run(self.state.decide_alone(undecided, _key(request_id))), asked, request_id)

    @rule(customer_id=CUSTOMERS, verb=st.sampled_from(["granted", "withdrawn"]), channel=CHANNELS)
    def consent(self, customer_id: str, verb: str, channel: str) -> None:
        self._tell(customer_id, f"consent.{verb}", purpose="marketing", channel=channel)

    @rule(which=ANY)
    def event_again(self, which: int) -> None:
        self._resend(self.twin.events[which % len(self.twin.events)])

    @rule(target_=st.sampled_from(["news", "gift", "kind:promotional", "*"]))
    def kill(self, target_: str) -> None:
        self.run(self.state.kill(target_, "why", self.now))
        self.twin.kills_moved += target_ not in self.twin.kills
        self.twin.kills[target_] = "why"

    @rule()
    def lift_every_kill(self) -> None:
        for target_ in list(self.twin.kills):
            assert self.run(self.state.unkill(target_))
            self.twin.kills_moved += 1
            del self.twin.kills[target_]

    @rule(by=st.sampled_from([MINUTE, 15 * MINUTE, timedelta(hours=5), DAY - MINUTE]))
    def time_passes(self, by: timedelta) -> None:
        """Reservations expire, windows end."""
        self.now += by

    @rule()
    def crash(self) -> None:
        self.run(self.state.close())
        self.state = opened(self.home.adapter, self.place, Durability.PROCESS_SAFE)

    @rule(customer_id=CUSTOMERS, channel=CHANNELS, limit=LIMITS, wait=st.integers(0, 20))
    def a_call_is_cancelled(self, customer_id: str, channel: str, limit: int, wait: int) -> None:
        """Answered, or as if it had not been: what it reserved and its request id are given back."""
        decision, asked = self._propose(customer_id, channel, limit)
        request_id = f"cancelled-{asked.decision_id}"
        result = self.run(self._cancelled(decision, request_id, wait))
        if result is not None:
            self._check(result, asked, request_id)
        elif self.run(self.state.decision_of_request(customer_id, request_id, self.now)) is not None:
            raise AssertionError("the request id of a cancelled call is taken")

    @rule(customer_id=CUSTOMERS, channel=CHANNELS, wait=st.integers(0, 20))
    def a_process_is_killed(self, customer_id: str, channel: str, wait: int) -> None:
        """Its decision is there as a whole or not at all; once acknowledged, it is there."""
        asked = self.twin.ask(f"d{next(self.numbers)}", customer_id, channel, self.now, len(ORDER))
        arguments = PLAN, asked.decision_id, customer_id, channel, self.now
        with workers(Worker(decide_and_wait, self.home.adapter, self.place, *arguments)) as (process,):
            assert self.run(process.told()) == "begins"
            process.pipe.poll(wait * INSTANT_S)
            last_words = process.kill()
        self._resend(next(e for e in self.twin.events if e.customer_id == customer_id))
        stored = self.run(self.state.decision(asked.decision_id, self.now))
        assert stored is not None or last_words == []
        if stored is not None:
            assert sorted(stored.contact_states) == sorted(self.twin.commit(asked, asked.decision_id))

    @rule(which=ANY)
    def look_up(self, which: int) -> None:
        if not self.twin.decisions:
            return
        decision_id, picks = list(self.twin.decisions.items())[which % len(self.twin.decisions)]
        stored = self.run(self.state.decision(decision_id, self.now))
        assert stored is not None
        assert [r["journey_id"] for r in stored.record["output"]["ranked"]] == list(picks)
        own = [c for c in self.twin.contacts if c.decision_id == decision_id]
        assert stored.contact_states == {c.journey_id: c.state_at(self.now) for c in own}

    @invariant()
    def contacts_that_count_are_the_twins(self) -> None:
        for customer_id in ("a", "b"):
            reading = self.run(self.state.situation(customer_id, self.now, Reach(contacts=DAY))).situation
            found = {(c.decision_id, c.journey_id, c.at, c.counts_until, c.is_presented) for c in reading.contacts}
            assert found == {
                (c.decision_id, c.journey_id, c.at, c.counts_until, c.state is ContactState.PRESENTED)
                for c in self.twin.counting(self.now, customer_id)
            }

    @invariant()
    def uses_of_the_pools_are_the_twins(self) -> None:
        uses = self.run(self.state.situation("never seen", self.now, Reach(pools=(TREATS, GIFTS)))).situation.uses
        for pool, journey_id, each in ((TREATS, "treat", 1.0), (GIFTS, "gift", COST)):
            used = sum(use.amount for use in uses.get(pool.pool_id, ()))
            assert used == len(self.twin.using(self.now, journey_id)) * each

    @invariant()
    def only_late_reports_exceed_a_cap(self) -> None:
        for customer_id in ("a", "b"):
            news = [c for c in self.twin.counting(self.now, customer_id) if c.journey_id == "news"]
            assert sum(not c.is_late for c in news) <= CAP
        assert sum(not c.is_late for c in self.twin.using(self.now, "treat")) <= UNITS
        assert sum(not c.is_late for c in self.twin.using(self.now, "gift")) * COST <= MONEY

    def _propose(self, customer_id: str, channel: str, limit: int) -> tuple[Decision, TwinProposal]:
        asked = self.twin.ask(f"d{next(self.numbers)}", customer_id, channel, self.now, limit)
        proposed = propose(
            self.state,
            PLAN,
            decision_id=asked.decision_id,
            customer_id=customer_id,
            channel=channel,
            now=self.now,
            limit=limit,
        )
        decision = self.run(proposed)
        assert picked(decision) == asked.allowed[:limit]
        return decision, asked

    def _check(self, result: CommitResult, asked: TwinProposal, request_id: str | None) -> None:
        earlier = self.twin.requests.get((asked.customer_id, request_id or ""))
        if earlier is not None:
            assert isinstance(result, AlreadyDecided)
            assert result.stored.decision_id == earlier
        elif self.twin.has_moved(asked):
            assert result == FactsMoved()
        else:
            assert isinstance(result, Committed)
            assert picked(result.decision) == self.twin.commit(asked, request_id)

    async def _cancelled(self, decision: Decision, request_id: str, wait: int) -> CommitResult | None:
        """The answer, if it came before the call was cancelled; returns after what was to be released is released."""
        call = asyncio.ensure_future(self.state.commit(decision, _key(request_id)))
        await asyncio.wait({call}, timeout=wait * INSTANT_S)
        call.cancel()
        try:
            return await call
        except asyncio.CancelledError:
            return None
        finally:
            await self.state.unkill("nothing")

    def _report(self, which: int, type_: OutcomeType, ago: timedelta) -> None:
        if not self.twin.contacts:
            return
        contact, at = self.twin.contacts[-1 - which % len(self.twin.contacts)], self.now - ago
        row = outcome(
            f"o{next(self.numbers)}", type_, at, decision_id=contact.decision_id, journey_id=contact.journey_id
        )
        is_late = contact.report(type_, at, self.now)
        (result,) = self.run(self.state.record_outcomes([row], self.now))
        assert (result.status, result.late, result.decision_id) == (RowStatus.ACCEPTED, is_late, contact.decision_id)
        self.twin.presented[contact.customer_id] += type_ is OutcomeType.PRESENTED
        self.outcomes.append((row, contact.decision_id))

    def _tell(self, customer_id: str, type_: str, **attributes: str | float) -> None:
        row = event(f"e{next(self.numbers)}", type_, self.now, customer_id=customer_id, **attributes)
        (result,) = self.run(self.state.record_events([row], self.now))
        assert result.status is RowStatus.ACCEPTED
        self.twin.events.append(row)

    def _resend(self, row: KnownEvent) -> None:
        """Changes nothing. Waits for whatever the server still does for this customer, for whomever."""
        (result,) = self.run(self.state.record_events([row], self.now))
        assert result.status is RowStatus.DUPLICATE


def _key(request_id: str | None) -> RequestKey | None:
    return None if request_id is None else RequestKey(request_id=request_id, fingerprint="")
