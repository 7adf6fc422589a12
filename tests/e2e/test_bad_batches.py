"""Batches in which some rows are bad: each is told alone, the others are kept, nothing is half-written."""

from __future__ import annotations

import unicodedata
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio

from rumbo.decision.v1 import decision_pb2, events_pb2, outcomes_pb2, value_pb2
from tests.e2e.wire import (
    ACCEPTED,
    BAD_TIMES,
    DUPLICATE,
    REJECTED,
    event,
    invalid,
    outcome,
    ranked_ids,
    refusal_of,
    rejection_of,
    value,
    values,
)
from tests.fixtures_service import Service, ask_state, row_counts, running, settled_counts
from tests.fixtures_stores import STORES, home_on

pytestmark = pytest.mark.asyncio(loop_scope="module")

MANY = 1000
LOWEST, HIGHEST = -(2**63), 2**63 - 1
UNKNOWN_DECISION = "0199a0b1-0000-7000-8000-000000000000"
BAD_EVENTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("type", "UNKNOWN_TYPE", {"type": "unheard.of"}),
    ("attributes.note", "TOO_LARGE", {"attributes": values(amount=1.0, note="x" * 100_000)}),
    ("attributes.note", "NUL_IN_TEXT", {"attributes": values(amount=1.0, note="a\x00b")}),
    ("event_id", "NUL_IN_TEXT", {"event_id": "a\x00b"}),
    ("customer_id", "NUL_IN_TEXT", {"customer_id": "a\x00b"}),
    ("attributes.amount", "MISSING", {"attributes": {}}),
    ("attributes.amount", "OUT_OF_RANGE", {"attributes": values(amount=-20.0)}),
    ("attributes.x", "NOT_SET", {"attributes": {"x": value_pb2.Value(), "amount": value(1.0)}}),
    *(("occurred_at", code, {"occurred_at": moment}) for _, code, moment in BAD_TIMES),
)
"""Purchases that cannot be kept: the field, the code, what is wrong."""


@pytest.fixture(scope="module", params=STORES)
def home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with home_on(request.param, request, tmp_path_factory.mktemp("batches") / "home") as own:
        yield own


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(home: Path) -> AsyncIterator[Service]:
    """One service a store for all cases: each uses ids of its own."""
    async with running(home) as started:
        yield started


def purchase(customer_id: str = "a buyer", /, **fields: Any) -> events_pb2.Event:
    row = event("purchase", customer_id, amount=1.0)
    said = {f.name: getattr(row, f.name) for f in row.DESCRIPTOR.fields}
    return events_pb2.Event(**{**said, **fields})


async def change(service: Service, before: dict[str, int]) -> dict[str, int]:
    """By how much each table grew; tables that did not are left out."""
    after = await settled_counts(service.home)
    return {name: after[name] - before[name] for name in after if after[name] != before[name]}


async def counts(service: Service) -> dict[str, int]:
    return dict(await settled_counts(service.home))


async def test_of_a_batch_of_bad_events_between_good_ones_only_the_good_are_kept(service: Service) -> None:
    before = await counts(service)
    rows, expected = [purchase("between")], [ACCEPTED]
    for _, _, fields in BAD_EVENTS:
        rows += [purchase("between", **fields), purchase("between")]
        expected += [REJECTED, ACCEPTED]
    results = await service.tell(*rows)
    assert [r.status for r in results] == expected
    assert [r.event_id for r in results] == [row.event_id for row in rows]
    assert [rejection_of(r) for r in results[1::2]] == [(field, code) for field, code, _ in BAD_EVENTS]
    assert await change(service, before) == {"events": len(BAD_EVENTS) + 1, "customers": 1, "latest_events": 1}


