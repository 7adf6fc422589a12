"""Domain enums, times and scalars as the wire has them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

from features.values import FeatureStatus, Scalar
from rumbo.decision.v1 import decision_pb2, journey_pb2, outcomes_pb2, reason_pb2, record_pb2, row_pb2, value_pb2
from service.decision.journey import JourneyKind, Stage
from service.decision.reports.rows import OutcomeType, RowStatus
from service.decision.verdict import ReasonKind
from service.state.port import ContactState

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

KIND = {k: getattr(journey_pb2, f"JOURNEY_KIND_{k.name}") for k in JourneyKind}
STAGE = {s: getattr(journey_pb2, f"STAGE_{s.name}") for s in Stage}
REASON_KIND = {k: getattr(reason_pb2, f"REASON_KIND_{k.name}") for k in ReasonKind}
STATUS = {s: getattr(decision_pb2, f"FEATURE_STATUS_{s.name}") for s in FeatureStatus}
ROW_STATUS = {s: getattr(row_pb2, f"ROW_STATUS_{s.name}") for s in RowStatus}
CONTACT = {s: getattr(record_pb2, f"CONTACT_STATE_{s.name}") for s in ContactState}
OUTCOME = {t: getattr(outcomes_pb2, f"OUTCOME_TYPE_{t.name}") for t in OutcomeType}
OUTCOME_OF = {number: outcome_type for outcome_type, number in OUTCOME.items()}


def timestamp(at: datetime) -> Timestamp:
    micros = (at - EPOCH) // timedelta(microseconds=1)
    return Timestamp(seconds=micros // 1_000_000, nanos=micros % 1_000_000 * 1000)


def from_timestamp(at: Timestamp) -> datetime:
    """The instant in UTC, to the microsecond. Raises: OverflowError beyond the years 1 to 9999."""
    return EPOCH + timedelta(seconds=at.seconds, microseconds=at.nanos // 1000)


def whole_seconds_up(at: datetime) -> Timestamp:
    return Timestamp(seconds=-((EPOCH - at) // timedelta(seconds=1)))


def scalar(value: Scalar) -> value_pb2.Value:
    """As the wire has it: an instant is its text, in UTC."""
    if isinstance(value, bool):
        return value_pb2.Value(bool_value=value)
    if isinstance(value, int):
        return value_pb2.Value(int64_value=value)
    if isinstance(value, float):
        return value_pb2.Value(double_value=value)
    if isinstance(value, datetime):
        return value_pb2.Value(string_value=value.astimezone(UTC).isoformat().replace("+00:00", "Z"))
    return value_pb2.Value(string_value=value)
