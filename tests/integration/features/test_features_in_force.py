"""A registry that changes under a service: facts, rules and what is degraded follow it, without a restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from features.company.company import load_company
from features.company.registry import features_of
from features.company.registry_watch import RegistryWatch
from features.store.online import OnlineFeatures
from features.values import FeatureStatus
from service.application.catalogues import KeptCatalogues
from service.application.hydrate import FactsRequest, HydratedFacts, Hydrator
from service.background.catalogue_watch import CatalogueWatch
from service.background.feature_feed import stopped
from service.background.feature_watch import FeatureWatch
from service.catalogue.load import CatalogueFolder
from service.catalogue.terms import company_terms
from service.decision.decide import begin
from service.metrics import Metrics
from tests.companies.bank import FIRST_HOLDER, NOW, Bank, make_bank
from tests.stores import sqlite_state
from tests.unit.background.looks import Looks

RUMBO = "company: mybank\ncustomer: {entity: holder}\nfeatures: {repo: feast/}\n"
POLICIES = """\
channels:
  app: {direction: inbound, slots: 3, reserve: 15m, unconfirmed: release}
incidents: {default: [service, resolution]}
purposes: []
priors:
  {promotional: 0.1, service: 0.3, resolution: 0.5, onboarding: 0.2, feedback: 0.1, loyalty: 0.2, celebration: 0.3}
"""
JOURNEY = """\
journey: {name}
title: {{es: "{name}", en: "{name}"}}
owner: care
kind: service
tier: 4
audience: {audience}
objective: {{outcome: ENGAGED, within: 7d, value: 1.0}}
stages:
  - {{stage: use, actions: [{{id: {name}-card, channels: [app], tone: plain, expects: "reads it"}}]}}
