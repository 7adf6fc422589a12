"""A plan is kept as JSON and comes back as it was."""

from __future__ import annotations

import json

import pytest

from features.errors import StoreUnavailable
from features.store.customer_key import CustomerKey, KeyType
from features.store.read_plan import ReadPlan, StoreKind, ViewPlan

KEY = CustomerKey(name="holder_no", type=KeyType.INT64)
PLAN = ReadPlan(
    kind=StoreKind.REDIS,
    project="bank",
    file=None,
    writes_text=True,
    ttl_s=600,
    views={
        "accounts": ViewPlan(key=KEY, place="_ts:accounts", cells={"balance": "0a0b0c0d"}),
        "visits": ViewPlan(key=None, place="_ts:visits", cells={}),
    },
)


def test_it_comes_back_as_it_was() -> None:
    assert ReadPlan.of(json.loads(json.dumps(PLAN.described()))) == PLAN


def test_it_knows_what_the_registry_has() -> None:
    assert PLAN.registered.key_of("accounts") == KEY
    assert PLAN.registered.has_feature("accounts", "balance")
    assert not PLAN.registered.has_feature("accounts", "rating")
    for view, why in (("visits", "not of one entity with one key"), ("cards", "no view 'cards'")):
        with pytest.raises(StoreUnavailable, match=why):
            PLAN.registered.key_of(view)


@pytest.mark.parametrize("part", ["kind", "project", "file", "writes_text", "ttl_s", "views"])
def test_what_lacks_a_part_is_no_plan(part: str) -> None:
    described = PLAN.described()
    del described[part]
    with pytest.raises(KeyError):
        ReadPlan.of(described)
