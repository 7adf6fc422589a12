"""When a denial ends: one second before it still holds, and then it is gone, all else equal."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import assume, example, given
from hypothesis import strategies as st

from service.decision.constrain import constrain, eligible_after
from service.decision.constraints.caps import ContactCap, PressureCap
from service.decision.constraints.not_valid_now import NotValidNow
from service.decision.constraints.registry import Cap
from service.decision.decide import begin
from service.decision.evaluation import Evaluation
from service.decision.facts import Contact, Facts, Situation
from service.decision.journey import JourneyKind
from service.decision.windows import ELIGIBLE_AFTER_LIMIT
from tests.builders import CHANNELS, NOW, Catalogue, contact, evaluation, facts
from tests.catalogue_strategies import CAPS, CATALOGUES
from tests.property.twin import how_many
from tests.strategies import CONTACTS, INSTANTS, KNOWN

SECOND = timedelta(seconds=1)
ROLLING = CAPS.filter(lambda cap: isinstance(cap.per, timedelta))


@given(ROLLING, st.booleans(), CONTACTS)
@example(Cap(at_most=1, per=timedelta(days=7)), True, (contact("a", at=NOW), contact("a", at=NOW)))
def test_the_end_of_a_cap_is_exact(cap: Cap, is_own: bool, contacts: tuple[Contact, ...]) -> None:
    """The expected instant is found by trying every instant at which any contact stops to count."""
    assert isinstance(cap.per, timedelta)
    mine = [c for c in contacts if not is_own or c.journey_id == "a"]
    rule = ContactCap(journey_id="a", at_most=cap.at_most, per=cap.per) if is_own else _everything(cap)
    known = facts(situation=Situation(contacts=contacts))
    reason = rule.check(evaluation(known))
    assert (reason is not None) == (how_many(mine, known, cap.per) >= cap.at_most)
    if reason is None:
        return
    given_back = [at for c in mine for at in (c.counts_until, c.reserved_until) if at is not None]
    ends = [c.at + cap.per for c in mine] + given_back
    free = [end for end in ends if how_many(mine, replace(known, now=end), cap.per) < cap.at_most]
    assert reason.eligible_after == min(end for end in free if end > NOW)
    assert reason.params["contacts"] == how_many(mine, known, cap.per)


@given(INSTANTS.map(lambda at: 2 * (NOW - at)))
def test_the_start_of_a_journey_is_exact(away: timedelta) -> None:
    assume(away > timedelta(0))
    reason = NotValidNow(valid_from=NOW + away).check(evaluation(facts()))
    assert reason is not None
    assert reason.eligible_after == NOW + away
    assert NotValidNow(valid_from=NOW + away).check(evaluation(facts(now=NOW + away))) is None
    assert NotValidNow(valid_from=NOW + away).check(evaluation(facts(now=NOW + away - SECOND))) is not None


@given(CATALOGUES, KNOWN)
def test_at_the_end_that_a_reason_tells_that_denial_is_gone_and_one_second_before_it_is_not(
    made: Catalogue, known: Facts
) -> None:
    """Each rule by itself, all else equal: as fresh as now, and conditions as they are now."""
    draft = begin(made.plan, known)
    for rejected in draft.constrained.rejected:
        for rule in made.rules_of(rejected.candidate):
            reason = rule.check(draft.evaluation)
            if reason is not None and reason.eligible_after is not None:
                assert reason.eligible_after > known.now
                assert rule.check(draft.evaluation.at(reason.eligible_after)) is None
                before = draft.evaluation.at(max(known.now, reason.eligible_after - SECOND))
                assert rule.check(before) is not None


@given(CATALOGUES, KNOWN)
def test_at_the_end_that_a_journey_tells_it_is_allowed_and_one_second_before_it_is_not(
    made: Catalogue, known: Facts
) -> None:
    """Asked of the whole catalogue again, with whatever candidate stands for the journey by then."""
    draft = begin(made.plan, known)
    for rejected in draft.constrained.rejected:
        after = eligible_after(draft.evaluation, rejected)
        if after is not None:
            assert known.now < after <= known.now + ELIGIBLE_AFTER_LIMIT
            journey_id = rejected.journey_id
            assert _is_allowed(journey_id, draft.evaluation.at(after))
            assert not _is_allowed(journey_id, draft.evaluation.at(max(known.now, after - SECOND)))


def _everything(cap: Cap) -> PressureCap:
    return PressureCap(
        cap_id="all",
        kinds=frozenset(JourneyKind),
        channels=frozenset(CHANNELS),
        at_most=cap.at_most,
        per=cap.per,
    )


def _is_allowed(journey_id: str, known: Evaluation) -> bool:
    constrained = constrain(known, known.plan.candidates(known.facts))
    return journey_id in {c.journey_id for c in constrained.allowed}
