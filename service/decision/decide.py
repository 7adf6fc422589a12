"""The decision: candidates, constrain, (score), arbitrate, select. The same code runs online, in batch and in replay.

In three steps:

    draft = begin(plan, facts)                  every rule for every candidate
    decision = conclude(draft, scores, ...)     order what is allowed and fill the slots
    decision = revise(decision, contacts)       at commit, when other contacts came meanwhile
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from features.values import FeatureStatus
from service.decision.arbitrate import Score, Scored, arbitrate
from service.decision.constrain import Constrained, Rejected, constrain
from service.decision.facts import Contact, Facts
from service.decision.plan import Candidate, Plan
from service.decision.select import Pick, Selection, select, settle
from service.decision.verdict import Reason, ReasonKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Degraded:
    """Something that was not as it should be, and what that did to the answer."""

    what: str
    status: FeatureStatus
    effect: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Draft:
    plan: Plan
    facts: Facts
    constrained: Constrained

    @property
    def survivors(self) -> tuple[Candidate, ...]:
        """What may be scored: the allowed candidates only."""
        return self.constrained.allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a decision is made under, beside the facts.

    `seed` feeds exploration; `model_version` is "" without a model.
    """

    decision_id: str
    limit: int
    seed: int = 0
    model_version: str = ""
    degraded: tuple[Degraded, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Decision:
    """The ranked answer with everything that led to it.

    `settled_contacts`: the contacts at commit, if they had changed.
    """

    draft: Draft
    terms: Terms
    scores: Mapping[str, Score]
    scored: tuple[Scored, ...]
    selection: Selection
    settled_contacts: tuple[Contact, ...] | None = None

    @property
    def decided_at(self) -> datetime:
        return self.draft.facts.now

    @property
    def valid_until(self) -> datetime:
        return self.decided_at + self.draft.plan.channels[self.draft.facts.channel].reserve

    @property
    def picks(self) -> tuple[Pick, ...]:
        return self.selection.picks

    @property
    def rejected(self) -> tuple[Rejected, ...]:
        return self.draft.constrained.rejected + self.selection.rejected

    @property
    def no_journey(self) -> tuple[Reason, ...] | None:
        """Why fewer slots than asked for were filled; None when all were."""
        if len(self.picks) >= self.terms.limit:
            return None
        if not self.draft.survivors and not self.draft.constrained.rejected:
            return (Reason(code="NO_CANDIDATE", kind=ReasonKind.DENIED, params={"channel": self.draft.facts.channel}),)
        counts = {"rejected": len(self.rejected), "ranked": len(self.picks)}
        return (Reason(code="NOTHING_MORE_ALLOWED", kind=ReasonKind.DENIED, params=counts),)


def begin(plan: Plan, facts: Facts) -> Draft:
    """Finds the candidates and checks every rule for each."""
    return Draft(plan=plan, facts=facts, constrained=constrain(plan, plan.candidates(facts), facts))


def conclude(draft: Draft, scores: Mapping[str, Score], terms: Terms) -> Decision:
    """Orders the survivors and fills the slots. `scores` has an entry for each survivor's journey."""
    scored = arbitrate(draft.survivors, scores, draft.facts)
    selection = select(draft.plan, scored, draft.facts, decision_id=terms.decision_id, limit=terms.limit)
    return Decision(draft=draft, terms=terms, scores=scores, scored=scored, selection=selection)


def revise(decision: Decision, contacts: tuple[Contact, ...]) -> Decision:
    """The same decision over what these newer contacts still allow; the last revision counts, as it does in replay."""
    plan, scored, facts, terms = decision.draft.plan, decision.scored, decision.draft.facts, decision.terms
    first = select(plan, scored, facts, decision_id=terms.decision_id, limit=terms.limit)
    newer = facts.with_contacts(contacts)
    selection = settle(plan, scored, first, newer, decision_id=terms.decision_id, limit=terms.limit)
    return replace(decision, selection=selection, settled_contacts=contacts)
