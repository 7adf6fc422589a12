"""Values and keys are read and written as Feast does, whose own code says so here."""

from __future__ import annotations

import math
from typing import Any

import pytest
from feast.infra.key_encoding_utils import serialize_entity_key
from feast.protos.feast.types.Value_pb2 import NULL, StringList, Value
from google.protobuf.message import DecodeError
from hypothesis import example, given
from hypothesis import strategies as st

from features.errors import ValueUnfit
from features.store.customer_key import KEY_VERSION, CustomerKey, KeyType
from features.store.feast_internals import value_kinds
from features.store.stored_value import KINDS, plain_of

INT32 = st.integers(-(2**31), 2**31 - 1)
INT64 = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
SCALARS = {f"{kind}_val" for kind in ("bytes", "string", "int32", "int64", "double", "float", "bool", "unix_timestamp")}
VALUES = st.one_of(
    st.builds(Value, string_val=TEXT),
    st.builds(Value, bytes_val=st.binary(max_size=40)),
    st.builds(Value, int32_val=INT32),
    st.builds(Value, int64_val=INT64),
    st.builds(Value, double_val=st.floats()),
    st.builds(Value, float_val=st.floats(width=32)),
    st.builds(Value, bool_val=st.booleans()),
    st.builds(Value, unix_timestamp_val=INT64),
    st.builds(Value, null_val=st.just(NULL)),
    st.builds(Value, string_list_val=st.builds(StringList, val=st.lists(TEXT, max_size=3))),
    st.builds(Value),
)


def told_by_feast(value: Value) -> tuple[str, Any] | None:
    kind = value.WhichOneof("val")
    return None if kind in (None, "null_val") else (str(kind), getattr(value, str(kind)))


def assert_same(found: tuple[str, Any] | None, expected: tuple[str, Any] | None) -> None:
    if found is None or expected is None:
        assert found is expected
        return
    assert found[0] == expected[0]
    if found[0] not in SCALARS:
        return  # no feature is of such a kind
    if isinstance(expected[1], float) and math.isnan(expected[1]):
        assert math.isnan(found[1])
    else:
        assert (type(found[1]), found[1]) == (type(expected[1]), expected[1])


def test_every_kind_of_value_is_known_by_its_number() -> None:
    assert value_kinds() == KINDS


@given(VALUES)
def test_a_value_is_what_feast_makes_of_it(value: Value) -> None:
    assert_same(plain_of(value.SerializeToString()), told_by_feast(value))


@given(st.lists(VALUES, min_size=2, max_size=3))
def test_of_several_in_one_message_the_last_one_counts(values: list[Value]) -> None:
    stored = b"".join(value.SerializeToString() for value in values)
    assert_same(plain_of(stored), told_by_feast(Value.FromString(stored)))


@given(
    st.binary(max_size=24)
    | st.builds(lambda head, rest: bytes([head]) + rest, st.integers(0, 80), st.binary(max_size=12))
)
@example(b"\x18" + b"\xff" * 4 + b"\x7f")
@example(b"\x20" + b"\xff" * 9 + b"\x7f")
@example(b"\x38\x02")
@example(b"\x12\x02\xff\xff")
@example(b"\x20")
@example(b"\x20\x80")
@example(b"\xf2\x07\x00")
def test_whatever_bytes_are_stored_they_are_read_as_feast_does_or_refused(stored: bytes) -> None:
    try:
        found = plain_of(stored)
    except ValueUnfit:
        assert is_refused_or_nothing(stored)
        return
    if found is None or found[0] in SCALARS:
        assert_same(found, told_by_feast(Value.FromString(stored)))


def is_refused_or_nothing(stored: bytes) -> bool:
    """What Feast refuses too, or reads as nothing at all because it has no such field."""
    try:
        value = Value.FromString(stored)
    except DecodeError:
        return True
    return value.WhichOneof("val") is None


@pytest.mark.parametrize("stored", ["text", 5, 1.5])
def test_what_is_no_bytes_is_refused(stored: Any) -> None:
    with pytest.raises(ValueUnfit):
        plain_of(stored)


@given(
    name=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),
    kind=st.sampled_from(KeyType),
    customer_id=st.one_of(TEXT, INT64.map(str), INT32.map(str), st.sampled_from(["0", "-0", "01", "+5", "9" * 30])),
)
def test_a_key_is_written_as_feast_does(name: str, kind: KeyType, customer_id: str) -> None:
    key = CustomerKey(name=name, type=kind)
    entity_key = key.entity_key(customer_id)
    expected = None
    if entity_key is not None:
        expected = serialize_entity_key(entity_key, entity_key_serialization_version=KEY_VERSION)
    assert key.serialized(customer_id) == expected


def test_an_id_that_is_no_text_of_unicode_is_nobodys() -> None:
    assert CustomerKey(name="holder", type=KeyType.STRING).serialized("\ud800") is None
