"""A catalogue of one journey, small enough to break in every way."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.schema import FeatureSchema, FeatureSpec, FeatureType, PersonalData
from service.catalogue.terms import Terms
from service.decision.reports.event_types import BUILT_IN

POLICIES = """\
channels:
  email: {direction: outbound}
  app: {direction: inbound, slots: 3, reserve: 15m, unconfirmed: release}
incidents:
  default: [service, resolution]
  classes:
    billing: [service, resolution]
purposes: [marketing]
pressure:
  - {id: email-week, channels: [email], at_most: 2, per: 7d}
context:
  page: string
priors:
  promotional: 0.1
  service: 0.3
  resolution: 0.5
  onboarding: 0.2
  feedback: 0.1
  loyalty: 0.2
  celebration: 0.3
"""
JOURNEY = """\
journey: pizza-night
title: {es: "Noche de pizza", en: "Pizza night"}
owner: grocery-marketing
kind: promotional
tier: 4
audience: customer.recency_days > 3.0 && customer.baskets_90d >= 2
objective: {outcome: CONVERTED, within: 28d, value: 5.5}
prior: 0.05
attributes: {category: frozen_pizza}
lever: {weight: 1.2, until: 2030-01-01, why: "Christmas push"}
context_weight:
  - {when: 'context.page == "frozen"', weight: 1.1}
consent: [marketing]
contact: {at_most: 1, per: 7d}
valid: {from: 2017-01-01, until: 2031-01-01}
stages:
  - stage: need
    actions:
      - {id: pizza-email, channels: [email], tone: warm, offer: true, cost: 0.1, expects: "opens the app"}
  - stage: use
    actions:
      - {id: pizza-tip, channels: [app], placements: [home], tone: light, expects: "bakes it well"}
"""


def _spec(name: str, kind: FeatureType) -> FeatureSpec:
    return FeatureSpec(
        name=name,
        view="behaviour",
        type=kind,
        unit="",
        description="",
        owner="",
        personal_data=PersonalData.NONE,
        max_age_s=None,
    )


@pytest.fixture
def terms() -> Terms:
    """Two features: a double and an int."""
    return Terms(
        FeatureSchema((_spec("recency_days", FeatureType.DOUBLE), _spec("baskets_90d", FeatureType.INT))), BUILT_IN
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A valid catalogue: `policies.yaml` and `journeys/pizza-night.yaml`."""
    folder = tmp_path / "catalogue"
    (folder / "journeys").mkdir(parents=True)
    (folder / "policies.yaml").write_text(POLICIES, encoding="utf-8")
    (folder / "journeys" / "pizza-night.yaml").write_text(JOURNEY, encoding="utf-8")
    return folder
