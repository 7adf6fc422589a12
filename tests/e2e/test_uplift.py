"""A bank learns whom its offer moves: a holdout, what came of it by itself, a model of both, and who is left alone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from features.company.home import HOME
from models.bundle import Bundle
from models.scorer import Scorer
from models.silence import SilentRows
from rumbo.decision.v1 import decision_pb2
from service.bootstrap.company import company_of, terms_known
from service.catalogue.load import parse
from service.decision.record import canonical, output, replay
from tests.companies.bank import HOLDERS
from tests.e2e.test_company_trains import said
from tests.e2e.test_own_values import BEGAN, CUSTOMERS, DAY, HOUR, Company, bank_of, decided, event, exported, tell
from tests.e2e.test_second_company import HELP, OFFER
from tests.fixtures_service import Clock, ask_state, records_in, running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
ROUNDS, APART = 4, 10 * DAY
"""No window of seven days meets another."""
OBJECTIVE = "{event: purchase, within: 7d, value: 10.0, rank_by: uplift}"
CAP, WIDER = "{at_most: 3, per: 30d}", "{at_most: 30, per: 30d}"
POLICIES = "\nsilence: {threshold: 2.0}\narms: {salt: bank, holdout: 0.75}\n"
RICH = 25_000.0


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """Its offer is expected to be taken by half until a model knows better, so it is shown."""
    made = bank_of(tmp_path_factory.mktemp("uplift"), OBJECTIVE)
    catalogue = made.folder / "catalogue"
    journey, policies = catalogue / "journeys" / f"{OFFER}.yaml", catalogue / "policies.yaml"
    source = journey.read_text(encoding="utf-8")
    assert CAP in source
    journey.write_text(source.replace(CAP, WIDER) + "prior: 0.5\n", encoding="utf-8")
    policies.write_text(policies.read_text(encoding="utf-8") + POLICIES, encoding="utf-8")
    return made


def is_offered(answer: decision_pb2.DecideResponse) -> bool:
    return any(journey.journey_id == OFFER for journey in answer.ranked)


def buyers(company: Company, answers: Mapping[str, decision_pb2.DecideResponse], number: int) -> set[str]:
    """Four of five who have much buy anyway; of the others one in ten, and seven if they are shown the offer."""
    draw = np.random.default_rng(number)
    chance = {c: 0.8 if company.balance[c] > RICH else 0.7 if is_offered(answers[c]) else 0.1 for c in CUSTOMERS}
    return {customer for customer, p in chance.items() if draw.random() < p}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What was exported before any model, who had bought in each round, and the answers to what was learnt."""

    company: Company
    first_export: list[dict[str, Any]]
    bought: tuple[set[str], ...]
    training: str
    bundle: Bundle
    answers: Mapping[str, decision_pb2.DecideResponse]


async def before_any_model(company: Company) -> tuple[set[str], ...]:
    bought = []
    async with running(company.folder / HOME, Clock(BEGAN), settings=company.settings) as service:
        await tell(
            service, *(event(c, "consent.granted", BEGAN, purpose="marketing", channel="app") for c in CUSTOMERS)
        )
        for number in range(ROUNDS):
            service.clock.now = BEGAN + number * APART + HOUR
            answers = await decided(service)
            bought.append(buyers(company, answers, number))
            service.clock.move(DAY)
            now = service.clock.now
            events = [event(c, "purchase", now, amount=20.0) for c in sorted(bought[-1])]
            for one in events:
                one.event_id += f"-{number}"
            await tell(service, *events)
    return tuple(bought)


async def served(company: Company, bundle: Bundle) -> dict[str, decision_pb2.DecideResponse]:
    """With what was learnt, once all windows have ended."""
    clock = Clock(BEGAN + ROUNDS * APART + HOUR)
    async with running(company.folder / HOME, clock, model=Scorer(bundle), settings=company.settings) as service:
        answers = await decided(service)
        for answer in answers.values():
            recalled = await service.recall(answer.decision_id)
            assert [one.journey for one in recalled.ranked] == list(answer.ranked)
        return answers


