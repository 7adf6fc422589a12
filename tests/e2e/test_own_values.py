"""A bank learns what its offer is worth to each holder: decided before any model, exported, trained, served."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from features.company.company import load_company
from features.company.home import HOME
from models.bundle import Bundle
from models.registry import fetch_champion
from models.scorer import Scorer
from models.tracking import Registry
from models.valuation import Valuation
from rumbo.decision.v1 import decision_pb2, events_pb2, journey_pb2, outcomes_pb2, row_pb2
from service.bootstrap.company import company_of, terms_known
from service.catalogue.load import parse
from service.decision.record import canonical, output, replay
from service.settings import Settings
from service.state.engines.engine import Durability
from tests.companies.bank import FIRST_HOLDER, HOLDERS, make_bank
from tests.e2e.test_command_line import rumbo
from tests.e2e.test_company_trains import said
from tests.e2e.test_second_company import HELP, OFFER
from tests.e2e.wire import at, values
from tests.fixtures_service import Clock, Service, ask_state, records_in, running
from training.log.decisions import Choices, read_choices
from training.log.options import LogColumns

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
FIXED, LEARNED = (
    "{outcome: CONVERTED, within: 28d, value: 10.0}",
    "{event: purchase, within: 7d, value: learned, value_prior: 30.0}",
)
EARLIER = "customer.first_account_at < now"
"""Some opened theirs after this story."""
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BEGAN = datetime.now(UTC) - 60 * DAY
CUSTOMERS = [str(FIRST_HOLDER + n) for n in range(HOLDERS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """The bank's folder, and what each holder has on the account."""

    folder: Path
    balance: Mapping[str, float]

    @property
    def settings(self) -> Settings:
        return Settings(
            company=self.folder,
            home=self.folder / HOME,
            port=0,
            durability=Durability.PROCESS_SAFE,
            notice_s=0.0,
            drain_s=45.0,
        )

    @property
    def champion(self) -> Bundle:
        return fetch_champion(Registry.of(load_company(self.folder), self.folder / HOME))


def bank_of(place: Path, objective: str) -> Company:
    """The bank as it begins, with this objective of its offer, which is for everybody with an account."""
    bank = make_bank(place / "existing", wealth=None)
    (bank.folder / "rumbo.yaml").unlink()
    folder = place / "mybank"
    assert rumbo("init", str(folder), "--feast", str(bank.repo)).returncode == 0
    file = folder / "catalogue" / "journeys" / f"{OFFER}.yaml"
    source = file.read_text(encoding="utf-8")
    assert FIXED in source
    assert EARLIER in source
    changed = source.replace(FIXED, objective).replace(EARLIER, "customer.balance >= 0.0")
    file.write_text(changed, encoding="utf-8")
    rows = pq.read_table(bank.repo / "data" / "accounts.parquet").to_pylist()
    return Company(folder=folder, balance={str(row["holder_no"]): row["balance"] for row in rows})


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    return bank_of(tmp_path_factory.mktemp("own"), LEARNED)


def event(customer: str, name: str, moment: datetime, **attributes: str | float) -> events_pb2.Event:
    return events_pb2.Event(
        event_id=f"{name}-{customer}",
        customer_id=customer,
        source="core-banking",
        type=name,
        occurred_at=at(moment),
        attributes=values(**attributes),
    )


async def tell(service: Service, *events: events_pb2.Event) -> None:
    results = await service.tell(*events)
    assert {result.status for result in results} == {row_pb2.ROW_STATUS_ACCEPTED}, results


async def decided(service: Service) -> dict[str, decision_pb2.DecideResponse]:
    """A decision for each holder, all of it presented at once."""
    answers = {}
    for customer in CUSTOMERS:
        answers[customer] = answer = await service.decide(customer, "app")
        shown = [
            outcomes_pb2.Outcome(
                outcome_id=f"{answer.decision_id}-{journey.journey_id}",
                decision_id=answer.decision_id,
                journey_id=journey.journey_id,
                type=outcomes_pb2.OUTCOME_TYPE_PRESENTED,
                occurred_at=at(service.clock.now),
            )
            for journey in answer.ranked
        ]
        results = await service.report(*shown)
        assert {result.status for result in results} == {row_pb2.ROW_STATUS_ACCEPTED}, results
    return answers


def bought(company: Company) -> dict[str, float]:
    """What two of three holders bought for: ten times as much where the account has 50,000 as where it has nothing."""
    draw = np.random.default_rng(11)
    amounts = {c: 10.0 * 10.0 ** (b / 50_000.0) * draw.lognormal(0.0, 0.3) for c, b in company.balance.items()}
    return {customer: amount for customer, amount in amounts.items() if draw.random() < 2.0 / 3.0}


def source_of(journey: journey_pb2.RankedJourney) -> str:
    """Where its value is from, by the reason that weighs it."""
    return journey.reasons[0].params["value_source"].string_value


def offer_in(answer: decision_pb2.DecideResponse) -> journey_pb2.RankedJourney:
    (offer,) = (journey for journey in answer.ranked if journey.journey_id == OFFER)
    return offer


