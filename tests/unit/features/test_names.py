"""Names that conditions can say, those that are made of others, and how any text stands in YAML."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from features.names import in_yaml, is_name, name_like

TEXTS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=80)


@given(TEXTS)
def test_a_name_that_is_made_is_one_and_one_that_is_good_stays(text: str) -> None:
    made = name_like(text)
    assert made == "" or is_name(made)
    assert name_like(made) == made


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Total Balance", "total_balance"),
        ("RatingClass", "rating_class"),
        ("kundenNr-2", "kunden_nr_2"),
        ("_hidden_", "hidden"),
        ("2nd level", "nd_level"),
        ("IN", "in_"),
        ("¿?", ""),
        ("x" * 70, "x" * 63),
    ],
)
def test_a_name_is_as_near_to_the_text_as_can_be(text: str, name: str) -> None:
    assert name_like(text) == name


@pytest.mark.parametrize("text", ["in", "true", "false", "null", "", "A", "1a", "a b", "_a", "a" * 64])
def test_what_no_condition_can_say_is_no_name(text: str) -> None:
    assert not is_name(text)


@given(TEXTS.filter(bool))
def test_any_text_comes_back_from_a_mapping_in_braces(text: str) -> None:
    key = f"view.{text}"
    assert yaml.safe_load(f"{{{in_yaml(key)}: {in_yaml(key)}}}") == {key: key}
