"""Who may be shown what: the journeys listed are allowed, and what is not listed is denied."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from features.values import FeatureStatus
from service.decision.arbitrate import Score, ScoreSource
from service.decision.decide import DecisionTerms, begin, conclude
from service.decision.facts import ANY, Consents, OpenIncidents
from service.decision.journey import HELPING_KINDS
from service.decision.plan import Plan
from tests.policy.customers import CHANNELS, DAY, NOW, REGULAR, Customer, granted, incident, known, lost, regular_but

OFFERS_BY_EMAIL = {
    "breakfast-coupons",
    "everyday-care-club",
    "freezer-mailer",
    "pantry-mailer",
    "pizza-night-coupons",
}
FEAST_DOWN = Customer(
    features=lost(FeatureStatus.UNAVAILABLE),
    is_known=None,
    incidents=OpenIncidents(status=FeatureStatus.UNAVAILABLE),
    consents=replace(granted(), status=FeatureStatus.UNAVAILABLE),
)
STRANGER = Customer(features=lost(FeatureStatus.NOT_FOUND), is_known=False, consents=Consents())


@dataclass(frozen=True, slots=True, kw_only=True)
class Slate:
    name: str
    channel: str
    allowed: set[str]
    customer: Customer = field(default_factory=Customer)
    placement: str | None = None


def _with_incident(customer: Customer, incident_class: str | None = None) -> Customer:
    return replace(customer, incidents=replace(customer.incidents, known=(incident(incident_class),)))


def _without(customer: Customer, purpose: str, channel: str) -> Customer:
    return replace(customer, consents=replace(customer.consents, withdrawn_at={(purpose, channel): NOW - DAY}))


SLATES = (
    Slate(name="a regular customer", channel="email", allowed=OFFERS_BY_EMAIL | {"satisfaction-survey"}),
    Slate(
        name="a regular customer",
        channel="app",
        allowed=OFFERS_BY_EMAIL | {"how-can-we-help", "satisfaction-survey", "store-visit-effort"},
    ),
    Slate(
        name="a regular customer with an open basket",
        channel="web",
        placement="cart",
        allowed={"breakfast-coupons", "everyday-care-club", "how-can-we-help", "pizza-night-coupons"},
    ),
    Slate(name="a regular customer", channel="sms", allowed=set()),
    Slate(
        name="a customer who drifted away",
        channel="sms",
        customer=regular_but(recency_days=60.0),
        allowed={"rescue-basket"},
    ),
    Slate(
        name="a customer of a year, soon",
        channel="store",
        customer=regular_but(days_to_anniversary=30.0),
        allowed={
            "everyday-care-club",
            "first-anniversary",
            "freezer-mailer",
            "how-can-we-help",
            "pantry-mailer",
            "store-visit-effort",
        },
    ),
    Slate(
        name="an incident is open",
        channel="email",
        customer=_with_incident(Customer()),
        allowed={"complaint-apology"},
    ),
    Slate(
        name="a delivery is late",
        channel="sms",
        customer=_with_incident(Customer(), "delivery"),
        allowed={"complaint-apology", "delivery-status"},
    ),
    Slate(
        name="a bill is wrong",
        channel="call_center",
        customer=_with_incident(Customer(), "billing"),
        allowed={"complaint-apology", "how-can-we-help", "make-it-right"},
    ),
    Slate(
        name="the incident was resolved yesterday",
        channel="email",
        customer=Customer(incidents=OpenIncidents(last_resolved_at=NOW - DAY)),
        allowed=OFFERS_BY_EMAIL | {"incident-follow-up", "satisfaction-survey"},
    ),
    Slate(name="a stranger", channel="web", customer=STRANGER, allowed={"how-can-we-help"}),
    Slate(name="a stranger", channel="email", customer=STRANGER, allowed=set()),
    Slate(
        name="a stranger who signed up",
        channel="email",
        customer=replace(STRANGER, consents=granted()),
        allowed={"welcome"},
    ),
    Slate(
        name="marketing was withdrawn",
        channel="email",
        customer=_without(Customer(), "marketing", ANY),
        allowed={"satisfaction-survey"},
    ),
    Slate(name="everything was withdrawn", channel="app", customer=_without(Customer(), ANY, ANY), allowed=set()),
    Slate(name="the feature store is away", channel="app", customer=FEAST_DOWN, allowed={"how-can-we-help"}),
    Slate(name="the feature store is away", channel="email", customer=FEAST_DOWN, allowed=set()),
    Slate(
        name="the feature store is away and an incident is known",
        channel="email",
        customer=_with_incident(FEAST_DOWN),
        allowed={"complaint-apology"},
    ),
    Slate(
        name="the feature store is away, an incident is known, the channel was withdrawn",
        channel="email",
        customer=_without(_with_incident(FEAST_DOWN), ANY, "email"),
        allowed=set(),
    ),
    Slate(
        name="behaviour is stale",
        channel="app",
        customer=Customer(features=lost(FeatureStatus.STALE)),
        allowed={"how-can-we-help"},
    ),
)


@pytest.mark.parametrize("slate", SLATES, ids=lambda s: f"{s.channel}: {s.name}")
def test_only_what_is_listed_is_allowed(slate: Slate, plan: Plan) -> None:
    draft = begin(plan, slate.customer.asks(slate.channel, slate.placement))
    assert {c.journey_id for c in draft.survivors} == slate.allowed


BUYS_EVERYTHING = Customer(
    features=known(
        {
            **REGULAR,
            "baskets_30d": 20,
            "baskets_90d": 60,
            "coupon_baskets_90d": 9,
            "days_to_anniversary": 10.0,
            "redemptions_total": 0,
            "days_since_first_seen": 200.0,
            "share_meat_90d": 0.3,
            "spend_90d": 2000.0,
            **{name: 50.0 for name in REGULAR if name.startswith("spend_") and name != "spend_90d"},
        }
    )
)


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("incident_class", [None, "delivery", "billing", "product_quality", "safety", "unheard of"])
def test_nothing_is_sold_while_an_incident_is_open(incident_class: str | None, channel: str, plan: Plan) -> None:
    """A customer in nearly every audience, so that the incident alone is in the way."""
    draft = begin(plan, _with_incident(BUYS_EVERYTHING, incident_class).asks(channel))
    assert draft.survivors
    assert all(c.kind in HELPING_KINDS and not c.action.is_offer for c in draft.survivors)


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("incident_class", [None, "delivery", "billing", "product_quality", "safety"])
def test_apology_comes_first_while_an_incident_is_open(incident_class: str | None, channel: str, plan: Plan) -> None:
    """By its owners' expectations: the journeys of tier 1 have no history that could reorder them."""
    draft = begin(plan, _with_incident(BUYS_EVERYTHING, incident_class).asks(channel))
    priors = {c.journey_id: Score(p_outcome=c.journey.prior, source=ScoreSource.PRIOR) for c in draft.survivors}
    decision = conclude(draft, priors, DecisionTerms(decision_id="d", limit=3))
    assert decision.picks[0].journey_id == "complaint-apology"


def test_pick_uses_up_a_cap_for_the_next_slot(plan: Plan) -> None:
    """One survey a month: of the two surveys that may be shown in the app, one is ranked and the other withheld."""
    draft = begin(plan, Customer().asks("app"))
    scores = {
        c.journey_id: Score(p_outcome=1.0 if c.kind == "feedback" else 0.0, source=ScoreSource.PRIOR)
        for c in draft.survivors
    }
    decision = conclude(draft, scores, DecisionTerms(decision_id="d", limit=3))
    assert decision.picks[0].journey_id == "satisfaction-survey"
    withheld = {r.journey_id: r for r in decision.selection.rejected}
    assert list(withheld) == ["store-visit-effort"]
    assert [(r.code, r.params["cap"]) for r in withheld["store-visit-effort"].reasons] == [
        ("PRESSURE_CAP", "survey-month")
    ]
    assert decision.eligible_after(withheld["store-visit-effort"]) == NOW + timedelta(minutes=15)
