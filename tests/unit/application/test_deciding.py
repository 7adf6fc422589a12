"""Questions that share a batch: what fails fails alone, but a store that is away; long answers hold nobody."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import fields, replace
from datetime import datetime
from pathlib import Path

import pytest

from service.application.deciding import LARGEST_BATCH
from service.application.question import Question
from service.decision.constraints.incident_open import IncidentOpen
from service.decision.decide import Decision
from service.decision.evaluation import Evaluation
from service.state.port import SituationQuestion, StateReading, StateUnavailable, StoredDecision
from service.timing import StepTimes
from tests.builders import NOW
from tests.contract.rows import contacts, event, picked
from tests.unit.application.house import ASK, House, RestlessState

WAIT_S = 20


class Pause:
    """A preparation at which the thread that decides waits until it is let go."""

    def __init__(self) -> None:
        self._begun, self._let_go = threading.Event(), threading.Event()

    def __call__(self, decision: Decision) -> None:
        self._begun.set()
        assert self._let_go.wait(WAIT_S)

    async def reached(self) -> None:
        assert await asyncio.to_thread(self._begun.wait, WAIT_S)

    def let_go(self) -> None:
        self._let_go.set()


class NotedState(RestlessState):
    """Notes how many were asked about together; may be away, and may give back a decision before it is told again."""

    def __init__(self, file: Path) -> None:
        super().__init__(file)
        self.asked: list[int] = []
        self.is_away = False
        self.released: Decision | None = None

    def situations_here(self, asked: Sequence[SituationQuestion]) -> list[StateReading | None]:
        self.asked.append(len(asked))
        if self.is_away:
            raise StateUnavailable("gone")
        return super().situations_here(asked)

    def repeat_here(self, customer_id: str, request_id: str, now: datetime) -> StoredDecision | None:
        if self.released is not None:
            decision, self.released = self.released, None
            asyncio.run(self._give_back(decision))
        return super().repeat_here(customer_id, request_id, now)

    async def _give_back(self, decision: Decision) -> None:
        self.release(decision)
        await self.mark_delivered([])


@pytest.fixture
async def state(tmp_path: Path) -> NotedState:
    return NotedState(tmp_path / "state.db")


@pytest.fixture
async def house(state: NotedState) -> AsyncIterator[House]:
    opened = House(state)
    yield opened
    await opened.close()


async def together(house: House, questions: Sequence[Question]) -> list[Decision | BaseException]:
    """What came of questions that share a batch."""
    pause = Pause()
    first = asyncio.create_task(house.decider.decide(replace(ASK, customer_id="first"), StepTimes(), pause))
    await pause.reached()
    answers = [asyncio.create_task(house.decide(question)) for question in questions]
    await asyncio.sleep(0)
    pause.let_go()
    await first
    async with asyncio.timeout(WAIT_S):
        return await asyncio.gather(*answers, return_exceptions=True)


def of(*customer_ids: object) -> list[Question]:
    return [replace(ASK, customer_id=str(customer_id)) for customer_id in customer_ids]


class Stumbling(IncidentOpen):
    """A rule that cannot be checked for one customer."""

    def denies(self, evaluation: Evaluation) -> bool:
        if evaluation.facts.customer_id == "stumbles":
            raise ZeroDivisionError("no verdict")
        return super().denies(evaluation)


def stumbling(rule: IncidentOpen) -> Stumbling:
    return Stumbling(**{field.name: getattr(rule, field.name) for field in fields(rule)})


async def test_a_question_whose_rule_fails_fails_alone_among_all_of_its_batch(house: House, state: NotedState) -> None:
    plan = house.catalogues.current.plan
    rules = tuple(stumbling(rule) if isinstance(rule, IncidentOpen) else rule for rule in plan.rules)
    assert any(isinstance(rule, Stumbling) for rule in rules)
    await state.record_events([event("e1", "incident.opened", customer_id="stumbles", incident_id="i1")], NOW)
    house.catalogues.go_by(replace(plan, rules=rules))
    names = [*range(LARGEST_BATCH // 2), "stumbles", *range(LARGEST_BATCH // 2, LARGEST_BATCH - 1)]
    answers = await together(house, of(*names))
    assert state.asked == [1, LARGEST_BATCH]
    (wrong,) = (answer for answer in answers if not isinstance(answer, Decision))
    assert isinstance(wrong, ZeroDivisionError)
    assert answers.index(wrong) == names.index("stumbles")
    assert all(picked(answer) == ["news"] for answer in answers if isinstance(answer, Decision))
    assert await contacts(state, customer_id="stumbles") == ()


async def test_questions_of_one_customer_in_a_batch_see_what_those_before_them_reserved(
    house: House, state: NotedState
) -> None:
    """One contact a week; the third is the first one's request."""
    answers = await together(
        house, [replace(ASK, request_id="a"), replace(ASK, request_id="b"), replace(ASK, request_id="a")]
    )
    assert state.asked[:2] == [1, 3]
    first, second, third = (answer for answer in answers if isinstance(answer, Decision))
    assert [picked(first), picked(second)] == [["news"], []]
    assert third.terms.decision_id == first.terms.decision_id
    assert len(await contacts(state)) == 1


