"""A catalogue as a company would write it, of any size, and a customer of it."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from features.schema import FeatureType
from features.values import FeatureStatus, FeatureValue, Scalar
from service.catalogue.bind.catalogue import bind
from service.catalogue.documents.journey import CatalogueDocument
from service.decision.facts import Consents, Contact, Enrolment, Facts, Response, Situation, Use
from service.decision.journey import JourneyKind, Stage
from service.decision.plan import Plan
from tests.example import SCHEMA, TERMS

NOW = datetime(2018, 1, 3, 15, tzinfo=UTC)
DAY = timedelta(days=1)
NUMBERS = tuple(f.name for f in SCHEMA.features if f.type is FeatureType.DOUBLE)
KINDS = ("promotional", "loyalty", "feedback", "onboarding", "celebration", "service")
POLICIES = {
    "channels": {"email": {"direction": "outbound"}, "app": {"direction": "inbound"}},
    "time_zone": "America/New_York",
    "incidents": {
        "default": {"allow": ["service", "resolution"], "grace": "24h"},
        "classes": {"delivery": {"allow": ["service", "resolution"], "severities": {"high": ["resolution"]}}},
    },
    "purposes": ["marketing"],
    "pressure": [
        {"id": "email-week", "channels": ["email"], "at_most": 5, "per": "7d"},
        {"id": "survey-month", "kinds": ["feedback"], "at_most": 1, "per": "month"},
        {"id": "all-day", "at_most": 9, "per": "day"},
    ],
    "quiet_hours": [
        {"id": "night", "channels": ["email"], "from": "21:00", "to": "08:00", "holidays": True},
    ],
    "budgets": [{"id": "offers-month", "amount": 10000.0, "per": "month", "kinds": ["promotional"]}],
    "in_flight": {"promotional": 3, "loyalty": 2},
    "policies": [
        {
            "id": "vulnerable",
            "require": "customer.spend_90d < 5000.0",
            "kinds": ["promotional"],
            "text": {"es": "Se protege.", "en": "Protected."},
        },
        {
            "id": "settled-in",
            "require": "customer.baskets_90d >= 1",
            "kinds": ["feedback"],
            "text": {"es": "Aún no.", "en": "Not yet."},
        },
    ],
    "priors": {kind.value: 0.1 for kind in JourneyKind},
}
"""What is company-wide: each family of constraints is in use."""


def plan_of(size: int) -> Plan:
    """A plan of `size` journeys, each with its own audience over two or three features, and rules of every kind."""
    chance = random.Random(size)
    journeys = [_journey(number, chance) for number in range(size)]
    document = CatalogueDocument.model_validate({"policies": POLICIES, "journeys": journeys}, strict=False)
    bound = bind(document, TERMS, "bench")
    assert not bound.problems, bound.problems[:3]
    return bound.plan


def _journey(number: int, chance: random.Random) -> dict[str, object]:
    kind = KINDS[number % len(KINDS)]
    other = f"j{(number + 7) % 20:04d}"
    own: dict[str, object] = {
        "journey": f"j{number:04d}",
        "title": {"es": "Viaje", "en": "Journey"},
        "owner": "bench",
        "kind": kind,
        "tier": 1 + number % 4,
        "audience": _audience(chance),
        "objective": {"event": "purchase", "within": "28d", "value": 5.0},
        "consent": [] if kind == "service" else ["marketing"],
        "contact": {"at_most": 1 + number % 3, "per": "week" if number % 5 == 0 else "7d"},
        "cooldown": {"REJECTED": "30d", "ACCEPTED": "60d", "ignored": {"times": 2, "for": "14d"}},
        "never_after": [{"journey": other, "within": "7d"}],
        "max_duration": "60d",
        "stages": [
            {"stage": "need", "actions": [_action(f"need-{number}", kind)]},
            {"stage": "use", "actions": [_action(f"use-{number}", kind)]},
        ],
    }
    if number % 10 == 0:
        own["capacity"] = {"units": 500, "per": "day"}
    if number % 4 == 0:
        own["never_with"] = [f"j{number + 1:04d}"]
    return own


def _audience(chance: random.Random) -> str:
    """Two or three comparisons over a customer whose every number is 10: about half of them hold."""
    chosen = chance.sample(NUMBERS, chance.choice((2, 3)))
    return " && ".join(f"customer.{name} > {chance.uniform(0.0, 12.5):.3f}" for name in chosen)


def _action(action_id: str, kind: str) -> dict[str, object]:
    return {
        "id": action_id,
        "channels": ["email", "app"],
        "tone": "warm",
        "offer": kind == "promotional",
        "cost": 0.1 if kind == "promotional" else 0.0,
        "expects": "buys",
    }


def customer() -> Facts:
    """Facts as they are read: every feature, 20 contacts, some answers, two journeys under way; no variables yet."""
    ids = [f"j{n:04d}" for n in range(20)]
    return Facts(
        now=NOW,
        customer_id="1",
        channel="email",
        features={f.name: _value(f.name, f.type) for f in SCHEMA.features},
        situation=Situation(
            has_events=True,
            consents=Consents(granted_at={("marketing", "email"): NOW - 90 * DAY}),
            contacts=tuple(_contact(j, age) for age, j in enumerate(ids, start=1)),
            responses=tuple(
                Response(decision_id=f"d-{j}", journey_id=j, type=t, at=NOW - 10 * DAY)
                for j, t in zip(ids[::4], ("REJECTED", "ENGAGED", "ACCEPTED", "ENGAGED", "REJECTED"), strict=True)
            ),
            enrolments={j: Enrolment(journey_id=j, stage=Stage.USE, since=NOW - 5 * DAY) for j in ids[:2]},
            uses={"budget:offers-month": tuple(Use(ends_at=NOW + 28 * DAY, amount=0.1) for _ in range(200))},
        ),
    )


def _value(name: str, kind: FeatureType) -> FeatureValue:
    values: dict[FeatureType, Scalar] = {
        FeatureType.STRING: "text",
        FeatureType.DOUBLE: 10.0,
        FeatureType.INT: 10,
        FeatureType.BOOL: True,
        FeatureType.TIMESTAMP: NOW - 40 * DAY,
    }
    named = {"time_zone": "America/New_York", "holiday_region": "US-NY"}
    value = named.get(name, values[kind])
    return FeatureValue(name=name, status=FeatureStatus.PRESENT, value=value, event_time=NOW - DAY)


def _contact(journey_id: str, age_days: int) -> Contact:
    at = NOW - age_days * DAY
    return Contact(
        decision_id=f"d-{journey_id}",
        journey_id=journey_id,
        kind=JourneyKind(KINDS[int(journey_id[1:]) % len(KINDS)]),
        channel="email" if age_days % 3 == 0 else "app",
        at=at,
        is_presented=True,
    )
