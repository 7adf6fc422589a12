"""What the service acknowledged, beside what its store holds: both must be the same, told by ids, both ways."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rumbo.decision.v1 import decision_pb2, events_pb2, outcomes_pb2, record_pb2, row_pb2, value_pb2
from tests.fixtures_service import ask_state

Result = events_pb2.EventResult | outcomes_pb2.OutcomeResult
Said = tuple[str, str, str]
"""The id of a row, its content, and what must be kept of it."""
UNREADABLE = ""
TOLD = 5
"""Rows that are named of all that differ."""
TABLES: Mapping[str, str] = {
    "events": "SELECT event_id, customer_id, source, type, occurred_at, attributes FROM events",
    "outcomes": "SELECT outcome_id, decision_id, journey_id, type, value, occurred_at FROM outcomes",
    "decisions": "SELECT decision_id, customer_id FROM decisions",
    "contacts": "SELECT decision_id || ' ' || journey_id, customer_id FROM contacts",
    "requests": "SELECT customer_id || ' ' || request_id, decision_id FROM requests",
}
"""The id of each row, and what was said under it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """`content` is what was said, and `kept`, what the row must hold; `number`, the message that was acknowledged."""

    content: str
    number: int
    kept: str


@dataclass(slots=True, kw_only=True)
class Ledger:
    """By table and id, what was acknowledged. `same`, `other`: rows that were told to be kept already, by an id that
    was sent before with the same content, or with another."""

    rows: dict[str, dict[str, Acknowledged]] = field(default_factory=lambda: {table: {} for table in TABLES})
    same: list[tuple[str, str, Acknowledged]] = field(default_factory=list)
    other: list[tuple[str, str, Acknowledged]] = field(default_factory=list)

    def decided(
        self, number: int, asked: decision_pb2.DecideRequest, answer: decision_pb2.DecideResponse
    ) -> Iterator[str]:
        """Yields: faults. A dry run has no id and nothing of it is kept; a request has one decision for good."""
        if bool(answer.decision_id) is asked.dry_run:
            yield f"dry_run is {asked.dry_run}, and the decision's id {answer.decision_id!r}"
        if not answer.decision_id:
            return
        yield from self._keep_same("decisions", answer.decision_id, number, asked.customer_id)
        for journey in answer.ranked:
            place = f"{answer.decision_id} {journey.journey_id}"
            yield from self._keep_same("contacts", place, number, asked.customer_id)
        if asked.HasField("request_id"):
            request = f"{asked.customer_id} {asked.request_id}"
            yield from self._keep_same("requests", request, number, answer.decision_id)

    def _keep_same(self, table: str, row_id: str, number: int, content: str) -> Iterator[str]:
        said = Acknowledged(content=_text(content), number=number, kept=_text(content))
        kept = self.rows[table].setdefault(row_id, said)
        if kept.content != said.content:
            yield f"{table} {row_id}: now {said.content}, in message {kept.number} {kept.content}"

    def recorded(self, record: record_pb2.GetDecisionResponse) -> Iterator[str]:
        """Yields: faults. It is a decision that was answered, with the journeys that were, for that customer."""
        decision_id = record.decision_id
        kept = self.rows["decisions"].get(decision_id)
        if kept is None or kept.content != _text(record.customer_id):
            yield f"decision {decision_id} is of {record.customer_id!r}; answered was {kept}"
        for ranked in record.ranked:
            if f"{decision_id} {ranked.journey.journey_id}" not in self.rows["contacts"]:
                yield f"decision {decision_id} ranked {ranked.journey.journey_id}, which was not answered"

    def told(
        self, number: int, sent: Sequence[events_pb2.Event | None], results: Sequence[events_pb2.EventResult]
    ) -> Iterator[str]:
        """Yields: faults. `sent` has None for what cannot be read."""
        read = [None if row is None else (row.event_id, event_content(row)) for row in sent]
        said = [None if one is None else (*one, one[1]) for one in read]
        yield from self._rows("events", number, said, [(result.event_id, result) for result in results])

    def reported(
        self, number: int, sent: Sequence[outcomes_pb2.Outcome | None], results: Sequence[outcomes_pb2.OutcomeResult]
    ) -> Iterator[str]:
        """As `told`. What is kept names a decision of the customer whom the outcome named, or the one that it named."""
        given_to = dict(enumerate(result.decision_id for result in results))
        said = [
            None if row is None else (row.outcome_id, outcome_content(row), kept_content(row, given_to.get(place, "")))
            for place, row in enumerate(sent)
        ]
        yield from self._rows("outcomes", number, said, [(result.outcome_id, result) for result in results])
        for row, result in zip(sent, results, strict=False):
            if row is not None and result.decision_id:
                yield from self._given(row, result.decision_id)

    def _given(self, row: outcomes_pb2.Outcome, decision_id: str) -> Iterator[str]:
        of = self.rows["decisions"].get(decision_id)
        if row.decision_id and row.decision_id != decision_id:
            yield f"outcome {row.outcome_id} names {row.decision_id}, and was given to {decision_id}"
        if row.customer_id and (of is None or of.content != _text(row.customer_id)):
            yield f"outcome {row.outcome_id} names {row.customer_id!r}, and was given to {decision_id}, which is {of}"

    def _rows(
        self, table: str, number: int, sent: Sequence[Said | None], results: Sequence[tuple[str, Result]]
    ) -> Iterator[str]:
        """What was sent, and what became of each."""
        if len(sent) != len(results):
            yield f"{len(sent)} {table} were sent, and told of {len(results)}"
            return
        for said, (row_id, result) in zip(sent, results, strict=True):
            of, content, kept = said or (row_id, UNREADABLE, UNREADABLE)
            if of != row_id:
                yield f"{table} {of!r}: told of {row_id!r} in its place"
            if said is None and result.status != row_pb2.ROW_STATUS_REJECTED:
                yield f"{table} {row_id!r}: cannot be read, and has the status {result.status}"
            yield from self._row(table, row_id, Acknowledged(content=content, number=number, kept=kept), result)

    def _row(self, table: str, row_id: str, said: Acknowledged, result: Result) -> Iterator[str]:
        """What a duplicate is of may be acknowledged later than it, so that is looked at in the end."""
        if (result.status == row_pb2.ROW_STATUS_REJECTED) is not result.HasField("rejection"):
            yield f"{table} {row_id}: the rejection does not fit the status"
        if result.status == row_pb2.ROW_STATUS_ACCEPTED:
            if row_id in self.rows[table]:
                yield f"{table} {row_id}: accepted, and before in message {self.rows[table][row_id].number}"
            self.rows[table][row_id] = said
        elif result.status == row_pb2.ROW_STATUS_DUPLICATE:
            self.same.append((table, row_id, said))
        elif result.status != row_pb2.ROW_STATUS_REJECTED:
            yield f"{table} {row_id}: status {result.status}"
        elif not (result.rejection.field and result.rejection.code):
            yield f"{table} {row_id}: rejected without a field or a code"
        elif result.rejection.code == "ID_REUSED":
            self.other.append((table, row_id, said))

    def faults(self, home: Path) -> Iterator[str]:
        """What the store of a home holds and nobody acknowledged, and the reverse; it must be at rest."""
        for table, question in TABLES.items():
            stored = {str(row_id): _stored(table, told) for row_id, *told in ask_state(home, question)}
            yield from _differences(table, self.rows[table], stored)
        yield from self._duplicates()

    def _duplicates(self) -> Iterator[str]:
        for is_same, listed in ((True, self.same), (False, self.other)):
            for table, row_id, said in listed:
                kept = self.rows[table].get(row_id)
                is_wrong = kept is None or (kept.content == said.content) is not is_same
                if is_wrong or (is_same and kept is not None and kept.kept != said.kept):
                    word = "a duplicate" if is_same else "another under its id"
                    yield f"{table} {row_id}: message {said.number} was told that it is {word}; acknowledged was {kept}"


