"""What a condition says in constants alone is tried, and named where it stands: a caret marks the place."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.catalogue.conditions.compile import MAX_CONDITION
from service.catalogue.load import CatalogueInvalid, load, parse
from tests.unit.catalogue.check.test_check import TERMS, catalogue, findings

PIZZA = "journeys/pizza.yaml"
AUDIENCE = "audience: customer.recency_days > 3.0"
BEGINS = len("audience: '") + 1
LONGEST = "87660000h"

FAILING = (
    (
        'now > timestamp("2026-01-01T00:00:00Z") + duration(^"30d")',
        'this is no length of time: write `duration("720h")`',
    ),
    ('duration(^"") > duration("1s")', "this is no length of time: write hours, minutes and seconds"),
    ('duration(^"1 h") > duration("1s")', 'this is no length of time: write `duration("1h")`'),
    (f'duration(^"{LONGEST[:-1]}0h") > duration("1s")', "this is no length of time"),
    ('now > timestamp(^"2026-12-31")', 'this is no instant: write `timestamp("2026-12-31T00:00:00Z")`'),
    ('now > timestamp(^"2026-12-31T00:00:00")', 'write `timestamp("2026-12-31T00:00:00Z")`'),
    ('now > timestamp(^"2027-02-30T00:00:00Z")', "write a time with its zone"),
    ('now > timestamp(^"10000-01-01T00:00:00Z")', "this is no instant: write a time with its zone"),
    ("now > timestamp(^99999999999999)", "this is no instant: write a time with its zone"),
    ('now > timestamp("9999-12-31T23:00:00Z") ^+ duration("2h")', "this has no result that a condition can use"),
    ('now.getHours(^"Madrid") > 3', "'Madrid' is no time zone: write one such as Europe/Madrid"),
    ('now.getDayOfWeek(^"Mars/Phobos") == 0', "'Mars/Phobos' is no time zone"),
    ('now.getDate(^"europe/madrid") == 1', "'europe/madrid' is no time zone"),
    ('now.getFullYear(^"localtime") == 2026', "'localtime' is no time zone"),
    ('now.getMonth(^"Factory") == 1', "'Factory' is no time zone"),
    ('now.getMinutes(^"") == 1', "'' is no time zone"),
    ('now.getHours("Mad" ^+ "rid") > 3', "'Madrid' is no time zone"),
    ('customer.is_known || context.page.matches(^"(")', "this is no regular expression"),
    ('context.page.matches(^"[a-")', "this is no regular expression"),
    ('context.page.matches(^"a{1001}")', "this is no regular expression"),
    (f'context.page.matches(^"{"a{1000}" * 30}")', "this regular expression is too large"),
    (f'context.page.matches(^"{"a" * 257}")', "this regular expression is too large"),
    ('int(^"x") > 3', "this is no number"),
    ('int(^"1.5") > 3', "this is no number"),
    ("int(^9e30) > 3", "this is no number"),
    ('double(^"abc") > 1.0', "this is no number"),
    ('double(^"1e400") > 1.0', "no finite number"),
    ('bool(^"maybe")', "this has no result"),
    ("uint(^-1) == 1u", "this is no number"),
    ('string(^b"\\xff") == "x"', "this has no result"),
    ("customer.baskets_90d / ^0 > 1", "division by 0"),
    ("customer.baskets_90d % ^0 == 1", "division by 0"),
    ("customer.baskets_90d / (1 ^- 1) > 1", "division by 0"),
    ("[1, 2][^5] == 1", "there is no such entry"),
    ('situation.journeys[^-1] == "pizza"', "an index counts from 0"),
    ('{"a": 1}[^"b"] == 1', "there is no such entry"),
    ('customer.is_known || {"a": 1, ^"a": 2}["a"] == 1', "given twice"),
    ('{"a": customer.baskets_90d, ^"a": 2}["a"] == 1', "given twice"),
    ("9223372036854775807 ^+ 1 > customer.baskets_90d", "this has no result"),
    ("1u ^- 2u == 1u", "this has no result"),
    ('customer.is_known ? duration(^"1d") > duration("1s") : true', 'write `duration("24h")`'),
    ('customer.is_known ? true : int(^"x") == 1', "this is no number"),
    ('false && int(^"x") == 1', "this is no number"),
    ('!(customer.is_known && int(^"x") == 1)', "this is no number"),
    ('situation.journeys.exists(j, j.matches(^"["))', "this is no regular expression"),
    ('situation.journeys.all(j, now.getHours(^"Madrid") > 3 && j != "x")', "'Madrid' is no time zone"),
    ('situation.journeys.filter(j, int(^"x") == 1).size() > 0', "this is no number"),
    ('situation.journeys.map(j, duration(^"1d")).size() > 0', 'write `duration("24h")`'),
    ('["a", "b"].exists(x, int(x) == 1) ^', "this has no result"),
    ('[duration(^"1d")].size() > customer.baskets_90d', 'write `duration("24h")`'),
)
SOUND = (
    'now > timestamp("2026-12-31T00:00:00Z") - duration("720h")',
    'now > timestamp("2026-12-31T00:00:00+01:00") && duration("1h30m") > duration("-0.5s")',
    'now.getHours("Europe/Madrid") > 3 && now.getHours("+02:00") > 3 && now.getHours() > 3 && now.getDate("UTC") > 1',
    'context.page.matches("^(a|b){1,100}\\\\d+$")',
    "customer.recency_days / 0.5 > 1.0 && customer.baskets_90d % 7 == 0 && 10 / customer.baskets_90d > 1",
    'situation.stages["pizza"] == "use" && ["a", "b"][1] == context.page',
    'int("3") > customer.baskets_90d && double("0.5") > customer.recency_days',
    '[1, 2, 3].all(x, 6 / x > 1) && {"a": 1, "b": 2}["b"] > customer.baskets_90d',
)


def _changed(condition: str) -> dict[str, list[dict[str, str]]]:
    quoted = condition.replace("'", "''")
    return {PIZZA: [{"old": AUDIENCE, "new": f"audience: '{quoted}'"}]}


@pytest.mark.parametrize(("marked", "says"), FAILING)
def test_constant_that_fails_is_named_by_its_column(marked: str, says: str, tmp_path: Path) -> None:
    condition, column = marked.replace("^", "", 1), marked.index("^") + BEGINS
    (found,) = [str(finding) for finding in findings({"change": _changed(condition)}, tmp_path)]
    place = f"{PIZZA}:6:" if marked.endswith(" ^") else f"{PIZZA}:6:{column}: error[CONDITION]: "
    assert found.startswith(place)
    assert says in found


@pytest.mark.parametrize("condition", SOUND)
def test_constant_that_holds_is_no_fault(condition: str, tmp_path: Path) -> None:
    told = [f.fault for f in findings({"change": _changed(condition)}, tmp_path)]
    assert "CONDITION" not in told


def test_all_constants_of_a_condition_are_told_at_once_wherever_it_stands(tmp_path: Path) -> None:
    weight = {"old": "tier: 4", "new": "tier: 4\ncontext_weight:\n  - weight: 1.1\n    when: 'now.getHours(\"x\") > 1'"}
    where = {"old": "amount >= 10.0", "new": '\'amount >= double("x") || amount > double("y")\''}
    found = [str(f) for f in findings({"change": {PIZZA: [weight, where]}}, tmp_path)]
    assert [line.split(": error")[0] for line in found] == [f"{PIZZA}:8:25", f"{PIZZA}:10:55", f"{PIZZA}:10:79"]


def test_constant_in_a_condition_of_several_lines_is_named_by_its_line(tmp_path: Path) -> None:
    folded = {"old": AUDIENCE, "new": "audience: >-\n  customer.recency_days > 3.0 &&\n  now > timestamp('2026-12-31')"}
    (found,) = [str(f) for f in findings({"change": {PIZZA: [folded]}}, tmp_path)]
    assert found.startswith(f"{PIZZA}:8:19: error[CONDITION]")


def test_syntax_in_a_condition_of_several_lines_is_named_by_its_line(tmp_path: Path) -> None:
    kept = {"old": AUDIENCE, "new": "audience: |-\n  customer.recency_days > 3.0\n  && customer.baskets_90d > 2.0"}
    (found,) = [str(f) for f in findings({"change": {PIZZA: [kept]}}, tmp_path)]
    assert found.startswith(f"{PIZZA}:8:27: error[CONDITION]")


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ("(" * 2000 + "true" + ")" * 2000, "nested too deeply"),
        ("(" * 60 + "true" + ")" * 60, "nested too deeply"),
        ("[" * 100 + "1" + "]" * 100 + " == 1", "nested too deeply"),
        ("true ? true : " * 100 + "true", "nested too deeply"),
        ("customer.baskets_90d + " * 100 + "1 > 0", "nested too deeply"),
        ("customer" + ".x" * 200, "nested too deeply"),
        (" || ".join(["customer.is_known"] * 500), f"a condition has at most {MAX_CONDITION} characters"),
        ("x" * 200_000, f"a condition has at most {MAX_CONDITION} characters"),
    ],
)
def test_condition_that_is_too_deep_or_too_long_is_refused(condition: str, says: str, tmp_path: Path) -> None:
    (found,) = [str(finding) for finding in findings({"change": _changed(condition)}, tmp_path)]
    assert found.startswith(f"{PIZZA}:6:")
    assert says in found


def test_kept_catalogue_whose_constants_fail_is_replayed_as_it_was(tmp_path: Path) -> None:
    """What was in force before constants were tried goes on meaning that nobody is in the audience."""
    folder = catalogue(tmp_path / "new", {}, {})
    source = load(folder, TERMS).source
    failing = source.replace("customer.recency_days > 3.0", "now > timestamp('2026-12-31')")
    assert failing != source
    assert parse(failing, TERMS).source == failing
    text = (folder / PIZZA).read_text(encoding="utf-8").replace(AUDIENCE, "audience: now > timestamp('2026-12-31')")
    (folder / PIZZA).write_text(text, encoding="utf-8")
    with pytest.raises(CatalogueInvalid, match="this is no instant"):
        load(folder, TERMS)
