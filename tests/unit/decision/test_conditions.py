"""Conditions in CEL: typed when compiled, three-valued when evaluated."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.catalogue.conditions.compile import ConditionCompiler, ConditionInvalid, customer_types
from service.decision.facts import Enrolment, Incident, OpenIncidents, Situation
from service.decision.journey import Stage
from tests.builders import COMPILER, NOW, SCHEMA, evaluation, facts, feature

SITUATION = Situation(
    enrolments={"club": Enrolment(journey_id="club", stage=Stage.USE, since=NOW)},
    incidents=OpenIncidents(known=(Incident(incident_id="i", opened_at=NOW, incident_class="delivery"),)),
)
FULL = facts(
    channel="app",
    situation=SITUATION,
    features=[
        feature("spend", 20.0),
        feature("visits", 3),
        feature("segment", "gold"),
        feature("seen_at", NOW - timedelta(days=40)),
    ],
    context={"basket": 12.5},
)
BARE = facts(channel="app", is_known=None)


@pytest.mark.parametrize(
    ("text", "when_known", "when_not"),
    [
        ("customer.spend > 10.0", True, None),
        ("!(customer.spend > 10.0)", False, None),
        # one side settles it, whichever side it is
        ('customer.spend > 10.0 || channel == "app"', True, True),
        ('channel == "app" || customer.spend > 10.0', True, True),
        ('customer.spend > 10.0 && channel == "web"', False, False),
        ('channel == "web" && customer.spend > 10.0', False, False),
        ('customer.spend > 10.0 || channel == "web"', True, None),
        ('customer.spend > 10.0 && channel == "app"', True, None),
        ('channel == "app" ? true : customer.spend > 10.0', True, True),
        ("customer.spend > 10.0 ? true : true", True, None),
        # each kind of name
        ("customer.is_known", True, None),
        ('customer.visits >= 3 && customer.segment == "gold"', True, None),
        ("now - customer.seen_at > duration('720h')", True, None),
        ("context.basket > 12.0", True, None),
        ("situation.has_open_incident", True, False),
        ('"delivery" in situation.open_incident_classes', True, False),
        ('"club" in situation.journeys', True, False),
        ('situation.stages["club"] == "use"', True, None),
        # what fails is not known
        ("customer.visits / (customer.visits - customer.visits) == 1", None, None),
        ("customer.visits + 9223372036854775807 > 0", None, None),
    ],
)
def test_a_condition_is_unknown_only_when_what_is_missing_would_settle_it(
    text: str, when_known: bool | None, when_not: bool | None
) -> None:
    condition = COMPILER.compile(text)
    assert condition.holds(evaluation(FULL).variables) is when_known
    assert condition.holds(evaluation(BARE).variables) is when_not


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("customer.spent > 1.0", "unknown name `customer.spent`, did you mean `customer.spend`"),
        ("context.page == 1", "unknown name `context.page`"),
        ("customer.spend > 1", "write `1.0`"),
        ("customer.segment == 1.0", "is a text, `1.0` is a number with decimals"),
        ("customer.spend", "a condition is true or false, this is a number with decimals"),
        ("customer.spend >", "something is missing after `>`"),
        ("", "the condition is empty"),
    ],
)
def test_a_condition_that_does_not_compile_is_told_why(text: str, told: str) -> None:
    with pytest.raises(ConditionInvalid, match=told):
        COMPILER.compile(text)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("true", ()),
        ("now > now", ("now",)),
        (
            "customer.spend > 1.0 && (customer.visits > 1 || customer.spend < 0.5)",
            ("customer.spend", "customer.visits"),
        ),
        ('situation.journeys.exists(j, situation.stages[j] == "use")', ("situation.journeys", "situation.stages")),
    ],
)
def test_a_condition_names_the_variables_it_mentions_each_once(text: str, names: tuple[str, ...]) -> None:
    assert COMPILER.compile(text).names == names


def test_conditions_of_the_same_text_are_equal_so_that_their_rules_are_shared() -> None:
    other = ConditionCompiler(customer_types(SCHEMA, {"basket": "double"}))
    assert COMPILER.compile("customer.visits > 1") == other.compile("customer.visits > 1")
    assert COMPILER.compile("customer.visits > 1") != COMPILER.compile("customer.visits > 2")


def test_one_request_does_not_see_the_values_of_another() -> None:
    condition = COMPILER.compile("customer.spend > 10.0")
    rich, poor = (evaluation(facts(features=[feature("spend", spend)])) for spend in (20.0, 1.0))
    assert [condition.holds(known.variables) for known in (rich, poor, rich)] == [True, False, True]
