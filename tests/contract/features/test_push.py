"""What the push promises on every online store: never older over newer, and no fact is lost."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from features.errors import StoreUnavailable
from features.situation import ConsentFact, ConsentStatus, IncidentFact, IncidentStatus, parse
from features.store.online import OnlineFeatures
from features.store.open_store import open_cells
from features.store.push import SituationWriter
from features.store.text_rows import FeastCells
from features.values import FeatureValue
from tests.companies.bank import NOW
from tests.contract.features.online_stores import KEYS, Banks

OPEN, RESOLVED = IncidentStatus.OPEN, IncidentStatus.RESOLVED
_NUMBERS = itertools.count(500_000)


@pytest.fixture(params=KEYS)
def key(request: pytest.FixtureRequest) -> str:
    return str(request.param)


WAYS = {"direct": open_cells, "feast": FeastCells.open}


def writer_to(banks: Banks, key: str, way: str = "direct") -> SituationWriter:
    return SituationWriter(banks[key].repo, banks.features[key].schema.situation, connect=WAYS[way])


@pytest.fixture(params=WAYS)
def writer(banks: Banks, key: str, request: pytest.FixtureRequest) -> Iterator[SituationWriter]:
    pushing = writer_to(banks, key, request.param)
    yield pushing
    pushing.close()


@pytest.fixture
def customer() -> str:
    """Nobody pushed anything of her yet."""
    return str(next(_NUMBERS))


def incident(incident_id: str, status: IncidentStatus, hours_ago: float) -> IncidentFact:
    at = NOW - timedelta(hours=hours_ago)
    return IncidentFact(incident_id=incident_id, incident_class=None, severity=None, status=status, at=at)


def stored(banks: Banks, key: str, customer: str, feature: str = "incidents_json") -> FeatureValue:
    reader = OnlineFeatures(banks[key].repo, banks.features[key].schema)
    try:
        return reader.read(customer, NOW).values[feature]
    finally:
        reader.close()


def incidents(banks: Banks, key: str, customer: str) -> tuple[IncidentFact, ...]:
    return parse(IncidentFact, str(stored(banks, key, customer).value))


def test_a_fact_older_than_the_row_is_added_to_it(
    banks: Banks, key: str, writer: SituationWriter, customer: str
) -> None:
    newer, older = incident("b", OPEN, hours_ago=1), incident("a", OPEN, hours_ago=5)
    writer.write(customer, [newer])
    writer.write(customer, [older])
    assert incidents(banks, key, customer) == (older, newer)


def test_a_fact_of_the_row_s_own_moment_is_added_to_it(
    banks: Banks, key: str, writer: SituationWriter, customer: str
) -> None:
    both = incident("a", OPEN, hours_ago=1), incident("b", OPEN, hours_ago=1)
    for fact in both:
        writer.write(customer, [fact])
    assert incidents(banks, key, customer) == both


def test_an_older_push_never_overwrites_a_newer_one(
    banks: Banks, key: str, writer: SituationWriter, customer: str
) -> None:
    newer = incident("a", OPEN, hours_ago=1)
    writer.write(customer, [newer])
    writer.write(customer, [incident("a", RESOLVED, hours_ago=2)])
    assert incidents(banks, key, customer) == (newer,)


def test_a_newer_push_takes_the_place_of_an_older_one(
    banks: Banks, key: str, writer: SituationWriter, customer: str
) -> None:
    writer.write(customer, [incident("a", OPEN, hours_ago=2)])
    newer = incident("a", RESOLVED, hours_ago=1)
    writer.write(customer, [newer])
    assert incidents(banks, key, customer) == (newer,)


def test_the_time_of_a_row_is_that_of_its_latest_fact_and_never_goes_back(
    banks: Banks, key: str, writer: SituationWriter, customer: str
) -> None:
    def event_times(hours_ago: int) -> datetime | None:
        writer.write(customer, [incident(f"of {hours_ago}", OPEN, hours_ago)])
        return stored(banks, key, customer).event_time

    assert [event_times(hours) for hours in (3, 5, 1, 4)] == [NOW - timedelta(hours=hours) for hours in (3, 3, 1, 1)]


def test_a_push_concerns_one_customer_and_one_view(
    banks: Banks, key: str, writer: SituationWriter, customer: str
) -> None:
    granted = ConsentFact(purpose="marketing", channel="email", status=ConsentStatus.GRANTED, at=NOW)
    writer.write(customer, [granted])
    assert parse(ConsentFact, str(stored(banks, key, customer, "consents_json").value)) == (granted,)
    assert not stored(banks, key, customer).is_present
    assert not stored(banks, key, str(next(_NUMBERS)), "consents_json").is_present


def test_writers_at_the_same_time_lose_nothing(banks: Banks, key: str, customer: str) -> None:
    """Each of four writers, of both ways, pushes ten incidents of the same customer, the newest first."""
    failed: list[StoreUnavailable] = []

    def push(writer: SituationWriter, name: str) -> None:
        try:
            for n in range(10):
                writer.write(customer, [incident(f"{name}-{n}", OPEN, hours_ago=n)])
        except StoreUnavailable as error:
            failed.append(error)
        writer.close()

    threads = [
        threading.Thread(target=push, args=(writer_to(banks, key, way), name))
        for name, way in zip("abcd", [*WAYS, *WAYS], strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(incidents(banks, key, customer)) == 40


def test_while_the_store_is_away_a_push_is_an_error_and_later_it_works_again(
    banks: Banks, key: str, writer: SituationWriter, customer: str
) -> None:
    fact = incident("a", OPEN, hours_ago=1)
    banks.store.take_away(banks[key])
    try:
        with pytest.raises(StoreUnavailable):
            writer.write(customer, [fact])
    finally:
        banks.store.bring_back(banks[key])
    writer.write(customer, [fact])
    assert incidents(banks, key, customer) == (fact,)


def test_who_can_have_no_key_of_this_type_is_not_written(banks: Banks, writer: SituationWriter, key: str) -> None:
    writer.write("ana", [incident("a", OPEN, hours_ago=1)])
    assert stored(banks, key, "ana").is_present is (key == "STRING")
