"""P7: one request, one decision, until it expires or present facts deny it; what facts overtake is made again."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from features.encoder import JourneyRow
from features.reading import CustomerByCustomer, FeatureReading
from features.values import FeatureRow, FeatureStatus, FeatureValue, Scalar
from service.application.catalogues import KeptCatalogues
from service.application.deciding import ATTEMPTS
from service.application.errors import (
    DecisionExpired,
    DecisionImported,
    DecisionRevoked,
    DecisionUnknown,
    RequestReused,
)
from service.application.question import Question
from service.catalogue.objectives import CatalogueLost
from service.decision.arbitrate import Score, ScoreSource
from service.decision.plan import Plan
from service.decision.record import to_document
from service.decision.reports.effects import KnownEvent
from service.decision.reports.rows import OutcomeType
from service.state.port import StateUnavailable
from service.timing import StepTimes
from tests.builders import COMPILER, NOW, Entry, journey
from tests.contract.history import imported, plain
from tests.contract.rows import MINUTE, WEEK, codes, contacts, event, opened, outcome, picked
from tests.example import TERMS
from tests.one_by_one import ModelOneByOne
from tests.unit.application.house import (
    ASK,
    EXAMPLE_CATALOGUE,
    NEWS,
    House,
    OpenHouse,
    RestlessState,
    made_of,
    text,
)

TO_ANYBODY = replace(NEWS, audience=COMPILER.compile('customer.is_known || channel == "web"'))
"""Looks at whether the customer is known, so at every event of her own, and denies nobody."""


def bought(event_id: str, at: datetime = NOW) -> KnownEvent:
    return event(event_id, "purchase", at, amount=1.0)


class PurchaseFeatures(CustomerByCustomer):
    """A feature store that knows when the customer last bought something."""

    def read(self, customer_id: str, now: datetime) -> FeatureReading:
        last = FeatureValue(name="last_purchase_at", status=FeatureStatus.PRESENT, value=NOW - 2 * WEEK)
        return FeatureReading(values={last.name: last}, degraded=(), has_any_row=True)


class NotingModel(ModelOneByOne):
    """A model that notes what it scores, and on which thread."""

    version, history, columns = "noting", frozenset({"news"}), ()
    valued: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self.threads: list[str] = []
        self.rows: list[FeatureRow] = []

    def score(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        self.threads.append(threading.current_thread().name)
        self.rows.append(row)
        return np.full(len(journeys), 0.5)

    def values(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        raise NotImplementedError

    def p_if_silent(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        raise NotImplementedError

    def contributions(self, row: FeatureRow, at: datetime, journeys: Sequence[JourneyRow]) -> NDArray[np.float64]:
        raise NotImplementedError


async def test_a_decision_is_committed_before_it_is_answered(house: House) -> None:
    decision = await house.decide()
    stored = await house.state.decision(decision.terms.decision_id, NOW)
    assert stored is not None
    assert stored.record == to_document(decision)
    assert [c.decision_id for c in await contacts(house.state)] == ["d1"]


async def test_without_a_limit_the_channels_slots_are_filled(house: House) -> None:
    assert (await house.decide(replace(ASK, limit=None))).terms.limit == 3


async def test_a_dry_run_has_no_id_and_leaves_nothing_behind(house: House) -> None:
    decision = await house.decide(replace(ASK, is_dry_run=True))
    assert (decision.terms.decision_id, picked(decision)) == ("", ["news"])
    assert await contacts(house.state) == ()
    assert await house.state.decision_of_request("1", "r1", NOW) is None


async def test_the_same_request_gives_the_same_decision_also_from_another_process(
    house: House, open_house: OpenHouse
) -> None:
    """Its own contact, which fills the cap, does not count against it."""
    first = await house.decide()
    other = open_house()
    house.now = other.now = NOW + 14 * MINUTE
    assert text(await house.decide()) == text(await other.decide()) == text(first)
    assert len(await contacts(house.state)) == 1


async def test_without_a_request_id_every_call_is_a_new_decision(house: House) -> None:
    anonymous = replace(ASK, request_id=None)
    first, second = await house.decide(anonymous), await house.decide(anonymous)
    assert (picked(first), picked(second)) == (["news"], [])


@pytest.mark.parametrize(
    "other",
    [
        replace(ASK, channel="app"),
        replace(ASK, placement="home"),
        replace(ASK, context={"basket": 1.0}),
        replace(ASK, limit=2),
        replace(ASK, limit=None),
    ],
    ids=["channel", "placement", "context", "limit", "no-limit"],
)
async def test_a_known_request_id_with_other_parameters_is_an_error(house: House, other: Question) -> None:
    await house.decide()
    with pytest.raises(RequestReused):
        await house.decide(other)


async def test_a_request_id_of_another_customer_is_another_request(house: House) -> None:
    await house.decide()
    assert (await house.decide(replace(ASK, customer_id="2"))).terms.decision_id == "d2"


def test_the_order_of_the_context_is_no_parameter() -> None:
    one: dict[str, Scalar] = {"basket": 1.0, "page": "cart"}
    other = dict(reversed(list(one.items())))
    assert replace(ASK, context=one).fingerprint() == replace(ASK, context=other).fingerprint()


async def test_a_request_is_answered_until_valid_until_and_never_decided_again(house: House) -> None:
    first = await house.decide()
    house.now = first.valid_until - timedelta(microseconds=1)
    assert text(await house.decide()) == text(first)
    for house.now in (first.valid_until, first.valid_until + WEEK):
        with pytest.raises(DecisionExpired):
            await house.decide()
    assert await house.state.decision("d2", house.now) is None


async def test_a_request_whose_journey_present_facts_deny_is_revoked_while_they_do(house: House) -> None:
    first = await house.decide()
    await house.state.record_events([opened("e1")], NOW)
    with pytest.raises(DecisionRevoked):
        await house.decide()
    assert (await house.decider.replayed("d1", is_full=False)).revoked == {"news"}
    await house.state.record_events([event("e2", "incident.resolved", NOW + MINUTE, incident_id="i1")], NOW)
    assert text(await house.decide()) == text(first)
    assert (await house.decider.replayed("d1", is_full=False)).revoked == frozenset()


async def test_a_journey_that_left_the_catalogue_or_lost_its_action_is_revoked(house: House) -> None:
    await house.decide()
    without_action = replace(NEWS.journey, stages=(replace(NEWS.journey.stages[0], actions=()),))
    for offered in (Entry(journey=journey("other")), replace(NEWS, journey=without_action)):
        house.catalogues.current = made_of(offered)
        with pytest.raises(DecisionRevoked):
            await house.decide()


async def test_what_was_presented_or_given_back_is_no_longer_revoked(house: House) -> None:
    await house.decide()
    await house.state.record_outcomes([outcome("o1", OutcomeType.PRESENTED)], NOW)
    await house.state.record_events([opened("e1")], NOW)
    assert (await house.decider.replayed("d1", is_full=False)).revoked == frozenset()


async def test_contacts_of_other_decisions_may_revoke_a_reservation(house: House) -> None:
    """d1 expires, d2 takes the cap of 1; then d1 is reported as shown after all, and nothing more may be shown."""
    await house.decide(replace(ASK, request_id=None))
    house.now = NOW + 15 * MINUTE
    assert picked(await house.decide()) == ["news"]
    await house.state.record_outcomes([outcome("o1", OutcomeType.PRESENTED, NOW + MINUTE)], house.now)
    with pytest.raises(DecisionRevoked):
        await house.decide()


async def test_a_decision_that_facts_overtake_is_made_again_from_them(house: House) -> None:
    house.catalogues.offer(TO_ANYBODY)
    house.state.tell(bought("e1"))
    decision = await house.decide()
    assert decision.terms.decision_id == "d2"
    assert decision.facts.is_known
    assert len(await contacts(house.state)) == 1


async def test_facts_that_a_plan_does_not_look_at_do_not_move_its_decision(house: House) -> None:
    """`news` is guarded by incidents, not by what she buys or whether she is known."""
    house.state.tell(bought("e1"))
    decision = await house.decide()
    assert (decision.terms.decision_id, picked(decision)) == ("d1", ["news"])
    assert not decision.facts.situation.has_events


@pytest.mark.parametrize(
    "last", [opened("last"), event("last", "claim.opened", incident_id="i1")], ids=["built-in", "declared"]
)
async def test_the_last_attempt_decides_by_what_came_last(house: House, last: KnownEvent) -> None:
    """She buys something during each attempt, and while the last waits for its turn an incident is opened."""
    house.catalogues.offer(TO_ANYBODY)
    house.state.tell(*(bought(f"e{n}") for n in range(ATTEMPTS - 1)), last)
    decision = await house.decide()
    assert (decision.terms.decision_id, codes(decision)) == (f"d{ATTEMPTS}", {"news": ["INCIDENT_OPEN"]})
    assert await contacts(house.state) == ()
    assert text(await house.decide()) == text(decision)


async def test_the_last_attempt_is_not_moved_and_its_record_is_replayed(house: House) -> None:
    house.catalogues.offer(TO_ANYBODY)
    house.state.tell(*(bought(f"e{n}") for n in range(ATTEMPTS)))
    decision = await house.decide()
    assert picked(decision) == ["news"]
    replayed = await house.decider.replayed(decision.terms.decision_id, is_full=False)
    assert text(replayed.decision) == text(decision)
    assert replayed.stored.record == to_document(decision)


@pytest.mark.parametrize(
    ("last", "times"),
    [(opened("last"), ATTEMPTS), (event("last", "purchase", amount=1.0), ATTEMPTS + 1)],
    ids=["an-incident", "a-purchase"],
)
async def test_within_the_transaction_only_what_a_moved_feature_may_change_is_scored_again(
    tmp_path: Path, last: KnownEvent, times: int
) -> None:
    """The feature store knows when she last bought, so that a purchase moves it: what is recorded is what scored."""
    model = NotingModel()
    house = House(RestlessState(tmp_path / "state.db"), features=PurchaseFeatures(), model=model)
    house.catalogues.offer(TO_ANYBODY)
    house.state.tell(*(bought(f"e{n}", NOW - WEEK) for n in range(ATTEMPTS - 1)), last)
    decision = await house.decide()
    assert model.threads == ["decide"] * times
    if picked(decision):
        assert decision.facts.features["last_purchase_at"] == model.rows[-1]["last_purchase_at"]
        assert decision.scores["news"] == Score(p_outcome=0.5, source=ScoreSource.MODEL)
    await house.close()


async def test_a_call_that_is_overtaken_by_another_under_its_request_gives_the_same_answer(
    house: House, open_house: OpenHouse
) -> None:
    other = open_house()
    for one in (house, other):
        one.catalogues.offer(TO_ANYBODY)
    house.state.tell(*(bought(f"e{n}") for n in range(ATTEMPTS - 1)))
    house.state.meanwhile.append(other.decide)
    assert text(await house.decide()) == text(await other.decide())
    assert len(await contacts(house.state)) == 1


async def test_a_decision_that_was_never_made_is_unknown(house: House) -> None:
    with pytest.raises(DecisionUnknown):
        await house.decider.replayed("d1", is_full=True)


async def test_a_decision_that_was_imported_cannot_be_explained(house: House, tmp_path: Path) -> None:
    await imported(house.state, plain(tmp_path, {"decision_id": "d1"}))
    with pytest.raises(DecisionImported):
        await house.decider.replayed("d1", is_full=True)


async def test_a_store_that_is_gone_gives_no_answer(house: House) -> None:
    await house.state.close()
    for question in (ASK, replace(ASK, request_id=None), replace(ASK, is_dry_run=True)):
        with pytest.raises(StateUnavailable):
            await house.decide(question)


async def test_every_stage_of_a_decision_is_timed(house: House) -> None:
    times = StepTimes()
    await house.decider.decide(ASK, times)
    assert list(times.seconds) == ["wait", "hydrate", "constrain", "score", "select", "commit"]


async def test_a_catalogue_is_found_by_its_version_after_a_restart_and_a_lost_one_is_told(house: House) -> None:
    kept = KeptCatalogues(EXAMPLE_CATALOGUE, TERMS, house.state, lambda: NOW)
    await kept.keep()
    other = KeptCatalogues(made_of(NEWS), TERMS, house.state, lambda: NOW)
    assert (await kept.of_version(EXAMPLE_CATALOGUE.version)) is EXAMPLE_CATALOGUE
    again = await other.of_version(EXAMPLE_CATALOGUE.version)
    assert (again.version, again.source) == (EXAMPLE_CATALOGUE.version, EXAMPLE_CATALOGUE.source)
    assert _size(again.plan) == _size(EXAMPLE_CATALOGUE.plan)
    assert await other.of_version(EXAMPLE_CATALOGUE.version) is again
    with pytest.raises(CatalogueLost, match="no-such-version"):
        await other.of_version("no-such-version")


def _size(plan: Plan) -> tuple[int, dict[str, int]]:
    return len(plan.rules), {channel: len(offered) for channel, offered in plan.journeys.items()}