async def test_a_store_that_is_away_fails_a_batch_at_once_and_is_asked_anew_by_the_next(
    house: House, state: NotedState
) -> None:
    pause = Pause()
    first = asyncio.create_task(house.decider.decide(ASK, StepTimes(), pause))
    await pause.reached()
    state.is_away = True
    answers = [asyncio.create_task(house.decide(question)) for question in of(*range(5))]
    await asyncio.sleep(0)
    pause.let_go()
    assert picked(await first) == ["news"]
    found = await asyncio.gather(*answers, return_exceptions=True)
    assert [type(one) for one in found] == [StateUnavailable] * 5
    assert state.asked == [1, 5]
    state.is_away = False
    assert picked(await house.decide(replace(ASK, customer_id="2"))) == ["news"]


async def test_a_long_answer_holds_nobody_else(house: House) -> None:
    pause = Pause()
    long = asyncio.create_task(house.decider.decide(ASK, StepTimes(), pause, is_long=True))
    await pause.reached()
    async with asyncio.timeout(WAIT_S):
        answers = [await house.decide(question) for question in of(2, 3)]
    assert [picked(answer) for answer in answers] == [["news"]] * 2
    assert not long.done()
    pause.let_go()
    assert picked(await long) == ["news"]


async def refusal(house: House) -> BaseException | None:
    """What is said to whoever asks once the end has begun; until then, questions are taken."""
    while True:
        asked = asyncio.create_task(house.decide(replace(ASK, customer_id="late")))
        await asyncio.wait({asked}, timeout=0.01)
        if asked.done():
            return asked.exception()
        asked.cancel()


async def test_what_was_asked_before_the_end_is_answered_and_what_is_asked_while_it_ends_is_refused(
    house: House,
) -> None:
    pause = Pause()
    first = asyncio.create_task(house.decider.decide(ASK, StepTimes(), pause))
    await pause.reached()
    waiting = [asyncio.create_task(house.decide(question)) for question in of(2, 3)]
    await asyncio.sleep(0)
    ending = asyncio.create_task(house.decider.close())
    async with asyncio.timeout(WAIT_S):
        refused = await refusal(house)
        pause.let_go()
        await ending
        assert [picked(answer) for answer in await asyncio.gather(first, *waiting)] == [["news"]] * 3
    assert isinstance(refused, StateUnavailable)
    with pytest.raises(StateUnavailable, match="ends"):
        await house.decide(replace(ASK, customer_id="later"))


async def test_a_request_whose_decision_is_given_back_before_it_is_told_again_is_decided_anew(
    house: House, state: NotedState
) -> None:
    """The first caller was gone, and another comes with the request just as what it reserved is released."""
    state.released = await house.decide()
    again = await house.decide()
    assert again.terms.decision_id == "d2"
    assert picked(again) == ["news"]
    assert [c.decision_id for c in await contacts(state, NOW)] == ["d2"]
