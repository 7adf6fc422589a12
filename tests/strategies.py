"""Hypothesis strategies for the pure core: arbitrary facts and scores, many at the edges of the rules.

Strategies are made once, at import: making one costs more than drawing from it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from hypothesis import strategies as st

from features.schema import FeatureSchema, FeatureSpec, FeatureType
from features.values import FeatureStatus, FeatureValue, Scalar
from service.decision.arbitrate import Score, ScoreSource
from service.decision.decide import StateAtCommit
from service.decision.facts import (
    ANY,
    Consents,
    Contact,
    Enrolment,
    Facts,
    Incident,
    OpenIncidents,
    ResolvedIncident,
    Response,
    Situation,
    UntoldIncident,
    Use,
)
from service.decision.journey import JourneyKind, Stage
from tests.builders import CHANNELS, NOW, SCHEMA, facts

IDS = tuple("abcdef")
PURPOSES = ("marketing", "surveys")
RESPONSES = ("REJECTED", "ACCEPTED", "CONVERTED", "ENGAGED")
ZONES = ("America/New_York", "Europe/Madrid", "Africa/Cairo", "Australia/Lord_Howe", "nowhere")
REGIONS = ("US-NY", "ES-MD", "nowhere")
T = TypeVar("T")
U = TypeVar("U")
_EDGES = (-604801, -604800, -604799, -86401, -86400, -86399, -3600, -900, -1, 0)
INSTANTS = st.sampled_from([NOW + timedelta(seconds=s) for s in (*_EDGES, *range(-10 * 86400, 0, 17_711))])
"""Around the ends of the windows, and throughout ten days."""
MAYBE_INSTANTS = st.none() | INSTANTS
NUMBERS = st.sampled_from([0.5, 0.5, 1.0, 0.0, -0.0, math.nan, math.inf, -math.inf]) | st.floats()
KINDS = st.sampled_from(JourneyKind)
LIMITS = st.sampled_from([50, 3, 3, 2, 2, 1, 0, -1])
SCORES = st.fixed_dictionaries(
    {
        one: st.builds(
            Score,
            p_outcome=NUMBERS,
            source=st.sampled_from(ScoreSource),
            value=st.none() | NUMBERS,
            p_if_silent=st.none() | NUMBERS,
        )
        for one in IDS
    }
)


def seldom(some: st.SearchStrategy[T], usual: U) -> st.SearchStrategy[T | U]:
    """The usual in two cases of three: catalogues that nothing passes teach nothing."""
    return st.sampled_from([False, False, True]).flatmap(lambda is_some: some if is_some else st.just(usual))


VALUES: Mapping[FeatureType, st.SearchStrategy[Scalar]] = {
    FeatureType.STRING: st.sampled_from(["gold", "silver", "", "ñ"]),
    FeatureType.DOUBLE: NUMBERS | st.sampled_from([9.99, 10.0, 10.01, 120.0]),
    FeatureType.INT: st.integers(-1, 5) | st.sampled_from([2**63 - 1, -(2**63)]),
    FeatureType.BOOL: st.booleans(),
    FeatureType.TIMESTAMP: INSTANTS,
}
"""Values by type: NaN and the infinities are among the doubles."""
NAMED_VALUES: Mapping[str, st.SearchStrategy[Scalar]] = {
    "time_zone": st.sampled_from(ZONES),
    "holiday_region": st.sampled_from(REGIONS),
}

UNKNOWN_STATUSES = st.sampled_from([s for s in FeatureStatus if s is not FeatureStatus.PRESENT])
_WITHOUT_VALUE = st.sampled_from([FeatureStatus.NULL, FeatureStatus.NOT_FOUND, FeatureStatus.UNAVAILABLE])
_WITH_VALUE = st.sampled_from([FeatureStatus.PRESENT, FeatureStatus.STALE])


def _features(spec: FeatureSpec) -> st.SearchStrategy[FeatureValue | None]:
    name = st.just(spec.name)
    values = NAMED_VALUES.get(spec.name, VALUES[spec.type])
    return st.builds(FeatureValue, name=name, status=_WITH_VALUE, value=values, event_time=MAYBE_INSTANTS) | (
        st.none() | st.builds(FeatureValue, name=name, status=_WITHOUT_VALUE)
    )


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
RESOLVED = st.lists(
    st.builds(
        ResolvedIncident,
        incident_class=st.sampled_from(["delivery", "billing", "unheard-of", None]),
        severity=st.sampled_from([None, "high"]),
        resolved_at=INSTANTS,
    ),
    max_size=2,
).map(tuple)
UNTOLD = st.lists(
    st.builds(
        UntoldIncident,
        incident_class=st.sampled_from(["delivery", "billing", "unheard-of"]),
        fact=st.sampled_from(["customer.visits", "customer.seen_at"]),
        status=st.sampled_from(["NULL", "NOT_FOUND", "STALE", "UNAVAILABLE", "ERROR"]),
    ),
    max_size=2,
).map(tuple)
COMPLETENESS = st.sampled_from([*[FeatureStatus.PRESENT] * 5, *FeatureStatus])
OPEN_INCIDENTS = st.builds(
    OpenIncidents,
    known=st.lists(INCIDENTS, min_size=1, max_size=3, unique_by=lambda i: i.incident_id).map(tuple),
    status=COMPLETENESS,
    last_resolved_at=MAYBE_INSTANTS,
    resolved=RESOLVED,
    untold=seldom(UNTOLD, ()),
)
_NONE_OPEN = [*[OpenIncidents()] * 8, *(OpenIncidents(status=s) for s in FeatureStatus)]
_ONCE_OPEN = st.builds(OpenIncidents, resolved=RESOLVED, untold=seldom(UNTOLD, ()))
MAYBE_INCIDENTS = st.one_of(st.sampled_from(_NONE_OPEN), st.sampled_from(_NONE_OPEN), _ONCE_OPEN, OPEN_INCIDENTS)


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


def _told_again(contact: Contact, decided: timedelta, shown: timedelta) -> Contact:
    """Decided this long before it counts from, and first presented this long after that."""
    decided_at = contact.at - decided
    return replace(contact, decided_at=decided_at, presented_at=min(contact.at, decided_at + shown))


_LATER = st.sampled_from([timedelta(0), timedelta(hours=1), timedelta(days=2)])
_PLAIN_CONTACTS = st.builds(
    Contact,
    decision_id=st.sampled_from(["d1", "d2"]),
    journey_id=st.sampled_from(IDS),
    kind=KINDS,
    channel=st.sampled_from(sorted(CHANNELS)),
    at=INSTANTS,
    counts_until=st.sampled_from([None, NOW, NOW + timedelta(seconds=1), NOW + timedelta(minutes=15)]),
    reserved_until=st.sampled_from([None, None, NOW, NOW + timedelta(seconds=1), NOW + timedelta(minutes=15)]),
    is_presented=st.booleans(),
    cost=st.sampled_from([0.0, 0.1]),
    displaces=st.sampled_from([(), (), *((journey,) for journey in IDS)]),
)
CONTACTS = st.lists(
    _PLAIN_CONTACTS | st.builds(_told_again, _PLAIN_CONTACTS, _LATER, _LATER),
    max_size=4,
).map(tuple)
ANSWERS = st.lists(
    st.builds(
        Response,
        decision_id=st.sampled_from(["d1", "d2"]),
        journey_id=st.sampled_from(IDS),
        type=st.sampled_from(RESPONSES),
        at=INSTANTS,
    ),
    max_size=3,
).map(tuple)
USES = st.dictionaries(
    st.sampled_from(["budget", *("capacity:" + i for i in IDS)]),
    st.lists(
        st.builds(Use, ends_at=INSTANTS.map(lambda at: NOW + (NOW - at)), amount=st.sampled_from([0.1, 0.2, 1.0])),
        max_size=3,
    ).map(tuple),
)
KILLS = st.dictionaries(
    st.sampled_from([*IDS, "kind:loyalty", "kind:promotional", "*"]), st.just("a mistake"), max_size=1
)
FED = st.dictionaries(st.just("crm"), INSTANTS)
SETTLED = st.builds(StateAtCommit, contacts=CONTACTS, uses=USES)
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
        latest=st.dictionaries(st.sampled_from(["last_purchase_at", "last_renewed_at"]), INSTANTS),
        responses=ANSWERS,
        uses=USES,
        kills=seldom(KILLS, {}),
        feeds=FED,
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