async def before_any_model(company: Company) -> None:
    """60 days ago: every holder is shown the offer and the open door, and some buy within the week."""
    async with running(company.folder / HOME, Clock(BEGAN), settings=company.settings) as service:
        await tell(
            service, *(event(c, "consent.granted", BEGAN, purpose="marketing", channel="app") for c in CUSTOMERS)
        )
        service.clock.move(HOUR)
        answers = await decided(service)
        for answer in answers.values():
            assert [journey.journey_id for journey in answer.ranked] == [OFFER, HELP]
            offer = offer_in(answer)
            assert (offer.value, source_of(offer)) == (30.0, "PRIOR")
            assert "worth 30 until a model tells" in offer.reasons[0].text
        service.clock.move(HOUR)
        now = service.clock.now
        await tell(service, *(event(c, "purchase", now, amount=a) for c, a in bought(company).items()))


def exported(company: Company) -> list[dict[str, Any]]:
    """What training read, without the denials beside it."""
    files = sorted((company.folder / HOME / "export").glob("day=*/decisions.parquet"))
    return [row for file in files for row in pq.ParquetFile(file).read().to_pylist()]


def choices_in(company: Company, bundle: Bundle) -> Choices:
    """What the bundle reads of every row of the export."""
    assert bundle.policy is not None
    names, categorical = bundle.encoder.features_read()
    journeys = tuple(journey.journey_id for journey in bundle.policy.journeys)
    columns = LogColumns(features=names, categorical=categorical)
    return read_choices(company.folder / HOME / "export", columns, journeys, bundle.encoder.types_read())


async def served(company: Company, bundle: Bundle) -> dict[str, decision_pb2.DecideResponse]:
    """20 days later, with what was learnt."""
    clock = Clock(BEGAN + 20 * DAY)
    async with running(company.folder / HOME, clock, model=Scorer(bundle), settings=company.settings) as service:
        answers = await decided(service)
        for answer in answers.values():
            recalled = await service.recall(answer.decision_id)
            told = [one.journey.value for one in recalled.ranked if one.journey.journey_id == OFFER]
            assert told == [offer_in(answer).value]
        return answers


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What was exported before any model, what was learnt of it, and the answers that this gave."""

    company: Company
    first_export: list[dict[str, Any]]
    bundle: Bundle
    answers: Mapping[str, decision_pb2.DecideResponse]

    @property
    def offers(self) -> Mapping[str, journey_pb2.RankedJourney]:
        return {customer: offer_in(answer) for customer, answer in self.answers.items()}


@pytest.fixture(scope="module")
def story(company: Company) -> Story:
    asyncio.run(before_any_model(company))
    assert "champion, the first of all" in said("train", "--company", str(company.folder))
    rows, bundle = exported(company), company.champion
    return Story(company=company, first_export=rows, bundle=bundle, answers=asyncio.run(served(company, bundle)))


def test_the_reward_of_a_learned_value_is_what_the_event_was_worth(story: Story) -> None:
    amounts = bought(story.company)
    offers = {row["customer_id"]: row for row in story.first_export if row["journey_id"] == OFFER}
    assert {c: row["reward"] for c, row in offers.items()} == {c: amounts.get(c, 0.0) for c in CUSTOMERS}
    assert {(row["value"], row["value_source"]) for row in offers.values()} == {(30.0, "PRIOR")}
    assert {row["value_source"] for row in story.first_export if row["journey_id"] == HELP} == {"FIXED"}


def test_an_offer_is_worth_to_each_holder_what_was_learnt_of_holders_like_her(story: Story) -> None:
    """Who has more than 25,000 on the account spends 10^0.5 times as much as who has less, on average of logarithms."""
    offers = story.offers
    assert set(map(source_of, offers.values())) == {"MODEL"}
    assert all("to this customer" in offer.reasons[0].text for offer in offers.values())
    rich = np.array([story.company.balance[c] > 25_000.0 for c in CUSTOMERS])
    value = np.array([offers[c].value for c in CUSTOMERS])
    assert value[rich].mean() > 2.0 * value[~rich].mean()
    for offer in offers.values():
        assert offer.priority == pytest.approx(offer.p_outcome * offer.value, rel=1e-12)


def test_what_was_served_is_exported_and_is_what_the_bundle_is_worth_given_met(story: Story) -> None:
    again = said("train", "--company", str(story.company.folder))
    assert "400 rows that a model scored were scored again: alike" in again
    rows, choices = exported(story.company), choices_in(story.company, story.bundle)
    valuation = Valuation(story.bundle)
    journeys = valuation.policy.journeys
    place = next(i for i, journey in enumerate(journeys) if journey.journey_id == OFFER)
    expected = valuation.rewards(choices.features)[:, place] / valuation.p_met(choices.features, journeys[place])
    by_model = [i for i, row in enumerate(rows) if row["value_source"] == "MODEL"]
    assert len(by_model) == HOLDERS
    for i in by_model:
        assert rows[i]["journey_id"] == OFFER
        assert rows[i]["value"] == story.offers[rows[i]["customer_id"]].value == pytest.approx(expected[i], abs=1e-9)


def test_records_of_before_and_of_the_model_are_decided_again_to_the_letter(story: Story) -> None:
    terms = terms_known(story.company.settings, company_of(story.company.settings))
    home = story.company.folder / HOME
    catalogues = {v: parse(source, terms) for v, source in ask_state(home, "SELECT version, source FROM catalogues")}
    records = list(records_in(home).values())
    assert len(records) == 2 * HOLDERS
    assert {len(told) for record in records for told in record["input"]["scores"].values()} == {2, 3}
    for record in records:
        plan = catalogues[record["input"]["catalogue_version"]].plan
        assert canonical(output(replay(plan, record["input"]))) == canonical(record["output"])
