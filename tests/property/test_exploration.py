"""P1 and P9 however slots are filled: nothing denied is drawn, and the probability logged is the one drawn by."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from service.decision.arbitrate import Score, ScoredCandidate
from service.decision.arms import Arm
from service.decision.decide import Decision, OtherScores, StateAtCommit, conclude, revise
from service.decision.explore import Exploration, Scheme
from service.decision.facts import Contact, Facts
from service.decision.journey import JourneyKind, RankBy
from service.decision.plan import Plan
from service.decision.record import canonical, output, replay, to_document, weighed_again
from service.decision.select import HOLDOUT, Chance
from service.state.rows.record import record_of, text_of
from tests.builders import HELPING, Catalogue, decide
from tests.exploration_strategies import ASKING, AT_EASE, DECISION_IDS, DRAWING, EXPLORING
from tests.property.twin import blocking, lived, reservation
from tests.strategies import LIMITS, SCORES, SETTLED


@given(EXPLORING, ASKING, SCORES, SCORES, LIMITS, SETTLED, DECISION_IDS)
def test_nothing_that_is_denied_is_ever_drawn(
    made: Catalogue,
    known: Facts,
    scores: Mapping[str, Score],
    others: Mapping[str, Score],
    limit: int,
    newer: StateAtCommit,
    decision_id: str,
) -> None:
    other = OtherScores(model_version="other", by_journey=others, is_shown=True)
    before = decide(made.plan, known, limit=limit, scores=scores, decision_id=decision_id, other=other)
    after = revise(before, newer)
    current = lived(made, known)
    at_commit = replace(current, situation=replace(current.situation, uses=newer.uses)).with_contacts(newer.contacts)
    for decision, facts in ((before, current), (after, current), (after, at_commit)):
        for scored in (*(p.scored for p in decision.picks), *decision.selection.eligible):
            assert blocking(made, scored.candidate, facts) == set()


@given(DRAWING, AT_EASE, SCORES, st.sampled_from([2, 3, 50]), SETTLED, DECISION_IDS)
def test_what_is_drawn_binds_the_slots_after_it(
    made: Catalogue, known: Facts, scores: Mapping[str, Score], limit: int, newer: StateAtCommit, decision_id: str
) -> None:
    before = decide(made.plan, known, limit=limit, scores=scores, decision_id=decision_id)
    current = lived(made, known)
    at_commit = replace(current, situation=replace(current.situation, uses=newer.uses)).with_contacts(newer.contacts)
    for decision, facts in ((before, current), (revise(before, newer), at_commit)):
        demand_room_for_each_pick(made, decision, facts)


def demand_room_for_each_pick(made: Catalogue, decision: Decision, facts: Facts) -> None:
    """Each was allowed after those before it."""
    slate = list[Contact]()
    for pick in decision.picks:
        seen = facts.with_contacts(facts.situation.contacts, tuple(slate))
        assert blocking(made, pick.candidate, seen) == set()
        slate.append(reservation(pick.candidate, facts))


@given(EXPLORING, ASKING, SCORES, LIMITS, SETTLED, DECISION_IDS)
def test_every_candidate_ends_in_one_place_and_silence_is_told_where_a_slot_is_empty(
    made: Catalogue, known: Facts, scores: Mapping[str, Score], limit: int, newer: StateAtCommit, decision_id: str
) -> None:
    before = decide(made.plan, known, limit=limit, scores=scores, decision_id=decision_id)
    expected = sorted(s.journey_id for s in before.scored)
    for decision in (before, revise(before, newer)):
        selection = decision.selection
        places = (*(p.journey_id for p in selection.picks), *(s.journey_id for s in selection.eligible))
        assert sorted((*places, *(r.journey_id for r in selection.rejected))) == expected
        assert (selection.silence is not None) == (decision.no_journey is not None)
        assert (selection.silence is not None) == (len(selection.picks) < limit)


@given(EXPLORING, ASKING, SCORES, SCORES, LIMITS, DECISION_IDS)
def test_probabilities_are_those_of_a_naive_twin_slot_by_slot_and_over_all_arms(
    made: Catalogue,
    known: Facts,
    scores: Mapping[str, Score],
    others: Mapping[str, Score],
    limit: int,
    decision_id: str,
) -> None:
    other = OtherScores(model_version="other", by_journey=others, is_shown=True)
    decision = decide(made.plan, known, limit=limit, scores=scores, decision_id=decision_id, other=other)
    weights = dict(decision.ranking.shares)
    for filled, left in slots_of(decision):
        chances = {arm: chance_of(filled, arm, decision.ranking.by_arm[arm], left, made.plan) for arm in weights}
        logged = chance_at(decision, filled)
        assert math.isclose(logged.p, chances[decision.arm], rel_tol=1e-12)
        pooled = sum(weights[arm] * chances[arm] for arm in weights) / sum(weights.values())
        assert math.isclose(logged.over_arms, pooled, rel_tol=1e-9)
        assert 0.0 < logged.p <= 1.0 + 1e-12
        weights = {arm: weights[arm] * chances[arm] for arm in weights}


@given(EXPLORING, ASKING, SCORES, LIMITS, DECISION_IDS)
def test_the_holdout_is_shown_what_helps_alone_and_every_other_arm_lacks_that_reason(
    made: Catalogue, known: Facts, scores: Mapping[str, Score], limit: int, decision_id: str
) -> None:
    decision = decide(made.plan, known, limit=limit, scores=scores, decision_id=decision_id)
    withheld = {r.journey_id for r in decision.rejected if HOLDOUT in {reason.code for reason in r.reasons}}
    if decision.arm is Arm.HOLDOUT:
        assert {p.candidate.journey.kind for p in decision.picks} <= HELPING
        assert not {s.journey_id for s in decision.selection.eligible if s.candidate.journey.kind not in HELPING}
    else:
        assert withheld == set()


@given(EXPLORING, ASKING, SCORES)
def test_a_priority_is_that_of_a_naive_twin(made: Catalogue, known: Facts, scores: Mapping[str, Score]) -> None:
    for s in decide(made.plan, known, scores=scores).scored:
        objective, p = s.candidate.journey.objective, s.score.p_outcome
        if objective.rank_by is RankBy.UPLIFT and objective.outcome is None and s.score.p_if_silent is not None:
            p = p - s.score.p_if_silent
        expected = p * s.value * s.context_weight * s.lever - s.candidate.action.cost
        assert s.priority == expected or (math.isnan(s.priority) and math.isnan(expected))


@given(EXPLORING, ASKING, SCORES, SCORES, LIMITS, DECISION_IDS)
def test_every_record_is_decided_again_to_the_letter(
    made: Catalogue,
    known: Facts,
    scores: Mapping[str, Score],
    others: Mapping[str, Score],
    limit: int,
    decision_id: str,
) -> None:
    other = OtherScores(model_version="other", by_journey=others, is_shown=True)
    decision = decide(made.plan, known, limit=limit, scores=scores, decision_id=decision_id, other=other)
    document = json.loads(canonical(to_document(decision)))
    assert canonical(record_of({"record": text_of(decision)})) == canonical(document)
    assert canonical(output(replay(made.plan, document["input"]))) == canonical(document["output"])


@given(EXPLORING, ASKING, SCORES, SCORES, LIMITS, SETTLED, DECISION_IDS)
def test_what_was_scored_is_weighed_again_as_it_was_from_its_record(
    made: Catalogue,
    known: Facts,
    scores: Mapping[str, Score],
    others: Mapping[str, Score],
    limit: int,
    newer: StateAtCommit,
    decision_id: str,
) -> None:
    """By the arm's scores with the catalogue's levers, which is every arm's order but that without them."""
    other = OtherScores(model_version="other", by_journey=others, is_shown=True)
    decision = revise(decide(made.plan, known, limit=limit, scores=scores, decision_id=decision_id, other=other), newer)
    again = weighed_again(made.plan, json.loads(canonical(to_document(decision))))
    arm = Arm.CHAMPION if decision.arm is Arm.NO_LEVERS else decision.arm
    if arm in decision.ranking.by_arm:
        allowed = {s.journey_id for s in decision.scored}  # more was given scores
        expected = decision.ranking.by_arm[arm]
        assert [_terms(s) for s in again if s.journey_id in allowed] == [_terms(s) for s in expected]