"""
BALANCE, CLAIMS = "customer.balance >= 0.0", "customer.claims_open >= 0"
PRESENT, UNAVAILABLE = FeatureStatus.PRESENT, FeatureStatus.UNAVAILABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """The parts of a service that follow a registry, as `service.bootstrap.serve` joins them."""

    bank: Bank
    hydrator: Hydrator
    kept: KeptCatalogues
    catalogues: CatalogueWatch
    watch: FeatureWatch
    metrics: Metrics
    looks: Looks

    async def look(self) -> None:
        """Until all that follows from what is there now has been done: a file is read at the second look."""
        for _ in range(5):
            await self.looks.next()

    async def hydrated(self) -> HydratedFacts:
        plan = self.kept.current.plan
        request = FactsRequest(customer_id=str(FIRST_HOLDER), channel="app", placement=None, context={})
        return await self.hydrator.hydrate(request, NOW, plan.reach_on("app"))

    async def statuses(self, *names: str) -> Sequence[FeatureStatus]:
        features = (await self.hydrated()).facts.features
        return [features[name].status for name in names]

    async def degraded(self) -> list[str]:
        return [part.what for part in (await self.hydrated()).degraded]

    async def allowed(self) -> list[str]:
        draft = begin(self.kept.current.plan, (await self.hydrated()).facts)
        return sorted(candidate.journey_id for candidate in draft.survivors)

    def metric(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)


def write_catalogue(folder: Path, **audiences: str) -> None:
    (folder / "journeys").mkdir(parents=True, exist_ok=True)
    (folder / "policies.yaml").write_text(POLICIES, encoding="utf-8")
    for name, audience in audiences.items():
        text = JOURNEY.format(name=name, audience=audience)
        (folder / "journeys" / f"{name}.yaml").write_text(text, encoding="utf-8")


@pytest.fixture
async def serving(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Serving]:
    """Of a bank whose registry has accounts, and claims too unless the test says False."""
    has_claims = bool(getattr(request, "param", True))
    views: dict[str, Any] = dict.fromkeys(("wealth", "cards", "visits", *(() if has_claims else ("claims",))))
    bank = make_bank(tmp_path / "bank", **views)
    bank.write(RUMBO)
    write_catalogue(bank.folder / "catalogue", accounts=BALANCE, **({"claims": CLAIMS} if has_claims else {}))
    company = load_company(bank.folder)
    found = features_of(company)
    registry = RegistryWatch(company, found)
    terms_of = partial(company_terms, company)
    terms, metrics, looks = terms_of(found.schema, found.fingerprint), Metrics(), Looks()
    folder = CatalogueFolder(company.catalogue, terms)
    stamp = folder.stamp()
    state = sqlite_state(tmp_path / "state.db")
    kept = KeptCatalogues(folder.load(), terms, state, lambda: NOW)
    reader = OnlineFeatures(bank.repo, found.schema, key=found.key)
    hydrator = Hydrator(reader, state, terms)
    catalogues = CatalogueWatch(folder, stamp, kept, metrics)
    watch = FeatureWatch(registry, reader, hydrator, catalogues, terms_of, metrics)
    await hydrator.warm(NOW)
    running = asyncio.create_task(watch.run(looks.sleep))
    yield Serving(
        bank=bank, hydrator=hydrator, kept=kept, catalogues=catalogues, watch=watch, metrics=metrics, looks=looks
    )
    await stopped(running)
    hydrator.close()
    await state.close()


async def test_while_the_registry_stays_so_does_everything(serving: Serving) -> None:
    before = serving.kept.current
    await serving.look()
    assert serving.kept.current is before
    assert (await serving.hydrated()).features_version == serving.watch.in_force.fingerprint
    assert await serving.allowed() == ["accounts", "claims"]
    assert await serving.degraded() == []
    assert serving.metric("rumbo_in_force", what="features", version=serving.watch.in_force.fingerprint) == 1
    assert serving.metric("rumbo_features_refused") == 0


@pytest.mark.parametrize("serving", [False], indirect=True)
async def test_a_journey_that_waits_for_a_view_comes_into_force_with_it(serving: Serving) -> None:
    before = serving.watch.in_force
    write_catalogue(serving.bank.folder / "catalogue", claims=CLAIMS)
    await serving.catalogues.load()
    assert await serving.allowed() == ["accounts"]
    serving.bank.change_registry(adds="claims")
    await serving.look()
    await serving.catalogues.load()
    assert serving.watch.in_force.fingerprint != before.fingerprint
    assert (await serving.hydrated()).features_version == serving.watch.in_force.fingerprint
    assert await serving.statuses("balance", "claims_open") == [PRESENT, PRESENT]
    assert await serving.allowed() == ["accounts", "claims"]
    assert serving.metric("rumbo_in_force", what="features", version=serving.watch.in_force.fingerprint) == 1
    assert serving.metric("rumbo_in_force", what="features", version=before.fingerprint) == 0


async def test_a_lost_view_that_a_journey_needs_is_unavailable_until_it_is_back(serving: Serving) -> None:
    before = serving.watch.in_force
    serving.bank.change_registry(removes="claims")
    await serving.look()
    assert serving.watch.in_force == before
    assert await serving.statuses("balance", "claims_open") == [PRESENT, UNAVAILABLE]
    assert await serving.degraded() == ["features.claims"]
    assert await serving.allowed() == ["accounts"]
    assert serving.metric("rumbo_features_refused") == 1
    serving.bank.change_registry(adds="claims")
    await serving.look()
    assert await serving.statuses("balance", "claims_open") == [PRESENT, PRESENT]
    assert await serving.allowed() == ["accounts", "claims"]
    assert serving.metric("rumbo_features_refused") == 0


async def test_what_no_journey_needs_any_more_goes_without_a_trace(serving: Serving) -> None:
    serving.bank.change_registry(removes="claims")
    await serving.look()
    assert serving.metric("rumbo_features_refused") == 1
    (serving.bank.folder / "catalogue" / "journeys" / "claims.yaml").unlink()
    await serving.catalogues.load()
    await serving.look()
    assert "claims_open" not in (await serving.hydrated()).facts.features
    assert await serving.degraded() == []
    assert await serving.allowed() == ["accounts"]
    assert serving.metric("rumbo_features_refused") == 0


async def test_a_registry_that_cannot_be_read_changes_nothing_and_says_so(serving: Serving) -> None:
    before = serving.watch.in_force
    (serving.bank.repo / "registry.db").write_bytes(b"\xff garbage" * 1000)
    await serving.look()
    assert serving.watch.in_force == before
    assert await serving.statuses("balance", "claims_open") == [PRESENT, PRESENT]
    assert await serving.allowed() == ["accounts", "claims"]
    assert serving.metric("rumbo_features_refused") == 1
