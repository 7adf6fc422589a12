"""What the slots of an answer are filled from: the allowed, the best first, in the order of each arm."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from service.decision.arbitrate import Score, ScoredCandidate, arbitrate
from service.decision.arms import Arm
from service.decision.evaluation import Evaluation
from service.decision.plan import Candidate


@dataclass(frozen=True, kw_only=True, eq=False)
class Ranking:
    """`arm` is the customer's; `by_arm` has the same candidates for every arm with a share, in its order."""

    arm: Arm
    shares: Mapping[Arm, float]
    by_arm: Mapping[Arm, tuple[ScoredCandidate, ...]]

    @cached_property
    def own(self) -> tuple[ScoredCandidate, ...]:
        """In the order of the customer's arm."""
        return self.by_arm[self.arm]

    def only(self, journeys: Container[str]) -> Ranking:
        """Of these journeys alone."""
        kept = {arm: tuple(s for s in ranked if s.journey_id in journeys) for arm, ranked in self.by_arm.items()}
        return replace(self, by_arm=kept)


def rank(
    allowed: Iterable[Candidate],
    scores: Mapping[str, Score],
    evaluation: Evaluation,
    challenger: Mapping[str, Score] | None = None,
) -> Ranking:
    """By the arms of the plan; without `challenger`, what would have been the challenger's is the champion's."""
    arms, listed = evaluation.plan.arms, tuple(allowed)
    if challenger is None:
        arms = arms.without(Arm.CHALLENGER)
    shares = arms.with_share
    champion = arbitrate(listed, scores, evaluation)
    by_arm = dict.fromkeys(shares, champion)
    if Arm.NO_LEVERS in shares:
        by_arm[Arm.NO_LEVERS] = arbitrate(listed, scores, evaluation, has_levers=False)
    if challenger is not None and Arm.CHALLENGER in shares:
        by_arm[Arm.CHALLENGER] = arbitrate(listed, challenger, evaluation)
    return Ranking(arm=arms.of(evaluation.facts.customer_id), shares=shares, by_arm=by_arm)