def _terms(scored: ScoredCandidate) -> tuple[object, ...]:
    """Numbers by their texts, for NaN is not itself."""
    numbers = (
        scored.score.p_outcome,
        scored.value,
        scored.lever,
        scored.context_weight,
        scored.priority,
        scored.p_if_silent,
    )
    return (scored.candidate, scored.ranked_by, *map(repr, numbers))


def slots_of(decision: Decision) -> Iterator[tuple[str | None, set[str]]]:
    """What filled each slot (None: silence), and what still could have by the rules: the last slot drops nothing."""
    picks = [p.journey_id for p in decision.picks]
    filled = picks if decision.selection.silence is None else [*picks, None]
    for slot, one in enumerate(filled, start=1):
        so_far = conclude(decision.draft, decision.scores, replace(decision.terms, limit=slot), decision.other)
        dropped = {r.journey_id for r in so_far.selection.rejected if r.reasons[0].code != HOLDOUT}
        yield one, {s.journey_id for s in decision.scored} - set(picks[: slot - 1]) - dropped


def chance_at(decision: Decision, journey_id: str | None) -> Chance:
    """As it was logged."""
    if journey_id is None:
        assert decision.selection.silence is not None
        return decision.selection.silence
    return next(p.chance for p in decision.picks if p.journey_id == journey_id)


