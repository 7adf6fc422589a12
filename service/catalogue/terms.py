"""What the rules of a company may speak of: its features, and what happens to its customers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from features.company import EventTypeDocument
from features.schema import FeatureSchema
from service.decision.reports.event_types import BUILT_IN, EventTypes

EXAMPLE_EVENTS: Mapping[str, EventTypeDocument] = {"purchase": EventTypeDocument(latest="last_purchase_at")}
"""The events of the example's rumbo.yaml."""


@dataclass(frozen=True, slots=True)
class Terms:
    """`schema`: every feature that a condition may use; `events`: every type that can be recorded."""

    schema: FeatureSchema
    events: EventTypes


def terms_of(schema: FeatureSchema, events: Mapping[str, EventTypeDocument]) -> Terms:
    """`schema`: what the feature store holds; `events`: as rumbo.yaml declares them."""
    declared = {name: replace(BUILT_IN.by_name[name], latest=document.latest) for name, document in events.items()}
    return Terms(schema=schema, events=EventTypes({**BUILT_IN.by_name, **declared}))
