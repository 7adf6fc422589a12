"""Fills the slots of an answer one after another: what a pick uses up binds the next slot.

    left of the ranking ──distribution of the customer's arm──> drawn ──> pick, or silence, which ends the filling
              ^                                                    │
              └──────────── what it forbids is dropped ────────────┘

Which journeys are left depends on the picks alone, so the probability of each pick is known for every arm.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace

from service.decision.arbitrate import ScoredCandidate
from service.decision.arms import Arm
from service.decision.constrain import Rejection, constrain, denied_by_pick, rejection
from service.decision.evaluation import Evaluation
from service.decision.explore import (
    ALL_UNIFORM,
    NO_EXPLORATION,
    NO_SILENCE,
    Draws,
    SlotDistribution,
    distribution,
)
from service.decision.facts import Contact, Facts
from service.decision.journey import HELPING_KINDS
from service.decision.plan import Candidate, Channel, Plan, Unconfirmed
from service.decision.ranking import Ranking
from service.decision.verdict import Reason, ReasonKind, deny

TAKEN_MEANWHILE = "TAKEN_MEANWHILE"
"""The code of a journey that was picked and that other contacts or uses deny by the time of the commit."""
HOLDOUT = "HOLDOUT"
"""The code of a journey that is allowed, and withheld from a customer of this arm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """How probable it was that a slot was filled as it was, given the slots before it.

    `p`: within the arm of the customer; `over_arms`: over all arms by their shares. `drawn_from`: what it was drawn
    from.
    """

    p: float
    over_arms: float
    drawn_from: SlotDistribution
    is_exploration: bool = False

    @property
    def is_forced(self) -> bool:
        """Whether nothing else could have filled it."""
        return self.drawn_from.is_forced


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pick:
    """A journey that fills a slot. `rank` starts at 1; `bypassed`: the denials that it passes all the same."""

    rank: int
    scored: ScoredCandidate
    chance: Chance
    bypassed: tuple[Reason, ...] = ()

    @property
    def candidate(self) -> Candidate:
        return self.scored.candidate

    @property
    def journey_id(self) -> str:
        return self.candidate.journey_id

    @property
    def selection_probability(self) -> float:
        """Within the arm of the customer, given the slots before."""
        return self.chance.p


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Selection:
    """Where each allowed candidate ended: picked, eligible but without a slot, or denied by what was picked.

    `silence`: how probable it was that nothing more was said, and `silence_value` what that was worth; None where every
    slot was filled. `taken`: the journeys that a first selection had picked and that are rejected as TAKEN_MEANWHILE.
    """

    picks: tuple[Pick, ...]
    eligible: tuple[ScoredCandidate, ...]
    rejected: tuple[Rejection, ...]
    silence: Chance | None = None
    silence_value: float | None = None
    taken: tuple[str, ...] = ()


def select(evaluation: Evaluation, ranking: Ranking, *, draws: Draws, limit: int) -> Selection:
    """Fills up to `limit` slots: draws, counts the pick as a contact, drops what that forbids, and goes on."""
    facts, channel = evaluation.facts, evaluation.plan.channels[evaluation.facts.channel]
    slots = _Slots(evaluation.plan, ranking, draws)
    remaining = list(ranking.own)
    picks: list[Pick] = []
    rejected: list[Rejection] = []
    slate: list[Contact] = []
    seen, silence = evaluation, None
    while len(picks) < limit:
        drawn, chance = slots.fill(remaining)
        if drawn is None:
            silence = chance
            break
        remaining.remove(drawn)
        passed = _bypassed(seen, drawn)
        picks.append(Pick(rank=len(picks) + 1, scored=drawn, chance=chance, bypassed=passed))
        slate.append(contact_of(drawn, facts, channel, draws.decision_id))
        if len(picks) < limit and remaining:
            seen = evaluation.with_picks(tuple(slate))
            remaining, dropped = _without_denied(seen, drawn.candidate, remaining)
            rejected.extend(dropped)
    kept, withheld = _held_out(remaining) if ranking.arm is Arm.HOLDOUT else (remaining, [])
    best = remaining[0] if remaining else None
    return Selection(
        picks=tuple(picks),
        eligible=tuple(kept),
        rejected=(*rejected, *withheld),
        silence=silence,
        silence_value=None if silence is None else evaluation.plan.silence.value_beside(best),
    )


def settle(evaluation: Evaluation, ranking: Ranking, first: Selection, *, draws: Draws, limit: int) -> Selection:
    """Selects again, by the same draws, over what the facts with the contacts and uses at commit still allow.

    What `first` had picked and is now denied is rejected as TAKEN_MEANWHILE, with the reason that denies it; where
    slots are drawn, only if it is not another draw alone that denies it.
    """
    remaining, dropped = _recheck(evaluation, ranking.own)
    again = select(evaluation, ranking.only({s.journey_id for s in remaining}), draws=draws, limit=limit)
    denied = (*dropped, *again.rejected)
    lost = {p.journey_id for p in first.picks}
    if not evaluation.plan.is_plain:
        lost = _lost(evaluation, first, draws.decision_id)
    taken = tuple(r.journey_id for r in denied if r.journey_id in lost)
    marked = tuple(_mark_taken(r) if r.journey_id in lost else r for r in denied)
    return replace(again, rejected=marked, taken=taken)