def chance_of(filled: str | None, arm: Arm, ranked: Sequence[ScoredCandidate], left: set[str], plan: Plan) -> float:
    """Naively: P(this fills the slot) by the words of the design."""
    kind_of = {s.journey_id: s.candidate.journey.kind for s in ranked}
    options = [s for s in ranked if s.journey_id in left]
    if arm is Arm.HOLDOUT:
        options = [s for s in options if kind_of[s.journey_id] in HELPING]
        return float(filled == (options[0].journey_id if options else None))
    if not options:
        return float(filled is None)

    def scheme(kind: JourneyKind) -> Exploration:
        if kind in HELPING:
            return Exploration()
        return (
            Exploration(scheme=Scheme.UNIFORM)
            if arm is Arm.RANDOM
            else plan.exploration.by_kind.get(kind, Exploration())
        )

    best: ScoredCandidate | None = options[0]
    assert best is not None
    bar = silence_beside(best, plan) + (plan.silence.threshold or 0.0)
    helps = [s for s in options if kind_of[s.journey_id] in HELPING]
    if plan.silence.threshold is not None and kind_of[best.journey_id] not in HELPING and not best.priority > bar:
        if helps:
            return float(filled == helps[0].journey_id)
        best = None
    leader = options[0] if best is None else best
    how = scheme(kind_of[leader.journey_id])
    greedy = None if best is None else best.journey_id
    if how.scheme is Scheme.GREEDY:
        return float(filled == greedy)
    among: list[tuple[str | None, float]] = [
        (s.journey_id, s.priority)
        for s in options
        if s.candidate.journey.tier == leader.candidate.journey.tier
        and scheme(kind_of[s.journey_id]).scheme is not Scheme.GREEDY
    ]
    if not helps and (plan.silence.is_explored or best is None):
        among.append((None, bar))
    if filled not in {name for name, _ in among}:
        return 0.0
    n = len(among)
    least = min(how.floor, 1 / n)
    if how.scheme is Scheme.SOFTMAX:
        return (1 - n * least) * _softmax_of(filled, among, how.temperature, greedy) + least
    share = 1.0 if how.scheme is Scheme.UNIFORM else max(how.epsilon, n * least)
    return share / n + (1 - share) * (filled == greedy)


def silence_beside(best: ScoredCandidate, plan: Plan) -> float:
    """Naively: what saying nothing is worth in a slot that this might fill."""
    objective = best.candidate.journey.objective
    p_if_silent = 0.0 if objective.outcome is not None else best.score.p_if_silent
    counts = objective.rank_by is RankBy.UPLIFT or objective.is_weighed_against_silence
    if not plan.silence.is_learnt or not counts or p_if_silent is None:
        return plan.silence.value
    if objective.rank_by is RankBy.UPLIFT:
        return 0.0
    worth = p_if_silent * best.value * best.context_weight * best.lever
    return worth if math.isfinite(worth) else plan.silence.value


def _softmax_of(filled: str | None, among: list[tuple[str | None, float]], t: float, greedy: str | None) -> float:
    finite = {name: p for name, p in among if math.isfinite(p)}
    if not finite:
        return float(filled == greedy)
    if filled not in finite:
        return 0.0
    try:
        return 1.0 / sum(math.exp((p - finite[filled]) / t) for p in finite.values())
    except OverflowError:
        return 0.0
