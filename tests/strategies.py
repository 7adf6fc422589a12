"""Hypothesis strategies for the pure core: arbitrary catalogues, facts and scores, many at the edges of the rules.

Strategies are made once, at import: making one costs more than drawing from it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from hypothesis import strategies as st

from features.schema import FeatureSchema, FeatureSpec, FeatureType
from features.values import FeatureStatus, FeatureValue, Scalar
from service.decision.arbitrate import Score, ScoreSource
from service.decision.constraints.caps import PressureCap
from service.decision.constraints.registry import Cap, Policies
from service.decision.facts import ANY, Consents, Contact, Enrolment, Facts, Incident, OpenIncidents, Situation
from service.decision.journey import Action, Journey, JourneyKind, Lever, Objective, Stage, StagePlan
from service.decision.plan import ContextWeight
from tests.builders import CHANNELS, COMPILER, HELPING, NOW, SCHEMA, Catalogue, Offered, catalogue, facts

IDS = tuple("abcdef")
PURPOSES = ("marketing", "surveys")
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

_EDGES = (-604801, -604800, -604799, -86401, -86400, -86399, -3600, -900, -1, 0)
INSTANTS = st.sampled_from([NOW + timedelta(seconds=s) for s in (*_EDGES, *range(-10 * 86400, 0, 17_711))])
"""Around the ends of the windows, and throughout ten days."""
MAYBE_INSTANTS = st.none() | INSTANTS
CAPS = st.sampled_from(
    [Cap(at_most=n, per=timedelta(hours=hours)) for n in (1, 2, 3) for hours in (1, 24, 168)],
)
NUMBERS = st.sampled_from([0.5, 0.5, 1.0, 0.0, -0.0, math.nan, math.inf, -math.inf]) | st.floats()
KINDS = st.sampled_from(JourneyKind)
LIMITS = st.sampled_from([50, 3, 3, 2, 2, 1, 0, -1])
SCORES = st.fixed_dictionaries(
    {one: st.builds(Score, p_outcome=NUMBERS, source=st.sampled_from(ScoreSource)) for one in IDS}
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
    objective=st.sampled_from([0.0, 1.0, 6.5, 1e308]).map(lambda v: Objective(within=timedelta(days=28), value=v)),
    prior=st.just(0.1),
    stages=STAGES,
    lever=st.none()
    | st.builds(
        Lever, weight=st.floats(0.5, 2.0), until=st.sampled_from([NOW, NOW + timedelta(days=1)]), why=st.just("test")
    ),
)
OFFERS = st.builds(
    Offered,
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


def policies(allowed: st.SearchStrategy[frozenset[JourneyKind]]) -> st.SearchStrategy[Policies]:
    """`allowed`: the kinds that a class of incident may leave alone."""
    return st.builds(
        Policies,
        incident_default=allowed,
        incident_classes=st.dictionaries(st.sampled_from(["delivery", "billing"]), allowed),
        pressure=st.lists(PRESSURE_CAPS, max_size=2).map(tuple),
    )


def _named(offered: list[Offered], chosen: Policies) -> Catalogue:
    pairs = zip(IDS, offered, strict=False)
    named = (replace(one, journey=replace(one.journey, journey_id=journey_id)) for journey_id, one in pairs)
    return catalogue(*named, policies=chosen)


def catalogues(chosen: st.SearchStrategy[Policies]) -> st.SearchStrategy[Catalogue]:
    return st.builds(_named, st.lists(OFFERS, min_size=2, max_size=len(IDS)), chosen)


CATALOGUES = catalogues(policies(st.just(HELPING) | st.frozensets(KINDS)))
STRICT_CATALOGUES = catalogues(policies(st.sampled_from([HELPING, frozenset({JourneyKind.RESOLUTION}), frozenset()])))
"""An open incident of any class leaves service and resolution alone at most."""

VALUES: Mapping[FeatureType, st.SearchStrategy[Scalar]] = {
    FeatureType.STRING: st.sampled_from(["gold", "silver", "", "ñ"]),
    FeatureType.DOUBLE: NUMBERS | st.sampled_from([9.99, 10.0, 10.01, 120.0]),
    FeatureType.INT: st.integers(-1, 5) | st.sampled_from([2**63 - 1, -(2**63)]),
    FeatureType.BOOL: st.booleans(),
    FeatureType.TIMESTAMP: INSTANTS,
}
"""Values by type: NaN and the infinities are among the doubles."""

UNKNOWN_STATUSES = st.sampled_from([s for s in FeatureStatus if s is not FeatureStatus.PRESENT])
_WITHOUT_VALUE = st.sampled_from([FeatureStatus.NULL, FeatureStatus.NOT_FOUND, FeatureStatus.UNAVAILABLE])
_WITH_VALUE = st.sampled_from([FeatureStatus.PRESENT, FeatureStatus.STALE])


def _features(spec: FeatureSpec) -> st.SearchStrategy[FeatureValue | None]:
    name = st.just(spec.name)
    return st.builds(
        FeatureValue, name=name, status=_WITH_VALUE, value=VALUES[spec.type], event_time=MAYBE_INSTANTS
    ) | (st.none() | st.builds(FeatureValue, name=name, status=_WITHOUT_VALUE))


def rows(schema: FeatureSchema) -> st.SearchStrategy[list[FeatureValue]]:
    """What is known of a customer; some features have no entry at all."""
    row = st.tuples(*(_features(spec) for spec in schema.features))
    return row.map(lambda found: [f for f in found if f is not None])


INCIDENTS = st.builds(
    Incident,
    incident_id=st.sampled_from(["i1", "i2", "i3"]),
    opened_at=INSTANTS,
    incident_class=st.sampled_from(["delivery", "billing", "unheard-of", None]),
    severity=st.sampled_from([None, "high"]),
)
COMPLETENESS = st.sampled_from([*[FeatureStatus.PRESENT] * 5, *FeatureStatus])
OPEN_INCIDENTS = st.builds(
    OpenIncidents,
    known=st.lists(INCIDENTS, min_size=1, max_size=3, unique_by=lambda i: i.incident_id).map(tuple),
    status=COMPLETENESS,
    last_resolved_at=MAYBE_INSTANTS,
)
_NONE_OPEN = [*[OpenIncidents()] * 8, *(OpenIncidents(status=s) for s in FeatureStatus)]
MAYBE_INCIDENTS = st.one_of(st.sampled_from(_NONE_OPEN), st.sampled_from(_NONE_OPEN), OPEN_INCIDENTS)


def consents(purposes: tuple[str, ...], channels: tuple[str, ...]) -> st.SearchStrategy[Consents]:
    """Some of them grant everything, so that other rules get to decide."""
    everything = {(p, c): NOW - timedelta(days=1) for p in purposes for c in channels}
    times = st.sampled_from([NOW - timedelta(days=days) for days in (2, 1, 0)])  # few, so that ties are common
    granted = st.dictionaries(st.sampled_from(sorted(everything)), times)
    blanket = st.tuples(st.sampled_from([*purposes, "service", ANY]), st.sampled_from([*channels, ANY]))
    withdrawn = st.dictionaries(blanket, times, max_size=3)
    arbitrary = st.builds(
        Consents, granted_at=st.just(everything) | granted, withdrawn_at=withdrawn, status=COMPLETENESS
    )
    return st.sampled_from([True, True, False]).flatmap(
        lambda is_plain: st.just(Consents(granted_at=everything)) if is_plain else arbitrary
    )


CONTACTS = st.lists(
    st.builds(
        Contact,
        decision_id=st.just("earlier"),
        journey_id=st.sampled_from(IDS),
        kind=KINDS,
        channel=st.sampled_from(sorted(CHANNELS)),
        at=INSTANTS,
        counts_until=st.sampled_from([None, NOW, NOW + timedelta(seconds=1), NOW + timedelta(minutes=15)]),
    ),
    max_size=4,
).map(tuple)
ENROLMENTS = st.dictionaries(
    st.sampled_from(IDS), st.tuples(st.sampled_from([Stage.USE, Stage.NEED, Stage.RECOMMEND]), INSTANTS), max_size=2
).map(lambda found: {j: Enrolment(journey_id=j, stage=s, since=at) for j, (s, at) in found.items()})


def situations(
    incidents: st.SearchStrategy[OpenIncidents],
    given: st.SearchStrategy[Consents],
    *,
    contacts: st.SearchStrategy[tuple[Contact, ...]] = CONTACTS,
    enrolments: st.SearchStrategy[Mapping[str, Enrolment]] = ENROLMENTS,
) -> st.SearchStrategy[Situation]:
    return st.builds(
        Situation,
        incidents=incidents,
        consents=given,
        contacts=contacts,
        enrolments=enrolments,
        last_purchase_at=MAYBE_INSTANTS,
    )


_CONSENTS = consents(PURPOSES, tuple(CHANNELS))


def _known(incidents: st.SearchStrategy[OpenIncidents]) -> st.SearchStrategy[Facts]:
    return st.builds(
        facts,
        channel=st.sampled_from(sorted(CHANNELS)),
        situation=situations(incidents, _CONSENTS),
        features=rows(SCHEMA),
        context=st.dictionaries(st.just("basket"), NUMBERS),
        placement=st.sampled_from([None, None, "home", "basket"]),
        is_known=st.sampled_from([True, False, None]),
    )


KNOWN = _known(MAYBE_INCIDENTS)
KNOWN_IN_INCIDENT = _known(OPEN_INCIDENTS)
"""Facts of a moment, with their variables; any, and with at least one open incident."""
