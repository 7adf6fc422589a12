"""Which of the allowed comes first: tier, then priority."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from service.decision.evaluation import Evaluation
from service.decision.journey import RankBy
from service.decision.plan import Candidate


class ScoreSource(StrEnum):
    MODEL = "MODEL"
    PRIOR = "PRIOR"  # no history, or no model: the catalogue's own expectation


class ValueSource(StrEnum):
    """Where what meeting an objective is worth comes from."""

    FIXED = "FIXED"  # the catalogue says it, of every customer
    MODEL = "MODEL"  # the customer's own, of a journey whose value is learnt
    PRIOR = "PRIOR"  # such a journey, while no model tells


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """P(objective met within its window | shown), in 0…1, and where it comes from.

    A scorer's fault may leave a `p_outcome` that is not finite: it is kept and recorded as it came, and placed last.
    `value`: what meeting it is worth to this customer, where the journey's value is learnt and a model told it.
    `p_if_silent`: P(objective met within its window | not shown), where deciding asks for it and a model told it.
    """

    p_outcome: float
    source: ScoreSource
    value: float | None = None
    p_if_silent: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoredCandidate:
    """An allowed candidate with its score.

    `priority` = p × value × context weight × lever − cost, in the unit of the objective's value; `value` is the
    customer's own, if a model told it. p is P(met | shown), less P(met | silent) where `ranked_by` is UPLIFT.
    `p_if_silent`, where that counts: as a model told it; 0 of an objective that silence cannot meet.
    """

    candidate: Candidate
    score: Score
    value: float
    value_source: ValueSource
    lever: float
    context_weight: float
    priority: float
    ranked_by: RankBy
    p_if_silent: float | None

    @property
    def journey_id(self) -> str:
        return self.candidate.journey_id

    @property
    def worth_in_silence(self) -> float | None:
        """What would come of its objective were it not shown, in the unit of the priority; None while no model tells.

        0 where the priority is of the uplift, which has that taken off already.
        """
        if self.ranked_by is RankBy.UPLIFT:
            return 0.0
        p = self.p_if_silent
        return None if p is None else p * self.value * self.context_weight * self.lever


def arbitrate(
    allowed: Iterable[Candidate], scores: Mapping[str, Score], evaluation: Evaluation, *, has_levers: bool = True
) -> tuple[ScoredCandidate, ...]:
    """Orders by tier, then priority; a priority that is not finite comes last; ties break by journey id."""
    weighed = (_weigh(c, scores[c.journey_id], evaluation, has_levers) for c in allowed)
    return tuple(sorted(weighed, key=_place))


def _weigh(candidate: Candidate, score: Score, evaluation: Evaluation, has_levers: bool) -> ScoredCandidate:
    lever = candidate.journey.lever if has_levers else None
    lever_weight = lever.weight if lever is not None and evaluation.facts.now < lever.until else 1.0
    held = (w.weight for w in candidate.context_weights if w.when.holds(evaluation.variables))
    context_weight = min(2.0, max(0.5, math.prod(held, start=1.0)))
    value, value_source = _worth(candidate, score)
    p_if_silent = _p_if_silent(candidate, score)
    ranked_by = RankBy.OUTCOME if p_if_silent is None else candidate.journey.objective.rank_by
    p = score.p_outcome - (p_if_silent or 0.0) if ranked_by is RankBy.UPLIFT else score.p_outcome
    priority = p * value * context_weight * lever_weight - candidate.action.cost
    return ScoredCandidate(
        candidate=candidate,
        score=score,
        value=value,
        value_source=value_source,
        lever=lever_weight,
        context_weight=context_weight,
        priority=priority,
        ranked_by=ranked_by,
        p_if_silent=p_if_silent,
    )


def _p_if_silent(candidate: Candidate, score: Score) -> float | None:
    objective = candidate.journey.objective
    if not objective.counts_silence:
        return None
    return score.p_if_silent if objective.asks_of_silence else 0.0


def _worth(candidate: Candidate, score: Score) -> tuple[float, ValueSource]:
    objective = candidate.journey.objective
    if not objective.is_value_learnt:
        return objective.value, ValueSource.FIXED
    return (objective.value, ValueSource.PRIOR) if score.value is None else (score.value, ValueSource.MODEL)


def _place(scored: ScoredCandidate) -> tuple[int, bool, float, str]:
    is_last = not math.isfinite(scored.priority)
    return scored.candidate.journey.tier, is_last, 0.0 if is_last else -scored.priority, scored.journey_id
