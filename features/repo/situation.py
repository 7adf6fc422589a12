"""Situation facts, fed by push and never materialised over: what a ticketing system or a consent desk alone knows."""

from __future__ import annotations

from feast import FeatureView, Field, PushSource
from feast.types import String

from features.repo.customer import FOREVER, customer, feature, parquet, view_tags
from features.schema import PersonalData


def _list(name: str, description: str, owner: str, personal_data: PersonalData) -> Field:
    return feature(name, String, "JSON list", description, owner, personal_data)


incidents_source = parquet("incidents")
consents_source = parquet("consents")
incidents_push = PushSource(name="incidents_push", batch_source=incidents_source)
consents_push = PushSource(name="consents_push", batch_source=consents_source)

incidents = FeatureView(
    name="incidents",
    entities=[customer],
    ttl=FOREVER,
    source=incidents_push,
    tags=view_tags(None),
    description="Latest state of each incident of the customer.",
    schema=[
        _list(
            "incidents_json",
            "One object an incident: incident_id, incident_class, severity, status (open or resolved), at (RFC 3339).",
            "customer-care",
            PersonalData.PERSONAL,
        )
    ],
)

consents = FeatureView(
    name="consents",
    entities=[customer],
    ttl=FOREVER,
    source=consents_push,
    tags=view_tags(None),
    description="Latest state of each consent of the customer.",
    schema=[
        _list(
            "consents_json",
            "One object a purpose and channel: purpose, channel, status (granted or withdrawn), at (RFC 3339).",
            "privacy-office",
            PersonalData.PERSONAL,
        )
    ],
)
