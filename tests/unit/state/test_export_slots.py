"""Rows from records alone: one at least of every decision, and of silence the best that could have been said."""

from __future__ import annotations

import json
import math
from dataclasses import replace

from service.decision.record import canonical, to_document, weighed_again
from service.state.export.slots import EligibleSet, best_unsaid, slots_of
from tests.builders import facts
from tests.contract.exploring import CUSTOMERS, PLAN, drawn, with_consent


def records(count: int) -> list[dict[str, object]]:
    """Of decisions for as many customers, with one to five slots."""
    known = with_consent(facts())
    made = (drawn(replace(known, customer_id=str(i)), f"d{i}", limit=1 + i % 5) for i in range(count))
    return [json.loads(canonical(to_document(decision))) for decision in made]


def test_a_thousand_decisions_have_a_thousand_rows_and_more() -> None:
    slots = [list(slots_of(record)) for record in records(1000)]
    assert all(slots)
    assert sum(map(len, slots)) >= 1000
    assert all([slot.rank for slot in of_one] == list(range(1, len(of_one) + 1)) for of_one in slots)
    assert {slot.told is None for of_one in slots for slot in of_one} == {True, False}


def test_the_chances_of_a_set_and_of_silence_add_up_to_one_in_every_slot() -> None:
    for record in records(200):
        every = EligibleSet(record, {one.journey_id: one for one in weighed_again(PLAN, record)}, {})
        for slot in slots_of(record):
            assert slot.drawn_from is not None
            listed = math.fsum(entry[5] for entry in every.at(slot))
            assert math.isclose(listed + slot.drawn_from.get(None, 0.0), 1.0, abs_tol=1e-12)
            assert slot.propensity == slot.drawn_from.get(None if slot.told is None else slot.journey_id)


def test_what_could_have_been_said_best_is_first_in_the_order_that_was_drawn_from() -> None:
    """Of the holdout all four are held out: basket, of the first tier, has 0.5 × 5 × 2; survey 0.25 × 8."""
    holdout, *_ = CUSTOMERS
    record = json.loads(
        canonical(to_document(drawn(replace(with_consent(facts()), customer_id=CUSTOMERS[holdout]), "d")))
    )
    weighed = {one.journey_id: one for one in weighed_again(PLAN, record)}
    assert best_unsaid(record, weighed) == "basket"
    assert best_unsaid(record, {}) is None, "nobody knows the order"
