"""Answers as tables, for people at a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich.console import Console
from rich.table import Table

from features.console import table_console
from rumbo.decision.v1 import decision_pb2, journey_pb2, outcomes_pb2, record_pb2

WELL_KNOWN = "google.protobuf."
"""The package of messages that have a form of their own in JSON."""


def show_answer(response: decision_pb2.DecideResponse, *, title: str, most_rejected: int = 50) -> None:
    """Prints the ranked journeys, then what was withheld and why (at most `most_rejected` rows)."""
    console = table_console()
    ranked = _table(title, "", "journey", "action", "tone", "p", "why")
    for journey in response.ranked:
        place, chance = str(journey.rank), f"{journey.p_outcome:.3f}"
        ranked.add_row(place, journey.journey_id, journey.action_id, journey.tone, chance, _why(journey))
    if response.HasField("no_journey"):
        ranked.add_row("–", "no journey", "", "", "", _why(response.no_journey))
    console.print(ranked)
    if response.rejected and most_rejected:
        console.print(_withheld(response.rejected, most_rejected))
    _print_degraded(console, response.degraded)


def show_decision(found: record_pb2.GetDecisionResponse) -> None:
    """Prints what was ranked and where it stands, what was withheld, and what was reported since."""
    console = table_console()
    asked = f"customer {found.customer_id} on {found.channel}, {found.decided_at.ToDatetime():%Y-%m-%d %H:%M:%S} UTC"
    ranked = _table(asked, "", "journey", "action", "p", "stands", "why")
    for one in found.ranked:
        journey = one.journey
        state = record_pb2.ContactState.Name(one.contact_state).removeprefix("CONTACT_STATE_").lower()
        chance = f"{journey.p_outcome:.3f}"
        ranked.add_row(str(journey.rank), journey.journey_id, journey.action_id, chance, state, _why(journey))
    if found.HasField("no_journey"):
        ranked.add_row("–", "no journey", "", "", "", _why(found.no_journey))
    console.print(ranked)
    if found.rejected:
        console.print(_withheld(found.rejected, len(found.rejected)))
    if found.outcomes:
        console.print(_followed(found))
    _print_degraded(console, found.degraded)
    console.print(f"model {found.model_version or 'none'}, catalogue {found.catalogue_version}")


def answer_fields(message: Message) -> dict[str, Any]:
    """A message as JSON, by the names of the .proto files. Every field is there always: null for one that is absent.

    Of a oneof there is the one that is set.
    """
    found = MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    for field in message.DESCRIPTOR.fields:
        inner = field.message_type
        if field.containing_oneof is not None and len(field.containing_oneof.fields) > 1:
            continue
        if field.has_presence and not message.HasField(field.name):
            found[field.name] = None
        elif inner is not None and not (inner.full_name.startswith(WELL_KNOWN) or inner.GetOptions().map_entry):
            value = getattr(message, field.name)
            found[field.name] = [answer_fields(one) for one in value] if field.is_repeated else answer_fields(value)
    return {field.name: found[field.name] for field in message.DESCRIPTOR.fields if field.name in found}


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", expand=False)
    for heading in headings:
        table.add_column(heading)
    return table


def _why(said: journey_pb2.RankedJourney | journey_pb2.NoJourney) -> str:
    return " ".join(reason.text for reason in said.reasons)


def _withheld(rejected: Sequence[journey_pb2.RejectedJourney], most: int) -> Table:
    withheld = _table(f"withheld ({len(rejected)})", "journey", "code", "why")
    for journey in rejected[:most]:
        for i, reason in enumerate(journey.reasons):
            withheld.add_row("" if i else journey.journey_id, reason.code, reason.text)
    if len(rejected) > most:
        withheld.add_row(f"… and {len(rejected) - most} more", "", "")
    return withheld


def _followed(found: record_pb2.GetDecisionResponse) -> Table:
    followed = _table(f"followed ({len(found.outcomes)})", "at (UTC)", "journey", "outcome", "value")
    for one in found.outcomes:
        outcome = one.outcome
        kind = outcomes_pb2.OutcomeType.Name(outcome.type).removeprefix("OUTCOME_TYPE_")
        value = f"{outcome.value:g}" if outcome.HasField("value") else ""
        followed.add_row(f"{outcome.occurred_at.ToDatetime():%Y-%m-%d %H:%M:%S}", outcome.journey_id, kind, value)
    return followed


def _print_degraded(console: Console, degraded: Iterable[decision_pb2.Degraded]) -> None:
    for part in degraded:
        console.print(f"[yellow]degraded:[/] {part.effect}")
