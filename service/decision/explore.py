"""With which probability each of the allowed fills a slot, in closed form, and the draw itself.

    drawn from: the best non-empty tier of what is left, and saying nothing where the policy explores it
    the best of it is of a kind that does not explore  ->  it, for certain
    EPSILON   p = (1 - e) [the best] + e / n
    SOFTMAX   p = (1 - n f) exp(priority / t) / sum + f          slot by slot: Plackett-Luce
    UNIFORM   p = 1 / n                                          the random arm

A floor f is the least that each of the n has; where n f > 1 all are alike. A draw follows from the decision's id, its
seed and the slot alone, so replay gives it again.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from service.decision.journey import HELPING_KINDS, JourneyKind

if TYPE_CHECKING:  # a plan says how it explores, and candidates are of a plan
    from service.decision.arbitrate import ScoredCandidate

_DRAW_BITS = 53
"""Those of a double in [0, 1)."""


class Scheme(StrEnum):
    """How a slot is filled from what may fill it."""

    GREEDY = "GREEDY"
    EPSILON = "EPSILON"
    SOFTMAX = "SOFTMAX"
    UNIFORM = "UNIFORM"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploration:
    """A scheme with its parameters.

    `epsilon`: the share of draws that are uniform, 0 to 1. `temperature`: in the unit of the priority, above 0.
    `floor`: the least probability of each that may be drawn, 0 to 1.
    """

    scheme: Scheme = Scheme.GREEDY
    epsilon: float = 0.0
    temperature: float = 1.0
    floor: float = 0.0


GREEDY = Exploration()
UNIFORM = Exploration(scheme=Scheme.UNIFORM)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplorationPolicy:
    """By kind of journey; the helping kinds never explore, whatever is said here."""

    by_kind: Mapping[JourneyKind, Exploration] = field(default_factory=dict)

    def of(self, kind: JourneyKind) -> Exploration:
        return GREEDY if kind in HELPING_KINDS else self.by_kind.get(kind, GREEDY)

    def explores(self, kind: JourneyKind) -> bool:
        return self.of(kind).scheme is not Scheme.GREEDY

    @property
    def is_greedy(self) -> bool:
        """Whether nothing is ever drawn."""
        return not any(map(self.explores, self.by_kind))


NO_EXPLORATION = ExplorationPolicy()
ALL_UNIFORM = ExplorationPolicy(by_kind=dict.fromkeys(JourneyKind, UNIFORM))
"""Of the random arm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Saying nothing, as a candidate of each slot.

    A journey fills a slot for certain only if its priority is above what silence is worth + `threshold`; None: silence
    is never better. `is_explored`: whether it is one of those drawn from. What it is worth is `value`, in the unit of
    the priority; or where `is_learnt`, of each slot, what would come by itself of the best that might fill it, if a
    model tells that.
    """

    value: float = 0.0
    threshold: float | None = None
    is_explored: bool = False
    is_learnt: bool = False

    def value_beside(self, best: ScoredCandidate | None) -> float:
        """What it is worth in a slot; `best` is the first of what might fill it, None where nothing might."""
        if not self.is_learnt:
            return self.value
        worth = 0.0 if best is None else best.worth_in_silence
        return worth if worth is not None and math.isfinite(worth) else self.value

    def bar_beside(self, best: ScoredCandidate | None) -> float:
        """What a priority must be above."""
        return self.value_beside(best) + (self.threshold or 0.0)

    def beats(self, best: ScoredCandidate) -> bool:
        """Whether saying nothing is better; than a priority that is no number it is."""
        return self.threshold is not None and not best.priority > self.bar_beside(best)


NO_SILENCE = Silence()


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotDistribution:
    """What may fill a slot: `options`, journey ids (None: saying nothing), each with its probability in `p`.

    `best`: the place of what fills it without exploration. `is_forced`: nothing else could have. The probabilities add
    up to 1.
    """

    options: tuple[str | None, ...]
    p: tuple[float, ...]
    best: int = 0
    is_forced: bool = False

    def p_of(self, journey_id: str | None) -> float:
        """0 of what could not fill it."""
        try:
            return self.p[self.options.index(journey_id)]
        except ValueError:
            return 0.0

    def drawn(self, u: float) -> int:
        """The place that `u`, uniform in [0, 1), falls on."""
        below = 0.0
        for place, p in enumerate(self.p):
            below += p
            if u < below:
                return place
        return max(place for place, p in enumerate(self.p) if p > 0.0)  # what rounding left above the sum


def certain(journey_id: str | None, *, is_forced: bool) -> SlotDistribution:
    """One option alone."""
    return SlotDistribution(options=(journey_id,), p=(1.0,), is_forced=is_forced)


def distribution(left: Sequence[ScoredCandidate], policy: ExplorationPolicy, silence: Silence) -> SlotDistribution:
    """Of one slot. `left`: what may still fill it, the best first (`arbitrate`); nothing left is silence for certain.

    Only the best non-empty tier is drawn from, and of it, where the best explores, the kinds that do. Silence keeps no
    journey of a helping kind away.
    """
    if not left:
        return certain(None, is_forced=True)
    if policy.is_greedy and silence is NO_SILENCE:
        is_forced = len(left) == 1 or left[1].candidate.journey.tier != left[0].candidate.journey.tier
        return certain(left[0].journey_id, is_forced=is_forced)
    helping = next((s for s in left if s.candidate.journey.kind in HELPING_KINDS), None)
    best = left[0]
    is_beaten = best.candidate.journey.kind not in HELPING_KINDS and silence.beats(best)
    if is_beaten and helping is not None:
        best, is_beaten = helping, False
    tier = [s for s in left if s.candidate.journey.tier == best.candidate.journey.tier]
    may_be_silent = helping is None and (silence.is_explored or is_beaten)
    exploration = policy.of(best.candidate.journey.kind)
    drawn = [s for s in tier if policy.explores(s.candidate.journey.kind)]
    if exploration.scheme is Scheme.GREEDY or len(drawn) + may_be_silent == 1:
        alone = len(tier) == 1 and not may_be_silent
        return certain(None if is_beaten else best.journey_id, is_forced=alone)
    options: list[str | None] = [s.journey_id for s in drawn]
    priorities = [s.priority for s in drawn]
    if may_be_silent:
        options.append(None)
        priorities.append(silence.bar_beside(best))
    greedy = len(options) - 1 if is_beaten else options.index(best.journey_id)
    return SlotDistribution(options=tuple(options), p=_probabilities(exploration, priorities, greedy), best=greedy)


def _probabilities(exploration: Exploration, priorities: Sequence[float], greedy: int) -> tuple[float, ...]:
    n = len(priorities)
    floor = min(exploration.floor, 1.0 / n)
    if exploration.scheme is Scheme.SOFTMAX:
        shares = _softmax(priorities, exploration.temperature, greedy)
        return tuple((1.0 - n * floor) * share + floor for share in shares)
    epsilon = 1.0 if exploration.scheme is Scheme.UNIFORM else max(exploration.epsilon, n * floor)
    each = epsilon / n
    return tuple(each + (1.0 - epsilon if place == greedy else 0.0) for place in range(n))


def _softmax(priorities: Sequence[float], temperature: float, greedy: int) -> list[float]:
    """What is not finite has no share; where nothing is finite the best has all."""
    finite = [p for p in priorities if math.isfinite(p)]
    if not finite:
        return [1.0 if place == greedy else 0.0 for place in range(len(priorities))]
    highest = max(finite)
    weights = [math.exp((p - highest) / temperature) if math.isfinite(p) else 0.0 for p in priorities]
    total = math.fsum(weights)
    return [weight / total for weight in weights]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """What the draws of a decision follow from: replay gives them again."""

    decision_id: str
    seed: int = 0

    def of(self, slot: int) -> float:
        """Uniform in [0, 1); `slot` from 1."""
        digest = hashlib.sha256(f"{self.decision_id}|{self.seed}|{slot}".encode()).digest()
        return (int.from_bytes(digest[:8], "big") >> (64 - _DRAW_BITS)) / (1 << _DRAW_BITS)
