"""Fills the slots of an answer one after another: what a pick uses up binds the next slot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from service.decision.arbitrate import ScoredCandidate
from service.decision.constrain import Rejection, constrain
from service.decision.evaluation import Evaluation
from service.decision.facts import Contact, Facts
from service.decision.plan import Candidate, Channel, Unconfirmed
from service.decision.verdict import Reason, ReasonKind

TAKEN_MEANWHILE = "TAKEN_MEANWHILE"
"""The code of a journey that was picked and that other contacts or uses deny by the time of the commit."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pick:
    """A journey that fills a slot. `rank` starts at 1; `bypassed`: the denials that it passes all the same."""

    rank: int
    scored: ScoredCandidate
    selection_probability: float
    bypassed: tuple[Reason, ...] = ()

    @property
    def candidate(self) -> Candidate:
        return self.scored.candidate

    @property
    def journey_id(self) -> str:
        return self.candidate.journey_id


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Selection:
    """Where each allowed candidate ended: picked, eligible but without a slot, or denied by what was picked.

    `taken`: the journeys that a first selection had picked and that are rejected as TAKEN_MEANWHILE.
    """

    picks: tuple[Pick, ...]
    eligible: tuple[ScoredCandidate, ...]
    rejected: tuple[Rejection, ...]
    taken: tuple[str, ...] = ()


def select(evaluation: Evaluation, scored: Sequence[ScoredCandidate], *, decision_id: str, limit: int) -> Selection:
    """Takes the best, counts it as a contact, drops what that forbids, and goes on until `limit` slots are filled."""
    facts = evaluation.facts
    channel = evaluation.plan.channels[facts.channel]
    remaining = list(scored)
    picks: list[Pick] = []
    rejected: list[Rejection] = []
    slate: list[Contact] = []
    seen = evaluation
    while remaining and len(picks) < limit:
        best = remaining.pop(0)
        passed = _bypassed(seen, best)
        picks.append(Pick(rank=len(picks) + 1, scored=best, selection_probability=1.0, bypassed=passed))
        slate.append(contact_of(best, facts, channel, decision_id))
        if len(picks) < limit:
            seen = evaluation.with_facts(facts.with_contacts(facts.situation.contacts, tuple(slate)))
            remaining, dropped = _recheck(seen, remaining)
            rejected.extend(dropped)
    return Selection(picks=tuple(picks), eligible=tuple(remaining), rejected=tuple(rejected))


def settle(
    evaluation: Evaluation, scored: Sequence[ScoredCandidate], first: Selection, *, decision_id: str, limit: int
) -> Selection:
    """Selects again over what the facts with the contacts and uses at commit still allow.

    What `first` had picked and is now denied is rejected as TAKEN_MEANWHILE, with the reason that denies it.
    """
    remaining, dropped = _recheck(evaluation, scored)
    again = select(evaluation, remaining, decision_id=decision_id, limit=limit)
    denied = (*dropped, *again.rejected)
    picked = {p.journey_id for p in first.picks}
    taken = tuple(r.journey_id for r in denied if r.journey_id in picked)
    marked = tuple(_mark_taken(r) if r.journey_id in picked else r for r in denied)
    return replace(again, rejected=marked, taken=taken)


def contact_of(scored: ScoredCandidate, facts: Facts, channel: Channel, decision_id: str) -> Contact:
    """The reservation that a pick makes."""
    is_given_back = channel.unconfirmed is Unconfirmed.RELEASE
    ends = facts.now + channel.reserve
    return Contact(
        decision_id=decision_id,
        journey_id=scored.journey_id,
        kind=scored.candidate.kind,
        channel=channel.name,
        at=facts.now,
        counts_until=ends if is_given_back else None,
        reserved_until=ends,
        cost=scored.candidate.action.cost,
    )


def _recheck(
    evaluation: Evaluation, scored: Sequence[ScoredCandidate]
) -> tuple[list[ScoredCandidate], list[Rejection]]:
    """Allowed and rejected by the rules that count contacts: a pick changes the verdict of no other rule."""
    checked = constrain(evaluation, (s.candidate for s in scored), only=evaluation.plan.contact_rules)
    allowed = {c.journey_id for c in checked.allowed}
    return [s for s in scored if s.journey_id in allowed], list(checked.rejected)


def _bypassed(evaluation: Evaluation, scored: ScoredCandidate) -> tuple[Reason, ...]:
    """The denials that a pick passes at its slot, those by the picks before it among them."""
    candidate = scored.candidate
    if not candidate.bypassed:
        return ()
    return constrain(evaluation, (candidate,)).bypassed.get(candidate.journey_id, ())


def _mark_taken(rejected: Rejection) -> Rejection:
    """The rejection with TAKEN_MEANWHILE as its first reason, which ends when the last of the others does."""
    ends = [reason.eligible_after for reason in rejected.reasons]
    known = [end for end in ends if end is not None]
    end = max(known) if len(known) == len(ends) else None
    taken = Reason(code=TAKEN_MEANWHILE, kind=ReasonKind.TAKEN, eligible_after=end)
    return rejected._replace(reasons=(taken, *rejected.reasons))
