"""The names that are listed for conditions are those that the compilers take, and no others."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from click.testing import CliRunner

from features.company.document import EventTypeDocument
from service.catalogue.bind.catalogue import bind
from service.catalogue.conditions.compile import ConditionCompiler, ConditionInvalid
from service.catalogue.documents.journey import CatalogueDocument
from service.catalogue.documents.source import Reader
from service.catalogue.incident_sources import incident_sources
from service.catalogue.terms import Terms, terms_of
from service.catalogue.vocabulary import Place, Variable, compiler_of, vocabulary
from service.cli import main
from tests.example import EXAMPLE, SCHEMA

EVENTS = {
    "card.renewed": EventTypeDocument(attributes={"fee": "double"}, latest="last_renewed_at"),
    "purchase": EventTypeDocument(latest="last_purchase_at"),
}
SOURCE = Reader(EXAMPLE).read()
assert SOURCE.policies is not None
POLICIES = SOURCE.policies
TERMS = terms_of(SCHEMA, EVENTS)
LISTED = list(vocabulary(TERMS, POLICIES))
BY_NAME = {one.name: one for one in LISTED if one.event is None}


def catalogue_compiler(terms: Terms) -> ConditionCompiler:
    """The one that a catalogue in force was bound by."""
    document = CatalogueDocument.model_construct(policies=POLICIES, journeys=SOURCE.journeys)
    return bind(document, terms, "v").compiler


IN_FORCE = catalogue_compiler(TERMS)


def compiled(one: Variable, place: Place) -> None:
    """A condition with this name, by what compiles those of the place."""
    text = f"{one.name} == {one.name}"
    if place is Place.CATALOGUE:
        IN_FORCE.compile(text)
    elif place is Place.INCIDENTS:
        incident_sources({"claims": text}, TERMS.schema)
    else:
        compiler_of(place, TERMS, {}, one.event or "").compile(text)


@pytest.mark.parametrize("one", LISTED, ids=lambda one: f"{one.event or 'customer'}:{one.name}")
def test_a_condition_with_a_listed_name_compiles_where_it_may_stand_and_only_there(one: Variable) -> None:
    for place in one.places:
        compiled(one, place)
    if one.event is None and Place.INCIDENTS not in one.places:
        with pytest.raises(ConditionInvalid):
            compiled(one, Place.INCIDENTS)
    if one.event is not None and one.name not in BY_NAME:
        with pytest.raises(ConditionInvalid):
            compiled(one, Place.CATALOGUE)


def test_no_name_that_the_catalogue_s_compiler_knows_is_left_out() -> None:
    assert {name: one.type for name, one in BY_NAME.items()} == IN_FORCE.types


@pytest.mark.parametrize("name", ["customer.nothing", "context.nothing", "situation.nothing", "fee", "channels"])
def test_a_name_that_is_not_listed_is_refused(name: str) -> None:
    assert name not in BY_NAME
    with pytest.raises(ConditionInvalid):
        IN_FORCE.compile(f"{name} == {name}")


@pytest.mark.parametrize("name", [name for name in BY_NAME if not name.startswith(("customer.", "context."))])
def test_what_no_company_declares_has_its_meaning_said(name: str) -> None:
    assert BY_NAME[name].description


def test_each_name_tells_what_it_is_from() -> None:
    expected: Mapping[str, str] = {
        "now": "built in",
        "customer.is_known": "built in",
        "customer.last_renewed_at": "event card.renewed",
        "customer.last_purchase_at": "view purchases; event purchase",
        "customer.recency_days": "days_since(last_purchase_at)",
        **{f"context.{name}": "policies.yaml" for name in POLICIES.context},
    }
    assert {name: BY_NAME[name].source for name in expected} == expected
    assert BY_NAME["customer.recency_days"].unit == "days"
    assert BY_NAME["customer.recency_days"].feature == "last_purchase_at"
    assert BY_NAME["customer.last_renewed_at"].feature is None
    (fee,) = [one for one in LISTED if one.name == "fee"]
    assert (fee.event, fee.type, fee.places) == ("card.renewed", "double", (Place.WHERE,))


def test_without_policies_there_is_no_context() -> None:
    names = {one.name for one in vocabulary(TERMS, None)}
    assert not [name for name in names if name.startswith("context.")]
    assert "customer.is_known" in names


@pytest.mark.usefixtures("of_the_example")
def test_the_command_lists_them() -> None:
    result = CliRunner().invoke(main, ["features", "vars", "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.output)
    assert told["customers"] is None
    assert {one["coverage"] for one in told["variables"]} == {None}
    assert {"context." + name for name in POLICIES.context} <= {one["name"] for one in told["variables"]}
    shown = CliRunner().invoke(main, ["features", "vars"])
    assert "customer.recency_days *" in shown.output
    assert "days_since(last_purchase_at)" in shown.output
