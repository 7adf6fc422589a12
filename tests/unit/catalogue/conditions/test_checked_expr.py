"""The tree read from what the runtime serialised is the one that the text says."""

from __future__ import annotations

import pytest
from cel_expr_python import cel

from service.catalogue.conditions.tree import (
    Call,
    CheckedExprUnreadable,
    Comprehension,
    Constant,
    FieldOf,
    ListOf,
    MapOf,
    Name,
    Node,
    Unsupported,
    names,
    read,
    walk,
)

ENV = cel.NewEnv(
    variables={
        "customer.recency_days": cel.Type.DOUBLE,
        "situation.journeys": cel.Type.List(cel.Type.STRING),
        "situation.stages": cel.Type.Map(cel.Type.STRING, cel.Type.STRING),
        "channel": cel.Type.STRING,
        "now": cel.Type.TIMESTAMP,
        "n": cel.Type.INT,
    }
)


def tree(text: str) -> Node:
    return read(ENV.compile(text))


def const(type_name: str, value: bool | int | float | str | bytes | None) -> Constant:
    return Constant(type=type_name, offset=0, value=value)


CHANNEL = Name(type="string", offset=0, name="channel")


def test_a_comparison_is_a_call_with_its_overload_and_the_dotted_name_is_one() -> None:
    assert tree("customer.recency_days > -1.5") == Call(
        type="bool",
        offset=22,
        function="_>_",
        overload="greater_double",
        args=(Name(type="double", offset=8, name="customer.recency_days"), const("double", -1.5)),
    )


def test_a_method_has_its_target_as_the_first_argument() -> None:
    found = tree('channel.startsWith("a")')
    assert isinstance(found, Call)
    assert (found.function, found.overload) == ("startsWith", "starts_with_string")
    assert found.args == (CHANNEL, const("string", "a"))


@pytest.mark.parametrize(
    ("text", "type_name", "value"),
    [
        ("true", "bool", True),
        ("-3", "int", -3),
        ("3u", "uint", 3),
        ("0.5", "double", 0.5),
        ('"ñ"', "string", "ñ"),
        ('b"x"', "bytes", b"x"),
        ("null", "other", None),
        ("0", "int", 0),
        ('""', "string", ""),
    ],
)
def test_a_constant_keeps_its_type_and_value(text: str, type_name: str, value: bool | int | float | str | None) -> None:
    assert tree(text) == const(type_name, value)


def test_lists_and_maps_that_are_written_out() -> None:
    assert tree('["a", channel]') == ListOf(type="list", offset=0, elements=(const("string", "a"), CHANNEL))
    assert tree('{"a": 1}') == MapOf(type="map", offset=0, keys=(const("string", "a"),), values=(const("int", 1),))


def test_a_field_of_a_map_is_told_from_a_dotted_name_and_from_has() -> None:
    stages = Name(type="map", offset=0, name="situation.stages")
    field = FieldOf(type="string", offset=0, operand=stages, field_name="welcome", is_test=False)
    assert tree("situation.stages.welcome") == field
    assert tree("has(situation.stages.welcome)") == FieldOf(
        type="bool", offset=0, operand=stages, field_name="welcome", is_test=True
    )


def test_a_macro_is_a_comprehension_over_its_list() -> None:
    found = tree('situation.journeys.exists(j, j == "welcome")')
    assert isinstance(found, Comprehension)
    assert (found.variable, found.over) == ("j", Name(type="list", offset=0, name="situation.journeys"))
    assert found.start == const("bool", False)
    assert isinstance(found.step, Call)
    assert found.step.overload == "logical_or"


def test_the_types_of_times_are_told() -> None:
    found = tree('now - now < duration("1h")')
    assert isinstance(found, Call)
    assert [arg.type for arg in found.args] == ["duration", "duration"]
    assert {n.type for n in walk(found) if isinstance(n, Name)} == {"timestamp"}


def test_what_only_the_run_can_tell_has_no_overload() -> None:
    found = tree("dyn(n) == dyn(channel) || dyn(n) < dyn(1.0)")
    assert {n.overload for n in walk(found) if isinstance(n, Call) and n.function == "_<_"} == {""}


def test_a_message_is_unsupported() -> None:
    found = tree("google.protobuf.Int64Value{value: 1} == 1")
    assert any(isinstance(n, Unsupported) for n in walk(found))


def test_offsets_count_code_points() -> None:
    found = tree('"ñ😀" == channel && n > 7')
    places = {n.value: n.offset for n in walk(found) if isinstance(n, Constant)}
    assert places == {"ñ😀": 0, 7: 23}
    assert {n.name: n.offset for n in walk(found) if isinstance(n, Name)} == {"channel": 8, "n": 19}


def test_the_place_is_no_part_of_the_meaning() -> None:
    one, other = tree("n > 1"), tree("  n  >  1")
    assert one == other
    assert repr(one) == repr(other)


def test_zeros_of_both_signs_and_ones_of_all_types_have_different_reprs() -> None:
    assert len({repr(tree(text)) for text in ("0.0", "-0.0", "0", "false", "1", "1.0", "1u", "true")}) == 8


def test_names_are_found_at_any_depth() -> None:
    text = 'n > 1 ? channel in ["a"] : situation.stages["x"] == "y" && [1].all(i, i < n)'
    assert names(tree(text)) >= {"n", "channel", "situation.stages"}


def test_bytes_that_are_no_expression_are_refused() -> None:
    class Damaged:
        def serialize(self) -> bytes:
            return b"\xff\xff"

    with pytest.raises(CheckedExprUnreadable, match="cannot be read"):
        read(Damaged())
