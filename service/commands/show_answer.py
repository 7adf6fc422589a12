"""Answers as tables, for people at a terminal."""

from __future__ import annotations

from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich.console import Console
from rich.table import Table

from rumbo.decision.v1 import decision_pb2

WIDTH = 110
"""Columns of a table that goes to a file."""
WELL_KNOWN = "google.protobuf."
"""The package of messages that have a form of their own in JSON."""


def show_answer(response: decision_pb2.DecideResponse, *, title: str, most_rejected: int = 50) -> None:
    """Prints the ranked journeys, then what was withheld and why (at most `most_rejected` rows)."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    ranked = Table(title=title, title_justify="left", expand=False)
    for heading in ("", "journey", "action", "tone", "p", "why"):
        ranked.add_column(heading)
    for journey in response.ranked:
        why = " ".join(reason.text for reason in journey.reasons)
        place, chance = str(journey.rank), f"{journey.p_outcome:.3f}"
        ranked.add_row(place, journey.journey_id, journey.action_id, journey.tone, chance, why)
    if response.HasField("no_journey"):
        ranked.add_row("–", "no journey", "", "", "", " ".join(r.text for r in response.no_journey.reasons))
    console.print(ranked)
    if response.rejected and most_rejected:
        console.print(_withheld(response, most_rejected))
    for part in response.degraded:
        console.print(f"[yellow]degraded:[/] {part.what}: {part.effect}")


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


def _withheld(response: decision_pb2.DecideResponse, most: int) -> Table:
    withheld = Table(title=f"withheld ({len(response.rejected)})", title_justify="left", expand=False)
    for heading in ("journey", "code", "why"):
        withheld.add_column(heading)
    for journey in response.rejected[:most]:
        for i, reason in enumerate(journey.reasons):
            withheld.add_row("" if i else journey.journey_id, reason.code, reason.text)
    if len(response.rejected) > most:
        withheld.add_row(f"… and {len(response.rejected) - most} more", "", "")
    return withheld