@pytest.fixture(scope="module")
def story(company: Company) -> Told:
    bought = asyncio.run(before_any_model(company))
    training = said("train", "--company", str(company.folder))
    rows, bundle = exported(company), company.champion
    return Told(
        company=company,
        first_export=rows,
        bought=bought,
        training=training,
        bundle=bundle,
        answers=asyncio.run(served(company, bundle)),
    )


def silent_rows(story: Told) -> list[dict[str, Any]]:
    return [row for row in story.first_export if row["journey_id"] == "NO_JOURNEY" and row["arm"] == "HOLDOUT"]


def test_what_came_by_itself_is_exported_of_every_silent_decision(story: Told) -> None:
    rows = silent_rows(story)
    held_out = {row["customer_id"] for row in rows}
    assert len(rows) == ROUNDS * len(held_out)
    for row in rows:
        number = (row["decided_at"] - BEGAN) // APART
        (offer,) = (one for one in row["eligible"] if one["journey_id"] == OFFER)
        assert offer["outcome_in_window"] == (row["customer_id"] in story.bought[number])


def test_the_holdout_tells_what_comes_of_silence(story: Told) -> None:
    assert story.bundle.policy is not None
    learnt = story.bundle.policy.silence
    assert learnt is not None
    rows = silent_rows(story)
    assert (learnt.journeys, learnt.learnt_from, learnt.decisions) == ((OFFER,), SilentRows.HOLDOUT, len(rows))
    assert f"Silence: Of 1 journeys, from {len(rows):,} decisions" in story.training


def test_who_is_moved_is_shown_the_offer_and_who_would_buy_anyway_is_left_alone(story: Told) -> None:
    """Of value 10 and threshold 2: the uplift of 0.6 is worth 6, that of nothing 0."""
    shown: dict[bool, list[bool]] = {True: [], False: []}
    for customer, answer in story.answers.items():
        is_rich = story.company.balance[customer] > RICH
        if answer.arm == "HOLDOUT":
            assert not is_offered(answer)
            continue
        shown[is_rich].append(is_offered(answer))
        if is_offered(answer):
            offer = answer.ranked[0]
            assert offer.priority == pytest.approx((offer.p_outcome - offer.p_if_silent) * 10.0, rel=1e-12)
            assert "if it is not shown (the difference counts)" in offer.reasons[0].text
        else:
            assert [reason.code for reason in answer.no_journey.reasons] == ["SILENCE_IS_WORTH_MORE"]
            assert [journey.journey_id for journey in answer.ranked] == [HELP]
    assert np.mean(shown[False]) > 0.9
    assert np.mean(shown[True]) < 0.1


def test_what_was_told_of_silence_is_told_again_by_training(story: Told) -> None:
    again = said("train", "--company", str(story.company.folder))
    rows = [row for row in exported(story.company) if row["model_version"] == story.bundle.version]
    by_model = [row for row in rows if row["score_source"] == "MODEL"]
    assert f"{len(by_model):,} rows that a model scored were scored again: alike" in again
    offered = {row["customer_id"]: row["p_if_silent"] for row in by_model if row["journey_id"] == OFFER}
    assert offered == {c: a.ranked[0].p_if_silent for c, a in story.answers.items() if is_offered(a)}


def test_every_record_is_decided_again_to_the_letter(story: Told) -> None:
    terms = terms_known(story.company.settings, company_of(story.company.settings))
    home = story.company.folder / HOME
    catalogues = {v: parse(source, terms) for v, source in ask_state(home, "SELECT version, source FROM catalogues")}
    records = list(records_in(home).values())
    assert len(records) == (ROUNDS + 1) * HOLDERS
    assert {len(record["input"]["scores"][OFFER]) for record in records} == {2, 4}
    for record in records:
        plan = catalogues[record["input"]["catalogue_version"]].plan
        assert canonical(output(replay(plan, record["input"]))) == canonical(record["output"])
