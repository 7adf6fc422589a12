"""A company's own feature as the source of incidents: it closes the gate (P3), and so does whatever hides it (P2)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from features.company.company import load_company
from features.company.registry import features_of
from features.store.online import OnlineFeatures
from features.values import FeatureStatus
from service.application.hydrate import FactsRequest, HydratedFacts, Hydrator
from service.catalogue.terms import Terms, company_terms
from service.decision.decide import Degradation
from service.decision.journey import JourneyKind
from service.decision.reach import Reach
from service.decision.record import canonical, output, replay, to_document
from service.state.engines.engine import Durability
from tests.builders import Entry, catalogue, decide, journey
from tests.companies.bank import NOW, Bank
from tests.contract.features.online_stores import Banks
from tests.contract.rows import event
from tests.stores import sqlite_state

OFFER, HELP = "offer", "help"
PLAN = catalogue(
    Entry(journey=journey(OFFER, kind=JourneyKind.PROMOTIONAL)), Entry(journey=journey(HELP, kind=JourneyKind.SERVICE))
).plan
CLAIMS = """\
company: mybank
customer: {entity: holder}
features: {repo: ../feast/, views: [accounts, claims]}
situation: {incidents: {claims: {when: customer.claims_open > 0}}}
"""
FAR = Reach(channels=frozenset({"web"}), grace=timedelta(days=9))


@pytest.fixture
def bank(banks: Banks) -> Bank:
    return banks["INT64"]


@pytest.fixture
def terms(bank: Bank) -> Terms:
    """Of the same bank, whose claims tell of incidents, and which pushes nothing."""
    folder = bank.folder / "claims"
    folder.mkdir(exist_ok=True)
    (folder / "rumbo.yaml").write_text(CLAIMS, encoding="utf-8")
    company = load_company(folder)
    return company_terms(company, features_of(company).schema)


@asynccontextmanager
async def hydrating(bank: Bank, terms: Terms, folder: Path) -> AsyncIterator[Hydrator]:
    state = sqlite_state(folder / "state.db", Durability.PROCESS_SAFE)
    await state.record_events(
        [event("e1", "incident.resolved", NOW - timedelta(days=8), incident_id="features:claims")], NOW
    )
    reader = OnlineFeatures(bank.repo, terms.schema)
    hydrator = Hydrator(reader, state, terms)
    yield hydrator
    hydrator.close()
    reader.close()
    await state.close()


async def facts_of(hydrator: Hydrator, customer_id: str, now: datetime = NOW) -> HydratedFacts:
    request = FactsRequest(customer_id=customer_id, channel="web", placement=None, context={})
    return await hydrator.hydrate(request, now, FAR)


def shown(found: HydratedFacts) -> set[str]:
    """The journeys that are decided, once more by their record (P8)."""
    decision = decide(PLAN, found.facts)
    document = json.loads(canonical(to_document(decision)))
    assert canonical(output(replay(PLAN, document["input"]))) == canonical(document["output"])
    return {
        scored.candidate.journey_id for scored in (*(p.scored for p in decision.picks), *decision.selection.eligible)
    }


def why(found: HydratedFacts) -> dict[str, object]:
    """What the gate says of the offer."""
    (rejected,) = decide(PLAN, found.facts).rejected
    (reason,) = [reason for reason in rejected.reasons if reason.code == "INCIDENT_OPEN"]
    return dict(reason.params)


async def test_what_a_feature_tells_closes_the_gate_and_nothing_else_does(
    bank: Bank, terms: Terms, tmp_path: Path
) -> None:
    """Every holder, against the table itself. Nothing that events tell opens it again."""
    import pyarrow.parquet as pq

    claims = pq.read_table(bank.repo / "data" / "claims.parquet").to_pydict()
    open_of = dict(zip(claims["holder_no"], claims["claims_open"], strict=True))
    assert set(open_of.values()) == {0, 1}
    async with hydrating(bank, terms, tmp_path) as hydrator:
        for number, is_open in open_of.items():
            found = await facts_of(hydrator, str(number))
            assert shown(found) == ({HELP} if is_open else {HELP, OFFER})
            assert found.degraded == ()
        claimant = await facts_of(hydrator, str(next(n for n, is_open in open_of.items() if is_open)))
    assert why(claimant) == {
        "kind": "promotional",
        "incident_class": "claims",
        "opened_at": NOW - timedelta(days=1),
        "open_incidents": 1,
    }
    assert [i.incident_id for i in claimant.facts.situation.incidents.known] == ["features:claims"]


async def test_a_customer_whom_nobody_knows_may_have_a_claim(bank: Bank, terms: Terms, tmp_path: Path) -> None:
    async with hydrating(bank, terms, tmp_path) as hydrator:
        found = await facts_of(hydrator, "999")
    assert found.facts.is_known is False
    assert shown(found) == {HELP}
    assert why(found) == {"fact": "customer.claims_open", "status": "NOT_FOUND"}


async def test_a_fact_that_is_too_old_closes_the_gate(bank: Bank, terms: Terms, tmp_path: Path) -> None:
    """The ttl of claims is two days, and they are of a day before."""
    async with hydrating(bank, terms, tmp_path) as hydrator:
        found = await facts_of(hydrator, "100001", NOW + timedelta(days=1, seconds=1))
    assert shown(found) == {HELP}
    assert why(found) == {"fact": "customer.claims_open", "status": "STALE"}
    assert found.degraded == (Degradation(what="features.claims", status=FeatureStatus.STALE, effect="GATES_CLOSED"),)


async def test_a_store_that_cannot_be_reached_closes_the_gate(
    banks: Banks, bank: Bank, terms: Terms, tmp_path: Path
) -> None:
    banks.store.take_away(bank)
    try:
        async with hydrating(bank, terms, tmp_path) as hydrator:
            found = await facts_of(hydrator, "100001")
    finally:
        banks.store.bring_back(bank)
    assert shown(found) == {HELP}
    assert why(found) == {"fact": "customer.claims_open", "status": "UNAVAILABLE"}
    assert {d.what: d.effect for d in found.degraded}["features.claims"] == "GATES_CLOSED"
    assert {d.what: d.effect for d in found.degraded}["features.accounts"] == "CONDITIONS_UNKNOWN"


async def test_without_a_source_the_same_feature_closes_no_gate(bank: Bank, terms: Terms, tmp_path: Path) -> None:
    async with hydrating(bank, replace(terms, incidents=()), tmp_path) as hydrator:
        assert shown(await facts_of(hydrator, "999")) == {HELP, OFFER}
