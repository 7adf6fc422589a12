"""Questions judged together, by bits: each answer is what every rule, asked one by one, says of each candidate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from features.values import FeatureStatus
from service.decision.constrain import ConstraintResult, constrain, denied_by_pick
from service.decision.decide import begin, begin_all
from service.decision.enrolments import end_enrolments
from service.decision.evaluation import Evaluation
from service.decision.facts import Contact, Facts
from service.decision.plan import Candidate
from service.decision.select import contact_of
from service.decision.slate import Denials
from service.decision.verdict import Reason, ReasonKind, unknown
from tests.builders import Catalogue, decide
from tests.catalogue_strategies import CATALOGUES, HELPFUL_CATALOGUES
from tests.property.test_unread_situation import unread
from tests.strategies import KNOWN

ANY_CATALOGUE = st.one_of(CATALOGUES, CATALOGUES, HELPFUL_CATALOGUES)
ANY_FACTS = st.one_of(KNOWN, KNOWN, KNOWN, KNOWN.map(unread))


class Plainly(NamedTuple):
    """What may be shown; what may not, with every reason; and what is passed all the same, by journey."""

    allowed: list[Candidate]
    rejected: list[tuple[Candidate, tuple[Reason, ...]]]
    bypassed: dict[str, tuple[Reason, ...]]


def plainly(evaluation: Evaluation) -> Plainly:
    """Every rule of every candidate, in order, each asked why; nothing is shared or passed over."""
    plan, facts = evaluation.plan, evaluation.facts
    told = Plainly([], [], {})
    for candidate in plan.candidates(facts):
        reasons = {position: reason_of(position, Evaluation(plan, facts)) for position in sorted(candidate.rules)}
        denials = {position: reason for position, reason in reasons.items() if reason is not None}
        unknowable = {p for p in denials if not facts.situation.unread.isdisjoint(plan.rules[p].reads)}
        binding = tuple(r for p, r in denials.items() if p not in candidate.bypassed or p in unknowable)
        if binding:
            told.rejected.append((candidate, binding))
            continue
        told.allowed.append(candidate)
        if denials:
            passed = (r._replace(kind=ReasonKind.BYPASS, eligible_after=None) for r in denials.values())
            told.bypassed[candidate.journey_id] = tuple(passed)
    return told


def reason_of(position: int, evaluation: Evaluation) -> Reason | None:
    rule, away = evaluation.plan.rules[position], evaluation.facts.situation.unread
    missing = next((fact for fact in rule.reads if fact in away), None)
    if missing is not None:
        return unknown(rule.code, fact=missing.value, status=FeatureStatus.UNAVAILABLE.value)
    return rule.check(evaluation)


def as_told(result: ConstraintResult) -> Plainly:
    for rejected in result.rejected:
        assert rejected.codes == tuple(reason.code for reason in rejected.reasons)
    return Plainly(list(result.allowed), [(r.candidate, r.reasons) for r in result.rejected], dict(result.bypassed))


def binding(found: Sequence[Denials]) -> list[tuple[Candidate, tuple[int, ...], tuple[str, ...]]]:
    """Without the denials that a candidate bypassed before, and bypasses still."""
    return [(denials.candidate, denials.binding, denials.codes) for denials in found]


@given(ANY_CATALOGUE, st.lists(ANY_FACTS, min_size=1, max_size=4), st.data())
def test_a_batch_says_what_its_questions_say_one_by_one(
    made: Catalogue, asked: list[Facts], data: st.DataObject
) -> None:
    """The same customer may ask twice."""
    batch = [*asked, *data.draw(st.lists(st.sampled_from(asked), max_size=1))]
    for facts, draft in zip(batch, begin_all(made.plan, batch), strict=True):
        alone = begin(made.plan, facts)
        evaluation, ended = end_enrolments(Evaluation(made.plan, facts))
        assert draft.read is facts
        assert draft.facts == alone.facts == evaluation.facts
        assert draft.ended == alone.ended == ended
        assert as_told(draft.constrained) == as_told(alone.constrained) == plainly(evaluation)


@given(ANY_CATALOGUE, KNOWN)
def test_a_rule_denies_whenever_it_has_a_reason_to(made: Catalogue, known: Facts) -> None:
    evaluation, _ = end_enrolments(Evaluation(made.plan, known))
    for rule in made.plan.rules:
        assert rule.denies(evaluation) is (rule.check(Evaluation(made.plan, evaluation.facts)) is not None), rule


@given(ANY_CATALOGUE, ANY_FACTS, st.data())
def test_a_pick_denies_what_all_rules_that_count_contacts_deny_after_it(
    made: Catalogue, known: Facts, data: st.DataObject
) -> None:
    draft = begin(made.plan, known)
    ranked = list(decide(made.plan, known, limit=0).scored)
    left, slate = list(draft.survivors), list[Contact]()
    channel = made.plan.channels[known.channel]
    while left and len(slate) < 3:
        picked = data.draw(st.sampled_from(left))
        left.remove(picked)
        scored = next(s for s in ranked if s.candidate is picked)
        slate.append(contact_of(scored, draft.facts, channel, "this"))
        seen = draft.evaluation.with_picks(tuple(slate))
        facts = draft.facts.with_contacts(draft.facts.situation.contacts, tuple(slate))
        everything = constrain(Evaluation(made.plan, facts), left, only=made.plan.contact_rules)
        assert seen.facts == facts
        assert binding(denied_by_pick(seen, picked, left)) == binding(everything.denials)
        left = list(everything.allowed)
