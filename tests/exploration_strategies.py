"""Hypothesis strategies for how slots are filled: any exploration, silence and arms over arbitrary catalogues."""

from __future__ import annotations

import math
from dataclasses import replace

from hypothesis import strategies as st

from service.decision.arms import ONE_ARM, Arm, Arms
from service.decision.constraints.registry import Policies
from service.decision.explore import NO_SILENCE, Exploration, ExplorationPolicy, Scheme, Silence
from service.decision.facts import Situation
from service.decision.journey import JourneyKind, Stage, StagePlan
from tests.builders import CHANNELS, HELPING, Catalogue, action, facts
from tests.catalogue_strategies import BUDGETS, CATALOGUES, OFFERS, PRESSURE_CAPS, catalogues
from tests.strategies import CONTACTS, IDS, KNOWN, USES, seldom

_SHARES = st.sampled_from([0.0, 0.01, 0.1, 0.2, 0.25])
EXPLORATIONS = st.builds(
    Exploration,
    scheme=st.sampled_from(Scheme),
    epsilon=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    temperature=st.sampled_from([1e-6, 0.1, 1.0, 1e6]),
    floor=st.sampled_from([0.0, 0.01, 0.3, 1.0]),
)
EXPLORATION_POLICIES = st.builds(
    lambda by_kind: ExplorationPolicy(by_kind=by_kind),
    st.dictionaries(st.sampled_from(JourneyKind), EXPLORATIONS)
    | EXPLORATIONS.map(lambda one: dict.fromkeys(JourneyKind, one)),
)
SILENCES = st.builds(
    Silence,
    value=st.sampled_from([0.0, 0.3, -1.0]),
    threshold=st.none() | st.sampled_from([0.0, 0.2, 5.0, -math.inf]),
    is_explored=st.booleans(),
    is_learnt=st.booleans(),
)
ARMS = st.builds(
    Arms,
    shares=st.fixed_dictionaries({arm: _SHARES for arm in Arm if arm is not Arm.CHAMPION}),
    salt=st.sampled_from("abcdefgh"),
)


def _filled(made: Catalogue, exploration: ExplorationPolicy, silence: Silence, arms: Arms) -> Catalogue:
    return replace(made, plan=replace(made.plan, exploration=exploration, silence=silence, arms=arms))


_EVERYWHERE = st.builds(
    lambda is_offer, cost: StagePlan(stage=Stage.NEED, actions=(action(is_offer=is_offer, cost=cost),)),
    st.booleans(),
    st.sampled_from([0.0, 0.1]),
)
_DRAWN_KINDS = st.sampled_from([*sorted(set(JourneyKind) - HELPING) * 3, *JourneyKind])
_CROWDED = catalogues(
    st.builds(
        Policies,
        incident_default=st.just(frozenset(JourneyKind)) | st.just(HELPING),
        incident_classes=st.just({}),
        pressure=st.lists(PRESSURE_CAPS, max_size=1).map(tuple),
        budgets=seldom(st.lists(BUDGETS, max_size=1).map(tuple), ()),
    ),
    st.builds(
        lambda offered, kind, tier, stage, excluded: replace(
            offered,
            journey=replace(offered.journey, kind=kind, tier=tier, stages=(stage,)),
            never_with=tuple(excluded),
            purposes=(),
            audience=None,
            valid_from=None,
            valid_until=None,
        ),
        OFFERS,
        _DRAWN_KINDS,
        st.sampled_from([1, 1, 1, 2]),
        _EVERYWHERE,
        st.lists(st.sampled_from(IDS), max_size=3, unique=True),
    ),
)
"""Several that may be shown in one tier, so that there is something to draw; what denies are mostly limits."""
EXPLORING = st.builds(_filled, CATALOGUES | _CROWDED, EXPLORATION_POLICIES, SILENCES, ARMS)
DRAWING = st.builds(
    _filled,
    _CROWDED,
    EXPLORATIONS.filter(lambda one: one.scheme is not Scheme.GREEDY).map(
        lambda one: ExplorationPolicy(by_kind=dict.fromkeys(JourneyKind, one))
    ),
    st.sampled_from([NO_SILENCE, Silence(is_explored=True)]),
    st.sampled_from([ONE_ARM, Arms(shares={Arm.RANDOM: 1.0}), Arms(shares={Arm.NO_LEVERS: 0.5}, salt="s")]),
)
"""Every slot that has several of a kind that may be drawn is drawn."""
AT_EASE = st.builds(
    facts,
    channel=st.sampled_from(sorted(CHANNELS)),
    situation=st.builds(Situation, contacts=st.just(()) | CONTACTS, uses=seldom(USES, {})),
)
"""Of a customer whom little but limits keeps from anything."""
ASKING = KNOWN | AT_EASE
DECISION_IDS = st.text("0123456789abcdef", min_size=1, max_size=8)
