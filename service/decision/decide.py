"""The decision: candidates, constrain, (score), arbitrate, select. The same code runs online, in batch and in replay.

In three steps:

    draft = begin(plan, facts)                  every rule for every candidate
    decision = conclude(draft, scores, ...)     order what is allowed and fill the slots
    decision = revise(decision, contacts)       at commit, when other contacts came meanwhile
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from features.values import FeatureStatus
from service.decision.arbitrate import Score, ScoredCandidate
from service.decision.arms import Arm
from service.decision.constrain import ConstraintResult, Rejection, constrain_all, eligible_after
from service.decision.constraints.in_flight import InFlight
from service.decision.enrolments import EndedEnrolment, end_enrolments
from service.decision.evaluation import Evaluation
from service.decision.explore import Draws
from service.decision.facts import Contact, Facts, Use
from service.decision.plan import Candidate, Plan
from service.decision.ranking import Ranking, rank
from service.decision.select import HOLDOUT, Pick, Selection, contact_of, select, settle
from service.decision.verdict import Reason, ReasonKind, explored


@dataclass(frozen=True, slots=True, kw_only=True)
class Degradation:
    """A fault that an answer was given in spite of, and its effect on the answer."""

    what: str
    status: FeatureStatus
    effect: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Draft:
    """`read` are the facts as they were given; `evaluation` is of those without the enrolments that `ended`."""

    read: Facts
    evaluation: Evaluation
    ended: tuple[EndedEnrolment, ...]
    constrained: ConstraintResult

    @property
    def plan(self) -> Plan:
        return self.evaluation.plan

    @property
    def facts(self) -> Facts:
        """The facts without the enrolments that ended by themselves."""
        return self.evaluation.facts

    @property
    def survivors(self) -> tuple[Candidate, ...]:
        """What may be scored: the allowed candidates only."""
        return self.constrained.allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class StateAtCommit:
    """The customer's contacts and the uses of shared pools that counted when the decision was committed."""

    contacts: tuple[Contact, ...]
    uses: Mapping[str, tuple[Use, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionTerms:
    """What a decision is made under, beside the facts.

    `seed` feeds exploration; `model_version` is "" without a model, `features_version` where no registry gave them.
    """

    decision_id: str
    limit: int
    seed: int = 0
    model_version: str = ""
    features_version: str = ""
    degraded: tuple[Degradation, ...] = ()

    @property
    def draws(self) -> Draws:
        return Draws(decision_id=self.decision_id, seed=self.seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherScores:
    """What a model beside the champion scored: a challenger where `is_shown`, else a shadow, for the record alone."""

    model_version: str
    by_journey: Mapping[str, Score]
    is_shown: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Decision:
    """The ranked answer with everything that led to it.

    `settled`: what counted at commit, if it had changed. `other`: the scores of another model, if one was asked.
    """

    draft: Draft
    terms: DecisionTerms
    scores: Mapping[str, Score]
    ranking: Ranking
    selection: Selection
    settled: StateAtCommit | None = None
    other: OtherScores | None = None

    @property
    def scored(self) -> tuple[ScoredCandidate, ...]:
        """What was allowed, in the order of the customer's arm."""
        return self.ranking.own

    @property
    def arm(self) -> Arm:
        """The customer's."""
        return self.ranking.arm

    @property
    def evaluation(self) -> Evaluation:
        """By which the first candidates were judged."""
        return self.draft.evaluation

    @property
    def plan(self) -> Plan:
        return self.draft.plan

    @property
    def facts(self) -> Facts:
        """The facts without the enrolments that ended by themselves."""
        return self.draft.facts

    @property
    def facts_as_read(self) -> Facts:
        return self.draft.read

    @property
    def ended(self) -> tuple[EndedEnrolment, ...]:
        """The enrolments that ended by themselves."""
        return self.draft.ended

    @property
    def decided_at(self) -> datetime:
        return self.facts.now

    @property
    def valid_until(self) -> datetime:
        return self.decided_at + self.plan.channels[self.facts.channel].reserve

    @property
    def picks(self) -> tuple[Pick, ...]:
        return self.selection.picks

    @cached_property
    def rejected(self) -> tuple[Rejection, ...]:
        """What may not be shown, with reasons for who asks."""
        return self.draft.constrained.rejected + self.selection.rejected

    @cached_property
    def rejected_codes(self) -> Mapping[str, tuple[str, ...]]:
        """The codes of every reason against what may not be shown, by journey, in the order of `rejected`."""
        codes = {d.candidate.journey.journey_id: d.codes for d in self.draft.constrained.denials}
        codes.update((r.journey_id, r.codes) for r in self.selection.rejected)
        return codes

    @property
    def model_version(self) -> str:
        """Of the model that ordered what was allowed; "" without one."""
        other = self.other
        is_challenger = other is not None and other.is_shown and self.arm is Arm.CHALLENGER
        return other.model_version if other is not None and is_challenger else self.terms.model_version

    def displaced(self, pick: Pick) -> tuple[str, ...]:
        """The journeys that end once this one is presented, for its kind is full."""
        rule = pick.candidate.in_flight
        if rule is None or rule.limit.members.keys().isdisjoint(self.facts.situation.enrolments):
            return ()  # only a journey that the customer is in can give way
        told = self._displaced.get(pick.rank)
        if told is None:
            told = self._displaced[pick.rank] = self._giving_way(pick, rule)
        return told

    @cached_property
    def _displaced(self) -> dict[int, tuple[str, ...]]:
        """By rank, as far as they were asked for."""
        return {}

    def _giving_way(self, pick: Pick, rule: InFlight) -> tuple[str, ...]:
        if self.settled is None and len(rule.limit.taken(self.evaluation)) + len(self.picks) <= rule.limit.at_most:
            return ()
        later = {p.journey_id for p in self.picks if p.rank >= pick.rank}
        facts = self.seen.facts
        before = tuple(c for c in facts.slate if c.journey_id not in later)
        earlier = (c for c in facts.situation.contacts if c not in facts.slate)
        return rule.displaced(self.evaluation.with_facts(facts.with_contacts(earlier, before)))

    def eligible_after(self, rejected: Rejection) -> datetime | None:
        """When time alone has lifted every denial of a rejected journey; None if it does not, or not soon."""
        return eligible_after(self.seen, rejected)

    @cached_property
    def seen(self) -> Evaluation:
        """By which the last candidates were judged: with the contacts of the commit, and of this answer."""
        facts, settled = self.facts, self.settled
        if settled is not None:
            facts = replace(facts, situation=replace(facts.situation, uses=settled.uses))
        contacts = facts.situation.contacts if settled is None else settled.contacts
        channel = self.plan.channels[facts.channel]
        slate = (contact_of(p.scored, facts, channel, self.terms.decision_id) for p in self.picks)
        return self.evaluation.with_facts(facts.with_contacts(contacts, tuple(slate)))

    @property
    def no_journey(self) -> tuple[Reason, ...] | None:
        """Why fewer slots than asked for were filled; None when all were."""
        if len(self.picks) >= self.terms.limit:
            return None
        if not self.draft.survivors and not self.draft.constrained.rejected:
            return (Reason(code="NO_CANDIDATE", kind=ReasonKind.DENIED, params={"channel": self.facts.channel}),)
        counts = {"rejected": len(self.rejected_codes), "ranked": len(self.picks)}
        nothing_more = Reason(code="NOTHING_MORE_ALLOWED", kind=ReasonKind.DENIED, params=counts)
        return tuple(self._silences()) or (nothing_more,)

    def _silences(self) -> Iterator[Reason]:
        """Why nothing was said although something might have been."""
        if any(r.codes[0] == HOLDOUT for r in self.selection.rejected):
            yield Reason(code=HOLDOUT, kind=ReasonKind.DENIED)
        chance, best = self.selection.silence, next(iter(self.selection.eligible), None)
        if chance is None or best is None:
            return
        if chance.is_exploration:
            yield explored(chance.p)
        else:
            params = {"priority": best.priority, "bar": self.plan.silence.bar_beside(best)}
            yield Reason(code="SILENCE_IS_WORTH_MORE", kind=ReasonKind.RANKED, params=params)


def begin(plan: Plan, facts: Facts) -> Draft:
    """Ends the enrolments whose time is over, finds the candidates and checks every rule for each."""
    return begin_all(plan, (facts,))[0]


def begin_all(plan: Plan, facts: Sequence[Facts]) -> list[Draft]:
    """The same for several questions, each as if it had been put alone."""
    asked = [Evaluation(plan, each) for each in facts]
    plan.prefetch([evaluation.variables for evaluation in asked])
    lived = [end_enrolments(evaluation) for evaluation in asked]
    constrained = constrain_all([evaluation for evaluation, _ in lived])
    return [
        Draft(read=read, evaluation=evaluation, ended=ended, constrained=result)
        for read, (evaluation, ended), result in zip(facts, lived, constrained, strict=True)
    ]


def conclude(
    draft: Draft, scores: Mapping[str, Score], terms: DecisionTerms, other: OtherScores | None = None
) -> Decision:
    """Orders the survivors and fills the slots. `scores`, and `other`, have an entry for each survivor's journey."""
    challenger = other.by_journey if other is not None and other.is_shown else None
    ranking = rank(draft.survivors, scores, draft.evaluation, challenger)
    selection = select(draft.evaluation, ranking, draws=terms.draws, limit=terms.limit)
    return Decision(draft=draft, terms=terms, scores=scores, ranking=ranking, selection=selection, other=other)


def revise(decision: Decision, settled: StateAtCommit) -> Decision:
    """The same decision over what counts by now; the last revision counts, as it does in replay."""
    evaluation, ranking, terms = decision.evaluation, decision.ranking, decision.terms
    first = select(evaluation, ranking, draws=terms.draws, limit=terms.limit)
    facts = replace(evaluation.facts, situation=replace(evaluation.facts.situation, uses=settled.uses))
    newer = evaluation.with_facts(facts.with_contacts(settled.contacts))
    selection = settle(newer, ranking, first, draws=terms.draws, limit=terms.limit)
    return replace(decision, selection=selection, settled=settled)
