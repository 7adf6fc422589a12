"""Hypothesis strategies for the pure core: arbitrary catalogues, with every family of constraints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from service.catalogue.bind.holiday_calendar import PublicHolidays
from service.decision.constraints.audience import CompanyPolicy
from service.decision.constraints.capacity import Pool
from service.decision.constraints.caps import PressureCap
from service.decision.constraints.cooldown import Cooldown, IgnoredRest, Rest
from service.decision.constraints.feed import Feed
from service.decision.constraints.never import NeverAfter
from service.decision.constraints.quiet_hours import QuietHours
from service.decision.constraints.registry import (
    BINDERS,
    NEVER_BYPASSED,
    Cap,
    IncidentClass,
    Policies,
    PolicyScope,
    QuietScope,
)
from service.decision.constraints.unknown import OnUnknown, WhenStale, WhenUnknown
from service.decision.journey import Action, Journey, JourneyKind, Lever, Objective, RankBy, Stage, StagePlan
from service.decision.plan import ContextWeight, Lifetime, ToneChoice
from service.decision.windows import CalendarWindow, Period, RollingWindow
from tests.builders import CHANNELS, COMPILER, HELPING, NOW, Catalogue, Entry, catalogue
from tests.strategies import IDS, KINDS, PURPOSES, RESPONSES, seldom
from tests.variants import in_flight

CONDITIONS = tuple(
    ContextWeight(when=COMPILER.compile(text), weight=weight)
    for text, weight in (
        ("true", 1.5),
        ('channel != "email"', 0.5),
        ("customer.spend > 10.0", 2.0),
        ("!(customer.spend > 10.0)", 1.0),
        ("customer.spend != 1.0", 1.3),
        ('customer.visits >= 2 || customer.segment == "gold"', 1.2),
        ("customer.visits / customer.visits == 1", 0.9),
        ('customer.is_known ? customer.segment != "gold" : true', 1.1),
        ("!situation.has_open_incident || situation.open_incidents < 2", 2.0),
        ('situation.open_incident_classes.all(c, c != "delivery")', 0.8),
        ("situation.last_incident_resolved_at < now", 1.0),
        ("situation.contacts < 2", 1.0),
        ("context.basket <= 50.0", 1.7),
        ('placement == "home" || !("a" in situation.journeys)', 1.4),
    )
)
"""Conditions that know, do not know, and fail; each with the weight it gets as a context weight."""

CAPS = st.sampled_from(
    [
        Cap(at_most=n, per=per)
        for n in (1, 2, 3)
        for per in (timedelta(hours=1), timedelta(days=1), timedelta(days=7), *Period)
    ],
)
ACTIONS = st.sampled_from(
    [
        Action(action_id=action_id, channels=channels, tone="plain", placements=place, is_offer=is_offer, cost=cost)
        for action_id in ("mail", "banner")
        for channels in (frozenset(CHANNELS), frozenset({"web", "app"}), frozenset({"email", "app"}))
        for place in (frozenset[str](), frozenset({"home"}))
        for is_offer in (False, True)
        for cost in (0.0, 0.1, 1e308)
    ]
)
STAGES = st.tuples(
    st.sampled_from([(Stage.NEED,), (Stage.NEED, Stage.USE)]), st.lists(ACTIONS, min_size=2, max_size=3).map(tuple)
).map(lambda drawn: tuple(StagePlan(stage=s, actions=drawn[1][i:]) for i, s in enumerate(drawn[0])))
JOURNEYS = st.builds(
    Journey,
    journey_id=st.just("unnamed"),
    kind=KINDS,
    tier=st.integers(1, 3),
    objective=st.builds(
        Objective,
        within=st.just(timedelta(days=28)),
        value=st.sampled_from([0.0, 1.0, 6.5, 1e308]),
        is_value_learnt=st.booleans(),
        rank_by=st.sampled_from(RankBy),
        is_weighed_against_silence=st.booleans(),
        outcome=st.sampled_from([None, None, "CONVERTED"]),
    ),
    prior=st.just(0.1),
    stages=STAGES,
    lever=st.none()
    | st.builds(
        Lever, weight=st.floats(0.5, 2.0), until=st.sampled_from([NOW, NOW + timedelta(days=1)]), why=st.just("test")
    ),
)
RESTS = st.sampled_from([timedelta(seconds=s) for s in (1, 900, 86_400, 7 * 86_400)])
COOLDOWNS = st.builds(
    Cooldown,
    journeys=st.frozensets(st.sampled_from(IDS), min_size=1, max_size=2),
    rests=st.lists(st.builds(Rest, response=st.sampled_from(RESPONSES), rests=RESTS), max_size=2).map(tuple),
    ignored=st.none() | st.builds(IgnoredRest, times=st.integers(1, 2), window=RESTS, rests=RESTS),
)
WINDOWS = st.sampled_from(
    [
        RollingWindow(per=timedelta(days=1)),
        *(CalendarWindow(period=p, zone=ZoneInfo("America/New_York")) for p in Period),
    ]
)
ON_UNKNOWN = st.just(OnUnknown()) | st.builds(
    OnUnknown,
    on_missing=st.sampled_from(WhenUnknown),
    on_stale=st.sampled_from(WhenStale),
    on_unknown_customer=st.none() | st.sampled_from(WhenUnknown),
    max_age=st.none() | st.sampled_from([timedelta(days=1), timedelta(days=2), timedelta(days=30)]),
)
TONES = st.lists(
    st.builds(ToneChoice, when=st.sampled_from([c.when for c in CONDITIONS]), tone=st.sampled_from(["warm", "sober"])),
    max_size=2,
).map(tuple)


def _some_ids(most: int) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(IDS), max_size=most, unique=True).map(tuple)


OFFERS = st.builds(
    Entry,
    cooldown=seldom(COOLDOWNS, None),
    capacity=seldom(
        st.builds(Pool, pool_id=st.just("capacity"), limit=st.sampled_from([1.0, 2.0]), window=WINDOWS), None
    ),
    never_with=seldom(_some_ids(2), ()),
    never_after=seldom(
        st.lists(st.builds(NeverAfter, other=st.sampled_from(IDS), within=RESTS), max_size=2, unique=True).map(tuple),
        (),
    ),
    lifetime=st.builds(
        Lifetime,
        max_duration=st.none() | st.sampled_from([timedelta(hours=1), timedelta(days=1), timedelta(days=60)]),
        exit_when=seldom(st.sampled_from([c.when for c in CONDITIONS]), None),
    ),
    audience_on_unknown=seldom(ON_UNKNOWN, OnUnknown()),
    bypass=seldom(st.frozensets(st.sampled_from(sorted(set(BINDERS) - NEVER_BYPASSED))), frozenset()),
    tones=TONES,
    is_switchable=st.booleans(),
    journey=JOURNEYS,
    purposes=st.sampled_from([(), ("marketing",), ("surveys",), PURPOSES]),
    audience=st.sampled_from([*[None] * 12, *(c.when for c in CONDITIONS)]),
    contact=st.none() | CAPS,
    valid_from=st.sampled_from([*[None] * 8, NOW, NOW + timedelta(seconds=1)]),
    valid_until=st.sampled_from([*[None] * 8, NOW, NOW + timedelta(seconds=1)]),
    context_weights=st.lists(st.sampled_from(CONDITIONS), max_size=3).map(tuple),
)
PRESSURE_CAPS = st.builds(
    lambda kinds, channels, cap: PressureCap(
        cap_id="pressure", kinds=kinds, channels=channels, at_most=cap.at_most, per=cap.per
    ),
    st.just(frozenset(JourneyKind)) | st.frozensets(KINDS, min_size=1),
    st.sampled_from([frozenset(CHANNELS), frozenset({"email"})]),
    CAPS,
)


QUIET = st.builds(
    QuietScope,
    rule=st.builds(
        QuietHours,
        quiet_id=st.just("quiet"),
        begins=st.sampled_from([time(21), time(6)]),
        ends=st.sampled_from([time(7), time(8, 30)]),
        on_weekends=st.booleans(),
        holidays=st.sampled_from([None, PublicHolidays()]),
        zone_feature=st.just("time_zone"),
        region_feature=st.just("holiday_region"),
        on_unknown=st.sampled_from([OnUnknown(), OnUnknown(on_missing=WhenUnknown.ALLOW)]),
    ),
    kinds=st.frozensets(KINDS, min_size=1),
    channels=st.just(frozenset({"email"})),
)
BUDGETS = st.builds(
    Pool,
    pool_id=st.just("budget"),
    limit=st.sampled_from([0.05, 0.1, 0.3, 1e308]),
    window=WINDOWS,
    counts_cost=st.just(True),
    kinds=st.just(frozenset[JourneyKind]()) | st.frozensets(KINDS, min_size=1),
    channels=st.sampled_from([frozenset[str](), frozenset({"email"})]),
)
CLAIMS = st.builds(
    PolicyScope,
    rule=st.builds(
        CompanyPolicy,
        policy_id=st.sampled_from(["fair", "far-off"]),
        condition=st.sampled_from([c.when for c in CONDITIONS]),
        on_unknown=ON_UNKNOWN,
    ),
    kinds=st.frozensets(KINDS),
    journeys=st.frozensets(st.sampled_from(IDS), max_size=2),
)
FEEDS = st.none() | st.builds(Feed, source=st.just("crm"), max_age=st.just(timedelta(hours=1)))
LIMITS_IN_FLIGHT = st.dictionaries(KINDS, st.integers(1, 2), max_size=4)


def policies(allowed: st.SearchStrategy[frozenset[JourneyKind]]) -> st.SearchStrategy[Policies]:
    """`allowed`: the kinds that a class of incident may leave alone."""
    graces = st.sampled_from([timedelta(0), timedelta(0), timedelta(days=1)])
    severities = st.dictionaries(st.sampled_from(["high", "low"]), allowed, max_size=1)
    classes = st.builds(IncidentClass, allows=allowed, severities=severities, grace=graces)
    return st.builds(
        Policies,
        incident_default=allowed,
        incident_grace=graces,
        incident_classes=st.dictionaries(st.sampled_from(["delivery", "billing"]), classes),
        incident_feed=seldom(FEEDS, None),
        consent_feed=seldom(FEEDS, None),
        pressure=st.lists(PRESSURE_CAPS, max_size=2).map(tuple),
        quiet=seldom(st.lists(QUIET, max_size=1).map(tuple), ()),
        budgets=seldom(st.lists(BUDGETS, max_size=1).map(tuple), ()),
        claims=seldom(st.lists(CLAIMS, max_size=2).map(tuple), ()),
    )


def _named(offered: list[Entry], chosen: Policies, limits: Mapping[JourneyKind, int]) -> Catalogue:
    pairs = zip(IDS, offered, strict=False)
    named = tuple(_renamed(one, journey_id) for journey_id, one in pairs)
    return catalogue(*named, policies=in_flight(chosen, limits, *named))


def _renamed(one: Entry, journey_id: str) -> Entry:
    """A journey excludes others only, and its capacity is its own."""
    own = frozenset({journey_id})
    capacity = None if one.capacity is None else replace(one.capacity, pool_id="capacity:" + journey_id, journeys=own)
    return replace(
        one,
        journey=replace(one.journey, journey_id=journey_id),
        capacity=capacity,
        never_with=tuple(other for other in one.never_with if other != journey_id),
    )


def catalogues(
    chosen: st.SearchStrategy[Policies], offers: st.SearchStrategy[Entry] = OFFERS
) -> st.SearchStrategy[Catalogue]:
    return st.builds(_named, st.lists(offers, min_size=2, max_size=len(IDS)), chosen, seldom(LIMITS_IN_FLIGHT, {}))


CATALOGUES = catalogues(policies(st.just(HELPING) | st.frozensets(KINDS)))
HELPFUL_CATALOGUES = catalogues(
    st.builds(
        Policies,
        incident_default=st.just(frozenset(JourneyKind)),
        incident_classes=st.just({}),
        pressure=seldom(st.lists(PRESSURE_CAPS, max_size=1).map(tuple), ()),
        claims=seldom(st.lists(CLAIMS, max_size=1).map(tuple), ()),
    ),
    st.builds(
        Entry,
        journey=JOURNEYS,
        audience=st.sampled_from([None, *(c.when for c in CONDITIONS)]),
        audience_on_unknown=ON_UNKNOWN,
        contact=seldom(CAPS, None),
        bypass=st.frozensets(st.sampled_from(sorted(set(BINDERS) - NEVER_BYPASSED))),
    ),
)
"""Few rules but conditions: what helps, asks for no consent, and needs to know little."""
STRICT_CATALOGUES = catalogues(policies(st.sampled_from([HELPING, frozenset({JourneyKind.RESOLUTION}), frozenset()])))
"""An open incident of any class leaves service and resolution alone at most."""
