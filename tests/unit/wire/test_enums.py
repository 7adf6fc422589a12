"""Domain enums and times as the wire has them, and back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum

import pytest
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st

from rumbo.decision.v1 import decision_pb2, journey_pb2, outcomes_pb2, reason_pb2, record_pb2, row_pb2
from service.decision.reports.rows import OutcomeType
from service.wire import enums
from tests.builders import NOW

INSTANT = timedelta(microseconds=1)
AT = Timestamp(seconds=1_514_980_800)
"""NOW, 2018-01-03T12:00:00Z, in seconds from 1970 (by `date -ud 2018-01-03T12:00 +%s`)."""


@pytest.mark.parametrize(
    ("table", "wire", "never_sent"),
    [
        (enums.KIND, journey_pb2.JourneyKind, ()),
        (enums.STAGE, journey_pb2.Stage, ()),
        (enums.REASON_KIND, reason_pb2.ReasonKind, ()),
        (enums.STATUS, decision_pb2.FeatureStatus, ()),
        (enums.ROW_STATUS, row_pb2.RowStatus, ()),
        (enums.CONTACT, record_pb2.ContactState, ("CONTACT_STATE_REVOKED",)),
        (enums.OUTCOME, outcomes_pb2.OutcomeType, ()),
    ],
    ids=["kind", "stage", "reason-kind", "status", "row-status", "contact-state", "outcome-type"],
)
def test_every_member_of_an_enum_has_its_own_number_and_every_number_a_member(
    table: Mapping[Enum, int], wire: EnumTypeWrapper, never_sent: tuple[str, ...]
) -> None:
    """REVOKED is no state of a contact: it is what present facts say of one that is reserved."""
    named = {wire.Name(number) for number in table.values()}
    assert len(named) == len(table) == len(type(next(iter(table))))
    names = {name for name, _ in wire.items()}
    assert named == {name for name in names if not name.endswith("_UNSPECIFIED")} - set(never_sent)
    assert all(wire.Name(number).endswith(f"_{member.name}") for member, number in table.items())


def test_outcome_types_come_back_from_the_wire() -> None:
    assert {enums.OUTCOME_OF[enums.OUTCOME[t]] for t in OutcomeType} == set(OutcomeType)
    assert outcomes_pb2.OUTCOME_TYPE_UNSPECIFIED not in enums.OUTCOME_OF


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_makes_the_round_to_the_wire_to_the_microsecond(at: datetime) -> None:
    message = enums.timestamp(at)
    assert enums.from_timestamp(message) == at
    assert 0 <= message.nanos < 1_000_000_000
    assert message.nanos % 1000 == 0


@pytest.mark.parametrize(
    ("after", "seconds"), [(timedelta(), 0), (INSTANT, 1), (timedelta(seconds=1), 1), (timedelta(seconds=1.5), 2)]
)
def test_whole_seconds_are_rounded_up_so_that_nobody_comes_too_early(after: timedelta, seconds: int) -> None:
    assert enums.whole_seconds_up(NOW + after) == Timestamp(seconds=AT.seconds + seconds)


def test_whole_seconds_before_1970_are_rounded_up_too() -> None:
    assert enums.whole_seconds_up(datetime(1969, 12, 31, 23, 59, 58, 1, tzinfo=UTC)) == Timestamp(seconds=-1)
