"""What a scalar of the files is: nothing is a number that is not a plain decimal, nothing a flag but true and false."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.documents.nodes import compose, value_of
from service.catalogue.load import load, parse
from tests.unit.catalogue.check.test_check import TERMS, catalogue, findings

PIZZA = "journeys/pizza.yaml"
NO_NUMBERS = (
    *("0500", "00", "-05", "0x1F", "0o17", "0b11", "1_0", "1,0", "12:30", "1:2:3", "+1", ".5", "5.", "-.5"),
    *("1e3", "1.0e+3", "1e400", ".inf", "-.inf", ".Inf", ".nan", ".NaN", "NaN", "Infinity", "٣", "1 000", "--1"),
    *("9007199254740993", "1" * 5000, "0." + "1" * 16),
)
NO_FLAGS = ("yes", "no", "on", "off", "y", "n", "True", "TRUE", "False", "FALSE", "1", "0", "null")


def told(folder: Path, old: str, new: str) -> list[str]:
    return [str(f) for f in findings({"change": {PIZZA: [{"old": old, "new": new}]}}, folder)]


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_number_that_is_no_plain_decimal_is_refused_at_its_field(text: str, tmp_path: Path) -> None:
    written = f"'{text}'" if "," in text else text
    fields = {"tier": "4", "value": "5.5", "at_most": "1", "weight": "1.2"}
    changes = [{"old": f"{name}: {number}", "new": f"{name}: {written}"} for name, number in fields.items()]
    found = [str(f) for f in findings({"change": {PIZZA: changes}}, tmp_path)]
    number = f"expected a number in plain decimals such as 3 or 0.5, not `{text[:60]}`"
    whole = f"expected a whole number in plain decimals such as 500, not `{text[:60]}`"
    expected = [
        f"{PIZZA}:5:1: error[FORM]: {whole}",
        f"{PIZZA}:7:65: error[FORM]: {number}",
        f"{PIZZA}:8:9: error[LEVER]: {number}",
        f"{PIZZA}:10:11: error[FORM]: {whole}",
    ]
    assert [line[: len(one)] for line, one in zip(found, expected, strict=True)] == expected


@pytest.mark.parametrize("flag", ["yes", "true", "no", "False", "on"])
def test_flag_is_no_number(flag: str, tmp_path: Path) -> None:
    (found,) = told(tmp_path, "tier: 4", f"tier: {flag}")
    assert found == (f"{PIZZA}:5:1: error[FORM]: expected a whole number in plain decimals such as 500, not `{flag}`")


@pytest.mark.parametrize("text", NO_FLAGS)
def test_flag_is_true_or_false_alone(text: str, tmp_path: Path) -> None:
    (found,) = told(tmp_path, "tier: 4", f"tier: 4\nswitchable: {text}")
    meant = {"yes": "true", "on": "true", "y": "true", "1": "true", "null": None}.get(text, text.lower())
    written = {"no": "false", "off": "false", "n": "false", "0": "false"}.get(text, meant)
    hint = "" if written is None else f": write {written}"
    assert found == f"{PIZZA}:6:1: error[FORM]: expected true or false, not `{text}`{hint}"


@pytest.mark.parametrize("text", ["5", "-0.5", "1.10", "true", "false"])
def test_number_or_flag_is_no_text(text: str, tmp_path: Path) -> None:
    (found,) = told(tmp_path, "owner: grocery", f"owner: {text}")
    assert found.startswith(f"{PIZZA}:3:1: error[FORM]: expected a text, not `")
    assert found.endswith("`: put it in quotes")


@pytest.mark.parametrize("text", ["null", "~", ""])
def test_nothing_is_no_text(text: str, tmp_path: Path) -> None:
    (found,) = told(tmp_path, "owner: grocery", f"owner: {text}")
    assert found in (
        f"{PIZZA}:3:1: error[FORM]: expected a text, not `null`",
        f"{PIZZA}:3:1: error[FILE]: 'owner' has no value: write one, or leave the field out",
    )


@pytest.mark.parametrize("number", ["4.0", "4.5"])
def test_whole_number_is_written_as_one(number: str, tmp_path: Path) -> None:
    (found,) = told(tmp_path, "tier: 4", f"tier: {number}")
    assert found.startswith(f"{PIZZA}:5:1: error[FORM]: expected a whole number")


@pytest.mark.parametrize("text", ["no", "NO", "yes", "0500", "12:30", "2026-12-31", "1e3", "+34", "Null", "=", "<"])
def test_text_is_what_it_looks_like(text: str, tmp_path: Path) -> None:
    """A country, a postcode, a time, a day: YAML 1.1 would make of each what it is not."""
    folder = catalogue(
        tmp_path / "new", {PIZZA: [{"old": "tier: 4", "new": f"tier: 4\nattributes: {{a: {text}}}"}]}, {}
    )
    (pizza,) = [j for j in load(folder, TERMS).document.journeys if j.journey == "pizza"]
    assert pizza.attributes == {"a": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("-0", 0),
        ("7", 7),
        ("-12", -12),
        ("999999999999999", 999999999999999),
        ("0.10", 0.1),
        ("-3.25", -3.25),
    ],
)
def test_plain_decimal_is_a_number(text: str, value: float) -> None:
    read = value_of(compose(text))
    assert (type(read), read) == (type(value), value)


@pytest.mark.parametrize("text", ["'7'", '"true"', "!!str 7", "! 7", "|-\n  7", "'null'"])
def test_what_is_quoted_is_text(text: str) -> None:
    assert isinstance(value_of(compose(text)), str)


@pytest.mark.parametrize(
    ("day", "says"),
    [
        ("2027-02-30", "there is no such day"),
        ("2026-13-01", "there is no such day"),
        ("0000-01-01", "there is no such day"),
        ("0001-01-01", "expected a day after 1900"),
        ("2026-12-31T25:00:00Z", "there is no such time"),
        ("9999-12-31T23:59:59-12:00", "there is no such time"),
        ("2026-12-31T10:00:00", "a time needs a zone"),
        ("2026-12-31 10:00", "a time needs a zone"),
        ("20261231", "expected a date such as 2026-12-31"),
        ("2026-W01-1", "expected a date such as 2026-12-31"),
        ("2026-1-1", "expected a date such as 2026-12-31"),
        ("31.12.2026", "expected a date such as 2026-12-31"),
        ("'tomorrow'", "expected a date such as 2026-12-31"),
        ("5", "expected a date such as 2026-12-31"),
        ("true", "expected a date such as 2026-12-31"),
    ],
)
def test_day_that_is_none_is_refused_at_its_field(day: str, says: str, tmp_path: Path) -> None:
    (found,) = told(tmp_path, "until: 2030-01-01", f"until: {day}")
    assert found.startswith(f"{PIZZA}:8:22: error[FORM]: {says}")


def test_kept_catalogue_is_read_as_it_was_written(tmp_path: Path) -> None:
    """What an earlier release kept holds instants where a file has days; it means what it did, under its own hash."""
    source = load(catalogue(tmp_path / "new", {}, {}), TERMS).source
    earlier = source.replace('"until":"2030-01-01"', '"until":"2030-01-01T00:00:00Z"')
    assert earlier != source
    assert parse(earlier, TERMS).source == earlier
