"""Logs of decisions and of what followed them, of the example and of the bank, as `rumbo state export` writes them."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from features.company.company import load_company
from features.company.home import make_home_of
from service.bootstrap.company import company_of, terms_known
from service.bootstrap.store import state_store
from service.catalogue.objectives import KeptObjectives
from service.state.export.rewards import AsOf
from service.state.export.write import Export
from tests.companies import bank
from tests.companies.bank_catalogue import CARD, DEPOSIT, JOURNEYS, write_catalogue
from tests.example import EXAMPLE
from tests.fixtures_features import NOW, company_at
from tests.fixtures_service import Clock, copied, running, settings_of
from tests.played import Part, Told, play, tell
from tests.shared import made_once

TOLD = "told.json"
ADVANCES = {DEPOSIT: "purchase", CARD: "purchase"}
OVER = timedelta(days=60)
"""After the last decision every window is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanyLog:
    """A company with a home, the folder of its export, and what was reported. To be read only."""

    company: Path
    home: Path
    export: Path
    told: Told


@pytest.fixture(scope="session")
def example_log(seeded_home: Path, trained_home: Path, tmp_path_factory: pytest.TempPathFactory) -> CompanyLog:
    """Four weeks of 100 households under the example's own catalogue, ranked by its champion."""

    def make(place: Path) -> None:
        home = copied(seeded_home, place / "home")
        shutil.rmtree(home / "catalogue")
        shutil.copytree(trained_home / "mlflow", home / "mlflow")
        consents = pq.read_table(company_at(home) / "seed" / "consents.parquet", columns=["customer_id"])
        known = sorted(set(consents["customer_id"].to_pylist()), key=int)
        asked = [*known[:80], *(str(9000 + n) for n in range(20))]
        objectives = _objectives([yaml.safe_load(file.read_text()) for file in sorted(EXAMPLE.glob("journeys/*.yaml"))])
        asks = (("email", timedelta(hours=5)), ("app", timedelta(days=2, hours=5)), ("store", timedelta(days=4)))
        part = Part(customers=asked, weeks=4, asks=asks, objective=lambda journey: objectives[journey])
        asyncio.run(_make(place, Clock(NOW), part, incidents=asked[:10]))

    return _log_at(made_once(tmp_path_factory, "example-log", make))


@pytest.fixture(scope="session")
def bank_log(tmp_path_factory: pytest.TempPathFactory) -> CompanyLog:
    """Four weeks of the bank's 200 holders under a catalogue of its own, ranked by priors: it has no model."""

    def make(place: Path) -> None:
        home = place / "home"
        holders = [str(bank.FIRST_HOLDER + n) for n in range(bank.HOLDERS)]
        folder = bank.make_bank(company_at(home), wealth=None).folder
        (folder / "rumbo.yaml").write_text(BANK, encoding="utf-8")
        make_home_of(load_company(folder), home)
        write_catalogue(folder / "catalogue")
        shutil.copytree(folder / "catalogue", home / "catalogue")
        objectives = _objectives(JOURNEYS)
        accounts = pq.read_table(folder / "feast" / "data" / "accounts.parquet").to_pylist()
        open_of = {str(row["holder_no"]): row["accounts_open"] for row in accounts}

        def gains(customer: str, journey: str) -> float:
            return open_of[customer] * (2.0 if journey == DEPOSIT else 0.5) if journey in (DEPOSIT, CARD) else 1.0

        asks = (("email", timedelta(hours=1)), ("app", timedelta(days=2)), ("call_center", timedelta(days=4)))
        part = Part(
            customers=holders,
            weeks=4,
            asks=asks,
            objective=lambda journey: objectives[journey],
            gains=gains,
            advances={DEPOSIT: "purchase", CARD: "purchase"},
        )
        asyncio.run(_make(place, Clock(bank.NOW), part, incidents=holders[:12], consents=holders[20:]))

    return _log_at(made_once(tmp_path_factory, "bank-log", make))


BANK = """\
company: mybank
customer: {entity: holder}
features:
  repo: feast/
  names: {cards.rating: card_rating}
  derived: {relationship_days: days_since(first_account_at)}
catalogue: catalogue/
training: {monotone: {relationship_days: 1}}
"""


def _objectives(journeys: Iterable[Mapping[str, Any]]) -> Mapping[str, str]:
    """The outcome or the type of event that meets the objective of each."""
    return {one["journey"]: one["objective"].get("outcome") or one["objective"]["event"] for one in journeys}


async def _make(
    place: Path, clock: Clock, part: Part, *, incidents: Sequence[str], consents: Sequence[str] = ()
) -> None:
    """Plays it in a home, exports, and writes what was told beside it."""
    home = place / "home"
    async with running(home, clock) as service:
        for purpose in ("marketing", "research"):
            for channel in ("email", "app", "call_center"):
                await tell(service, consents, "consent.granted", purpose=purpose, channel=channel)
        await tell(service, incidents, "incident.opened")
        told = await play(service, part, seed=place.name)
    await export(home, place / "export", clock.now + OVER)
    (place / TOLD).write_text(json.dumps(asdict(told)), encoding="utf-8")


async def export(home: Path, folder: Path, now: datetime) -> None:
    """As `rumbo state export`, with a clock of its own."""
    settings = settings_of(home)
    async with state_store(settings) as state:
        terms = terms_known(settings, company_of(settings))
        as_of = AsOf(now=now, events_since=now - timedelta(days=400))
        whole = Export(state.engine, terms.schema, KeptObjectives(terms), folder, as_of)
        for day in await whole.days(date(1970, 1, 1), None):
            await whole.write(day, lambda count: None)


def _log_at(place: Path) -> CompanyLog:
    home = place / "home"
    told = Told(**json.loads((place / TOLD).read_text(encoding="utf-8")))
    return CompanyLog(company=company_at(home), home=home, export=place / "export", told=told)
