"""An evaluation: what is computed of facts or variables is computed once, and never taken for that of others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from service.catalogue.conditions.compile import ConditionCompiler
from service.decision.evaluation import Evaluation
from service.decision.facts import Enrolment, Facts, Situation
from service.decision.journey import Stage
from service.decision.variables import Variables, with_variables
from tests.builders import NOW, contact, evaluation, facts

DAY = timedelta(days=1)
ENROLLED = Situation(enrolments={"club": Enrolment(journey_id="club", stage=Stage.USE, since=NOW, ends_at=NOW + DAY)})


@dataclass(frozen=True, slots=True, eq=False)
class Counting:
    """Counts how often something is computed."""

    asked: list[object] = field(default_factory=list)

    def of_facts(self, known: Facts) -> int:
        self.asked.append(known)
        return len(self.asked)

    def of_variables(self, known: Mapping[str, Any]) -> None:
        self.asked.append(known)


def test_what_one_rule_computes_of_the_facts_the_next_one_finds() -> None:
    counting, known = Counting(), evaluation(facts())
    assert [known.once(counting.of_facts), known.once(counting.of_facts)] == [1, 1]
    assert counting.asked == [known.facts]


def test_that_nothing_is_found_is_computed_once_too() -> None:
    counting, known = Counting(), Variables({})
    known.once(counting.of_variables)
    known.once(counting.of_variables)
    assert counting.asked == [{}]


@pytest.mark.parametrize(
    ("change", "asked"),
    [
        (lambda known: known.at(NOW + DAY), 1),
        (lambda known: known.at(NOW + DAY).at(NOW + 2 * DAY), 1),
        (lambda known: known.with_facts(known.facts.with_contacts([contact()])), 2),
        (lambda known: known.with_facts(with_variables(known.facts)), 2),
    ],
)
def test_other_facts_keep_what_was_computed_of_the_same_variables_and_nothing_else(
    change: Callable[[Evaluation], Evaluation], asked: int
) -> None:
    of_facts, of_variables, known = Counting(), Counting(), evaluation(facts(situation=ENROLLED))
    for each in (known, change(known)):
        each.once(of_facts.of_facts)
        each.variables.once(of_variables.of_variables)
    assert len(of_facts.asked) == 2
    assert len(of_variables.asked) == asked


def test_all_who_ask_about_a_time_share_its_evaluation() -> None:
    """Whose facts are those of that time: the enrolment is over."""
    known = evaluation(facts(situation=ENROLLED))
    later = known.at(NOW + DAY)
    assert later is known.at(NOW + DAY)
    assert later.facts == known.facts.at(NOW + DAY)
    assert later.facts.situation.enrolments == {}


def test_a_condition_that_is_compiled_after_the_first_question_is_answered_by_the_same_variables() -> None:
    compiler, known = ConditionCompiler({"x": "double"}), Variables({"x": 2.0})
    assert compiler.compile("x > 1.0").holds(known) is True
    assert compiler.compile("x > 3.0").holds(known) is False
