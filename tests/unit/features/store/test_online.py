"""The online reader over a store that is made to answer, to age and to fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from feast.protos.feast.types.Value_pb2 import NULL, Value

from features.errors import StoreUnavailable
from features.reading import FeatureReading
from features.store.customer_key import CustomerKey
from features.store.online import RETRY_S, OnlineFeatures
from features.store.opened import SLOW_S, Found, OpenStore, Row, Wanted, Way
from features.values import FeatureStatus, FeatureValue
from tests.example import SCHEMA

AT = datetime(2018, 1, 3, 12, 0, tzinfo=UTC)
REPO = Path("feast")


class FakeStore:
    """Rows by (view, customer); views in `broken` raise."""

    way = Way.DIRECT

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], Found] = {}
        self.broken: set[str] = set()
        self.replaced = False
        self.is_closed = False
        self.asked: list[str] = []
        self.customers: list[Sequence[str]] = []
        self.wait: Callable[[], None] = lambda: None

    def put(self, view: str, event_time: datetime = AT, customer_id: str = "1", **values: Value) -> None:
        cells = {name: value.SerializeToString() for name, value in values.items()}
        self.rows[view, customer_id] = Row(event_time, cells)

    def questions(self, wanted: Wanted) -> FakeStore:
        return self

    def ask(self, customer_ids: Sequence[str]) -> FakeStore:
        self.customers.append(customer_ids)
        return self

    def of(self, view: str) -> Sequence[Found]:
        self.asked.append(view)
        self.wait()
        if view in self.broken:
            raise OSError("disk on fire")
        return [self.rows.get((view, customer_id)) for customer_id in self.customers[-1]]

    def demand_key(self, view: str, key: CustomerKey) -> None:
        raise AssertionError("no reader of these tests says a key")

    def has_feature(self, view: str, feature: str) -> bool:
        return True

    def is_replaced(self) -> bool:
        return self.replaced

    def close(self) -> None:
        self.is_closed = True


class FakeFeast:
    """Opens `connection`, or fails while `is_down`; counts the attempts. Its clock is set by hand."""

    def __init__(self) -> None:
        self.connection = FakeStore()
        self.is_down = False
        self.opened = 0
        self.now_s = 1000.0

    def connect(self, repo: Path) -> OpenStore:
        self.opened += 1
        if self.is_down:
            raise StoreUnavailable("there is no registry.db")
        return self.connection

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def feast() -> FakeFeast:
    return FakeFeast()


@pytest.fixture
def online(feast: FakeFeast) -> OnlineFeatures:
    return OnlineFeatures(REPO, SCHEMA, monotonic=feast.monotonic, connect=feast.connect)


def statuses(reading: FeatureReading, view: str) -> set[FeatureStatus]:
    return {reading.values[spec.name].status for spec in SCHEMA.by_view[view]}


def test_making_a_reader_opens_nothing(feast: FakeFeast, online: OnlineFeatures) -> None:
    assert feast.opened == 0


def test_a_stored_value_is_present_with_its_event_time(feast: FakeFeast, online: OnlineFeatures) -> None:
    feast.connection.put("behaviour", baskets_7d=Value(int64_val=2))
    value = online.read("1", AT).values["baskets_7d"]
    assert value == FeatureValue(name="baskets_7d", status=FeatureStatus.PRESENT, value=2, event_time=AT)


def test_a_timestamp_is_an_aware_datetime(feast: FakeFeast, online: OnlineFeatures) -> None:
    feast.connection.put("purchases", last_purchase_at=Value(unix_timestamp_val=1_514_764_800))
    assert online.read("1", AT).values["last_purchase_at"].value == datetime(2018, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("feature", "nothing"),
    [
        ("last_purchase_amount", Value()),
        ("last_purchase_amount", Value(double_val=float("nan"))),
        ("last_purchase_at", Value(unix_timestamp_val=-(2**63))),
        ("last_purchase_at", Value(null_val=NULL)),
    ],
)
def test_every_way_in_which_feast_stores_nothing_is_null(
    feast: FakeFeast, online: OnlineFeatures, feature: str, nothing: Value
) -> None:
    feast.connection.put("purchases", AT, "1", **{feature: nothing})
    assert online.read("1", AT).values[feature].status is FeatureStatus.NULL


def test_a_feature_the_row_lacks_is_null(feast: FakeFeast, online: OnlineFeatures) -> None:
    feast.connection.put("purchases", last_purchase_amount=Value(double_val=1.0))
    assert online.read("1", AT).values["last_purchase_at"].status is FeatureStatus.NULL


def test_every_stored_feature_of_an_unknown_customer_is_not_found(online: OnlineFeatures) -> None:
    reading = online.read("nobody", AT)
    assert set(reading.values) == {feature.name for feature in SCHEMA.features if not feature.is_derived}
    assert {value.status for value in reading.values.values()} == {FeatureStatus.NOT_FOUND}
    assert (reading.has_any_row, reading.degraded) == (False, ())


def test_customer_ids_are_compared_exactly(feast: FakeFeast, online: OnlineFeatures) -> None:
    feast.connection.put("purchases", last_purchase_amount=Value(double_val=1.0))
    assert [online.read(customer, AT).has_any_row for customer in ("1", "01", " 1", "1 ")] == [
        True,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("age", "status"),
    [
        (timedelta(days=21), FeatureStatus.PRESENT),
        (timedelta(days=21, microseconds=1), FeatureStatus.STALE),
    ],
)
def test_behaviour_is_stale_when_older_than_21_days(
    feast: FakeFeast, online: OnlineFeatures, age: timedelta, status: FeatureStatus
) -> None:
    feast.connection.put("behaviour", AT - age, baskets_7d=Value(int64_val=2))
    assert online.read("1", AT).values["baskets_7d"].status is status


def test_a_stale_view_is_reported_and_its_values_are_kept(feast: FakeFeast, online: OnlineFeatures) -> None:
    feast.connection.put("behaviour", AT - timedelta(days=30), baskets_7d=Value(int64_val=2))
    reading = online.read("1", AT)
    assert reading.values["baskets_7d"].value == 2
    assert [(fault.view, fault.status) for fault in reading.degraded] == [("behaviour", FeatureStatus.STALE)]
    assert "30.0 days old" in reading.degraded[0].cause


def test_a_profile_does_not_age(feast: FakeFeast, online: OnlineFeatures) -> None:
    feast.connection.put("profile", AT - timedelta(days=9999), time_zone=Value(string_val="America/New_York"))
    assert online.read("1", AT).values["time_zone"].is_present


def test_a_view_that_cannot_be_read_leaves_the_others_alone(feast: FakeFeast, online: OnlineFeatures) -> None:
    feast.connection.put("profile", time_zone=Value(string_val="America/New_York"))
    feast.connection.broken = {"behaviour"}
    reading = online.read("1", AT)
    assert statuses(reading, "behaviour") == {FeatureStatus.UNAVAILABLE}
    assert reading.values["time_zone"].is_present
    assert [(fault.view, fault.cause) for fault in reading.degraded] == [("behaviour", "OSError: disk on fire")]


def test_a_read_after_a_passing_fault_is_whole_again_at_once(feast: FakeFeast, online: OnlineFeatures) -> None:
    feast.connection.broken = {"behaviour"}
    online.read("1", AT)
    feast.connection.broken = set()
    assert online.read("1", AT).degraded == ()


def test_a_store_that_keeps_its_reader_waiting_is_asked_one_question_until_the_pause_is_over(
    feast: FakeFeast, online: OnlineFeatures
) -> None:
    def fall_silent() -> None:
        feast.now_s += 2 * SLOW_S

    first, *others = SCHEMA.by_view
    feast.connection.broken = {first, *others}
    feast.connection.wait = fall_silent
    readings = [online.read("1", AT) for _ in range(3)]
    assert feast.connection.asked == [first]
    assert {fault.cause for reading in readings for fault in reading.degraded} == {"OSError: disk on fire"}
    assert all(statuses(reading, view) == {FeatureStatus.UNAVAILABLE} for reading in readings for view in others)
    feast.connection.broken, feast.now_s = set(), feast.now_s + RETRY_S
    assert online.read("1", AT).degraded == ()


def test_a_value_of_another_type_than_declared_is_unavailable(feast: FakeFeast, online: OnlineFeatures) -> None:
    feast.connection.put("purchases", last_purchase_amount=Value(string_val="free"))
    reading = online.read("1", AT)
    assert reading.values["last_purchase_amount"].status is FeatureStatus.UNAVAILABLE
    assert [fault.view for fault in reading.degraded] == ["purchases"]


def test_a_timestamp_beyond_the_calendar_is_unavailable(feast: FakeFeast, online: OnlineFeatures) -> None:
    feast.connection.put("purchases", last_purchase_at=Value(unix_timestamp_val=2**60))
    assert online.read("1", AT).values["last_purchase_at"].status is FeatureStatus.UNAVAILABLE


def test_when_the_store_does_not_open_everything_is_unavailable(feast: FakeFeast, online: OnlineFeatures) -> None:
    feast.is_down = True
    reading = online.read("1", AT)
    assert {value.status for value in reading.values.values()} == {FeatureStatus.UNAVAILABLE}
    assert [fault.view for fault in reading.degraded] == list(SCHEMA.by_view)
    assert {fault.cause for fault in reading.degraded} == {"StoreUnavailable: there is no registry.db"}


def test_opening_is_tried_again_after_five_seconds_and_not_before(feast: FakeFeast, online: OnlineFeatures) -> None:
    feast.is_down = True
    attempts = []
    for seconds in (0.0, RETRY_S - 0.1, RETRY_S, RETRY_S + 0.1):
        feast.now_s = 1000.0 + seconds
        online.read("1", AT)
        attempts.append(feast.opened)
    assert attempts == [1, 1, 2, 2]


def test_a_store_that_comes_back_is_read(feast: FakeFeast, online: OnlineFeatures) -> None:
    feast.is_down = True
    online.read("1", AT)
    feast.is_down, feast.now_s = False, feast.now_s + RETRY_S
    assert online.read("1", AT).degraded == ()


def test_a_store_that_keeps_failing_is_opened_anew_after_the_pause(feast: FakeFeast, online: OnlineFeatures) -> None:
    broken = feast.connection
    broken.broken = {"profile"}
    online.read("1", AT)
    feast.connection, feast.now_s = FakeStore(), feast.now_s + RETRY_S
    assert online.read("1", AT).degraded == ()
    assert broken.is_closed


def test_a_replaced_file_is_noticed_while_serving(feast: FakeFeast, online: OnlineFeatures) -> None:
    online.read("1", AT)
    feast.connection.replaced, feast.is_down = True, True
    feast.now_s += RETRY_S
    assert len(online.read("1", AT).degraded) == len(SCHEMA.by_view)


def test_a_closed_reader_opens_again_when_it_is_asked(feast: FakeFeast, online: OnlineFeatures) -> None:
    online.read("1", AT)
    online.close()
    assert feast.connection.is_closed
    assert online.read("1", AT).degraded == ()


def test_a_batch_is_answered_in_its_order_and_each_customer_asked_once(
    feast: FakeFeast, online: OnlineFeatures
) -> None:
    for customer_id in ("1", "2"):
        feast.connection.put(
            "purchases", customer_id=customer_id, last_purchase_amount=Value(double_val=float(customer_id))
        )
    readings = online.read_many(["2", "nobody", "1", "2"], AT)
    assert [reading.values["last_purchase_amount"].value for reading in readings] == [2.0, None, 1.0, 2.0]
    assert [reading.has_any_row for reading in readings] == [True, False, True, True]
    assert feast.connection.customers == [["2", "nobody", "1"]]
    assert feast.connection.asked == [*SCHEMA.by_view]


def test_a_row_that_cannot_be_read_is_a_fault_of_its_customer_alone(feast: FakeFeast, online: OnlineFeatures) -> None:
    feast.connection.rows["purchases", "1"] = OSError("disk on fire")
    feast.connection.rows["purchases", "2"] = Row(AT, {"last_purchase_amount": b"\xff"})
    feast.connection.put("purchases", customer_id="3", last_purchase_amount=Value(double_val=3.0))
    *spoilt, whole = online.read_many(["1", "2", "3"], AT)
    assert whole.degraded == ()
    assert whole.values["last_purchase_amount"].value == 3.0
    for reading in spoilt:
        assert statuses(reading, "purchases") == {FeatureStatus.UNAVAILABLE}
        assert [fault.view for fault in reading.degraded] == ["purchases"]
        assert not reading.has_any_row


def test_what_was_decoded_before_is_not_taken_for_another_time_or_value(
    feast: FakeFeast, online: OnlineFeatures
) -> None:
    rows = [(AT, 2), (AT - timedelta(days=30), 2), (AT - timedelta(days=1), 2), (AT, 3), (AT, 2)]
    for n, (at, count) in enumerate(rows):
        feast.connection.put("behaviour", at, customer_id=str(n), baskets_7d=Value(int64_val=count))
    found = [reading.values["baskets_7d"] for reading in online.read_many([str(n) for n in range(len(rows))], AT)]
    assert [(value.event_time, value.value) for value in found] == rows
    assert [value.status for value in found] == [
        FeatureStatus.PRESENT,
        FeatureStatus.STALE,
        *[FeatureStatus.PRESENT] * 3,
    ]


def test_nobody_is_asked_of_an_empty_batch(online: OnlineFeatures) -> None:
    assert online.read_many([], AT) == []


def test_reads_are_counted_by_way_and_told(feast: FakeFeast, online: OnlineFeatures) -> None:
    told: list[tuple[Way, int]] = []
    online.listen(lambda way, customers: told.append((way, customers)))
    online.read_many(["1", "2"], AT)
    online.read("1", AT)
    feast.is_down, feast.connection.replaced = True, True
    feast.now_s += RETRY_S
    online.read("1", AT)
    assert told == [(Way.DIRECT, 2), (Way.DIRECT, 1)]
    assert online.reads == {Way.DIRECT: 3}
