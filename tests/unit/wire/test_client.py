"""Context values as typed on the command line."""

from __future__ import annotations

import pytest

from rumbo.decision.v1.value_pb2 import Value
from service.wire.client import ContextUnreadable, context_values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("true", Value(bool_value=True)),
        ("false", Value(bool_value=False)),
        ("True", Value(string_value="True")),
        ("3", Value(int64_value=3)),
        ("-3", Value(int64_value=-3)),
        ("9223372036854775807", Value(int64_value=2**63 - 1)),
        ("9223372036854775808", Value(double_value=2.0**63)),
        ("3.0", Value(double_value=3.0)),
        ("1e3", Value(double_value=1000.0)),
        ("cart", Value(string_value="cart")),
        ("a=b", Value(string_value="a=b")),
        ("", Value(string_value="")),
        ("ñ", Value(string_value="ñ")),
    ],
)
def test_a_value_has_the_type_that_its_text_looks_like(text: str, expected: Value) -> None:
    assert context_values([f"name={text}"]) == {"name": expected}


def test_several_pairs_make_one_context_and_the_last_of_a_name_holds() -> None:
    found = context_values(["page=cart", "basket_value=12.5", "page=home"])
    assert found == {"page": Value(string_value="home"), "basket_value": Value(double_value=12.5)}


def test_no_pair_makes_an_empty_context() -> None:
    assert context_values([]) == {}


@pytest.mark.parametrize("pair", ["page", "=cart", "="])
def test_what_is_not_name_and_value_is_told_with_what_was_typed(pair: str) -> None:
    with pytest.raises(ContextUnreadable, match=f"'{pair}' is not NAME=VALUE"):
        context_values([pair])
