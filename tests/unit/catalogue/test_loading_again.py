"""A folder that is loaded again and again holds what a first load of it would find, whatever was changed before."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.catalogue.conditions.compile import ConditionInvalid, IncrementalCompiler
from service.catalogue.load import Catalogue, CatalogueFolder, CatalogueInvalid, load
from service.decision.variables import Variables
from tests.example import EXAMPLE, TERMS

PIZZA = "journeys/pizza-night-coupons.yaml"
TIPS = "journeys/kitchen-tips.yaml"
POLICIES = "policies.yaml"


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """A copy of the example."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "example"))


def edit(folder: Path, name: str, old: str, new: str) -> None:
    content = (folder / name).read_text(encoding="utf-8")
    assert old in content
    (folder / name).write_text(content.replace(old, new, 1), encoding="utf-8")


def told(catalogue: Catalogue) -> Iterator[str]:
    """Everything in a plan that decides, as text: limits that are equal are not the same object in two loads."""
    plan = catalogue.plan
    yield catalogue.source
    yield from map(repr, (plan.version, plan.channels, plan.context_types, plan.pools, plan.lifetimes, plan.texts))
    yield from map(repr, plan.rules)
    for channel, journeys in plan.journeys.items():
        for offered in journeys:
            yield f"{channel} {offered.journey} {list(offered.by_stage)} {offered.by_stage} {offered.elsewhere}"


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        pytest.param(PIZZA, "tier: 4", "tier: 5", id="what others of its kind look at"),
        pytest.param(PIZZA, "audience: customer", "audience: true && customer", id="an audience"),
        pytest.param(PIZZA, "consent:", "never_with: [kitchen-tips]\nconsent:", id="what excludes another"),
        pytest.param(PIZZA, "cost: 0.05", "cost: 0.06", id="a cost"),
        pytest.param(PIZZA, "journey:", "# reviewed\njourney:", id="a comment"),
        pytest.param(POLICIES, "at_most: 2, per: 7d", "at_most: 3, per: 7d", id="a limit of all"),
        pytest.param(POLICIES, "promotional: 6", "promotional: 5", id="a limit of a kind"),
        pytest.param(POLICIES, "context:", "context:\n  shelf: string", id="a variable of conditions"),
        pytest.param(POLICIES, "America/New_York", "America/Chicago", id="a zone"),
    ],
)
def test_a_change_and_its_return_are_as_a_first_load(name: str, old: str, new: str, example: Path) -> None:
    again = CatalogueFolder(example, TERMS)
    first = list(told(again.load()))
    edit(example, name, old, new)
    assert list(told(again.load())) == list(told(load(example, TERMS)))
    edit(example, name, new, old)
    assert list(told(again.load())) == first


def test_journeys_that_come_and_go_are_as_a_first_load(example: Path) -> None:
    again = CatalogueFolder(example, TERMS)
    again.load()
    shutil.copy(example / PIZZA, example / "journeys" / "a-new-one.yaml")
    edit(example, "journeys/a-new-one.yaml", "journey: pizza-night-coupons", "journey: a-new-one")
    assert list(told(again.load())) == list(told(load(example, TERMS)))
    (example / "journeys" / "a-new-one.yaml").unlink()
    (example / "journeys" / "first-anniversary.yaml").unlink()
    assert list(told(again.load())) == list(told(load(example, TERMS)))


def test_a_refused_catalogue_leaves_nothing_behind(example: Path) -> None:
    again = CatalogueFolder(example, TERMS)
    again.load()
    edit(example, PIZZA, "customer.spend_frozen_pizza_90d", "customer.spend_on_pizza")
    edit(example, TIPS, "tier: ", "level: ")
    with pytest.raises(CatalogueInvalid, match="level"):
        again.load()
    edit(example, TIPS, "level: ", "tier: ")
    with pytest.raises(CatalogueInvalid, match="spend_on_pizza"):
        again.load()
    edit(example, PIZZA, "customer.spend_on_pizza", "customer.spend_frozen_pizza_90d")
    assert list(told(again.load())) == list(told(load(example, TERMS)))


def test_the_same_content_is_the_same_catalogue_whenever_its_files_were_written(example: Path) -> None:
    again = CatalogueFolder(example, TERMS)
    first, before = again.load(), again.stamp()
    for file in (example / "journeys").iterdir():
        content = file.read_bytes()
        file.unlink()
        file.write_bytes(content + b"# reviewed\n")
    assert again.stamp() != before
    assert again.load() is first


def test_what_did_not_change_is_not_made_again(example: Path) -> None:
    again = CatalogueFolder(example, TERMS)
    first = again.load()
    edit(example, PIZZA, "tier: 4", "tier: 5")
    second = again.load()
    same = [a is b for a, b in zip(first.document.journeys, second.document.journeys, strict=True)]
    assert same.count(False) == 1


def test_a_condition_that_was_taken_over_says_what_it_said() -> None:
    types = {"customer.age": "int", "customer.city": "string"}
    texts = ["customer.age > 30", 'customer.city.startsWith("M") || customer.age < 10', "customer.age > 30 && true"]
    with IncrementalCompiler(types) as compiler:
        first = [compiler.compile(text) for text in texts]
    with IncrementalCompiler(types, compiler) as later:
        second = [later.compile(text) for text in ("customer.age > 40", *reversed(texts))][:0:-1]
        with pytest.raises(ConditionInvalid, match="unknown name"):
            later.compile("customer.agee > 1")
    for age, city in ((35, "Madrid"), (5, "Lima"), (20, None)):
        known = {"customer.age": age} | ({} if city is None else {"customer.city": city})
        said = [condition.holds(Variables(known)) for condition in first]
        assert [condition.holds(Variables(known)) for condition in second] == said


def test_conditions_over_other_variables_are_compiled_anew() -> None:
    with IncrementalCompiler({"customer.age": "int"}) as compiler:
        compiler.compile("customer.age > 30")
    with IncrementalCompiler({"customer.age": "double"}, compiler) as later, pytest.raises(ConditionInvalid):
        later.compile("customer.age > 30")
