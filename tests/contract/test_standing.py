"""How many customers stand at each stage is told without telling who."""

from __future__ import annotations

from service.state.port import StageCount
from tests.builders import NOW
from tests.contract.adapters import Store
from tests.contract.rows import MINUTE, event


async def test_nobody_stands_anywhere_at_first(state: Store) -> None:
    assert await state.standing() == []


async def test_customers_are_counted_where_their_latest_move_took_them(state: Store) -> None:
    moves = [
        event("e1", "journey.entered", customer_id="1", journey_id="news", stage="need"),
        event("e2", "journey.entered", customer_id="2", journey_id="news", stage="need"),
        event("e3", "journey.entered", customer_id="3", journey_id="news", stage="need"),
        event("e4", "journey.advanced", NOW + MINUTE, customer_id="3", journey_id="news", stage="use"),
        event("e5", "journey.entered", customer_id="3", journey_id="Club", stage="use"),
        event("e6", "journey.entered", customer_id="4", journey_id="news", stage="use"),
        event("e7", "journey.exited", NOW + MINUTE, customer_id="4", journey_id="news"),
    ]
    await state.record_events(moves, NOW + 2 * MINUTE)
    assert await state.standing() == [
        StageCount(journey_id="Club", stage="use", customers=1),
        StageCount(journey_id="news", stage="need", customers=2),
        StageCount(journey_id="news", stage="use", customers=1),
    ]
