"""The solver says ALWAYS or NEVER only of what the CEL runtime never contradicts.

Its twin is the runtime itself: over random conditions, the formulas must allow every evaluation that really happens.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cel_expr_python import cel
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.catalogue.check.proof.solver import Satisfiability, Solver
from service.catalogue.conditions.tree import read

CEL_TYPES = {
    "string": cel.Type.STRING,
    "double": cel.Type.DOUBLE,
    "int": cel.Type.INT,
    "bool": cel.Type.BOOL,
    "timestamp": cel.Type.TIMESTAMP,
    "list<string>": cel.Type.List(cel.Type.STRING),
    "map<string, string>": cel.Type.Map(cel.Type.STRING, cel.Type.STRING),
}

# Random conditions. Each strategy gives text of one type; `depth` levels of operators lie above the leaves.
SMALL = {"x": "double", "y": "double", "i": "int", "j": "int", "b": "bool", "s": "string", "u": "string"}
SMALL |= {"t": "timestamp", "w": "timestamp", "l": "list<string>", "m": "map<string, string>"}
SMALL_ENV = cel.NewEnv(variables={name: CEL_TYPES[type_name] for name, type_name in SMALL.items()})
DOUBLES = (0.0, -0.0, 1.0, 0.1, 0.3, -2.5, 3.0, 5e-324, 2.0**53, 2.0**63, 1e308, -1.7976931348623157e308)
INTS = (0, 1, -1, 2, 3, 7, -7, 2**53 + 1, 2**63 - 1, -(2**63))
TEXTS = ("", "a", "ab", "b", "UTC", "Europe/Madrid", "é😀", "\\u{41}", 'q"')
INSTANTS = (
    datetime(2024, 2, 29, 12, tzinfo=UTC),
    datetime(2024, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 500000, tzinfo=UTC),
    datetime(1, 1, 1, tzinfo=UTC) + timedelta(microseconds=1),
    datetime(9999, 12, 31, 23, tzinfo=UTC),
    datetime(1707, 9, 22, 0, 12, 43, tzinfo=UTC),
)
EARLY, LATE = datetime.fromisoformat("0001-01-02"), datetime.fromisoformat("9999-12-30")
SPANS = ("0s", "1h", "-90m", "24h", "100ms", "2562047h", "3000000h", "soon")


def _written_text(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _written_double(value: float) -> str:
    return repr(value) if "." in repr(value) or "e" in repr(value) else f"{value}.0"


def _any(*forms: str, **parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """One of the forms, its {parts} drawn; `_2` after a name draws from the same strategy again."""

    def fill(form: str) -> st.SearchStrategy[str]:
        used = {
            f"{name}{again}": part
            for name, part in parts.items()
            for again in ("", "_2", "_3")
            if f"{{{name}{again}}}" in form
        }
        return st.fixed_dictionaries(used).map(lambda drawn: form.format(**drawn))

    return st.sampled_from(forms).flatmap(fill)


def _conditions(depth: int) -> dict[str, st.SearchStrategy[str]]:
    comparison = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
    leaves = {
        "double": st.sampled_from(["x", "y", *map(_written_double, DOUBLES)]),
        "whole": st.sampled_from(["i", "j", *map(str, INTS)]),
        "text": st.sampled_from(["s", "u", 'm["a"]', *map(_written_text, TEXTS)]),
        "instant": st.sampled_from(["t", "w", *(f'timestamp("{at.isoformat()}")' for at in INSTANTS[:3])]),
        "span": st.sampled_from([f'duration("{span}")' for span in SPANS]),
        "claim": st.sampled_from(["b", "true", "false"]),
    }
    below = leaves if depth == 0 else _conditions(depth - 1)
    if depth == 0:
        return leaves
    same = {**below, "op": comparison}
    return {
        "double": _any("{double}", "({double} + {double_2})", "({double} - {double_2})", "({double} * {double_2})",
            "({double} / {double_2})", "(-({double}))", "double({whole})", "({claim} ? {double} : {double_2})",
            **below),
        "whole": _any("{whole}", "({whole} + {whole_2})", "({whole} - {whole_2})", "({whole} * {whole_2})",
            "({whole} / {whole_2})", "({whole} % {whole_2})", "(-({whole}))", "size({text})", "size(l)", "size(m)",
            "int({double})", "int({instant})", "{instant}.getHours()", "{instant}.getMonth()", "{instant}.getDate()",
            "{instant}.getFullYear()", "{instant}.getDayOfYear()", "{instant}.getDayOfWeek()",
            "{instant}.getMinutes()", '{instant}.getHours("Europe/Madrid")', "{instant}.getDate({text})",
            "{span}.getHours()", "{span}.getMilliseconds()", "[{whole}, {whole_2}][{whole_3}]", **below),
        "text": _any("{text}", "({text} + {text_2})", "m[{text}]", "({claim} ? {text} : {text_2})",
            '{{"a": {text}, "b": {text_2}}}[{text_3}]', **below),
        "instant": _any("{instant}", "({instant} + {span})", "({instant} - {span})", "({span} + {instant})",
            "timestamp({whole})", **below),
        "span": _any("{span}", "({span} + {span_2})", "({span} - {span_2})", "({instant} - {instant_2})", **below),
        "claim": _any("{claim}", "({double} {op} {double_2})", "({whole} {op} {whole_2})", "({text} {op} {text_2})",
            "({instant} {op} {instant_2})", "({span} {op} {span_2})", "({claim} == {claim_2})",
            "({claim} && {claim_2})", "({claim} || {claim_2})", "!{claim}", "({claim} ? {claim_2} : {claim_3})",
            "({text} in l)", "({text} in m)", "({text} in [{text_2}, {text_3}])", "({whole} in [{whole_2}, {whole_3}])",
            "{text}.startsWith({text_2})", "{text}.endsWith({text_2})", "{text}.contains({text_2})", "has(m.a)",
            "l.exists(e, e == {text} || {claim})", "l.all(e, e.startsWith({text}))",
            "[{whole}, {whole_2}].all(e, e > {whole_3})", "[{double}, {double_2}].exists(e, e < {double_3})",
            "(l == [])", '{text}.matches("a.*")', **same),
    }  # fmt: skip


def _joined(claim: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    forms = ("({claim} && {claim_2})", "({claim} || {claim_2})", "!({claim})", "({claim} ? {claim_2} : {claim_3})")
    return _any(*forms, claim=claim)


SIMPLE = _conditions(2)["claim"]
CLAIMS = _joined(_joined(SIMPLE)) | _joined(SIMPLE) | _conditions(3)["claim"]
FACTS = st.fixed_dictionaries(
    {
        "x": st.sampled_from(DOUBLES) | st.floats(allow_nan=False, allow_infinity=False),
        "y": st.sampled_from(DOUBLES) | st.floats(-4.0, 4.0),
        "i": st.sampled_from(INTS) | st.integers(-9, 9),
        "j": st.sampled_from(INTS) | st.integers(-(2**63), 2**63 - 1),
        "b": st.booleans(),
        "s": st.sampled_from(TEXTS),
        "u": st.sampled_from(TEXTS) | st.text("abé", max_size=3),
        "t": st.sampled_from(INSTANTS) | st.datetimes(EARLY, LATE, timezones=st.just(UTC)),
        "w": st.sampled_from(INSTANTS),
        "l": st.lists(st.sampled_from(TEXTS), unique=True, max_size=4),
        "m": st.dictionaries(st.sampled_from(TEXTS), st.sampled_from(TEXTS), max_size=3),
    }
)


@pytest.mark.timeout(300)
@settings(max_examples=settings().max_examples // 5, suppress_health_check=list(HealthCheck))
@given(text=CLAIMS, tried=st.lists(FACTS, min_size=20, max_size=20))
def test_the_runtime_never_contradicts_a_finding(text: str, tried: list[dict[str, Any]]) -> None:
    expression = SMALL_ENV.compile(text)
    finding = Solver(SMALL, timeout_ms=300).decide(expression)
    holds = [expression.eval(data=facts).value() is True for facts in tried]
    if finding.outcome is Satisfiability.ALWAYS:
        assert all(holds)
    elif finding.outcome is Satisfiability.NEVER:
        assert not any(holds)
    elif finding.outcome is Satisfiability.CONTINGENT:
        assert expression.eval(data=finding.example).value() is True


@pytest.mark.timeout(300)
@settings(max_examples=settings().max_examples // 10, suppress_health_check=list(HealthCheck))
@given(hold=SIMPLE, fail=SIMPLE, tried=st.lists(FACTS, min_size=20, max_size=20))
def test_the_runtime_never_contradicts_a_finding_about_what_a_condition_leaves(
    hold: str, fail: str, tried: list[dict[str, Any]]
) -> None:
    """One condition holds where another, which may fail, does not."""
    one, other = SMALL_ENV.compile(hold), SMALL_ENV.compile(fail)
    finding = Solver(SMALL, timeout_ms=300).decide_together([one], none_of=[other])
    left = [one.eval(data=f).value() is True and other.eval(data=f).value() is not True for f in tried]
    if finding.outcome is Satisfiability.ALWAYS:
        assert all(left)
    elif finding.outcome is Satisfiability.NEVER:
        assert not any(left)


@pytest.mark.timeout(300)
@settings(suppress_health_check=list(HealthCheck))
@given(text=CLAIMS, facts=FACTS)
def test_the_formulas_allow_what_the_runtime_does(text: str, facts: dict[str, Any]) -> None:
    """For given facts the formulas must not rule out what the runtime answers: true, false or an error."""
    from service.catalogue.check.proof.translate import Translation

    expression = SMALL_ENV.compile(text)
    answer = expression.eval(data=facts).value()
    translation = Translation(SMALL, {})
    (claim,) = translation.claims([read(expression)])
    expected = {True: claim.true, False: claim.false}.get(answer) if isinstance(answer, bool) else ~claim.ok
    assert _is_allowed(translation, facts, expected), answer


def _is_allowed(translation: Any, facts: dict[str, Any], expected: Any) -> bool:
    import z3

    solver = z3.Solver()
    solver.set("timeout", 2000)
    solver.add(*translation.known(), expected)
    for name, value in facts.items():
        solver.add(*_stated(name, value, translation))
    return bool(solver.check() != z3.unsat)


def _stated(name: str, value: Any, translation: Any) -> list[Any]:
    """That the variable has this value."""
    import z3

    from service.catalogue.check.proof.doubles import rational
    from service.catalogue.check.proof.instants import nanoseconds
    from service.catalogue.check.proof.terms import text_value

    def is_one(text: Any, among: Any) -> Any:
        return z3.Or(*(text == text_value(t) for t in among))

    kind = SMALL[name]
    if kind in ("list<string>", "map<string, string>"):
        held, size = z3.Array(f"{name}#held", z3.StringSort(), z3.BoolSort()), z3.Int(f"{name}#size")
        asked = [t for n, m in translation.variables._terms.items() if n == name for t in m.asked]
        values = z3.Array(f"{name}#values", z3.StringSort(), z3.StringSort())
        pairs = value.items() if kind.startswith("map") else ()
        contents = [z3.Select(values, text_value(k)) == text_value(v) for k, v in pairs]
        return [size == len(value), *contents, *(z3.Select(held, t) == is_one(t, value) for t in asked)]
    return {
        "double": lambda: [z3.Real(name) == rational(value)],
        "int": lambda: [z3.Int(name) == value],
        "bool": lambda: [z3.Bool(name) == value],
        "string": lambda: [z3.String(name) == text_value(value)],
        "timestamp": lambda: [z3.Int(name) == nanoseconds(value) // 1000],
    }[kind]()


def test_the_edges_of_doubles_round_as_the_formulas_say() -> None:
    """2^1024 - 2^970 is the least that overflows: below it rounds to the largest double."""
    largest = math.nextafter(math.inf, 0.0)
    assert largest + 2.0**969 == largest
    assert math.isinf(largest + 2.0**970)
