"""What a journey owner is told after a slip: where it is, and what to write instead, in words of her own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from features.company.company import CompanyInvalid, load_company, read_form
from features.company.document import CompanyDocument
from features.company.notes import FeatureNotes
from service.catalogue.cases.run import CasesUnreadable, read_cases, run
from service.catalogue.check.check import check
from service.catalogue.incident_sources import incident_sources_of
from service.catalogue.load import load
from tests.unit.catalogue.slips.catalogue import BASE, JOURNEY, NOW, SCHEMA, TERMS, changed
from tests.unit.catalogue.slips.words import library_words

Slip = Mapping[str, Any]
AUDIENCE = "audience: customer.recency_days > 3.0"


def slips_of(table: str) -> list[Slip]:
    return list(yaml.safe_load(Path(__file__).with_name(table).read_text(encoding="utf-8")))


def named(slip: Slip) -> str:
    return str(slip["name"] if "name" in slip else slip["when"])


CONDITIONS, FILES = slips_of("conditions.yaml"), slips_of("files.yaml")
CASES, COMPANY = slips_of("cases.yaml"), slips_of("company.yaml")


def replaced(slip: Slip) -> Mapping[str, list[Slip]]:
    return {slip["file"]: [slip]}


@pytest.mark.parametrize("slip", CONDITIONS, ids=named)
def test_condition_is_told_at_its_column(slip: Slip, tmp_path: Path) -> None:
    condition = {"old": AUDIENCE, "new": f"audience: |-\n  {slip['when']}"}
    found = [str(finding) for finding in check(changed(tmp_path / "new", {JOURNEY: [condition]}), TERMS, NOW)]
    expected = [line.split(": ", 1) for line in slip["told"]]
    assert found == [f"{JOURNEY}:7:{int(column) + 2}: error[CONDITION]: {text}" for column, text in expected]


@pytest.mark.parametrize("slip", FILES, ids=named)
def test_file_of_a_catalogue_is_told_at_its_place(slip: Slip, tmp_path: Path) -> None:
    found = check(changed(tmp_path / "new", replaced(slip)), TERMS, NOW)
    assert [str(finding) for finding in found] == slip["told"]


@pytest.mark.parametrize("slip", CASES, ids=named)
def test_case_is_told_at_its_place(slip: Slip, tmp_path: Path) -> None:
    assert list(told_of_cases(changed(tmp_path / "new", replaced(slip)))) == slip["told"]


def told_of_cases(folder: Path) -> Iterator[str]:
    """Each fault once: one of defaults is one of each case."""
    try:
        report = run(read_cases(folder), load(folder, TERMS).plan, TERMS)
    except CasesUnreadable as error:
        yield from error.problems
    else:
        yield from dict.fromkeys(fault for result in report.results for fault in result.faults)


@pytest.mark.parametrize("slip", COMPANY, ids=named)
def test_file_of_a_company_is_told_at_its_place(slip: Slip, tmp_path: Path) -> None:
    folder = changed(tmp_path / "new", replaced(slip))
    with pytest.raises(CompanyInvalid) as raised:
        read_form(folder, slip["file"], CompanyDocument if slip["file"] == "rumbo.yaml" else FeatureNotes)
    assert list(raised.value.faults) == slip["told"]


def test_condition_of_a_company_is_told_at_its_column(tmp_path: Path) -> None:
    """An incident that features tell of, by a condition over customer.* alone."""
    condition = {"old": "customer.claims_open > 0", "new": "customer.baskets_90d > 3.0 and situation.open_incidents"}
    company = load_company(changed(tmp_path / "new", {"rumbo.yaml": [condition]}))
    with pytest.raises(CompanyInvalid) as raised:
        incident_sources_of(company, SCHEMA)
    assert raised.value.faults == ("rumbo.yaml:10:57: situation.incidents.claims.when: `and` is written `&&`",)


def test_catalogue_without_a_slip_is_told_nothing_of() -> None:
    assert list(check(BASE, TERMS, NOW)) == []
    assert list(told_of_cases(BASE)) == []
    assert read_form(BASE, "rumbo.yaml", CompanyDocument)[1].company == "mybank"
    assert set(read_form(BASE, "features.yaml", FeatureNotes)[1].root) == {"tier", "balance"}


@pytest.mark.parametrize("slip", [*CONDITIONS, *FILES, *CASES, *COMPANY], ids=named)
def test_what_is_told_has_a_place_and_no_word_of_a_library(slip: Slip) -> None:
    for line in slip["told"]:
        assert re.match(r"([a-z./]+:\d+:)?\d+: .", line)
        assert library_words(line) == []


@pytest.mark.parametrize(
    "raw",
    [
        "found no matching overload for '_>_' applied to '(double, int)'",
        "ERROR: <input>:1:29: Syntax error: mismatched input 'and' expecting <EOF>",
        "undeclared reference to 'gold' (in container '')",
        "Syntax error: token recognition error at: '= '",
        "while parsing a block mapping: did not find expected key",
        "mapping values are not allowed in this context",
        "Input should be a valid dictionary or instance of Titles",
        "a condition must be true or false, this is DOUBLE",
    ],
)
def test_words_of_libraries_are_known_as_such(raw: str) -> None:
    """What CEL, libyaml and pydantic say themselves."""
    assert library_words(raw) != []


def test_typical_slips_are_many_and_each_is_made_once() -> None:
    made = [(slip["file"], slip["old"], slip["new"]) for slip in (*FILES, *CASES, *COMPANY)]
    assert len({slip["when"] for slip in CONDITIONS}) == len(CONDITIONS) >= 80
    assert len(set(made)) == len(made) >= 120
