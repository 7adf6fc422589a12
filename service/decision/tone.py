"""In which tone an action speaks: it follows the situation and the channel."""

from __future__ import annotations

from service.decision.evaluation import Evaluation
from service.decision.plan import Candidate
from service.decision.verdict import Reason, ReasonKind


def tone_of(candidate: Candidate, evaluation: Evaluation) -> tuple[str, Reason | None]:
    """The tone of the first choice whose condition holds, with the reason; else the action's own, which needs none."""
    for choice in candidate.tones:
        if choice.when.holds(evaluation.variables):
            params = {"tone": choice.tone, "condition": choice.when.text}
            return choice.tone, Reason(code="TONE_CHOSEN", kind=ReasonKind.TONE, params=params)
    return candidate.action.tone, None