async def test_of_a_batch_of_bad_outcomes_between_good_ones_only_the_good_are_kept(service: Service) -> None:
    decided = await service.decide("who reports")
    (journey_id,) = ranked_ids(decided)
    before = await counts(service)

    def report(**fields: Any) -> outcomes_pb2.Outcome:
        row = outcome(decided.decision_id, journey_id, "ENGAGED")
        said = {f.name: getattr(row, f.name) for f in row.DESCRIPTOR.fields if f.name != "value"}
        return outcomes_pb2.Outcome(**{**said, **fields})

    bad: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("journey_id", "NOT_RANKED", {"journey_id": "rescue-basket"}),
        ("journey_id", "NOT_RANKED", {"journey_id": "no journey at all"}),
        ("decision_id", "UNKNOWN_DECISION", {"decision_id": UNKNOWN_DECISION}),
        ("decision_id", "UNKNOWN_DECISION", {"decision_id": decided.decision_id.upper()}),
        ("decision_id", "UNKNOWN_DECISION", {"decision_id": "ffffffff-ffff-7fff-bfff-ffffffffffff"}),
        ("decision_id", "NUL_IN_TEXT", {"decision_id": "a\x00b"}),
        ("outcome_id", "NUL_IN_TEXT", {"outcome_id": "a\x00b"}),
        ("type", "UNKNOWN_TYPE", {"type": 2**31 - 1}),
        ("type", "UNKNOWN_TYPE", {"type": -(2**31)}),
        ("value", "NOT_FINITE", {"type": outcomes_pb2.OUTCOME_TYPE_CONVERTED, "value": float("-inf")}),
        *(("occurred_at", code, {"occurred_at": moment}) for _, code, moment in BAD_TIMES),
    )
    rows, expected = [report()], [ACCEPTED]
    for _, _, fields in bad:
        rows += [report(**fields), report()]
        expected += [REJECTED, ACCEPTED]
    results = await service.report(*rows)
    assert [r.status for r in results] == expected
    assert [rejection_of(r) for r in results[1::2]] == [(field, code) for field, code, _ in bad]
    assert await change(service, before) == {"outcomes": len(bad) + 1}


