"""The solver gets none of the labelled conditions wrong, and what it leaves open it says so.

`tests/property/test_solved_conditions.py` sets it against the CEL runtime.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from cel_expr_python import cel

from features.derived import Age, Formula
from features.schema import FeatureSchema, FeatureSpec, FeatureType, PersonalData
from service.catalogue.check.proof.bounds import Assignment, is_possible
from service.catalogue.check.proof.solver import Bounds, Satisfiability, Solver, SolverAnswer, bounds_of
from service.catalogue.conditions.compile import customer_types
from tests.example import SCHEMA

CORPUS = yaml.safe_load(Path(__file__).with_name("conditions.yaml").read_text(encoding="utf-8"))
CEL_TYPES = {
    "string": cel.Type.STRING,
    "double": cel.Type.DOUBLE,
    "int": cel.Type.INT,
    "bool": cel.Type.BOOL,
    "timestamp": cel.Type.TIMESTAMP,
    "list<string>": cel.Type.List(cel.Type.STRING),
    "map<string, string>": cel.Type.Map(cel.Type.STRING, cel.Type.STRING),
}
TYPES = customer_types(SCHEMA, CORPUS["context"])
BOUNDS = {
    **bounds_of(SCHEMA),
    "now": Bounds(low=datetime(2020, 1, 1, tzinfo=UTC), high=datetime(2100, 1, 1, tzinfo=UTC)),
}
ENV = cel.NewEnv(variables={name: CEL_TYPES[type_name] for name, type_name in TYPES.items()})
SOLVER = Solver(TYPES, BOUNDS)


def decide(text: str, solver: Solver = SOLVER) -> SolverAnswer:
    return solver.decide(ENV.compile(text))


def test_the_corpus_has_none_wrong_and_at_most_one_in_twenty_undecided() -> None:
    found = [(case, decide(case["when"])) for case in CORPUS["conditions"]]
    wrong = [
        (case["when"], case["is"], finding)
        for case, finding in found
        if finding.outcome not in (case["is"], Satisfiability.NOT_DECIDED)
    ]
    undecided = [case["when"] for case, finding in found if finding.outcome is Satisfiability.NOT_DECIDED]
    assert wrong == []
    assert len(undecided) <= 0.05 * len(found), undecided


def test_the_corpus_is_large_and_has_each_outcome_often() -> None:
    labels = Counter(case["is"] for case in CORPUS["conditions"])
    assert sum(labels.values()) >= 90
    assert set(labels) == {"ALWAYS", "NEVER", "CONTINGENT"}
    assert min(labels.values()) >= 20
    assert len({case["when"] for case in CORPUS["conditions"]}) == sum(labels.values())


@pytest.mark.parametrize(
    "case", [c for c in CORPUS["conditions"] if c["is"] == "CONTINGENT"], ids=lambda c: c["when"][:40]
)
def test_an_example_of_a_contingent_condition_holds_in_cel(case: dict[str, str]) -> None:
    finding = decide(case["when"])
    if finding.outcome is Satisfiability.CONTINGENT:
        assert finding.example is not None
        assert ENV.compile(case["when"]).eval(data=finding.example).value() is True
        assert is_possible(finding.example, SOLVER.bounds)


def test_what_has_no_formula_is_named_where_it_is_not_decided() -> None:
    finding = decide('context.page.matches("^ca") && context.page == "home"')
    assert finding.outcome is Satisfiability.NOT_DECIDED
    assert finding.why == "whether it can hold: nothing is known of `matches` (at 21)"


def test_what_has_no_formula_leaves_the_rest_decided() -> None:
    assert (
        decide('context.page.matches("a+") && context.items > 3 && context.items < 2').outcome is Satisfiability.NEVER
    )


def test_a_solver_that_runs_out_of_time_has_not_decided() -> None:
    hard = "context.items * context.items * context.items + context.points * context.points * context.points == 33"
    finding = decide(hard, Solver(TYPES, BOUNDS, timeout_ms=1))
    assert finding.outcome is Satisfiability.NOT_DECIDED
    assert finding.why == "whether it can hold: the solver gave up after 1 ms"


def test_a_proof_names_the_bounds_it_rests_on() -> None:
    assert decide("customer.share_meat_90d > 1.0").why == "given that customer.share_meat_90d is in 0..1"
    assert decide("customer.share_meat_90d > 1.0 && customer.share_meat_90d < 0.5").why == ""


def test_without_bounds_a_share_may_be_anything() -> None:
    assert decide("customer.share_meat_90d > 1.0", Solver(TYPES)).outcome is Satisfiability.CONTINGENT


def test_a_text_bounded_to_some_values_is_one_of_them() -> None:
    solver = Solver(TYPES, {"channel": Bounds(among=("app", "email"))})
    assert decide('channel == "fax"', solver).outcome is Satisfiability.NEVER
    assert decide('channel in ["email", "app", "web"]', solver).outcome is Satisfiability.ALWAYS
    assert decide('channel == "app"', solver).example == {"channel": "app"}


def test_conditions_that_hold_alone_may_never_hold_together() -> None:
    audience, policy = (
        ENV.compile("customer.baskets_90d >= 12"),
        ENV.compile("customer.baskets_90d < 3 || !customer.is_known"),
    )
    assert SOLVER.decide(audience).outcome is SOLVER.decide(policy).outcome is Satisfiability.CONTINGENT
    assert SOLVER.decide_together([audience, policy]).outcome is Satisfiability.NEVER
    assert SOLVER.decide_together([audience, ENV.compile("context.is_member")]).outcome is Satisfiability.CONTINGENT
    assert SOLVER.decide_together([]).outcome is Satisfiability.ALWAYS


@pytest.mark.parametrize(
    ("hold", "fail", "outcome"),
    [
        ("context.items > 3", "context.items > 2", Satisfiability.NEVER),
        ("context.items > 2", "context.items > 3", Satisfiability.CONTINGENT),
        ("context.items > 2", "context.items > 2", Satisfiability.NEVER),
        ("!customer.is_known", "customer.baskets_90d > 3", Satisfiability.CONTINGENT),
        ("context.items == 0", "1 / context.items > 5", Satisfiability.CONTINGENT),
        ("context.items * 2 == 4", "context.items == 2", Satisfiability.NEVER),
    ],
)
def test_what_an_earlier_condition_leaves_is_where_it_is_false_unknown_or_fails(
    hold: str, fail: str, outcome: Satisfiability
) -> None:
    assert SOLVER.decide_together([ENV.compile(hold)], none_of=[ENV.compile(fail)]).outcome is outcome


def test_z3_is_imported_only_when_there_is_something_to_prove() -> None:
    code = "import sys, service.catalogue.check.proof.solver; sys.exit('z3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_bounds_follow_from_the_unit() -> None:
    units = {"a": (FeatureType.INT, "baskets"), "b": (FeatureType.DOUBLE, "share 0..1"), "c": (FeatureType.INT, "")}
    units |= {"d": (FeatureType.DOUBLE, "days"), "e": (FeatureType.DOUBLE, "EUR"), "f": (FeatureType.STRING, "level")}
    units |= {
        "g": (FeatureType.INT, "points -50.."),
        "h": (FeatureType.DOUBLE, "score ..9.5"),
        "i": (FeatureType.DOUBLE, "mean"),
    }
    found = bounds_of(FeatureSchema(tuple(_spec(name, *unit) for name, unit in units.items())))
    assert {name.removeprefix("customer."): (b.low, b.high) for name, b in found.items()} == {
        "a": (0, 1e12),
        "b": (0.0, 1.0),
        "d": (0, 3_652_059.0),
        "e": (0, 1e12),
        "g": (-50.0, None),
        "h": (None, 9.5),
    }


@pytest.mark.parametrize(("age", "low"), [(Age.DAYS_SINCE, 0.0), (Age.DAYS_UNTIL, -3_652_059.0)])
def test_days_until_an_instant_are_below_0_once_it_is_over(age: Age, low: float) -> None:
    derived = replace(_spec("a", FeatureType.DOUBLE, "days"), formula=Formula(age, "at"))
    found = bounds_of(FeatureSchema((derived,)))["customer.a"]
    assert (found.low, found.high) == (low, 3_652_059.0)


@pytest.mark.parametrize(
    "facts",
    [
        {"customer.share_meat_90d": 1.1},
        {"now": datetime(2019, 12, 31, tzinfo=UTC)},
        {"customer.last_purchase_at": datetime.min.replace(tzinfo=UTC)},
        {"customer.is_known": False, "customer.baskets_90d": 1},
        {"situation.has_open_incident": True, "situation.open_incidents": 0},
        {"situation.open_incidents": 1, "situation.open_incident_classes": ["a", "b"]},
        {"situation.has_open_incident": False, "situation.open_incident_classes": ["a"]},
        {"situation.stages": {"a": "need"}, "situation.journeys": []},
        {"situation.stages": {"a": "greeting"}},
    ],
)
def test_facts_that_contradict_each_other_are_no_example(facts: Assignment) -> None:
    assert not is_possible(facts, SOLVER.bounds)


def _spec(name: str, kind: FeatureType, unit: str) -> FeatureSpec:
    none = PersonalData.NONE
    return FeatureSpec(
        name=name, view="v", type=kind, unit=unit, description="", owner="", personal_data=none, max_age_s=None
    )


EDGE_ENV = cel.NewEnv(variables={"x": cel.Type.DOUBLE})
EDGES = """
false && 1 / 0 == 1
1 / 0 == 1 && false
true && 1 / 0 == 1
1 / 0 == 1 || true
false || 1 / 0 == 1
!(1 / 0 == 1)
1 / 0 == 1 ? true : true
[1 / 0, 1].exists(n, n == 1)
[0, 1].exists(n, 1 / n == 1)
[0, 1].all(n, 1 / n == 1)
[0, 2].all(n, 1 / n == 1)
1 in [1, 1 / 0]
0.0 / 0.0 == 0.0 / 0.0
0.0 / 0.0 != 0.0 / 0.0
!(0.0 / 0.0 < 1.0) && !(0.0 / 0.0 >= 1.0)
1e400 == 1e308 * 10.0
1e308 + 1e308 > 1.7976931348623157e308
1.7976931348623157e308 + 9.9792015476735991e291 > 1.7976931348623157e308
1.7976931348623157e308 + 9.9792015476735980e291 == 1.7976931348623157e308
5e-324 / 2.0 == 0.0
5e-324 * 0.75 == 5e-324
9007199254740992.0 + 1.0 == 9007199254740992.0
9007199254740992.0 + 1.0 > 9007199254740992.0
0.5 + 0.25 == 0.75
double(9007199254740993) == 9007199254740992.0
int(-1.9) == -1 && int(1.9) == 1
int(9223372036854775808.0) > 0
int(9223372036854774784.0) == 9223372036854774784
-7 / 2 == -3 && -7 % 2 == -1
7 / -2 == -3 && 7 % -2 == 1
-9223372036854775808 / -1 > 0
-9223372036854775808 % -1 == 0
-(-9223372036854775808) > 0
9223372036854775807 + 1 < 0
"Z" < "a" && "a" < "é" && "é" < "日"
"\\\\u{41}" == "A"
timestamp("1900-03-01T00:00:00Z").getDayOfYear() == 59
timestamp("2000-03-01T00:00:00Z").getDayOfYear() == 60
timestamp("2000-02-29T00:00:00Z").getMonth() == 1
timestamp("2000-02-29T00:00:00Z").getDate() == 29
timestamp("1999-12-31T23:59:59.5Z").getFullYear() == 1999
timestamp("1600-12-31T00:00:00Z").getDayOfYear() == 365
timestamp("1969-12-31T23:59:58.5Z").getMilliseconds() == 500
timestamp("1969-12-28T00:00:00Z").getDayOfWeek() == 0
int(timestamp("1969-12-31T23:59:58.5Z")) == -2
timestamp("2000-01-01T00:00:00Z") - timestamp("1707-09-22T00:12:43Z") > duration("0s")
timestamp("2000-01-01T00:00:00Z") - timestamp("1707-09-22T00:12:44Z") > duration("0s")
timestamp("9999-12-31T23:59:59Z") + duration("1s") > timestamp("2000-01-01T00:00:00Z")
timestamp("9999-12-31T23:59:59Z") + duration("999ms") > timestamp("2000-01-01T00:00:00Z")
timestamp("0001-01-01T00:00:00Z") - duration("1us") < timestamp("2000-01-01T00:00:00Z")
duration("9223372036s") + duration("1s") > duration("0s")
duration("-1500ms").getSeconds() == -1 && duration("-1500ms").getMilliseconds() == -500
duration("1d") > duration("0s")
timestamp("2024-01-01") > timestamp("2000-01-01T00:00:00Z")
timestamp(253402300799) > timestamp(-62135596800)
timestamp(253402300800) > timestamp(0)
timestamp("2024-01-01T00:00:00Z").getHours("UTC") == 0
timestamp("2024-01-01T00:00:00Z").getHours("") == 0
timestamp("2024-01-01T00:00:00Z").getHours("nowhere") >= 0
""".strip().splitlines()
"""Conditions without variables, at the edges of the formulas: the solver must say what the runtime says, not less."""


OPEN = """
1.0 / 0.0 > 1.0
size("é😀") == 2
duration("1us") > duration("999ns")
""".strip().splitlines()


@pytest.mark.parametrize("text", OPEN)
def test_what_has_no_formula_is_not_decided_rather_than_guessed(text: str) -> None:
    """The sign of a zero, characters beyond the basic plane, parts of a microsecond."""
    assert Solver({"x": "double"}).decide(EDGE_ENV.compile(text)).outcome is Satisfiability.NOT_DECIDED


def test_a_condition_that_the_runtime_cannot_plan_never_holds() -> None:
    assert (
        Solver({"x": "double"}).decide(EDGE_ENV.compile('{"a": 1, "a": 2}["a"] == 2')).outcome is Satisfiability.NEVER
    )


@pytest.mark.parametrize("text", EDGES)
def test_what_reads_no_fact_is_decided_as_the_runtime_does(text: str) -> None:
    expression = EDGE_ENV.compile(text)
    is_true = expression.eval(data={}).value() is True
    assert Solver({"x": "double"}).decide(expression).outcome is (
        Satisfiability.ALWAYS if is_true else Satisfiability.NEVER
    )


LARGEST, LEAST = 1.7976931348623157e308, 5e-324


@pytest.mark.parametrize(
    ("text", "x", "outcome"),
    [
        (
            "x + 9.9792015476735990e291 > 1.7976931348623157e308",
            LARGEST,
            Satisfiability.ALWAYS,
        ),  # half a step beyond: infinite
        ("x + 9.9792015476735980e291 == 1.7976931348623157e308", LARGEST, Satisfiability.ALWAYS),
        (
            "x * 2.0 - x * 2.0 == 0.0",
            LARGEST,
            Satisfiability.NOT_DECIDED,
        ),  # what follows from an infinity is left open: NaN
        ("x * 0.75 == 5e-324", LEAST, Satisfiability.ALWAYS),
        ("x * 0.25 == 0.0", LEAST, Satisfiability.ALWAYS),
        ("1.0 / x > 1.7976931348623157e308", LEAST, Satisfiability.ALWAYS),
    ],
)
def test_a_double_at_the_edge_is_rounded_as_ieee_754_says(text: str, x: float, outcome: Satisfiability) -> None:
    solver = Solver({"x": "double"}, {"x": Bounds(low=x, high=x)})
    assert solver.decide(EDGE_ENV.compile(text)).outcome is outcome
