"""`value: learned`: what is refused, which attribute tells, what is in force until a model does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from features.schema import FeatureSchema
from service.catalogue.cases.run import Report, read_cases, run
from service.catalogue.check.meaning import check_meaning
from service.catalogue.documents.problems import Problems, Severity
from service.catalogue.load import Catalogue, CatalogueFolder, CatalogueInvalid, load, parse
from service.catalogue.objectives import objectives_of
from service.catalogue.terms import Terms
from service.decision.reports.event_types import BUILT_IN, Attribute, AttributeType, EventType, EventTypes

FILE = "journeys/pizza-night.yaml"
WAS = "objective: {outcome: CONVERTED, within: 28d, value: 5.5}"


def number(kind: AttributeType = AttributeType.DOUBLE) -> Attribute:
    return Attribute(type=kind)


TRIP = EventType(
    attributes={
        "fare": number(),
        "nights": number(AttributeType.INT),
        "city": number(AttributeType.STRING),
        "late": number(AttributeType.BOOL),
    }
)
EVENTS = EventTypes({**BUILT_IN.by_name, "trip": TRIP, "login": EventType()})


@pytest.fixture
def travel(terms: Terms) -> Terms:
    """A trip has two numbers, a purchase one, a login none."""
    return Terms(FeatureSchema(terms.schema.features), EVENTS)


def say(folder: Path, objective: str, file: str = FILE, **more: str) -> None:
    """The journey with this objective, and others by file name, each with text of its own."""
    source = (folder / FILE).read_text(encoding="utf-8")
    line = next(line for line in source.splitlines() if line.startswith("objective:"))
    (folder / FILE).write_text(source.replace(line, f"objective: {objective}"), encoding="utf-8")
    for name, changed in more.items():
        own = source.replace(line, f"objective: {changed}").replace("journey: pizza-night", f"journey: {name}")
        (folder / "journeys" / f"{name}.yaml").write_text(own, encoding="utf-8")


def value_of(catalogue: Catalogue, journey: str = "pizza-night") -> float:
    (offered,) = (one for one in catalogue.plan.journeys["app"] if one.journey.journey_id == journey)
    return offered.journey.objective.value


@pytest.mark.parametrize(
    ("objective", "field", "says"),
    [
        ("{event: trip, within: 9d, value: learned}", "value", "name one by value_from: fare, nights"),
        ("{event: login, within: 9d, value: learned}", "value", "no attribute of 'login' is a number"),
        ("{event: trip, within: 9d, value: learned, value_from: fair}", "value_from", "did you mean `fare`?"),
        ("{event: trip, within: 9d, value: learned, value_from: rooms}", "value_from", "its numbers: fare, nights"),
        ("{event: trip, within: 9d, value: learned, value_from: city}", "value_from", "'city' is a string"),
        ("{event: trip, within: 9d, value: learned, value_from: late}", "value_from", "'late' is a bool"),
        ("{outcome: ENGAGED, within: 9d, value: learned}", "objective", "ENGAGED tells no worth"),
        ("{outcome: NPS, within: 9d, value: learned}", "objective", "NPS tells no worth"),
        (
            "{outcome: CONVERTED, within: 9d, value: learned, value_from: fare}",
            "objective",
            "value_from goes with event",
        ),
        ("{event: trip, within: 9d, value: 5.0, value_from: fare}", "objective", "value_from goes with value: learned"),
        (
            "{event: trip, within: 9d, value: 5.0, value_prior: 3.0}",
            "objective",
            "value_prior goes with value: learned",
        ),
        ("{event: purchase, within: 9d, value: learned, value_prior: -1}", "value_prior", "at least 0"),
        ("{event: purchase, within: 9d, value: learnd}", "value", "did you mean `learned`?"),
        ("{event: purchase, within: 9d, value: much}", "value", "a number in plain decimals"),
    ],
)
def test_what_cannot_be_learned_is_refused_at_its_line_and_column(
    objective: str, field: str, says: str, folder: Path, travel: Terms
) -> None:
    """The objective stands in line 7; a field of it is where its name begins."""
    say(folder, objective)
    with pytest.raises(CatalogueInvalid) as raised:
        load(folder, travel)
    (located,) = raised.value.located
    column = f"objective: {objective}".index(f"{field}: ") + 1
    assert located.startswith(f"{FILE}:7:{column}: "), located
    assert says in located


@pytest.mark.parametrize(
    ("objective", "attributes", "amount"),
    [
        ("{event: purchase, within: 9d, value: learned}", {"amount": 12.5}, 12.5),
        ("{event: purchase, within: 9d, value: learned}", {"amount": 0.0}, 0.0),
        ("{event: purchase, within: 9d, value: learned}", {"amount": -0.01}, None),
        ("{event: purchase, within: 9d, value: learned}", {"amount": float("nan")}, None),
        ("{event: purchase, within: 9d, value: learned}", {"amount": float("inf")}, None),
        ("{event: purchase, within: 9d, value: learned}", {"amount": "12.5"}, None),
        ("{event: purchase, within: 9d, value: learned}", {}, None),
        ("{event: purchase, within: 9d, value: 5.5}", {"amount": 12.5}, None),
        ("{event: trip, within: 9d, value: learned, value_from: nights}", {"fare": 80.5, "nights": 3}, 3.0),
        ("{event: trip, within: 9d, value: learned, value_from: fare}", {"fare": 80, "nights": 3}, 80.0),
        ("{outcome: CONVERTED, within: 9d, value: learned}", {"amount": 12.5}, None),
    ],
)
def test_an_event_was_worth_what_its_attribute_says_if_that_is_a_number_of_0_or_more(
    objective: str, attributes: dict[str, Any], amount: float | None, folder: Path, travel: Terms
) -> None:
    say(folder, objective)
    kept = objectives_of(load(folder, travel).document, EVENTS)["pizza-night"]
    assert kept.amount_of(attributes) == amount


def test_until_a_model_tells_it_is_worth_its_prior_else_the_mean_of_its_kind_else_of_all(
    folder: Path, travel: Terms
) -> None:
    """Of promotional journeys 3 and 6 are fixed, of all also 12; the service journey has no kin."""
    learned = "{event: purchase, within: 9d, value: learned}"
    own = "{event: purchase, within: 9d, value: learned, value_prior: 40}"
    of_others = {"three": "{outcome: CONVERTED, within: 9d, value: 3}", "six": "{event: trip, within: 9d, value: 6.0}"}
    say(folder, learned, **of_others, own=own)
    catalogue = load(folder, travel)
    assert {j: value_of(catalogue, j) for j in ("pizza-night", "three", "six", "own")} == {
        "pizza-night": 4.5,
        "three": 3.0,
        "six": 6.0,
        "own": 40.0,
    }
    for name, kind in (("care", "service"), ("joy", "celebration")):
        worth = learned if name == "care" else "{event: trip, within: 9d, value: 12.0}"
        source = (folder / FILE).read_text(encoding="utf-8").replace(learned, worth).replace("promotional", kind)
        file = folder / "journeys" / f"{name}.yaml"
        file.write_text(source.replace("journey: pizza-night", f"journey: {name}"), encoding="utf-8")
    assert value_of(load(folder, travel), "care") == 7.0


def test_alone_in_its_catalogue_it_is_worth_1_until_a_model_tells(folder: Path, travel: Terms) -> None:
    say(folder, "{event: purchase, within: 9d, value: learned}")
    assert value_of(load(folder, travel)) == 1.0


def test_another_journeys_new_value_is_in_force_in_those_that_go_by_it(folder: Path, travel: Terms) -> None:
    """The file of the journey itself is the same, so it is not bound anew."""
    learned = "{event: purchase, within: 9d, value: learned}"
    say(folder, learned, other="{outcome: CONVERTED, within: 9d, value: 3}")
    again = CatalogueFolder(folder, travel)
    assert value_of(again.load()) == 3.0
    say(folder, learned, other="{outcome: CONVERTED, within: 9d, value: 9}")
    assert value_of(again.load()) == 9.0


def test_it_comes_back_from_the_text_that_is_kept_and_one_without_it_is_written_as_before(
    folder: Path, travel: Terms
) -> None:
    fixed = load(folder, travel)
    assert "value_from" not in fixed.source
    assert "value_prior" not in fixed.source
    say(folder, "{event: trip, within: 9d, value: learned, value_from: fare, value_prior: 30}")
    learned = load(folder, travel)
    kept = parse(learned.source, travel)
    assert kept.version == learned.version != fixed.version
    assert value_of(kept) == 30.0
    assert [one.journey.objective.is_value_learnt for one in kept.plan.journeys["app"]] == [True]


def test_a_kept_one_whose_event_has_lost_the_attribute_still_binds_and_tells_no_amount(
    folder: Path, travel: Terms
) -> None:
    say(folder, "{event: trip, within: 9d, value: learned, value_from: fare}")
    kept = load(folder, travel)
    poorer = EventTypes({**EVENTS.by_name, "trip": EventType(attributes={"nights": number(AttributeType.INT)})})
    assert parse(kept.source, Terms(travel.schema, poorer)).version == kept.version
    assert objectives_of(kept.document, poorer)["pizza-night"].amount_of({"fare": 80.0, "nights": 3}) is None


def test_a_second_number_of_an_event_does_not_hide_what_those_before_it_were_worth(folder: Path, travel: Terms) -> None:
    """The catalogue in force then named none, for there was one; what carries both says nothing."""
    say(folder, "{event: purchase, within: 9d, value: learned}")
    kept = load(folder, travel)
    purchase = EventType(attributes={**EVENTS.by_name["purchase"].attributes, "tax": number()})
    richer = EventTypes({**EVENTS.by_name, "purchase": purchase})
    objective = objectives_of(kept.document, richer)["pizza-night"]
    assert objective.amount_of({"amount": 80.0}) == 80.0
    assert objective.amount_of({"amount": 80.0, "tax": 8.0}) is None


def test_who_learns_from_another_attribute_is_told_that_it_meant_something_else(folder: Path, travel: Terms) -> None:
    say(folder, "{event: trip, within: 9d, value: learned, value_from: fare}")
    old = load(folder, travel).document
    say(folder, "{event: trip, within: 9d, value: learned, value_from: nights}")
    problems = Problems()
    check_meaning(old, load(folder, travel).document, problems)
    (found,) = problems.found
    assert (found.path, found.severity) == (("objective", "value_from"), Severity.WARNING)
    assert "`fare`" in found.text


CASES = """\
defaults:
  now: 2027-02-10T17:00:00Z
  channel: email
  limit: 1
  consents: all
  features: {recency_days: 5.0, baskets_90d: 3}
cases:
  - {name: worth its prior to somebody, eligible: [pizza-night, other], ranked: [other]}
  - {name: worth more to her, values: {pizza-night: 6.5}, eligible: [pizza-night, other], ranked: [pizza-night]}
"""


def cases_of(folder: Path, terms: Terms, cases: str) -> Report:
    (folder / "cases").mkdir(exist_ok=True)
    (folder / "cases" / "values.yaml").write_text(cases, encoding="utf-8")
    return run(read_cases(folder), load(folder, terms).plan, terms)


def test_a_case_says_what_it_is_worth_to_a_customer(folder: Path, travel: Terms) -> None:
    """Both have the same prior and lever; it is worth 5.5 until a model tells, the other 6 to everybody."""
    learned = "{event: purchase, within: 9d, value: learned, value_prior: 5.5}"
    say(folder, learned, other="{outcome: CONVERTED, within: 9d, value: 6.0}")
    assert [result.is_met for result in cases_of(folder, travel, CASES).results] == [True, True]
    other = "  - {name: a slip, values: {other: 7.0}, eligible: [pizza-night, other]}\n"
    (*_, slip) = cases_of(folder, travel, CASES + other).results
    (fault,) = slip.faults
    assert "the value of 'other' is not learned" in fault
