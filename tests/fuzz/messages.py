"""Draws calls: what channels and sources send, in its order, and then what nobody should send.

A call is told by seed and number: `call(seed, number, Known())` draws it again, but for what it takes from answers.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from google.protobuf import text_format
from google.protobuf.message import DecodeError, Message

from rumbo.decision.v1 import decision_pb2, events_pb2, outcomes_pb2, record_pb2, value_pb2
from tests.fuzz.alter import alter, damage
from tests.fuzz.values import WHO, Draw, company

T = TypeVar("T")

SERVICE = "/rumbo.decision.v1.DecisionService/"
REQUESTS: Mapping[str, type[Message]] = {
    SERVICE + "Decide": decision_pb2.DecideRequest,
    SERVICE + "RecordEvents": events_pb2.RecordEventsRequest,
    SERVICE + "RecordOutcomes": outcomes_pb2.RecordOutcomesRequest,
    SERVICE + "GetDecision": record_pb2.GetDecisionRequest,
}
OTHER_METHODS = (
    SERVICE + "Nothing",
    SERVICE + "decide",
    SERVICE,
    "/rumbo.decision.v1.AnotherService/Decide",
    "/rumbo.decision.v2.DecisionService/Decide",
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/List",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    "/",
    "//",
)
EXPLAIN = (None, "EXPLAIN_SUMMARY", "EXPLAIN_FULL")
NO_DECISION = "01890a5d-ac96-774b-bcce-b302099a8057"
CALLERS = 8
TOLD_LETTERS = 6000


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A decision that was answered."""

    decision_id: str
    customer_id: str
    journeys: Sequence[str]


NEVER_DECIDED = Decided(decision_id=NO_DECISION, customer_id=WHO, journeys=())


@dataclass(slots=True, kw_only=True)
class Known:
    """What one caller remembers, the latest of each. Times are told as if it were always `now_s`, of 1970 in UTC."""

    now_s: float = field(default_factory=time.time)
    decisions: deque[Decided] = field(default_factory=lambda: deque(maxlen=100))
    questions: deque[decision_pb2.DecideRequest] = field(default_factory=lambda: deque(maxlen=30))
    events: deque[events_pb2.Event] = field(default_factory=lambda: deque(maxlen=100))
    outcomes: deque[outcomes_pb2.Outcome] = field(default_factory=lambda: deque(maxlen=100))
    sent: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """`sent`: the bytes of each message of the call; all but few have one."""

    number: int
    method: str
    sent: Sequence[bytes]
    is_compressed: bool = False

    @property
    def is_told_to_service(self) -> bool:
        return self.method in REQUESTS and bool(self.sent)

    def __str__(self) -> str:
        told = [_readable(self.method, one) for one in self.sent]
        return f"message {self.number}: {self.method}{' compressed' * self.is_compressed}\n" + "\n---\n".join(told)


def _readable(method: str, sent: bytes) -> str:
    """As text if it is a message, and as hexadecimal digits; of both the beginning."""
    digits = f"({len(sent)} bytes) {sent[: TOLD_LETTERS // 2].hex()}"
    try:
        message = REQUESTS[method].FromString(sent)
    except (KeyError, DecodeError):
        return digits
    return f"{text_format.MessageToString(message, as_utf8=True)[:TOLD_LETTERS]}\n{digits}"


