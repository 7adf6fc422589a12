"""P4: nothing vanishes. Slots, order and settling: where each candidate ends, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import given

from service.decision.arbitrate import Score
from service.decision.constrain import Rejected
from service.decision.decide import Decision, revise
from service.decision.facts import Contact, Facts
from service.decision.plan import Candidate
from service.decision.select import TAKEN_MEANWHILE
from service.decision.verdict import Reason
from tests.builders import Catalogue, decide
from tests.property.twin import cap_denials, denials, order
from tests.strategies import CATALOGUES, CONTACTS, KNOWN, LIMITS, SCORES


@given(CATALOGUES, KNOWN, SCORES, LIMITS, CONTACTS)
def test_every_candidate_ends_in_exactly_one_place(
    made: Catalogue, known: Facts, scores: Mapping[str, Score], limit: int, newer: tuple[Contact, ...]
) -> None:
    expected = sorted(_candidates(made, known))
    decision = decide(made.plan, known, limit=limit, scores=scores)
    assert sorted(_everywhere(decision)) == expected
    assert sorted(_everywhere(revise(decision, newer))) == expected


@given(CATALOGUES, KNOWN)
def test_a_rejected_candidate_carries_the_reason_of_every_rule_that_denies_it(made: Catalogue, known: Facts) -> None:
    rejected = {r.candidate.journey_id: r for r in decide(made.plan, known, limit=0).rejected}
    for candidate in made.plan.candidates(known):
        expected = [reason for rule in made.rules_of(candidate) if (reason := rule.check(known)) is not None]
        found = rejected.get(candidate.journey_id)
        assert _as_set(() if found is None else found.reasons) == _as_set(expected)
        assert {r.code for r in expected} == denials(made, candidate, known)


@given(CATALOGUES, KNOWN, SCORES, LIMITS)
def test_each_pick_was_allowed_by_the_caps_after_those_before_it(
    made: Catalogue, known: Facts, scores: Mapping[str, Score], limit: int
) -> None:
    """Every window that ends now holds fewer contacts than its cap before each pick, so never more than it after."""
    decision = decide(made.plan, known, limit=limit, scores=scores)
    contacts = [*known.situation.contacts]
    for pick in decision.picks:
        assert cap_denials(made, pick.scored.candidate, known.with_contacts(contacts)) == set()
        contacts.append(_reserved(pick.scored.candidate, known))


@given(CATALOGUES, KNOWN, SCORES, LIMITS)
def test_what_no_slot_took_is_rejected_by_the_picks_or_left_because_the_slots_were_full(
    made: Catalogue, known: Facts, scores: Mapping[str, Score], limit: int
) -> None:
    decision = decide(made.plan, known, limit=limit, scores=scores)
    picked = [p.scored.candidate for p in decision.picks]
    contacts = [*known.situation.contacts, *(_reserved(c, known) for c in picked)]
    for rejected in decision.selection.rejected:
        codes = {r.code for r in rejected.reasons}
        assert codes
        assert codes <= denials(made, rejected.candidate, known.with_contacts(contacts))
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
    assert [s.candidate.journey_id for s in decision.scored] == expected
    for placed in ([p.scored for p in decision.picks], decision.selection.eligible):
        ids = [s.candidate.journey_id for s in placed]
        assert ids == [i for i in expected if i in ids]


@given(CATALOGUES, KNOWN, SCORES, LIMITS, CONTACTS)
def test_what_was_ranked_and_is_denied_at_commit_is_marked_as_taken_meanwhile_and_nothing_else_is(
    made: Catalogue, known: Facts, scores: Mapping[str, Score], limit: int, newer: tuple[Contact, ...]
) -> None:
    before = decide(made.plan, known, limit=limit, scores=scores)
    after = revise(before, newer)
    ranked = {p.scored.candidate.journey_id for p in before.picks}
    marked = set()
    for rejected in after.rejected:
        codes = [r.code for r in rejected.reasons]
        if TAKEN_MEANWHILE in codes:
            marked.add(rejected.candidate.journey_id)
            assert codes[0] == TAKEN_MEANWHILE
            assert len(codes) > 1
            assert (
                rejected.eligible_after
                == Rejected(candidate=rejected.candidate, reasons=rejected.reasons[1:]).eligible_after
            )
    assert marked == ranked & {r.candidate.journey_id for r in after.selection.rejected}
    assert marked == set(after.selection.taken)


@given(CATALOGUES, KNOWN, SCORES, LIMITS, CONTACTS, CONTACTS)
def test_settling_again_forgets_the_first_time(
    made: Catalogue,
    known: Facts,
    scores: Mapping[str, Score],
    limit: int,
    first: tuple[Contact, ...],
    second: tuple[Contact, ...],
) -> None:
    decision = decide(made.plan, known, limit=limit, scores=scores)
    assert _picture(revise(revise(decision, first), second)) == _picture(revise(decision, second))


@given(CATALOGUES, KNOWN, SCORES, LIMITS)
def test_settling_over_the_same_contacts_changes_nothing(
    made: Catalogue, known: Facts, scores: Mapping[str, Score], limit: int
) -> None:
    decision = decide(made.plan, known, limit=limit, scores=scores)
    assert _picture(revise(decision, known.situation.contacts)) == _picture(decision)


def _candidates(made: Catalogue, known: Facts) -> list[str]:
    """The journeys with an action for this channel and placement at the customer's stage, from the journeys alone."""
    found = []
    for offered in made.offered:
        enrolment = known.situation.enrolments.get(offered.journey.journey_id)
        stage = offered.journey.stages[0].stage if enrolment is None else enrolment.stage
        actions = [a for s in offered.journey.stages if s.stage is stage for a in s.actions]
        if any(a.fits(known.channel, known.placement) for a in actions):
            found.append(offered.journey.journey_id)
    return found


def _everywhere(decision: Decision) -> list[str]:
    return [
        *(p.scored.candidate.journey_id for p in decision.picks),
        *(s.candidate.journey_id for s in decision.selection.eligible),
        *(r.candidate.journey_id for r in decision.rejected),
    ]


def _reserved(candidate: Candidate, known: Facts) -> Contact:
    return Contact(
        decision_id="this", journey_id=candidate.journey_id, kind=candidate.kind, channel=known.channel, at=known.now
    )


def _picture(decision: Decision) -> tuple[list[str], list[str], dict[str, list[str]], tuple[str, ...]]:
    return (
        [p.scored.candidate.journey_id for p in decision.picks],
        [s.candidate.journey_id for s in decision.selection.eligible],
        {r.candidate.journey_id: [reason.code for reason in r.reasons] for r in decision.rejected},
        decision.selection.taken,
    )


def _as_set(reasons: Sequence[Reason]) -> set[tuple[str, str, tuple[tuple[str, str], ...]]]:
    """Reasons regardless of their order, and of the order of their params."""
    return {(r.code, r.kind.value, tuple(sorted((k, repr(v)) for k, v in r.params.items()))) for r in reasons}
