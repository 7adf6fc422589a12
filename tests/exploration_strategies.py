"""Hypothesis strategies for how slots are filled: any exploration, silence and arms over arbitrary catalogues."""

from __future__ import annotations

import math
from dataclasses import replace

from hypothesis import strategies as st

from service.decision.arms import Arm, Arms
from service.decision.explore import Exploration, ExplorationPolicy, Scheme, Silence
from service.decision.journey import JourneyKind
from tests.builders import Catalogue
from tests.catalogue_strategies import CATALOGUES

_SHARES = st.sampled_from([0.0, 0.01, 0.1, 0.2, 0.25])
EXPLORATIONS = st.builds(
    Exploration,
    scheme=st.sampled_from(Scheme),
    epsilon=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    temperature=st.sampled_from([1e-6, 0.1, 1.0, 1e6]),
    floor=st.sampled_from([0.0, 0.01, 0.3, 1.0]),
)
EXPLORATION_POLICIES = st.dictionaries(st.sampled_from(JourneyKind), EXPLORATIONS).map(
    lambda by_kind: ExplorationPolicy(by_kind=by_kind)
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


EXPLORING = st.builds(_filled, CATALOGUES, EXPLORATION_POLICIES, SILENCES, ARMS)
DECISION_IDS = st.text("0123456789abcdef", min_size=1, max_size=8)