class _Slots:
    """Draws for slot after slot, and follows how probable each arm would have made the same picks."""

    def __init__(self, plan: Plan, ranking: Ranking, draws: Draws) -> None:
        self._plan = plan
        self._ranking = ranking
        self._draws = draws
        self._slot = 0
        self._weights: dict[Arm, float] = dict(ranking.shares)

    def fill(self, remaining: Sequence[ScoredCandidate]) -> tuple[ScoredCandidate | None, Chance]:
        """What fills the next slot of what remains, in the order of the customer's arm; None: nothing."""
        self._slot += 1
        own = self._distribution(self._ranking.arm, remaining)
        place = 0 if len(own.options) == 1 else own.drawn(self._draws.of(self._slot))
        journey_id, p = own.options[place], own.p[place]
        drawn = None if journey_id is None else next(s for s in remaining if s.journey_id == journey_id)
        over_arms = p if len(self._weights) == 1 else self._over_arms(journey_id, {s.journey_id for s in remaining})
        return drawn, Chance(p=p, over_arms=over_arms, drawn_from=own, is_exploration=place != own.best)

    def _over_arms(self, journey_id: str | None, left: Container[str]) -> float:
        """P(it fills this slot | the picks before), over all arms; those that make the picks likelier weigh more."""
        before = sum(self._weights.values())
        for arm, ranked in self._ranking.only(left).by_arm.items():
            self._weights[arm] *= self._distribution(arm, ranked).p_of(journey_id)
        return sum(self._weights.values()) / before

    def _distribution(self, arm: Arm, left: Sequence[ScoredCandidate]) -> SlotDistribution:
        plan = self._plan
        match arm:
            case Arm.HOLDOUT:
                helping = [s for s in left if s.candidate.journey.kind in HELPING_KINDS]
                return distribution(helping, NO_EXPLORATION, NO_SILENCE)
            case Arm.RANDOM:
                return distribution(left, ALL_UNIFORM, plan.silence)
            case _:
                return distribution(left, plan.exploration, plan.silence)


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


def _without_denied(
    evaluation: Evaluation, picked: Candidate, left: list[ScoredCandidate]
) -> tuple[list[ScoredCandidate], list[Rejection]]:
    """What a pick leaves of what those before it had left, and what it denies."""
    denied = denied_by_pick(evaluation, picked, [s.candidate for s in left])
    if not denied:
        return left, []
    lost = {denials.candidate.journey_id for denials in denied}
    return [s for s in left if s.journey_id not in lost], [rejection(d, evaluation) for d in denied]


def _recheck(
    evaluation: Evaluation, scored: Sequence[ScoredCandidate]
) -> tuple[list[ScoredCandidate], list[Rejection]]:
    """Allowed and rejected by the rules that count contacts: a pick changes the verdict of no other rule."""
    checked = constrain(evaluation, (s.candidate for s in scored), only=evaluation.plan.contact_rules)
    allowed = {c.journey_id for c in checked.allowed}
    return [s for s in scored if s.journey_id in allowed], list(checked.rejected)


def _lost(evaluation: Evaluation, first: Selection, decision_id: str) -> set[str]:
    """Of the first picks those that the facts at commit deny after the ones before them that they still allow."""
    facts = evaluation.facts
    channel = evaluation.plan.channels[facts.channel]
    seen, slate, lost = evaluation, list[Contact](), set[str]()
    for pick in first.picks:
        allowed, _ = _recheck(seen, (pick.scored,))
        if not allowed:
            lost.add(pick.journey_id)
            continue
        slate.append(contact_of(pick.scored, facts, channel, decision_id))
        seen = evaluation.with_picks(tuple(slate))
    return lost


def _held_out(remaining: Sequence[ScoredCandidate]) -> tuple[list[ScoredCandidate], list[Rejection]]:
    """Of a customer of the holdout: what may be shown all the same, and what is withheld."""
    kept = [s for s in remaining if s.candidate.journey.kind in HELPING_KINDS]
    withheld = [s.candidate for s in remaining if s.candidate.journey.kind not in HELPING_KINDS]
    return kept, [Rejection.of(candidate, (deny(HOLDOUT),)) for candidate in withheld]


def _bypassed(evaluation: Evaluation, scored: ScoredCandidate) -> tuple[Reason, ...]:
    """The denials that a pick passes at its slot, those by the picks before it among them."""
    candidate = scored.candidate
    if not candidate.bypassed:
        return ()
    return constrain(evaluation, (candidate,)).bypassed.get(candidate.journey_id, ())


def _mark_taken(rejected: Rejection) -> Rejection:
    """The rejection with TAKEN_MEANWHILE as its first reason, which ends when the last of the others does."""

    def taken() -> Reason:
        ends = [reason.eligible_after for reason in rejected.reasons]
        known = [end for end in ends if end is not None]
        end = max(known) if len(known) == len(ends) else None
        return Reason(code=TAKEN_MEANWHILE, kind=ReasonKind.TAKEN, eligible_after=end)

    return rejected.after(taken, TAKEN_MEANWHILE)