def call(seed: str, number: int, known: Known) -> Call:
    """The call of this number. At times all callers send the same at once, and then it is not altered."""
    together = Draw(f"{seed} together {number // CALLERS}")
    if together.likely(0.04):
        method, message = together.one((_question, _events))(together, number // CALLERS, Known(now_s=known.now_s))
        return Call(number=number, method=SERVICE + method, sent=[message.SerializeToString()])
    draw = Draw(f"{seed} {number}")
    kind = draw.weighted(_KINDS)
    if kind == "raw":
        return Call(number=number, method=draw.one(tuple(REQUESTS)), sent=[draw.blob(3000)])
    if kind == "other method":
        return Call(number=number, method=draw.one(OTHER_METHODS), sent=[draw.one((b"", known.sent, draw.blob(300)))])
    method, message = _MAKERS[kind](draw, number, known)
    if draw.likely(0.3):
        for _ in range(draw.up_to(4)):
            alter(message, draw)
    sent = message.SerializeToString()
    if draw.likely(0.1):
        sent = damage(sent, known.sent, draw)
    known.sent = sent
    is_compressed = draw.likely(0.02)
    return Call(number=number, method=SERVICE + method, sent=_framed(sent, draw), is_compressed=is_compressed)


def _framed(sent: bytes, draw: Draw) -> Sequence[bytes]:
    """Mostly one message; at times none, or more than a message may have."""
    how = draw.weighted({"one": 99.5, "none": 0.35, "large": 0.15})
    if how == "large":
        return [sent + b"\xc2\x3e\x80\x80\x80\x02" + bytes(4 * 2**20)]  # a field that no message has, of 4 MB
    return [sent] if how == "one" else []


def _recent(of: Sequence[T], draw: Draw, other: T) -> T:
    """One of these, `other` if there is none; chance is asked in either case."""
    return draw.one(of or (other,))


def who(draw: Draw, number: int) -> str:
    """A customer: some are asked about all the time, most for a while; households of the example, and strangers."""
    if draw.likely(0.1):
        return f"{WHO}-{draw.up_to(5)}"
    latest = number // 40 + draw.up_to(12)
    return str(1000 + latest % 1400) if draw.likely(0.6) else f"{WHO}-{latest}"


def _question(draw: Draw, number: int, known: Known) -> tuple[str, Message]:
    earlier = _recent(known.questions, draw, decision_pb2.DecideRequest(customer_id=WHO, channel="web"))
    if draw.likely(0.12):
        again = decision_pb2.DecideRequest()
        again.CopyFrom(earlier)
        return "Decide", again
    context = {
        "page": value_pb2.Value(string_value=draw.one(("home", "frozen", "cart"))),
        "basket_value": value_pb2.Value(double_value=round(90 * draw.chance.random(), 2)),
        "device": value_pb2.Value(string_value="mobile"),
    }
    asked = decision_pb2.DecideRequest(
        customer_id=who(draw, number),
        channel=draw.one(company().channels),
        context={name: value for name, value in context.items() if draw.likely(0.3)},
        request_id=draw.one((None, None, f"request-{number}", f"request-{number // 30}")),
        placement=draw.one((None, None, None, draw.one(company().placements))),
        limit=draw.one((None, None, draw.up_to(50))),
        dry_run=draw.likely(0.15),
        explain=draw.one(EXPLAIN),
        locale=draw.one(("", "en", "es", "es-MX", "xx")),
    )
    if asked.HasField("request_id"):
        known.questions.append(asked)
    return "Decide", asked


def _recall(draw: Draw, _: int, known: Known) -> tuple[str, Message]:
    earlier = _recent(known.decisions, draw, NEVER_DECIDED)
    decision_id = earlier.decision_id if draw.likely(0.85) else draw.one((NO_DECISION, "nothing", NO_DECISION.upper()))
    return "GetDecision", record_pb2.GetDecisionRequest(
        decision_id=decision_id, explain=draw.one(EXPLAIN), locale=draw.one(("", "es"))
    )


def _events(draw: Draw, number: int, known: Known) -> tuple[str, Message]:
    rows: list[events_pb2.Event] = []
    for n in range(_batch(draw)):
        if draw.likely(0.1):
            rows.append(_told_again(draw, _recent(known.events, draw, _event(draw, number, n, known))))
        else:
            rows.append(_event(draw, number, n, known))
    known.events.extend(rows[:3])
    if draw.likely(0.1):
        rows.append(draw.one(rows))
    return "RecordEvents", events_pb2.RecordEventsRequest(events=rows[:1000])


def _batch(draw: Draw) -> int:
    return draw.weighted({1: 60, 3: 25, 8: 10, 40: 4, 250: 0.7, 1000: 0.15})


def _told_again(draw: Draw, row: Any) -> Any:
    """As it was, or the id with other content."""
    if draw.likely(0.6):
        return row
    other = type(row)()
    other.CopyFrom(row)
    other.occurred_at.seconds -= 60
    return other


def _event(draw: Draw, number: int, n: int, known: Known) -> events_pb2.Event:
    kind = draw.weighted(_EVENTS)
    event = events_pb2.Event(
        event_id=f"event-{number}-{n}" if draw.likely(0.97) else f"event-of-{number // 20}",
        customer_id=who(draw, number),
        source=draw.one(("", "ticketing", "till")),
        type=kind,
        attributes=_attributes(draw, kind),
    )
    _set_time(event, draw, known)
    return event


def _set_time(row: Any, draw: Draw, known: Known) -> None:
    """Now, or days ago; at times a little or far ahead."""
    ago_s = draw.weighted({0: 50, 3600: 20, 86_400 * 20: 20, 86_400 * 365 * 40: 3, -240: 4, -86_400: 3})
    row.occurred_at.FromMicroseconds(int((known.now_s - ago_s * draw.chance.random()) * 1e6))


def _attributes(draw: Draw, kind: str) -> dict[str, value_pb2.Value]:
    made = company()
    journey = draw.one(list(made.journeys))
    every: dict[str, Any] = {
        "incident_id": f"incident-{draw.up_to(5)}",
        "class": draw.one((*made.classes, "another")),
        "severity": draw.one(("minor", "major")),
        "purpose": draw.one(made.purposes),
        "channel": draw.one(made.channels),
        "journey_id": journey,
        "stage": draw.one(made.journeys[journey]),
    }
    texts = {name: value_pb2.Value(string_value=every[name]) for name in _NAMES.get(kind, ())}
    if kind == "purchase":
        texts["amount"] = draw.one((value_pb2.Value(double_value=12.5), value_pb2.Value(int64_value=7)))
    if draw.likely(0.1):
        texts["note"] = value_pb2.Value(string_value=draw.text())
    return texts


def _outcomes(draw: Draw, number: int, known: Known) -> tuple[str, Message]:
    rows: list[outcomes_pb2.Outcome] = []
    for n in range(_batch(draw)):
        row = _outcome(draw, number, n, known)
        rows.append(_told_again(draw, _recent(known.outcomes, draw, row)) if draw.likely(0.12) else row)
    known.outcomes.extend(rows[:3])
    if draw.likely(0.1):
        rows.append(draw.one(rows))
    return "RecordOutcomes", outcomes_pb2.RecordOutcomesRequest(outcomes=rows[:1000])


def _outcome(draw: Draw, number: int, n: int, known: Known) -> outcomes_pb2.Outcome:
    of = _recent(known.decisions, draw, NEVER_DECIDED)
    ranked = _recent(of.journeys, draw, "how-can-we-help")
    kind = draw.weighted({1: 40, 2: 15, 3: 10, 4: 5, 5: 5, 6: 15, 7: 5, 8: 5})
    score = {6: draw.one((None, 12.5, -3.0)), 7: draw.up_to(10), 8: draw.up_to(7)}.get(kind)
    outcome = outcomes_pb2.Outcome(
        outcome_id=f"outcome-{number}-{n}" if draw.likely(0.97) else f"outcome-of-{number // 20}",
        decision_id=of.decision_id if draw.likely(0.95) else NO_DECISION,
        journey_id=ranked if draw.likely(0.9) else draw.one(list(company().journeys)),
        type=outcomes_pb2.OutcomeType.Name(kind),
        value=score,
    )
    _set_time(outcome, draw, known)
    if draw.likely(0.25):
        outcome.customer_id = of.customer_id if draw.likely(0.9) else who(draw, number)
        if draw.likely(0.95):
            outcome.ClearField("decision_id")
    return outcome


_KINDS = {"question": 37.0, "events": 24.0, "outcomes": 20.0, "recall": 12.0, "raw": 4.0, "other method": 3.0}
_MAKERS: Mapping[str, Callable[[Draw, int, Known], tuple[str, Message]]] = {
    "question": _question,
    "events": _events,
    "outcomes": _outcomes,
    "recall": _recall,
}
_EVENTS = {
    "incident.opened": 6.0,
    "incident.resolved": 8.0,
    "consent.granted": 40.0,
    "consent.withdrawn": 4.0,
    "purchase": 24.0,
    "journey.entered": 6.0,
    "journey.advanced": 4.0,
    "journey.exited": 4.0,
    "feed.heartbeat": 2.0,
    "basket.left": 2.0,
}
_NAMES = {
    "incident.opened": ("incident_id", "class", "severity"),
    "incident.resolved": ("incident_id",),
    "consent.granted": ("purpose", "channel"),
    "consent.withdrawn": ("purpose", "channel"),
    "journey.entered": ("journey_id", "stage"),
    "journey.advanced": ("journey_id", "stage"),
    "journey.exited": ("journey_id",),
}
