"""What stands in for the state store while it is away: the last kill list, and nothing that nobody read."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from features.reading import CustomerByCustomer, FeatureReading, ViewFault
from features.values import FeatureStatus
from service.application import last_known_kills
from service.application.hydrate import HydratedFacts, Hydrator, Wanted
from service.application.last_known_kills import LastKnownKills, keep_reading
from service.decision.decide import Degradation
from service.decision.facts import Consents, Situation, SituationPart
from service.decision.reach import Reach
from service.state.engines.engine import Durability
from service.state.port import StateUnavailable
from tests.builders import NOW
from tests.example import TERMS
from tests.stores import sqlite_state
from tests.unit.application.readings import (
    ASKED,
    T1,
    T2,
    UNAVAILABLE,
    consents,
    incident_fact,
    incidents,
    made_of,
    reading,
    value,
)

EVERYTHING = frozenset(SituationPart)
BUT_WITHDRAWALS = EVERYTHING - {SituationPart.WITHDRAWALS}
AWAY = Degradation(what="state", status=UNAVAILABLE, effect="UNRECORDED")


class NoFeatures(CustomerByCustomer):
    """A feature store that knows nobody."""

    def read(self, customer_id: str, now: object) -> FeatureReading:
        return reading(has_any_row=False)


def killed(version: int, *targets: str) -> Situation:
    return Situation(kills=dict.fromkeys(targets, "a test"), kills_version=version)


def test_before_the_first_reading_the_kill_list_is_unread() -> None:
    found = LastKnownKills().reading().situation
    assert (found.unread, found.kills) == (BUT_WITHDRAWALS, {})


def test_the_latest_kill_list_stands_in_and_nothing_else_of_the_reading() -> None:
    last_known = LastKnownKills()
    last_known.remember(Situation(contacts_version=7, has_events=True, kills={"news": "a test"}, kills_version=1))
    found = last_known.reading().situation
    unread = BUT_WITHDRAWALS - {SituationPart.KILLS}
    assert found == Situation(unread=unread, kills={"news": "a test"}, kills_version=1)


def test_a_reading_that_comes_late_does_not_bring_an_older_list_back() -> None:
    last_known = LastKnownKills()
    for read in (killed(1, "a"), killed(3, "b"), killed(2, "a", "b")):
        last_known.remember(read)
    assert last_known.reading().situation.kills == {"b": "a test"}
    last_known.remember(killed(4))
    assert last_known.reading().situation.kills == {}


def unread(hydrator: Hydrator) -> HydratedFacts:
    (found,) = hydrator.hydrate_without_state([Wanted(request=ASKED, now=NOW, reach=Reach())])
    return found


async def test_every_reading_of_the_state_is_remembered_and_used_when_there_is_none(tmp_path: Path) -> None:
    state = sqlite_state(tmp_path / "state.db", Durability.PROCESS_SAFE)
    hydrator = Hydrator(NoFeatures(), state, TERMS)
    await state.kill("news", "a test", NOW)
    await hydrator.hydrate(ASKED, NOW, Reach())
    await state.kill("*", "all of it", NOW)
    assert unread(hydrator).facts.situation.kills == {"news": "a test"}
    await hydrator.remember(NOW)
    await state.close()
    assert set(unread(hydrator).facts.situation.kills) == {"news", "*"}
    hydrator.close()


def test_without_the_state_nothing_is_claimed_of_the_situation() -> None:
    """Neither by what the feature store knows of an incident, nor by the last purchase that it has heard of."""
    found = made_of(
        reading(incidents(incident_fact(T1, "open")), value("last_purchase_at", T2), value("segment", "gold")),
        LastKnownKills().reading(),
    )
    assert [name for name in found.facts.variables if name.startswith("situation.")] == []
    assert found.facts.features["last_purchase_at"].status is UNAVAILABLE
    assert found.facts.features["recency_days"].status is UNAVAILABLE
    assert found.facts.variables["customer.segment"] == "gold"
    assert found.degraded == (AWAY,)


@pytest.mark.parametrize(("has_any_row", "is_known"), [(True, True), (False, None)])
def test_without_the_state_nobody_is_a_stranger(has_any_row: bool, is_known: bool | None) -> None:
    found = made_of(reading(has_any_row=has_any_row), LastKnownKills().reading()).facts
    assert found.is_known is is_known


def test_withdrawals_are_those_of_the_feature_store() -> None:
    found = made_of(reading(consents(("*", "*", "withdrawn", T1))), LastKnownKills().reading()).facts.situation
    assert found.consents == Consents(withdrawn_at={("*", "*"): T1})
    assert found.unread == BUT_WITHDRAWALS


def test_withdrawals_that_the_feature_store_cannot_tell_are_unread_too() -> None:
    fault = ViewFault(view="consents", status=UNAVAILABLE, cause="test")
    gone = reading(value("consents_json", None, FeatureStatus.UNAVAILABLE), faults=(fault,))
    found = made_of(gone, LastKnownKills().reading())
    assert found.facts.situation.unread == EVERYTHING
    assert found.degraded[0] == AWAY
    assert [d.what for d in found.degraded] == ["state", "features.consents"]


async def test_the_kill_list_is_read_again_and_again_also_after_trouble() -> None:
    """Two pauses before two readings, of which the first fails; then the third pause is the end."""
    pauses, readings = list[float](), list[int]()

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise asyncio.CancelledError

    async def read() -> None:
        readings.append(len(pauses))
        if len(readings) == 1:
            raise StateUnavailable("a test")

    with suppress(asyncio.CancelledError):
        await keep_reading(read, sleep)
    assert (pauses, readings) == ([last_known_kills.READ_EVERY_S] * 3, [1, 2])
