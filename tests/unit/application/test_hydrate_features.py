"""Features, whether the customer is known, and the reading of both stores at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from features.reading import CustomerByCustomer, FeatureReading, ViewFault
from features.situation import IncidentFact, IncidentStatus, render
from features.values import FeatureStatus, FeatureValue
from service.application.hydrate import Hydrator
from service.decision.constraints.capacity import Pool
from service.decision.decide import Degradation
from service.decision.facts import Use
from service.decision.windows import RollingWindow
from service.state.engines.engine import Durability
from service.state.port import StateUnavailable
from tests.builders import NOW, Entry, catalogue, journey
from tests.contract.rows import FAR, committed, event, propose
from tests.example import TERMS
from tests.stores import sqlite_state
from tests.unit.application.readings import (
    ASKED,
    PRESENT,
    T1,
    T2,
    UNAVAILABLE,
    consents,
    incident_fact,
    incidents,
    made_of,
    merged,
    reading,
    state,
    value,
)

DAY = timedelta(days=1)
CAPACITY = Pool(pool_id="news", limit=5, window=RollingWindow(per=DAY), journeys=frozenset({"news"}))


@pytest.mark.parametrize(
    ("stored", "reported", "expected"),
    [
        (value("last_purchase_at", T1), None, (PRESENT, T1)),
        (value("last_purchase_at", T1), T2, (PRESENT, T2)),
        (value("last_purchase_at", T2), T1, (PRESENT, T2)),
        (value("last_purchase_at", None, FeatureStatus.NOT_FOUND), T2, (PRESENT, T2)),
        (value("last_purchase_at", None, FeatureStatus.NULL), T2, (PRESENT, T2)),
        (value("last_purchase_at", None, FeatureStatus.NOT_FOUND), None, (FeatureStatus.NOT_FOUND, None)),
        (value("last_purchase_at", T1, FeatureStatus.STALE), T2, (PRESENT, T2)),
        (value("last_purchase_at", None, UNAVAILABLE), T2, (UNAVAILABLE, None)),
    ],
)
def test_the_last_purchase_is_the_later_of_both_stores_unless_one_cannot_tell(
    stored: FeatureValue, reported: datetime | None, expected: tuple[FeatureStatus, datetime | None]
) -> None:
    found = merged(state(last_purchase_at=reported), stored).facts.features["last_purchase_at"]
    assert (found.status, found.value) == expected


def test_ages_follow_from_the_later_purchase() -> None:
    """Two hours are a twelfth of a day."""
    found = merged(state(last_purchase_at=T2), value("last_purchase_at", T1)).facts
    assert found.features["recency_days"].value == pytest.approx(2 / 24)
    assert found.variables["customer.recency_days"] == pytest.approx(2 / 24)


GONE = ViewFault(view="behaviour", status=UNAVAILABLE, cause="test")
OLD = ViewFault(view="behaviour", status=FeatureStatus.STALE, cause="test")


@pytest.mark.parametrize(
    ("has_any_row", "has_events", "faults", "expected"),
    [
        (True, True, (), True),
        (True, False, (), True),
        (False, True, (), True),
        (False, False, (), False),
        (True, True, (GONE,), True),
        (True, False, (GONE,), True),
        (False, True, (GONE,), True),
        (False, False, (GONE,), None),
        (False, False, (OLD,), False),
        (False, False, (OLD, GONE), None),
    ],
)
def test_a_customer_is_known_by_any_row_or_event_and_unknown_only_when_every_view_was_asked(
    has_any_row: bool, has_events: bool, faults: tuple[ViewFault, ...], expected: bool | None
) -> None:
    found = made_of(reading(faults=faults, has_any_row=has_any_row), state(has_events=has_events)).facts
    assert found.is_known is expected
    assert found.variables.get("customer.is_known") is expected


def test_a_view_that_is_stale_or_gone_is_degraded_with_what_it_does() -> None:
    gone = ViewFault(view="incidents", status=UNAVAILABLE, cause="test")
    found = merged(state(), value("incidents_json", None, UNAVAILABLE), faults=(OLD, gone))
    assert set(found.degraded) == {
        Degradation(what="features.behaviour", status=FeatureStatus.STALE, effect="CONDITIONS_UNKNOWN"),
        Degradation(what="features.incidents", status=UNAVAILABLE, effect="GATES_CLOSED"),
    }


def test_the_question_stands_in_the_facts_as_it_was_asked() -> None:
    found = merged(state(), value("segment", "gold")).facts
    assert (found.now, found.customer_id, found.channel, found.placement) == (NOW, "1", "web", "home")
    assert found.context == {"basket": 1.5}
    assert found.variables["customer.segment"] == "gold"
    assert found.variables["context.basket"] == 1.5


def test_the_lists_themselves_are_no_features() -> None:
    found = merged(state(), incidents(incident_fact(T1, "open")), consents(("marketing", "web", "granted", T1)))
    assert not {"incidents_json", "consents_json"} & set(found.facts.features)


PURCHASE = event("e1", "purchase", T1, amount=9.99)


class FixedFeatures(CustomerByCustomer):
    """Answers every read alike, and remembers who was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, datetime]] = []

    def read(self, customer_id: str, now: datetime) -> FeatureReading:
        self.asked.append((customer_id, now))
        return reading(value("segment", "gold"))


