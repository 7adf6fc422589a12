"""Feature sets by use: what is joined for training. Names are unique across views, so they need no prefix."""

from __future__ import annotations

from feast import FeatureService

from service.examples.complete_journey.feast.behaviour import behaviour
from service.examples.complete_journey.feast.facts import demographics, profile, purchases

redemption = FeatureService(
    name="redemption",
    features=[demographics, profile, purchases, behaviour],
    description="Snapshot facts from which the redemption model learns; situation facts permit, they do not rank.",
)
