"""P8: the same record gives the same decision, to the letter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from features.values import FeatureStatus, Scalar
from service.decision.arbitrate import Score
from service.decision.decide import DecisionTerms, Degradation, StateAtCommit, begin, conclude, revise
from service.decision.facts import Facts
from service.decision.record import canonical, output, replay, to_document
from service.decision.variables import with_variables
from service.state.rows.record import record_of, text_of
from tests.builders import Catalogue, catalogue
from tests.catalogue_strategies import CATALOGUES
from tests.strategies import KNOWN, LIMITS, SCORES, SETTLED, VALUES

EMPTY = catalogue()
TERMS = st.builds(
    DecisionTerms,
    decision_id=st.just("018c-this"),
    limit=LIMITS,
    seed=st.integers(0, 2**63 - 1),
    model_version=st.sampled_from(["", "9f2a"]),
    degraded=st.lists(
        st.builds(Degradation, what=st.just("features"), status=st.sampled_from(FeatureStatus), effect=st.text()),
        max_size=2,
    ).map(tuple),
)


@given(CATALOGUES, KNOWN, SCORES, TERMS, st.none() | SETTLED)
def test_deciding_again_on_a_record_gives_the_recorded_output(
    made: Catalogue,
    known: Facts,
    scores: Mapping[str, Score],
    terms: DecisionTerms,
    settled: StateAtCommit | None,
) -> None:
    """Whatever the scores and values, NaN and the infinities among them."""
    decision = conclude(begin(made.plan, known), scores, terms)
    if settled is not None:
        decision = revise(decision, settled)
    written = canonical(to_document(decision))
    recorded = json.loads(written)
    again = replay(made.plan, recorded["input"])
    assert canonical(output(again)) == canonical(recorded["output"])
    assert canonical(to_document(again)) == written
    assert canonical(record_of({"record": text_of(decision)})) == written


@given(KNOWN, st.dictionaries(st.text(), st.one_of(*VALUES.values())))
def test_facts_come_back_from_a_record_as_they_were(known: Facts, context: Mapping[str, Scalar]) -> None:
    """Values are compared as text, for a NaN equals nothing."""
    facts = with_variables(replace(known, context=context))
    decision = conclude(begin(EMPTY.plan, facts), {}, DecisionTerms(decision_id="this", limit=1))
    recorded = json.loads(canonical(to_document(decision)))
    assert canonical(record_of({"record": text_of(decision)})) == canonical(recorded)
    again = replay(EMPTY.plan, recorded["input"]).facts_as_read
    assert again.situation == facts.situation
    assert {k: repr(v) for k, v in again.features.items()} == {k: repr(v) for k, v in facts.features.items()}
    assert {k: repr(v) for k, v in again.context.items()} == {k: repr(v) for k, v in facts.context.items()}
    assert {k: repr(v) for k, v in again.variables.items()} == {k: repr(v) for k, v in facts.variables.items()}
