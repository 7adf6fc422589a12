"""In which tone an action speaks: it follows the situation and the channel."""

from __future__ import annotations

from service.decision.facts import Facts
from service.decision.plan import Candidate
from service.decision.verdict import Reason, ReasonKind


def tone_of(candidate: Candidate, facts: Facts) -> tuple[str, Reason | None]:
    """The tone of the first choice whose condition holds, with the reason; else the action's own, which needs none."""
    for choice in candidate.tones:
        if choice.when.holds(facts):
            params = {"tone": choice.tone, "condition": choice.when.text}
            return choice.tone, Reason(code="TONE_CHOSEN", kind=ReasonKind.TONE, params=params)
    return candidate.action.tone, None
