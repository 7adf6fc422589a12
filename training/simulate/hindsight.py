"""What a challenger would truly have been worth: both models decide again for customers who came, by the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from features.encoder import JourneyRow
from models.scorer import Scorer
from service.decision.arbitrate import Score, ScoreSource
from service.decision.arms import ONE_ARM
from service.decision.decide import Decision, DecisionTerms, Draft, conclude
from service.decision.evaluation import Evaluation
from service.decision.explore import NO_EXPLORATION
from service.decision.plan import Candidate
from training.simulate.policies import prior_of

EVERY = 10
"""One in so many decisions is remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """A decision with what each journey that was allowed was truly worth, its cost taken off."""

    decision: Decision
    worth: dict[str, float]


@dataclass(slots=True)
class Hindsight:
    """Of the decisions since the last look."""

    _kept: list[Remembered] = field(default_factory=list)
    _count: int = 0

    def wants(self) -> bool:
        """Whether the next decision is one to be remembered."""
        self._count += 1
        return self._count % EVERY == 0

    def remember(self, decision: Decision, worth: dict[str, float]) -> None:
        self._kept.append(Remembered(decision=decision, worth=worth))

    def forget(self) -> None:
        self._kept.clear()

    def gain(self, challenger: Scorer, champion: Scorer) -> float | None:
        """The mean difference of true worth, a decision; None if nothing is remembered."""
        if not self._kept:
            return None
        gains = [_worth(one, challenger) - _worth(one, champion) for one in self._kept]
        return sum(gains) / len(gains)


def _worth(one: Remembered, scorer: Scorer) -> float:
    draft = _greedy(one.decision.draft)
    scores = scores_of(scorer, draft.survivors, one.decision)
    again = conclude(draft, scores, DecisionTerms(decision_id="", limit=one.decision.terms.limit))
    return sum(one.worth[pick.journey_id] for pick in again.picks)


def _greedy(draft: Draft) -> Draft:
    """By the plan without draws and arms."""
    plan = replace(draft.plan, arms=ONE_ARM, exploration=NO_EXPLORATION)
    return replace(draft, evaluation=Evaluation(plan, draft.facts))


def scores_of(scorer: Scorer, survivors: Sequence[Candidate], decision: Decision) -> dict[str, Score]:
    """As the service scores."""
    found = {c.journey_id: prior_of(c) for c in survivors}
    known = [c.journey for c in survivors if c.journey_id in scorer.history]
    if not known:
        return found
    facts = decision.facts
    rows = [JourneyRow(journey_id=j.journey_id, kind=j.kind.value, attributes=j.attributes) for j in known]
    p = scorer.score(facts.features, facts.now, rows)
    own = [
        row for row, j in zip(rows, known, strict=True) if j.objective.is_value_learnt and j.journey_id in scorer.valued
    ]
    values = dict(zip((row.journey_id for row in own), scorer.values(facts.features, facts.now, own), strict=True))
    for journey, told in zip(known, p.tolist(), strict=True):
        worth = values.get(journey.journey_id)
        value = None if worth is None else float(worth)
        found[journey.journey_id] = Score(p_outcome=told, source=ScoreSource.MODEL, value=value)
    return found
