"""P1: a denied journey is never ranked. P2: what is not known permits nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from features.values import FeatureStatus
from service.decision.arbitrate import Score
from service.decision.constraints.audience import Audience
from service.decision.constraints.caps import ContactCap
from service.decision.constraints.consent_missing import ConsentMissing, ServiceWithdrawn
from service.decision.constraints.incident_open import IncidentOpen
from service.decision.constraints.not_valid_now import NotValidNow
from service.decision.constraints.rule import Rule
from service.decision.constraints.unknown import OnUnknown
from service.decision.decide import StateAtCommit, begin, revise
from service.decision.facts import Facts, OpenIncidents
from service.decision.variables import with_variables
from tests.builders import HELPING, NOW, Catalogue, catalogue, decide, evaluation
from tests.catalogue_strategies import CATALOGUES, CONDITIONS, PRESSURE_CAPS, STRICT_CATALOGUES
from tests.property.twin import blocking, ids, lived, offered
from tests.strategies import IDS, KINDS, KNOWN, KNOWN_IN_INCIDENT, LIMITS, SCORES, SETTLED, UNKNOWN_STATUSES
from tests.variants import with_rule

RULES: st.SearchStrategy[Rule] = st.one_of(
    st.builds(Audience, condition=st.sampled_from([c.when for c in CONDITIONS])),
    st.builds(ContactCap, journey_id=st.sampled_from(IDS), at_most=st.integers(1, 2), per=st.just(timedelta(days=1))),
    PRESSURE_CAPS,
    st.builds(ConsentMissing, purpose=st.sampled_from(["marketing", "surveys"]), channel=st.sampled_from(["web"])),
    st.builds(ServiceWithdrawn, channel=st.sampled_from(["web", "email"])),
    st.builds(NotValidNow, valid_until=st.just(NOW)),
    st.builds(
        IncidentOpen,
        kind=KINDS,
        classes=st.just(frozenset({"delivery"})),
        allowing_classes=st.just(frozenset[str]()),
    ),
)


@given(CATALOGUES, KNOWN, SCORES, LIMITS)
def test_a_denied_journey_is_never_ranked_nor_eligible(
    made: Catalogue, known: Facts, scores: Mapping[str, Score], limit: int
) -> None:
    decision = decide(made.plan, known, limit=limit, scores=scores)
    for scored in (*(p.scored for p in decision.picks), *decision.selection.eligible):
        assert blocking(made, scored.candidate, lived(made, known)) == set()


@given(CATALOGUES, KNOWN, SCORES, LIMITS, SETTLED)
def test_a_journey_that_newer_contacts_deny_is_never_ranked(
    made: Catalogue, known: Facts, scores: Mapping[str, Score], limit: int, newer: StateAtCommit
) -> None:
    decision = revise(decide(made.plan, known, limit=limit, scores=scores), newer)
    current = lived(made, known)
    at_commit = replace(current, situation=replace(current.situation, uses=newer.uses)).with_contacts(newer.contacts)
    for scored in (*(p.scored for p in decision.picks), *decision.selection.eligible):
        assert blocking(made, scored.candidate, current) == set()
        assert blocking(made, scored.candidate, at_commit) == set()


@given(STRICT_CATALOGUES, KNOWN_IN_INCIDENT, SCORES, LIMITS, SETTLED)
def test_an_open_incident_leaves_only_service_and_resolution_and_no_offer(
    made: Catalogue, known: Facts, scores: Mapping[str, Score], limit: int, newer: StateAtCommit
) -> None:
    """None but those that were declared to bypass that very constraint."""
    decision = decide(made.plan, known, limit=limit, scores=scores)
    for answer in (decision, revise(decision, newer)):
        for candidate in (s.candidate for s in (*(p.scored for p in answer.picks), *answer.selection.eligible)):
            if "INCIDENT_OPEN" not in offered(made, candidate).bypass:
                assert candidate.journey.kind in HELPING
                assert not candidate.action.is_offer


@given(CATALOGUES, KNOWN, st.data())
def test_losing_features_never_adds_a_journey(made: Catalogue, known: Facts, data: st.DataObject) -> None:
    """The status alone counts: the values stay, as that of a stale fact does. Nothing is declared to allow."""
    made = undeclared(made)
    lost = data.draw(st.sets(st.sampled_from(sorted(known.features)))) if known.features else set()
    without = {
        name: replace(value, status=data.draw(UNKNOWN_STATUSES)) if name in lost else value
        for name, value in known.features.items()
    }
    assert _allowed(made, with_variables(replace(known, features=without))) <= _allowed(made, known)


@given(CATALOGUES, KNOWN, st.booleans())
def test_losing_the_incidents_never_adds_a_journey(made: Catalogue, known: Facts, is_all_lost: bool) -> None:
    made = undeclared(made)
    incidents = known.situation.incidents
    seen = OpenIncidents() if is_all_lost else incidents
    without = replace(seen, status=FeatureStatus.UNAVAILABLE)
    situation = replace(known.situation, incidents=without)
    assert _allowed(made, with_variables(replace(known, situation=situation))) <= _allowed(made, known)


@given(CATALOGUES, KNOWN)
def test_losing_the_consents_never_adds_a_journey(made: Catalogue, known: Facts) -> None:
    consents = replace(known.situation.consents, status=FeatureStatus.UNAVAILABLE)
    situation = replace(known.situation, consents=consents)
    assert _allowed(made, with_variables(replace(known, situation=situation))) <= _allowed(made, known)


@given(CATALOGUES, KNOWN, st.sampled_from(["context", "is_known"]))
def test_losing_the_context_or_whether_the_customer_is_known_never_adds_a_journey(
    made: Catalogue, known: Facts, what: str
) -> None:
    made = undeclared(made)
    without = replace(known, context={}) if what == "context" else replace(known, is_known=None)
    assert _allowed(made, with_variables(without)) <= _allowed(made, known)


@given(CATALOGUES, KNOWN, RULES, st.sets(st.sampled_from(IDS)))
def test_adding_a_constraint_never_adds_a_journey(made: Catalogue, known: Facts, rule: Rule, on: set[str]) -> None:
    stricter = ids(begin(with_rule(made.plan, rule, on), known).survivors)
    is_denied = on if rule.check(evaluation(known)) is not None else set()
    assert stricter == _allowed(made, known) - is_denied


def undeclared(made: Catalogue) -> Catalogue:
    """The same catalogue, strict about what is not known; nor does an enrolment end by a condition."""
    offers = (
        replace(o, audience_on_unknown=OnUnknown(), lifetime=replace(o.lifetime, exit_when=None)) for o in made.offered
    )
    claims = (replace(c, rule=replace(c.rule, on_unknown=OnUnknown())) for c in made.policies.claims)
    quiet = (replace(q, rule=replace(q.rule, on_unknown=OnUnknown())) for q in made.policies.quiet)
    return catalogue(*offers, policies=replace(made.policies, claims=tuple(claims), quiet=tuple(quiet)))


def _allowed(made: Catalogue, known: Facts) -> set[str]:
    return ids(begin(made.plan, known).survivors)
