"""Bad rows stand beside good ones: each is answered in its place, and only the good ones are kept."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from service.application.catalogues import KeptCatalogues
from service.application.intake import ROWS_AT_ONCE, Intake
from service.catalogue.load import Catalogue, load, parse
from service.catalogue.objective_windows import ObjectiveWindows
from service.decision.facts import FactKind
from service.decision.reports.effects import KnownEvent
from service.decision.reports.rows import CustomerEvent, Outcome, OutcomeType, RowResult, RowStatus
from service.state.engines.engine import Durability
from service.state.engines.sqlite import SqliteEngine
from service.state.port import StateUnavailable
from service.state.rows.outbox import FED
from service.state.store import SqlState
from tests.builders import NOW
from tests.contract.rows import FAR
from tests.example import EXAMPLE, TERMS
from tests.stores import sqlite_state

UNREAD = RowResult(row_id="u1", status=RowStatus.REJECTED, field="occurred_at", code="NOT_SET")


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    """The example catalogue: `pantry-mailer` has the stage need."""
    return load(EXAMPLE, TERMS)


class Bell:
    """Counts how often it was rung."""

    def __init__(self) -> None:
        self.rings = 0

    def ring(self) -> None:
        self.rings += 1


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest.fixture
async def state(tmp_path: Path) -> AsyncIterator[SqlState]:
    kept = sqlite_state(tmp_path / "state.db", Durability.PROCESS_SAFE)
    yield kept
    await kept.close()


@pytest.fixture
def intake(state: SqlState, catalogue: Catalogue, bell: Bell) -> Intake:
    return Intake(state, KeptCatalogues(catalogue, TERMS, state, lambda: NOW), lambda: NOW, bell.ring)


def consent(event_id: str, verb: str = "withdrawn", customer_id: str = "1", **attributes: str) -> CustomerEvent:
    return purchase(event_id, type=f"consent.{verb}", customer_id=customer_id, attributes=attributes)


def with_purpose(folder: Path, purpose: str, channel: str) -> Catalogue:
    """The example with one purpose and one channel more."""
    shutil.copytree(EXAMPLE, folder)
    policies = folder / "policies.yaml"
    text = policies.read_text().replace("purposes: [", f"purposes: [{purpose}, ")
    policies.write_text(text.replace("channels:\n", f"channels:\n  {channel}: {{direction: inbound}}\n", 1))
    return load(folder, TERMS)


UNDECLARED = (
    ({"purpose": "Marketing", "channel": "email"}, "purpose"),
    ({"purpose": "marketing ", "channel": "email"}, "purpose"),
    ({"purpose": "newsletter", "channel": "email"}, "purpose"),
    ({"purpose": "marketing", "channel": "Email"}, "channel"),
    ({"purpose": "marketing", "channel": "fax"}, "channel"),
    ({"purpose": "Marketing", "channel": "fax"}, "purpose"),
)


@pytest.mark.parametrize(("attributes", "field"), UNDECLARED)
@pytest.mark.parametrize("verb", ["granted", "withdrawn"])
async def test_consent_by_a_name_that_no_catalogue_declares_is_rejected_by_that_name(
    intake: Intake, state: SqlState, verb: str, attributes: dict[str, str], field: str
) -> None:
    rows = [consent("e1", verb, **attributes), consent("e2", verb, purpose="marketing", channel="email")]
    assert await intake.record_events(rows) == [rejected("e1", f"attributes.{field}", "UNDECLARED"), accepted("e2")]
    _, kept = await state.changed_facts("1", [sequence for sequence, _ in await state.waiting_for_features(9)])
    assert {*kept.granted_at, *kept.withdrawn_at} == {("marketing", "email")}


@pytest.mark.parametrize(
    "attributes",
    [{}, {"purpose": "*", "channel": "*"}, {"purpose": "research"}, {"channel": "sms"}, {"purpose": "service"}],
    ids=str,
)
async def test_a_withdrawal_of_all_that_it_does_not_name_is_taken(intake: Intake, attributes: dict[str, str]) -> None:
    assert await intake.record_events([consent("e1", **attributes)]) == [accepted("e1")]


@pytest.mark.parametrize("attributes", [{"purpose": "Marketing"}, {"channel": "fax"}], ids=str)
async def test_a_withdrawal_of_all_else_still_names_what_is_declared(
    intake: Intake, attributes: dict[str, str]
) -> None:
    field = f"attributes.{next(iter(attributes))}"
    assert await intake.record_events([consent("e1", **attributes)]) == [rejected("e1", field, "UNDECLARED")]


async def test_names_of_a_catalogue_that_is_kept_may_still_be_spoken_of(
    intake: Intake, state: SqlState, tmp_path: Path
) -> None:
    """Another service has it in force, or had: it is known from the very moment that it is kept."""
    row = consent("e1", purpose="newsletter", channel="kiosk")
    assert await intake.record_events([row]) == [rejected("e1", "attributes.purpose", "UNDECLARED")]
    other = with_purpose(tmp_path / "catalogue", "newsletter", "kiosk")
    await state.keep_catalogue("no catalogue", "journeys: [")
    await KeptCatalogues(other, TERMS, state, lambda: NOW).keep()
    assert await intake.record_events([row]) == [accepted("e1")]
    grant = consent("e2", "granted", purpose="newsletter", channel="email")
    assert await intake.record_events([grant]) == [accepted("e2")]


async def test_service_may_be_withdrawn_though_no_catalogue_declares_it(state: SqlState, tmp_path: Path) -> None:
    """Journeys without a purpose yield to it."""
    folder = tmp_path / "catalogue"
    shutil.copytree(EXAMPLE, folder)
    policies = folder / "policies.yaml"
    policies.write_text(policies.read_text().replace(", service]\n", "]\n", 1))
    catalogue = load(folder, TERMS)
    assert "service" not in catalogue.plan.purposes
    intake = Intake(state, KeptCatalogues(catalogue, TERMS, state, lambda: NOW), lambda: NOW)
    assert await intake.record_events([consent("e1", purpose="service")]) == [accepted("e1")]


def beat(event_id: str, source: str) -> CustomerEvent:
    return purchase(event_id, customer_id="", source=source, type="feed.heartbeat", attributes={})


def waiting_for(catalogue: Catalogue, part: str, source: str) -> Catalogue:
    """The same, which relies on what it knows of incidents or consents only while this source is alive."""
    document = json.loads(catalogue.source)
    document["policies"][part]["feed"] = {"source": source, "max_age": "1h"}
    return parse(json.dumps(document), TERMS)


async def test_heartbeats_are_taken_of_the_sources_that_catalogues_name_and_of_no_others(
    state: SqlState, catalogue: Catalogue
) -> None:
    """Of the one in force, and of one that another service has in force over the same store."""
    here = KeptCatalogues(waiting_for(catalogue, "consents", "crm"), TERMS, state, lambda: NOW)
    rows = [beat("b1", "crm"), beat("b2", "ticketing"), beat("b3", "Crm"), purchase("e1", source="till")]
    intake = Intake(state, here, lambda: NOW)
    assert (await intake.record_events(rows[1:2])) == [rejected("b2", "source", "UNDECLARED")]
    await KeptCatalogues(waiting_for(catalogue, "incidents", "ticketing"), TERMS, state, lambda: NOW).keep()
    assert await intake.record_events(rows) == [
        accepted("b1"),
        accepted("b2"),
        rejected("b3", "source", "UNDECLARED"),
        accepted("e1"),
    ]
    everything = replace(FAR, sources=frozenset({"crm", "ticketing", "Crm", "till"}))
    assert (await state.situation("1", NOW, everything)).situation.feeds == {"crm": NOW, "ticketing": NOW}


def purchase(event_id: str, **changed: object) -> CustomerEvent:
    row = CustomerEvent(
        event_id=event_id,
        customer_id="1",
        source="till",
        type="purchase",
        occurred_at=NOW,
        attributes={"amount": 9.5},
    )
    return replace(row, **changed)  # type: ignore[arg-type]


def move(event_id: str, journey_id: str, stage: str) -> CustomerEvent:
    return purchase(event_id, type="journey.entered", attributes={"journey_id": journey_id, "stage": stage})


def accepted(row_id: str) -> RowResult:
    return RowResult(row_id=row_id, status=RowStatus.ACCEPTED)


def rejected(row_id: str, field: str, code: str) -> RowResult:
    return RowResult(row_id=row_id, status=RowStatus.REJECTED, field=field, code=code)


async def test_each_row_is_answered_in_its_place_and_the_good_ones_are_kept(intake: Intake, state: SqlState) -> None:
    first_stage = next(iter((load(EXAMPLE, TERMS)).stages["pantry-mailer"]))
    results = await intake.record_events(
        [
            purchase("e1"),
            UNREAD,
            purchase("e2", type="purchase.undone"),
            purchase("e3", occurred_at=NOW + timedelta(minutes=6)),
            purchase("e4", occurred_at=NOW - timedelta(days=400)),
            purchase("e1"),
            purchase("e1", customer_id="2"),
            move("e5", "pantry-mailer", first_stage),
            move("e6", "no-such-journey", first_stage),
            move("e7", "pantry-mailer", "no-such-stage"),
        ]
    )
    assert results == [
        accepted("e1"),
        UNREAD,
        rejected("e2", "type", "UNKNOWN_TYPE"),
        rejected("e3", "occurred_at", "IN_THE_FUTURE"),
        accepted("e4"),
        RowResult(row_id="e1", status=RowStatus.DUPLICATE),
        rejected("e1", "event_id", "ID_REUSED"),
        accepted("e5"),
        rejected("e6", "attributes.journey_id", "UNKNOWN"),
        rejected("e7", "attributes.stage", "UNKNOWN"),
    ]
    situation = (await state.situation("1", NOW, FAR)).situation
    assert (situation.versions[FactKind.PLACES], list(situation.enrolments)) == (1, ["pantry-mailer"])


async def test_a_call_without_a_good_row_does_not_touch_the_store(intake: Intake, state: SqlState) -> None:
    await state.close()
    assert await intake.record_events([UNREAD, purchase("e1", type="?")]) == [
        UNREAD,
        rejected("e1", "type", "UNKNOWN_TYPE"),
    ]
    assert await intake.record_outcomes([UNREAD]) == [UNREAD]


async def test_the_feature_feed_is_woken_by_accepted_events_only(intake: Intake, bell: Bell) -> None:
    await intake.record_events([purchase("e1", type="?"), UNREAD])
    assert bell.rings == 0
    await intake.record_events([purchase("e1"), purchase("e2")])
    assert bell.rings == 1
    await intake.record_events([purchase("e1")])
    assert bell.rings == 1


async def test_outcomes_are_answered_in_their_place(intake: Intake) -> None:
    nps = Outcome(
        outcome_id="o1",
        decision_id="d1",
        journey_id="news",
        type=OutcomeType.NPS,
        value=11.0,
        occurred_at=NOW,
    )
    assert await intake.record_outcomes([nps, UNREAD, replace(nps, outcome_id="o2", value=10.0)]) == [
        rejected("o1", "value", "OUT_OF_SCALE"),
        UNREAD,
        rejected("o2", "decision_id", "UNKNOWN_DECISION"),
    ]


async def test_a_store_that_is_gone_acknowledges_nothing(intake: Intake, state: SqlState) -> None:
    await state.close()
    with pytest.raises(StateUnavailable):
        await intake.record_events([purchase("e1")])


class ShortState(SqlState):
    """Goes away after a number of calls."""

    left = 1

    async def record_events(self, events: Sequence[KnownEvent], now: datetime) -> list[RowResult]:
        self.left -= 1
        if self.left < 0:
            raise StateUnavailable("a test")
        return await super().record_events(events, now)


async def test_a_batch_whose_second_part_fails_is_not_acknowledged_and_may_be_sent_again(
    tmp_path: Path, catalogue: Catalogue, bell: Bell
) -> None:
    """The feature store is told of the first part all the same."""
    short = ShortState(SqliteEngine(tmp_path / "state.db", Durability.PROCESS_SAFE), ObjectiveWindows(), FED)
    intake = Intake(short, KeptCatalogues(catalogue, TERMS, short, lambda: NOW), lambda: NOW, bell.ring)
    rows = [purchase(f"e{i}") for i in range(ROWS_AT_ONCE + 1)]
    with pytest.raises(StateUnavailable):
        await intake.record_events(rows)
    assert bell.rings == 1
    short.left = 2
    results = await intake.record_events(rows)
    assert [r.status for r in results] == [*[RowStatus.DUPLICATE] * ROWS_AT_ONCE, RowStatus.ACCEPTED]
    await short.close()
