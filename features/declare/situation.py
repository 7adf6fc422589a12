"""Situation facts, fed by push and never materialised over: what a ticketing system or a consent desk alone knows."""

from __future__ import annotations

from feast import Entity, FeatureView, FileSource, PushSource
from feast.types import String

from features.declare import FOREVER, feature, view_tags
from features.schema import PersonalData


def incidents_view(entity: Entity, batch: FileSource) -> FeatureView:
    """The view `incidents`. `batch`: what Feast demands behind a push source; nothing is ever read from it."""
    return _pushed(
        "incidents",
        entity,
        batch,
        "Latest state of each incident of the customer.",
        "One object an incident: incident_id, incident_class, severity, status (open or resolved), at (RFC 3339).",
        "customer-care",
    )


def consents_view(entity: Entity, batch: FileSource) -> FeatureView:
    """The view `consents`. `batch`: as of `incidents_view`."""
    return _pushed(
        "consents",
        entity,
        batch,
        "Latest state of each consent of the customer.",
        "One object a purpose and channel: purpose, channel, status (granted or withdrawn), at (RFC 3339).",
        "privacy-office",
    )


def _pushed(name: str, entity: Entity, batch: FileSource, description: str, of_list: str, owner: str) -> FeatureView:
    listed = feature(f"{name}_json", String, "JSON list", of_list, owner, PersonalData.PERSONAL)
    return FeatureView(
        name=name,
        entities=[entity],
        ttl=FOREVER,
        source=PushSource(name=f"{name}_push", batch_source=batch),
        tags=view_tags(None),
        description=description,
        schema=[listed],
    )