async def test_both_stores_are_read_once_for_one_decision(tmp_path: Path) -> None:
    features, kept = FixedFeatures(), sqlite_state(tmp_path / "state.db", Durability.PROCESS_SAFE)
    await kept.record_events([PURCHASE], NOW)
    hydrator = Hydrator(features, kept, TERMS)
    found = await hydrator.hydrate(ASKED, NOW, FAR)
    own = await kept.situation("1", NOW, FAR)
    hydrator.close()
    await kept.close()
    assert own.situation.latest == {"last_purchase_at": T1}
    assert features.asked == [("1", NOW)]
    assert found == made_of(reading(value("segment", "gold")), own)


async def test_what_concerns_everybody_is_a_fact_of_every_customer(tmp_path: Path) -> None:
    """The kill list, the feeds, and the uses of the pools asked for: customer 1 has no row in either store."""
    kept = sqlite_state(tmp_path / "state.db", Durability.PROCESS_SAFE)
    plan = catalogue(Entry(journey=journey("news"), capacity=CAPACITY)).plan
    await committed(kept, await propose(kept, plan, customer_id="2"))
    await kept.kill("news", "wrong price", NOW)
    await kept.record_events([event("b1", "feed.heartbeat", customer_id="")], NOW)
    hydrator = Hydrator(FixedFeatures(), kept, TERMS)
    found = (await hydrator.hydrate(ASKED, NOW, replace(FAR, pools=plan.pools_on("web")))).facts.situation
    without = (await hydrator.hydrate(ASKED, NOW, FAR)).facts.situation
    hydrator.close()
    await kept.close()
    assert (found.kills, found.kills_version) == ({"news": "wrong price"}, 1)
    assert found.feeds == {"tests": NOW}
    assert found.uses == {"news": (Use(ends_at=NOW + timedelta(minutes=15), amount=1.0),)}
    assert without == replace(found, uses={})


class Lists(CustomerByCustomer):
    """A feature store that calls these incidents open."""

    def __init__(self, *ids: str) -> None:
        self._ids = ids

    def read(self, customer_id: str, now: datetime) -> FeatureReading:
        listed = [
            IncidentFact(
                incident_id=i, incident_class=None, severity=None, status=IncidentStatus.OPEN, at=NOW - 9 * DAY
            )
            for i in self._ids
        ]
        return reading(value("incidents_json", render(listed)))


async def test_incidents_that_are_over_for_long_are_asked_for_where_the_feature_store_calls_them_open(
    tmp_path: Path,
) -> None:
    """The state store has heard of `i1` since: it is over, though no grace reaches so far. Of `i2` it knows nothing."""
    kept = sqlite_state(tmp_path / "state.db", Durability.PROCESS_SAFE)
    await kept.record_events([event("e1", "incident.resolved", NOW - 8 * DAY, incident_id="i1")], NOW)
    near = replace(FAR, grace=DAY)
    assert (await kept.situation("1", NOW, near)).incident_heard_at == {}
    hydrator = Hydrator(Lists("i1", "i2"), kept, TERMS)
    found = (await hydrator.hydrate(ASKED, NOW, near)).facts.situation.incidents
    assert [i.incident_id for i in found.known] == ["i2"]
    hydrator.close()
    await kept.close()


async def test_a_state_store_that_does_not_answer_ends_the_hydration(tmp_path: Path) -> None:
    kept = sqlite_state(tmp_path / "state.db", Durability.PROCESS_SAFE)
    await kept.close()
    hydrator = Hydrator(FixedFeatures(), kept, TERMS)
    with pytest.raises(StateUnavailable):
        await hydrator.hydrate(ASKED, NOW, FAR)
    hydrator.close()
