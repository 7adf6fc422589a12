"""When a denial ends: one second before it still holds, and then it is gone, all else equal."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import assume, example, given
from hypothesis import strategies as st

from service.decision.constraints.caps import ContactCap, PressureCap
from service.decision.constraints.not_valid_now import NotValidNow
from service.decision.constraints.registry import Cap
from service.decision.decide import begin
from service.decision.facts import Contact, Facts, Situation
from service.decision.journey import JourneyKind
from tests.builders import CHANNELS, NOW, Catalogue, catalogue, contact, facts
from tests.property.twin import how_many
from tests.strategies import CAPS, CATALOGUES, CONTACTS, INSTANTS, KNOWN

SECOND = timedelta(seconds=1)


@given(CAPS, st.booleans(), CONTACTS)
@example(Cap(at_most=1, per=timedelta(days=7)), True, (contact("a", at=NOW), contact("a", at=NOW)))
def test_the_end_of_a_cap_is_exact(cap: Cap, is_own: bool, contacts: tuple[Contact, ...]) -> None:
    """The expected instant is found by trying every instant at which any contact stops to count."""
    mine = [c for c in contacts if not is_own or c.journey_id == "a"]
    rule = ContactCap(journey_id="a", at_most=cap.at_most, per=cap.per) if is_own else _everything(cap)
    known = facts(situation=Situation(contacts=contacts))
    reason = rule.check(known)
    assert (reason is not None) == (how_many(mine, known, cap.per) >= cap.at_most)
    if reason is None:
        return
    ends = [c.at + cap.per for c in mine] + [c.counts_until for c in mine if c.counts_until is not None]
    free = [end for end in ends if how_many(mine, replace(known, now=end), cap.per) < cap.at_most]
    assert reason.eligible_after == min(end for end in free if end > NOW)
    assert reason.params["contacts"] == how_many(mine, known, cap.per)


@given(INSTANTS.map(lambda at: 2 * (NOW - at)))
def test_the_start_of_a_journey_is_exact(away: timedelta) -> None:
    assume(away > timedelta(0))
    reason = NotValidNow(valid_from=NOW + away).check(facts())
    assert reason is not None
    assert reason.eligible_after == NOW + away
    assert NotValidNow(valid_from=NOW + away).check(facts(now=NOW + away)) is None
    assert NotValidNow(valid_from=NOW + away).check(facts(now=NOW + away - SECOND)) is not None


@given(CATALOGUES, KNOWN)
def test_at_eligible_after_no_rule_denies_the_journey_and_one_second_before_one_does(
    made: Catalogue, known: Facts
) -> None:
    """All else equal: conditions see what they saw. A journey that ends is the one case that time takes away again."""
    lasting = catalogue(*(replace(o, valid_until=None) for o in made.offered), policies=made.policies)
    for rejected in begin(lasting.plan, known).constrained.rejected:
        after = rejected.eligible_after
        if after is None:
            continue
        assert after > known.now
        assert _denials(lasting, rejected.candidate.journey_id, replace(known, now=after)) == 0
        assert _denials(lasting, rejected.candidate.journey_id, replace(known, now=after - SECOND)) > 0


def _everything(cap: Cap) -> PressureCap:
    return PressureCap(
        cap_id="all",
        kinds=frozenset(JourneyKind),
        channels=frozenset(CHANNELS),
        at_most=cap.at_most,
        per=cap.per,
    )


def _denials(made: Catalogue, journey_id: str, known: Facts) -> int:
    candidate = next(c for c in made.plan.candidates(known) if c.journey_id == journey_id)
    return sum(rule.check(known) is not None for rule in made.rules_of(candidate))
