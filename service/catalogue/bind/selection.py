"""Binds how slots are filled: exploration, saying nothing, arms."""

from __future__ import annotations

from service.catalogue.documents.forms import LEARNED
from service.catalogue.documents.selection import (
    SHARES,
    ArmsDocument,
    ExplorationDocument,
    ExplorationPolicyDocument,
    SilenceDocument,
)
from service.decision.arms import ONE_ARM, Arm, Arms
from service.decision.explore import NO_EXPLORATION, NO_SILENCE, Exploration, ExplorationPolicy, Scheme, Silence
from service.decision.journey import JourneyKind

_SCHEMES = {"none": Scheme.GREEDY, "epsilon": Scheme.EPSILON, "softmax": Scheme.SOFTMAX}


def bind_exploration(document: ExplorationPolicyDocument | None) -> ExplorationPolicy:
    if document is None:
        return NO_EXPLORATION
    by_kind = {kind: _exploration(document.kinds.get(kind, document.default)) for kind in JourneyKind}
    return ExplorationPolicy(by_kind=by_kind)


def bind_silence(document: SilenceDocument | None) -> Silence:
    if document is None:
        return NO_SILENCE
    return Silence(
        value=document.value if isinstance(document.value, float) else 0.0,
        threshold=document.threshold,
        is_explored=document.explored,
        is_learnt=document.value == LEARNED,
    )


def bind_arms(document: ArmsDocument | None) -> Arms:
    if document is None:
        return ONE_ARM
    shares = {Arm(name.upper()): getattr(document, name) for name in SHARES if getattr(document, name) > 0.0}
    return Arms(shares=shares, salt=document.salt, has_shadow=document.shadow)


def _exploration(document: ExplorationDocument) -> Exploration:
    return Exploration(
        scheme=_SCHEMES[document.scheme],
        epsilon=document.epsilon or 0.0,
        temperature=document.temperature or 1.0,
        floor=document.floor,
    )
