"""What the online reader promises of every online store: each status means one thing, whatever keeps the rows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest

from features.reading import FeatureReading
from features.store.online import RETRY_S, OnlineFeatures
from features.values import FeatureStatus
from service.application.hydrate import PROBE
from tests.companies.bank import FIRST_HOLDER, NOW, WITHOUT_RATING
from tests.contract.features.online_stores import KEYS, Banks

SOMEBODY, NOBODY = str(FIRST_HOLDER), "999"
BOUND_S = 5.0
"""Much more than a read may take on a busy machine, much less than the seconds for which clients try again."""


class Clock:
    """Seconds that pass when the test says so, and with the reads themselves."""

    def __init__(self) -> None:
        self.passed_s = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.passed_s


@contextmanager
def reader_of(banks: Banks, key: str, clock: Clock | None = None) -> Iterator[OnlineFeatures]:
    reader = OnlineFeatures(banks[key].repo, banks.features[key].schema, monotonic=clock or Clock())
    try:
        yield reader
    finally:
        reader.close()


def read(banks: Banks, key: str, customer_id: str, now: datetime = NOW) -> FeatureReading:
    with reader_of(banks, key) as reader:
        return reader.read(customer_id, now)


def statuses(reading: FeatureReading, *views: str) -> set[FeatureStatus]:
    names = {"accounts": "balance", "cards": "card_rating", "claims": "claims_open", "incidents": "incidents_json"}
    return {reading.values[names[view]].status for view in views}


@pytest.mark.parametrize("customer_id", [SOMEBODY, str(FIRST_HOLDER + 57), str(FIRST_HOLDER + 199)])
def test_a_customer_is_found_by_every_type_of_key(banks: Banks, customer_id: str) -> None:
    found = {key: read(banks, key, customer_id) for key in KEYS}
    assert found["INT64"] == found["INT32"] == found["STRING"]
    reading = found["INT64"]
    assert reading.has_any_row
    assert reading.degraded == ()
    assert statuses(reading, "accounts", "cards", "claims") == {FeatureStatus.PRESENT}
    assert reading.values["balance"].event_time == NOW - timedelta(days=1)
    assert reading.values["card_rating"].value in ("gold", "plain")


def test_an_empty_value_of_a_row_is_null(banks: Banks) -> None:
    reading = read(banks, "INT64", str(WITHOUT_RATING))
    assert reading.values["card_rating"].status is FeatureStatus.NULL
    assert reading.values["is_frozen"].status is FeatureStatus.PRESENT
    assert reading.degraded == ()


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("customer_id", [NOBODY, "0100001", "9" * 30, "ana", "100001.0"])
def test_whoever_has_no_row_is_not_found_and_nothing_is_degraded(banks: Banks, key: str, customer_id: str) -> None:
    reading = read(banks, key, customer_id)
    assert {value.status for value in reading.values.values()} == {FeatureStatus.NOT_FOUND}
    assert (reading.has_any_row, reading.degraded) == (False, ())


def test_a_view_without_a_row_for_a_known_customer_is_not_found(banks: Banks) -> None:
    reading = read(banks, "INT64", SOMEBODY)
    assert statuses(reading, "incidents") == {FeatureStatus.NOT_FOUND}
    assert reading.has_any_row


def test_what_is_older_than_its_view_allows_is_stale_and_the_rest_is_not(banks: Banks) -> None:
    reading = read(banks, "INT64", SOMEBODY, NOW + timedelta(days=9))
    assert statuses(reading, "claims") == {FeatureStatus.STALE}
    assert statuses(reading, "accounts", "cards") == {FeatureStatus.PRESENT}
    assert [(fault.view, fault.cause) for fault in reading.degraded] == [
        ("claims", "10.0 days old, at most 2.0 allowed")
    ]


def test_a_store_that_is_away_is_unavailable_at_once_and_comes_back_without_a_restart(banks: Banks) -> None:
    clock = Clock()
    with reader_of(banks, "INT64", clock) as reader:
        before = reader.read(SOMEBODY, NOW)
        clock.passed_s += RETRY_S
        banks.store.take_away(banks["INT64"])
        try:
            began_s = time.monotonic()
            away = [reader.read(customer_id, NOW) for customer_id in (SOMEBODY, NOBODY, PROBE)]
            assert time.monotonic() - began_s < BOUND_S
        finally:
            banks.store.bring_back(banks["INT64"])
        clock.passed_s += RETRY_S
        after = reader.read(SOMEBODY, NOW)
    for reading in away:
        assert {value.status for value in reading.values.values()} == {FeatureStatus.UNAVAILABLE}
        assert {fault.view for fault in reading.degraded} == set(banks.features["INT64"].schema.by_view)
        assert not reading.has_any_row
    assert after == before
    assert after.degraded == ()
