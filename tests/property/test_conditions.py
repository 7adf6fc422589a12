"""Conditions never fail, and what they come to know never changes what they already knew."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from features.values import FeatureStatus, FeatureValue
from service.catalogue.conditions.compile import CelCondition
from service.decision.facts import Facts
from service.decision.variables import Variables, with_variables
from tests.builders import COMPILER, SCHEMA, feature
from tests.strategies import KNOWN, VALUES

TEXTS = (
    "customer.spend / 0.0 > 1.0",
    "customer.visits % customer.visits == 0",
    "customer.visits + 9223372036854775807 > 0",
    'customer.segment.matches("^g") && customer.spend < 5.0',
    "now - customer.seen_at > duration('720h')",
    "customer.seen_at.getFullYear() == 2017",
    'situation.stages["a"] == "use"',
    '"a" in situation.stages && situation.stages["a"] == "use"',
    "situation.journeys.exists(j, situation.stages[j] == customer.segment)",
    "situation.open_incident_classes.size() == 0 || situation.has_open_incident",
    "customer.is_known && (context.basket > 1.0 || customer.visits > 3)",
    'customer.spend > 1.0 ? customer.segment == "gold" : customer.visits == 0',
    "!(customer.spend >= 0.0) || !(context.basket >= 0.0)",
)
COMPILED = st.sampled_from([COMPILER.compile(text) for text in TEXTS])
ANYTHING = st.one_of(*VALUES.values())


@given(COMPILED, KNOWN, st.dictionaries(st.sampled_from([f.name for f in SCHEMA.features]), ANYTHING))
def test_a_condition_is_true_false_or_unknown_whatever_the_values(
    condition: CelCondition, known: Facts, values: dict[str, str]
) -> None:
    """Also for values of a wrong type, and for sums that leave the range."""
    wrong = {**known.features, **{name: feature(name, value) for name, value in values.items()}}
    assert _holds(condition, replace(known, features=wrong)) in {True, False, None}


@given(COMPILED, KNOWN, st.sets(st.sampled_from([f.name for f in SCHEMA.features])), st.booleans())
def test_a_condition_that_is_settled_without_a_fact_stays_so_with_it(
    condition: CelCondition, known: Facts, lost: set[str], is_context_lost: bool
) -> None:
    without = replace(
        known,
        context={} if is_context_lost else known.context,
        features={
            n: FeatureValue(name=n, status=FeatureStatus.UNAVAILABLE) if n in lost else f
            for n, f in known.features.items()
        },
    )
    settled = _holds(condition, without)
    assert settled is None or settled == _holds(condition, known)


def _holds(condition: CelCondition, known: Facts) -> bool | None:
    return condition.holds(Variables(with_variables(known).variables))