def _differences(table: str, acknowledged: Mapping[str, Acknowledged], stored: Mapping[str, str]) -> Iterator[str]:
    lost = sorted(acknowledged.keys() - stored.keys())
    if lost:
        yield f"{table}: {len(lost)} acknowledged and not kept: {[(i, acknowledged[i]) for i in lost[:TOLD]]}"
    unsaid = sorted(stored.keys() - acknowledged.keys())
    if unsaid:
        yield f"{table}: {len(unsaid)} kept and not acknowledged: {[(i, stored[i]) for i in unsaid[:TOLD]]}"
    both = acknowledged.keys() & stored.keys()
    other = [i for i in both if _unsigned(acknowledged[i].kept) != _unsigned(stored[i])]
    if other:
        named = [(i, acknowledged[i], stored[i]) for i in sorted(other)[:TOLD]]
        yield f"{table}: {len(other)} kept with other content: {named}"


def _unsigned(content: str) -> str:
    """SQLite keeps no sign of a 0."""
    return content.replace(" -0.0,", " 0.0,")


def _text(*content: object) -> str:
    return json.dumps(content, sort_keys=True)


def _stored(table: str, told: Sequence[object]) -> str:
    if table == "events":
        *told, attributes = told
        told = [*told, json.loads(str(attributes))]
    return _text(*told)


def event_content(event: events_pb2.Event) -> str:
    attributes = {name: _scalar(value) for name, value in event.attributes.items()}
    return _text(event.customer_id, event.source, event.type, _micros(event), attributes)


def outcome_content(outcome: outcomes_pb2.Outcome) -> str:
    return _text(outcome.customer_id, kept_content(outcome, outcome.decision_id))


def kept_content(outcome: outcomes_pb2.Outcome, decision_id: str) -> str:
    value = outcome.value if outcome.HasField("value") else None
    known = outcome.type in outcomes_pb2.OutcomeType.values()
    kind = outcomes_pb2.OutcomeType.Name(outcome.type).removeprefix("OUTCOME_TYPE_") if known else str(outcome.type)
    return _text(decision_id, outcome.journey_id, kind, value, _micros(outcome))


def _scalar(value: value_pb2.Value) -> object:
    kind = value.WhichOneof("kind")
    return None if kind is None else getattr(value, kind)


def _micros(row: events_pb2.Event | outcomes_pb2.Outcome) -> int:
    return row.occurred_at.seconds * 1_000_000 + row.occurred_at.nanos // 1000
