"""A company's own types of events, from intake to decision and reward, on every store."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from features.company.document import EventTypeDocument, IncidentFromDocument
from features.derived import Age, Formula
from features.reading import CustomerByCustomer, FeatureReading
from features.schema import FeatureSchema, FeatureSpec, FeatureType, PersonalData
from features.values import FeatureStatus, Scalar
from service.application.catalogues import KeptCatalogues
from service.application.decider import Decider
from service.application.hydrate import Hydrator
from service.application.intake import Intake
from service.application.question import Question
from service.application.scoring import Scoring
from service.bootstrap.clock import uuid_of
from service.catalogue.load import parse
from service.catalogue.objectives import KeptObjectives
from service.catalogue.terms import terms_of
from service.decision.decide import Decision
from service.decision.journey import JourneyKind
from service.decision.record import output, replay, to_document
from service.decision.reports.rows import CustomerEvent, Outcome, OutcomeType, RowResult, RowStatus
from service.state.export.rewards import AsOf
from service.state.export.write import Export
from service.timing import StepTimes
from tests.builders import NOW
from tests.contract.adapters import Store
from tests.contract.history import DAY, EPOCH, engine_of, table_in
from tests.contract.rows import MINUTE, accepted, codes, picked, rejected

AGE = FeatureSpec(
    name="days_since_renewal",
    view="derived",
    type=FeatureType.DOUBLE,
    unit="days",
    description="",
    owner="",
    personal_data=PersonalData.PERSONAL,
    max_age_s=None,
    formula=Formula(Age.DAYS_SINCE, "last_renewed_at"),
)
TERMS = terms_of(
    FeatureSchema((AGE,)),
    {
        "card.renewed": EventTypeDocument(attributes={"fee": "double", "by_app": "bool"}, latest="last_renewed_at"),
        "claim.opened": EventTypeDocument(opens_incident="claims"),
        "claim.closed": EventTypeDocument(resolves_incident="claims"),
        "case.opened": EventTypeDocument(
            opens_incident=IncidentFromDocument(class_from="area", id_from="case_id"), attributes={"area": "string"}
        ),
    },
)


def _journey(journey: str, kind: str, objective: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    action = {"id": f"{journey}-action", "channels": ["web"], "tone": "plain", "expects": "it"}
    return {
        "journey": journey,
        "title": {"es": journey, "en": journey},
        "owner": "cards",
        "kind": kind,
        "tier": 1,
        "objective": {"within": "7d", "value": 5.0, **objective},
        "stages": [{"stage": "need", "actions": [action]}],
        **more,
    }


CATALOGUE = parse(
    json.dumps(
        {
            "policies": {
                "channels": {"web": {"direction": "inbound"}},
                "priors": {kind.value: 0.1 for kind in JourneyKind},
                "incidents": {
                    "default": ["service", "resolution"],
                    "classes": {"glass": ["service", "resolution", "celebration"]},
                },
                "purposes": ["marketing"],
            },
            "journeys": [
                _journey("party", "celebration", {"outcome": "ENGAGED"}, consent=["marketing"]),
                _journey("renewal", "service", {"event": "card.renewed", "where": "fee >= 5.0 && by_app"}),
                _journey("welcome", "service", {"outcome": "ENGAGED"}, audience="customer.days_since_renewal < 30.0"),
                _journey("early", "service", {"outcome": "ENGAGED"}, audience="customer.last_renewed_at < now"),
            ],
        }
    ),
    TERMS,
)


class Strangers(CustomerByCustomer):
    """A feature store that knows nobody."""

    def read(self, customer_id: str, now: datetime) -> FeatureReading:
        return FeatureReading(values={}, degraded=(), has_any_row=False)


@dataclass(slots=True)
class Bank:
    """What a service of this company does, without a wire."""

    state: Store
    intake: Intake
    decider: Decider
    now: datetime = NOW
    told: int = 0

    async def tell(self, type_: str, **attributes: Scalar) -> RowResult:
        """Reports an event of customer 1 as it happens."""
        self.told += 1
        row = CustomerEvent(
            event_id=f"e{self.told}",
            customer_id="1",
            source="core",
            type=type_,
            occurred_at=self.now,
            attributes=attributes,
        )
        (result,) = await self.intake.record_events([row])
        return result

    async def decide(self) -> Decision:
        """The next decision of customer 1."""
        self.now += MINUTE
        question = Question(customer_id="1", channel="web", context={}, limit=9)
        return await self.decider.decide(question, StepTimes())


@pytest.fixture
async def bank(state: Store) -> AsyncIterator[Bank]:
    """The service over an empty store; customer 1 agreed to marketing."""
    catalogues = KeptCatalogues(CATALOGUE, TERMS, state, lambda: made.now)
    hydrator = Hydrator(Strangers(), state, TERMS)
    scoring = Scoring(None)
    decider = Decider(
        catalogues=catalogues,
        hydrator=hydrator,
        scoring=scoring,
        state=state,
        clock=lambda: made.now,
        new_id=uuid_of,
    )
    made = Bank(state=state, intake=Intake(state, catalogues, lambda: made.now), decider=decider)
    await catalogues.keep()
    assert await made.tell("consent.granted", purpose="marketing", channel="web") == accepted("e1")
    yield made
    await decider.close()
    hydrator.close()
    scoring.close()


async def test_what_opens_an_incident_closes_the_gate_in_the_next_decision(bank: Bank) -> None:
    assert "party" in picked(await bank.decide())
    await bank.tell("claim.opened", incident_id="i1")
    closed = await bank.decide()
    assert codes(closed)["party"] == ["INCIDENT_OPEN"]
    assert [i.incident_class for i in closed.facts.situation.incidents.known] == ["claims"]
    assert "renewal" in picked(closed)
    bank.now += MINUTE
    await bank.tell("claim.closed", incident_id="i1")
    assert "party" in picked(await bank.decide())


@pytest.mark.parametrize(("area", "is_shown"), [("glass", True), ("water", False), (None, False)])
async def test_the_class_is_what_the_event_says_and_the_strictest_where_it_says_none(
    bank: Bank, area: str | None, is_shown: bool
) -> None:
    await bank.tell("case.opened", case_id="c1", **({} if area is None else {"area": area}))
    decision = await bank.decide()
    assert [i.incident_class for i in decision.facts.situation.incidents.known] == [area]
    assert ("party" in picked(decision)) is is_shown


async def test_what_happened_last_is_a_feature_and_moves_an_age(bank: Bank) -> None:
    before = await bank.decide()
    assert before.facts.features["last_renewed_at"].status is FeatureStatus.NOT_FOUND
    assert codes(before)["welcome"] == codes(before)["early"] == ["AUDIENCE"]
    renewed_at = bank.now
    await bank.tell("card.renewed", fee=3.0)
    after = await bank.decide()
    assert {"welcome", "early"} <= set(picked(after))
    assert after.facts.features["last_renewed_at"].value == renewed_at
    assert after.facts.features["days_since_renewal"].value == MINUTE / DAY
    bank.now += 30 * DAY
    assert codes(await bank.decide())["welcome"] == ["AUDIENCE"]


async def test_its_record_holds_what_happened_last_and_is_decided_again_from_it(bank: Bank) -> None:
    await bank.tell("card.renewed")
    decision = await bank.decide()
    recorded = json.loads(json.dumps(to_document(decision)))
    assert recorded["input"]["situation"]["latest"] == {"last_renewed_at": NOW.isoformat()}
    assert output(replay(CATALOGUE.plan, recorded["input"])) == recorded["output"]


@pytest.mark.parametrize(
    ("attributes", "reward"),
    [
        ({"fee": 5.0, "by_app": True}, 5.0),
        ({"fee": 5, "by_app": True}, 5.0),
        ({"fee": 4.99, "by_app": True}, 0.0),
        ({"fee": 5.0, "by_app": False}, 0.0),
        ({"fee": 5.0}, 0.0),
    ],
)
async def test_a_declared_event_meets_an_objective_if_its_attributes_are_those_asked_for(
    bank: Bank, tmp_path: Path, attributes: dict[str, Scalar], reward: float
) -> None:
    decision = await bank.decide()
    shown = Outcome(
        outcome_id="o1",
        decision_id=decision.terms.decision_id,
        journey_id="renewal",
        type=OutcomeType.PRESENTED,
        value=None,
        occurred_at=bank.now,
    )
    (told,) = await bank.intake.record_outcomes([shown])
    assert told.status is RowStatus.ACCEPTED
    bank.now += DAY
    await bank.tell("card.renewed", **attributes)
    as_of = AsOf(now=NOW + 30 * DAY, events_since=NOW - DAY)
    export = Export(engine_of(bank.state), TERMS.schema, KeptObjectives(TERMS), tmp_path / "table", as_of)
    for day in await export.days(EPOCH, None):
        await export.write(day, lambda _: None)
    (row,) = [row for row in table_in(tmp_path / "table").to_pylist() if row["journey_id"] == "renewal"]
    assert (row["reward"], row["feature_last_renewed_at"]) == (reward, None)


async def test_an_attribute_of_another_type_is_rejected_and_changes_nothing(bank: Bank) -> None:
    assert await bank.tell("card.renewed", fee="5") == rejected("e2", "attributes.fee", "NOT_A_NUMBER")
    assert await bank.tell("claim.opened") == rejected("e3", "attributes.incident_id", "MISSING")
    assert await bank.tell("claim.lost") == rejected("e4", "type", "UNKNOWN_TYPE")
    decision = await bank.decide()
    assert "party" in picked(decision)
    assert decision.facts.situation.latest == {}


async def test_a_clock_ahead_can_close_the_gate_and_cannot_open_it(bank: Bank) -> None:
    bank.now += timedelta(hours=1)
    ahead, bank.now = bank.now, NOW

    async def tell_ahead(event_id: str, type_: str) -> RowResult:
        row = CustomerEvent(
            event_id=event_id,
            customer_id="1",
            source="core",
            type=type_,
            occurred_at=ahead,
            attributes={"incident_id": "i1"},
        )
        return (await bank.intake.record_events([row]))[0]

    assert await tell_ahead("a1", "claim.opened") == accepted("a1")
    assert await tell_ahead("a2", "claim.closed") == rejected("a2", "occurred_at", "IN_THE_FUTURE")
    assert codes(await bank.decide())["party"] == ["INCIDENT_OPEN"]
