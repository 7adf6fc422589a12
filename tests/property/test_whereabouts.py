"""P4: nothing vanishes. Slots, order and settling: where each candidate ends, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import given

from service.decision.arbitrate import Score
from service.decision.constraints.registry import group_of
from service.decision.decide import Decision, StateAtCommit, revise
from service.decision.facts import Contact, Facts
from service.decision.select import TAKEN_MEANWHILE
from service.decision.verdict import Reason
from tests.builders import Catalogue, decide, evaluation
from tests.catalogue_strategies import CATALOGUES
from tests.property.twin import blocking, denials, lived, offered, order, reservation, slate_denials
from tests.strategies import KNOWN, LIMITS, SCORES, SETTLED


@given(CATALOGUES, KNOWN, SCORES, LIMITS, SETTLED)
def test_every_candidate_ends_in_exactly_one_place(
    made: Catalogue, known: Facts, scores: Mapping[str, Score], limit: int, newer: StateAtCommit
) -> None:
    expected = sorted(_candidates(made, known))
    decision = decide(made.plan, known, limit=limit, scores=scores)
    assert sorted(_everywhere(decision)) == expected
    assert sorted(_everywhere(revise(decision, newer))) == expected


@given(CATALOGUES, KNOWN)
def test_a_rejected_candidate_carries_the_reason_of_every_rule_that_denies_it(made: Catalogue, known: Facts) -> None:
    rejected = {r.journey_id: r for r in decide(made.plan, known, limit=0).rejected}
    current = lived(made, known)
    asked = evaluation(current)
    for candidate in made.plan.candidates(current):
        against = [reason for rule in made.rules_of(candidate) if (reason := rule.check(asked)) is not None]
        assert {r.code for r in against} == denials(made, candidate, current)
        bypass = offered(made, candidate).bypass
        expected = [r for r in against if group_of(r.code) not in bypass]
        found = rejected.get(candidate.journey_id)
        assert _as_set(() if found is None else found.reasons) == _as_set(expected)


@given(CATALOGUES, KNOWN, SCORES, LIMITS)
def test_each_pick_was_allowed_after_those_before_it_and_says_what_it_bypassed(
    made: Catalogue, known: Facts, scores: Mapping[str, Score], limit: int
) -> None:
    """Every window that ends now holds fewer contacts than its cap before each pick, so never more than it after."""
    decision = decide(made.plan, known, limit=limit, scores=scores)
    current, slate = lived(made, known), list[Contact]()
    for pick in decision.picks:
        seen = current.with_contacts(current.situation.contacts, tuple(slate))
        candidate = pick.candidate
        assert blocking(made, candidate, seen) == set()
        assert {r.code for r in pick.bypassed} == denials(made, candidate, seen)
        slate.append(reservation(candidate, known))


@given(CATALOGUES, KNOWN, SCORES, LIMITS)
def test_what_no_slot_took_is_rejected_by_the_picks_or_left_because_the_slots_were_full(
    made: Catalogue, known: Facts, scores: Mapping[str, Score], limit: int
) -> None:
    decision = decide(made.plan, known, limit=limit, scores=scores)
    picked = [p.candidate for p in decision.picks]
    current = lived(made, known)
    seen = current.with_contacts(current.situation.contacts, tuple(reservation(c, known) for c in picked))
    for rejected in decision.selection.rejected:
        codes = {r.code for r in rejected.reasons}
        assert codes
        assert codes <= slate_denials(made, rejected.candidate, seen)
    assert len(decision.picks) == max(limit, 0) or len(decision.picks) < limit
    assert not (decision.selection.eligible and len(decision.picks) < limit)
    assert [p.rank for p in decision.picks] == list(range(1, len(picked) + 1))
    assert {p.selection_probability for p in decision.picks} <= {1.0}
    assert (decision.no_journey is not None) == (len(picked) < limit)


@given(CATALOGUES, KNOWN, SCORES, LIMITS)
def test_the_order_is_that_of_a_naive_sort(
    made: Catalogue, known: Facts, scores: Mapping[str, Score], limit: int
) -> None:
    decision = decide(made.plan, known, limit=limit, scores=scores)
    expected = order(reversed(decision.scored))
    assert [s.journey_id for s in decision.scored] == expected
    for placed in ([p.scored for p in decision.picks], decision.selection.eligible):
        ids = [s.journey_id for s in placed]
        assert ids == [i for i in expected if i in ids]


@given(CATALOGUES, KNOWN, SCORES, LIMITS, SETTLED)
def test_what_was_ranked_and_is_denied_at_commit_is_marked_as_taken_meanwhile_and_nothing_else_is(
    made: Catalogue, known: Facts, scores: Mapping[str, Score], limit: int, newer: StateAtCommit
) -> None:
    before = decide(made.plan, known, limit=limit, scores=scores)
    after = revise(before, newer)
    ranked = {p.journey_id for p in before.picks}
    marked = set()
    for rejected in after.rejected:
        codes = [r.code for r in rejected.reasons]
        if TAKEN_MEANWHILE in codes:
            marked.add(rejected.journey_id)
            assert codes[0] == TAKEN_MEANWHILE
            assert len(codes) > 1
            ends = [reason.eligible_after for reason in rejected.reasons[1:]]
            assert rejected.reasons[0].eligible_after == (None if None in ends else max(e for e in ends if e))
    assert marked == ranked & {r.journey_id for r in after.selection.rejected}
    assert marked == set(after.selection.taken)


@given(CATALOGUES, KNOWN, SCORES, LIMITS, SETTLED, SETTLED)
def test_settling_again_forgets_the_first_time(
    made: Catalogue,
    known: Facts,
    scores: Mapping[str, Score],
    limit: int,
    first: StateAtCommit,
    second: StateAtCommit,
) -> None:
    decision = decide(made.plan, known, limit=limit, scores=scores)
    assert _picture(revise(revise(decision, first), second)) == _picture(revise(decision, second))


@given(CATALOGUES, KNOWN, SCORES, LIMITS)
def test_settling_over_the_same_contacts_changes_nothing(
    made: Catalogue, known: Facts, scores: Mapping[str, Score], limit: int
) -> None:
    decision = decide(made.plan, known, limit=limit, scores=scores)
    assert _picture(
        revise(decision, StateAtCommit(contacts=known.situation.contacts, uses=known.situation.uses))
    ) == _picture(decision)


def _candidates(made: Catalogue, known: Facts) -> list[str]:
    """The journeys with an action for this channel and placement, at whatever stage."""
    found = []
    for one in made.offered:
        actions = [a for s in one.journey.stages for a in s.actions]
        if any(a.fits(known.channel, known.placement) for a in actions):
            found.append(one.journey.journey_id)
    return found


def _everywhere(decision: Decision) -> list[str]:
    return [
        *(p.journey_id for p in decision.picks),
        *(s.journey_id for s in decision.selection.eligible),
        *(r.journey_id for r in decision.rejected),
    ]


def _picture(decision: Decision) -> tuple[list[str], list[str], dict[str, list[str]], tuple[str, ...]]:
    return (
        [p.journey_id for p in decision.picks],
        [s.journey_id for s in decision.selection.eligible],
        {r.journey_id: [reason.code for reason in r.reasons] for r in decision.rejected},
        decision.selection.taken,
    )


def _as_set(reasons: Sequence[Reason]) -> set[tuple[str, str, tuple[tuple[str, str], ...]]]:
    """Reasons regardless of their order, and of the order of their params."""
    return {(r.code, r.kind.value, tuple(sorted((k, repr(v)) for k, v in r.params.items()))) for r in reasons}
