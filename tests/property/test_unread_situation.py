"""What may be shown while the state store is away: nothing that any situation whatever would forbid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from features.values import FeatureStatus
from service.decision.arbitrate import Score
from service.decision.decide import Decision
from service.decision.facts import Consents, Facts, Situation, SituationPart
from service.decision.variables import with_variables
from service.decision.verdict import ReasonKind
from tests.builders import Catalogue, decide, evaluation
from tests.catalogue_strategies import CATALOGUES, HELPFUL_CATALOGUES
from tests.property.twin import blocking, ids, lived
from tests.strategies import KNOWN, LIMITS, SCORES

ANY_CATALOGUE = st.one_of(HELPFUL_CATALOGUES, HELPFUL_CATALOGUES, CATALOGUES)
ACCEPTED = frozenset({SituationPart.KILLS, SituationPart.WITHDRAWALS})
"""What may stand in for what could not be read."""


def unread(known: Facts, *, accepted: frozenset[SituationPart] = ACCEPTED) -> Facts:
    """The same facts with the state store away: of its facts only those that are accepted as they were last heard."""
    read = known.situation
    withdrawn = read.consents.withdrawn_at if SituationPart.WITHDRAWALS in accepted else {}
    situation = Situation(
        unread=frozenset(SituationPart) - accepted,
        kills=read.kills if SituationPart.KILLS in accepted else {},
        consents=Consents(withdrawn_at=withdrawn),
    )
    return with_variables(replace(known, situation=situation, is_known=known.is_known or None))


def told(decision: Decision) -> set[str]:
    """What may be shown, now or in a slot more."""
    return ids([s.candidate for s in (*(p.scored for p in decision.picks), *decision.selection.eligible)])


@given(ANY_CATALOGUE, KNOWN, SCORES, LIMITS)
def test_what_is_shown_unread_is_allowed_whatever_the_situation_is(
    made: Catalogue, known: Facts, scores: Mapping[str, Score], limit: int
) -> None:
    """`known` has any situation; by it, a naive twin of the rules finds nothing against what was shown without it.

    But for a stage that a journey of one stage does not have: there is nowhere else to be in it.
    """
    decision = decide(made.plan, unread(known), limit=limit, scores=scores)
    for scored in (*(p.scored for p in decision.picks), *decision.selection.eligible):
        assert len(scored.candidate.journey.stages) == 1
        assert blocking(made, scored.candidate, lived(made, known)) <= {"STAGE"}


@given(ANY_CATALOGUE, KNOWN, SCORES, LIMITS)
def test_what_is_shown_unread_is_a_part_of_what_an_empty_situation_allows(
    made: Catalogue, known: Facts, scores: Mapping[str, Score], limit: int
) -> None:
    away = unread(known)
    nothing_happened = replace(away, situation=replace(away.situation, unread=frozenset()), is_known=known.is_known)
    shown = told(decide(made.plan, away, limit=limit, scores=scores))
    assert shown <= told(decide(made.plan, with_variables(nothing_happened), limit=limit, scores=scores))


@given(ANY_CATALOGUE, KNOWN)
def test_no_rule_that_guards_what_is_shown_reads_what_was_not_read(made: Catalogue, known: Facts) -> None:
    away = unread(known)
    decision = decide(made.plan, away)
    for scored in (*(p.scored for p in decision.picks), *decision.selection.eligible):
        for rule in made.rules_of(scored.candidate):
            assert away.situation.unread.isdisjoint(rule.reads)


@given(CATALOGUES, KNOWN)
def test_what_is_withheld_for_what_was_not_read_says_so(made: Catalogue, known: Facts) -> None:
    away = unread(known)
    for rejected in decide(made.plan, away).rejected:
        said = {(r.code, r.params.get("fact")): r for r in rejected.reasons}
        for rule in made.rules_of(rejected.candidate):
            missing = [fact for fact in rule.reads if fact in away.situation.unread]
            if missing:
                reason = said[rule.code, missing[0].value]
                assert (reason.kind, reason.params["status"]) == (ReasonKind.UNKNOWN, FeatureStatus.UNAVAILABLE)


@given(ANY_CATALOGUE, KNOWN)
def test_nothing_is_shown_unread_when_nothing_stands_in(made: Catalogue, known: Facts) -> None:
    """The kill list guards every journey, and nobody knows what is on it."""
    assert told(decide(made.plan, unread(known, accepted=frozenset()))) == set()
    assert told(decide(made.plan, unread(known, accepted=frozenset({SituationPart.WITHDRAWALS})))) == set()


@given(CATALOGUES, KNOWN, KNOWN, st.data())
def test_a_rule_looks_at_no_more_of_the_situation_than_it_says(
    made: Catalogue, known: Facts, other: Facts, data: st.DataObject
) -> None:
    """With every other fact of another situation in place of its own, it says the same."""
    offers = [c for o in made.plan.journeys[known.channel] for c in o.elsewhere]
    for rule in made.rules_of(data.draw(st.sampled_from(offers))) if offers else ():
        if rule.code not in CONDITIONS and not rule.code.startswith("POLICY_"):
            mixed = replace(known, situation=_mixed(rule.reads, known.situation, other.situation))
            assert rule.check(evaluation(mixed)) == rule.check(evaluation(known))


CONDITIONS = {"AUDIENCE"}
_PARTS: Mapping[SituationPart, str] = {
    SituationPart.INCIDENTS: "incidents",
    SituationPart.CONSENTS: "consents",
    SituationPart.WITHDRAWALS: "consents",
    SituationPart.CONTACTS: "contacts",
    SituationPart.RESPONSES: "responses",
    SituationPart.ENROLMENTS: "enrolments",
    SituationPart.KILLS: "kills",
    SituationPart.POOLS: "uses",
    SituationPart.FEEDS: "feeds",
}


def _mixed(reads: tuple[SituationPart, ...], own: Situation, other: Situation) -> Situation:
    return replace(other, **{_PARTS[fact]: getattr(own, _PARTS[fact]) for fact in reads})


def test_every_fact_of_the_situation_may_be_unread() -> None:
    assert set(_PARTS) == set(SituationPart)
