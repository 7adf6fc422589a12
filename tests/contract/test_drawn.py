"""Draws and what other decisions take meanwhile: the probability that is logged is that of the last draw, for all."""

from __future__ import annotations

import math
from collections import Counter

from service.decision.decide import Decision
from service.decision.explore import ALL_UNIFORM
from service.decision.journey import JourneyKind
from service.decision.plan import Plan
from service.decision.record import canonical, replay, to_document
from tests.builders import Entry, catalogue, journey
from tests.contract.adapters import Store
from tests.contract.pools import ALL_KINDS, give, units
from tests.contract.rows import committed, picked, propose

PROMOTIONAL = JourneyKind.PROMOTIONAL
CUSTOMERS = 60


def one_unit() -> Plan:
    """`news`, of which there is one, beside two others, all alike."""
    others = [Entry(journey=journey(name, kind=PROMOTIONAL)) for name in ("other", "third")]
    news = Entry(journey=journey("news", kind=PROMOTIONAL), capacity=units(1))
    return catalogue(news, *others, policies=ALL_KINDS, exploration=ALL_UNIFORM).plan


def only_news() -> Plan:
    return catalogue(Entry(journey=journey("news", kind=PROMOTIONAL), capacity=units(1)), policies=ALL_KINDS).plan


async def proposed(state: Store, plan: Plan) -> list[Decision]:
    """While the unit is still there."""
    return [
        await propose(state, plan, decision_id=f"p{i}", customer_id=f"c{i}", channel="email") for i in range(CUSTOMERS)
    ]


async def test_once_the_last_unit_is_taken_everybody_draws_from_what_is_left_whatever_they_had_drawn(
    state: Store,
) -> None:
    """One half each: were only those drawn anew who had drawn what is gone, the others' third would be logged."""
    before = await proposed(state, one_unit())
    assert {p.chance.p for decision in before for p in decision.picks} == {1 / 3}
    assert {name for decision in before for name in picked(decision)} == {"news", "other", "third"}
    assert picked(await give(state, only_news(), "winner")) == ["news"]
    after = [await committed(state, decision) for decision in before]
    assert {p.chance.p for decision in after for p in decision.picks} == {0.5}
    counts = Counter(name for decision in after for name in picked(decision))
    assert counts.keys() == {"other", "third"}
    assert abs(counts["other"] - CUSTOMERS / 2) < 4.0 * math.sqrt(CUSTOMERS / 4)


async def test_while_the_unit_is_there_a_commit_changes_no_draw(state: Store) -> None:
    for decision in await proposed(state, one_unit()):
        if picked(decision) != ["news"]:
            assert picked(await committed(state, decision)) == picked(decision)


async def test_what_was_drawn_at_the_commit_is_drawn_again_in_replay(state: Store) -> None:
    plan = one_unit()
    before = await proposed(state, plan)
    await give(state, only_news(), "winner")
    for decision in before[:20]:
        document = to_document(await committed(state, decision))
        assert canonical(to_document(replay(plan, document["input"]))) == canonical(document)