async def test_a_thousand_events_in_one_call_are_each_told_and_kept_once(service: Service) -> None:
    before = await counts(service)
    rows = [purchase(f"of many {i % 100}", event_id=f"many-{i}") for i in range(MANY)]
    rows[MANY // 2] = purchase(event_id="many-bad", type="unheard.of")
    rows[-1] = purchase("of many 0", event_id="many-0", occurred_at=rows[0].occurred_at)
    results = await service.tell(*rows)
    assert [r.event_id for r in results] == [row.event_id for row in rows]
    told = [r.status for r in results]
    assert (told.count(ACCEPTED), told[MANY // 2], told[-1]) == (MANY - 2, REJECTED, DUPLICATE)
    assert await change(service, before) == {"events": MANY - 2, "customers": 100, "latest_events": 100}
    again = await service.tell(*rows)
    assert {r.status for i, r in enumerate(again) if i != MANY // 2} == {DUPLICATE}
    assert await change(service, before) == {"events": MANY - 2, "customers": 100, "latest_events": 100}


async def test_a_row_more_than_a_thousand_makes_the_whole_call_invalid(service: Service) -> None:
    before = await counts(service)
    events = [purchase("one too many") for _ in range(MANY + 1)]
    assert await refusal_of(service.tell(*events)) == invalid("TOO_MANY", "events")
    outcomes = [outcome("d", "j", "ENGAGED") for _ in range(MANY + 1)]
    assert await refusal_of(service.report(*outcomes)) == invalid("TOO_MANY", "outcomes")
    assert await refusal_of(sent_raw(service, "RecordEvents", b"\x0a\x00" * 2_000_000)) == invalid("TOO_MANY", "events")
    assert await change(service, before) == {}


async def test_an_event_of_more_than_64_attributes_is_rejected_alone(service: Service) -> None:
    """An attribute that is given twice counts twice: it was sent twice."""
    before = await counts(service)
    at_the_edge, beyond, far_beyond = (
        purchase("who says much", attributes=values(amount=1.0, **{f"k{i}": True for i in range(count - 1)}))
        for count in (64, 65, 9999)
    )
    sent = events_pb2.RecordEventsRequest(events=[at_the_edge, beyond, far_beyond, purchase("who says much")])
    twice = purchase("who says much", attributes=values(amount=1.0)).SerializeToString()
    twice += events_pb2.Event(attributes=values(amount=2.0)).SerializeToString() * 64
    raw = sent.SerializeToString() + b"\x0a" + _varint(len(twice)) + twice
    results = events_pb2.RecordEventsResponse.FromString(await sent_raw(service, "RecordEvents", raw)).results
    assert [r.status for r in results] == [ACCEPTED, REJECTED, REJECTED, ACCEPTED, REJECTED]
    assert {rejection_of(results[i]) for i in (1, 2, 4)} == {("attributes", "TOO_MANY")}
    assert await change(service, before) == {"events": 2, "customers": 1, "latest_events": 1}


async def test_too_many_attributes_hide_no_row_without_an_id(service: Service) -> None:
    before = await counts(service)
    crowd = values(**{f"k{i}": True for i in range(65)})
    nameless = purchase(event_id="", attributes=crowd)
    assert await refusal_of(service.tell(purchase(), nameless)) == invalid("EMPTY", "events[1].event_id")
    assert await change(service, before) == {}


async def test_one_id_twice_in_a_batch_is_a_duplicate_or_a_reuse_by_its_content(service: Service) -> None:
    before = await counts(service)
    first = purchase("twice", event_id="twice")
    same, other = purchase("twice", event_id="twice", occurred_at=first.occurred_at), purchase("else", event_id="twice")
    results = await service.tell(first, same, other, purchase("twice", event_id="once"))
    assert [r.status for r in results] == [ACCEPTED, DUPLICATE, REJECTED, ACCEPTED]
    assert rejection_of(results[2]) == ("event_id", "ID_REUSED")
    assert await change(service, before) == {"events": 2, "customers": 1, "latest_events": 1}


async def test_an_event_id_belongs_to_the_first_customer_it_came_with(service: Service) -> None:
    await service.tell(purchase("first of two", event_id="of two"))
    before = await counts(service)
    (result,) = await service.tell(purchase("second of two", event_id="of two"))
    assert rejection_of(result) == ("event_id", "ID_REUSED")
    assert await change(service, before) == {}


ALIKE = (
    "Jose",
    "jose",
    "JOSE",
    "Jose ",
    " Jose",
    "Jose\t",
    "Jose\u200b",
    unicodedata.normalize("NFC", "José"),
    unicodedata.normalize("NFD", "José"),
    "\uff2aose",
    "ﬁ",
    "fi",
    "ß",
    "ss",
    "SS",
    "Straße",
    "STRASSE",
    "987654",
    "0987654",
    "987654.0",
    "null",
    "NULL",
    "'; DROP TABLE customers; --",
    "%",
    "?",
    "\\",
    "{}",
    "\ufeff",
    "\U0001f9fa",
    "c" * 128,
    "\U0001f9fa" * 128,
)
"""Ids that some system or other takes for one another, or for something else than an id."""


async def test_ids_are_compared_exactly_as_they_are_given(service: Service) -> None:
    """Of customers, events and incidents: nothing is trimmed, folded, normalised or read as anything but text."""
    before = await counts(service)
    rows = [
        event("incident.opened", one, event_id=f"of {one}"[:128], incident_id=other)
        for one in ALIKE
        for other in (one, one)
    ]
    results = await service.tell(*rows)
    assert [r.status for r in results[::2]] == [ACCEPTED] * len(ALIKE)
    assert await change(service, before) == {"events": len(ALIKE), "customers": len(ALIKE), "incidents": len(ALIKE)}
    kept = ask_state(service.home, "SELECT customer_id, incident_id FROM incidents WHERE opened_by LIKE 'of %'")
    assert sorted(kept) == sorted((one, one) for one in ALIKE)


async def test_an_id_that_only_looks_like_another_gets_nothing_of_it(service: Service) -> None:
    await service.tell(event("incident.opened", "Ana", incident_id="case-1"))
    assert "complaint-apology" in ranked_ids(await service.decide("Ana"))
    for one in ("ana", "Ana ", "Aná", "Ána"):
        assert "complaint-apology" not in ranked_ids(await service.decide(one))


async def test_request_ids_and_outcome_ids_are_compared_exactly_too(service: Service) -> None:
    first = await service.decide("exactly", request_id="r")
    assert (await service.decide("exactly", request_id="R")).decision_id != first.decision_id
    assert (await service.decide("exactly", request_id="r ")).decision_id != first.decision_id
    assert (await service.decide("exactly", request_id="r")).decision_id == first.decision_id
    rows = [outcome(first.decision_id, ranked_ids(first)[0], "ENGAGED", outcome_id=i) for i in ("o", "O", "o ")]
    assert [r.status for r in await service.report(*rows)] == [ACCEPTED] * 3


@pytest.mark.parametrize("number", [LOWEST, -1, 0, HIGHEST])
async def test_whole_numbers_of_64_bits_are_kept_as_they_are(service: Service, number: int) -> None:
    row = event("purchase", "who counts", amount=max(number, 0), points=number)
    assert [r.status for r in await service.tell(row, row)] == [ACCEPTED, DUPLICATE]
    ((kept,),) = ask_state(service.home, f"SELECT attributes FROM events WHERE event_id = '{row.event_id}'")
    assert kept == f'{{"amount": {max(number, 0)}, "points": {number}}}'


@pytest.mark.parametrize("number", [5e-324, -1.7976931348623157e308, 1.7976931348623157e308])
async def test_amounts_at_the_edges_of_a_double_are_kept_as_they_are(service: Service, number: float) -> None:
    decided = await service.decide("who pays")
    paid = outcome(decided.decision_id, ranked_ids(decided)[0], "CONVERTED", amount=number)
    assert [r.status for r in await service.report(paid, paid)] == [ACCEPTED, DUPLICATE]
    (kept,) = (await service.recall(decided.decision_id)).outcomes
    assert kept.outcome.value == number


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(b"\xed\xa0\x80", id="half-of-a-surrogate-pair"),
        pytest.param(b"\xff\xfe\xfd", id="no-UTF-8"),
    ],
)
async def test_text_that_is_no_unicode_makes_the_whole_call_invalid(service: Service, broken: bytes) -> None:
    before = row_counts(service.home)
    for method, field, sent in (
        ("RecordEvents", "events[1]", events_pb2.RecordEventsRequest(events=[purchase("good"), purchase("###")])),
        ("RecordOutcomes", "outcomes[0]", outcomes_pb2.RecordOutcomesRequest(outcomes=[outcome("d", "###")])),
        ("Decide", "request", decision_pb2.DecideRequest(customer_id="###", channel="web")),
    ):
        refusal = await refusal_of(sent_raw(service, method, sent.SerializeToString().replace(b"###", broken)))
        assert refusal == invalid("MALFORMED", field)
    assert row_counts(service.home) == before


async def test_bytes_that_are_no_message_are_invalid(service: Service) -> None:
    for method in ("Decide", "RecordEvents", "RecordOutcomes", "GetDecision"):
        assert await refusal_of(sent_raw(service, method, b"\xff\xff\xff")) == invalid("MALFORMED", "request")


async def sent_raw(service: Service, method: str, message: bytes) -> bytes:
    call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]
    call = service.channel.unary_unary(f"/rumbo.decision.v1.DecisionService/{method}")
    return await call(message)


def _varint(number: int) -> bytes:
    low = bytearray()
    while number > 127:
        low.append(number & 127 | 128)
        number >>= 7
    return bytes([*low, number])
