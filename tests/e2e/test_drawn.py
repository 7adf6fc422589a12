"""Slots that are drawn, silence and arms, from policies.yaml to the wire and back from the record, on each store."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from rumbo.decision.v1 import decision_pb2, journey_pb2
from service.decision.arms import Arm, Arms
from tests.e2e.wire import HELPING, REGULAR, SECOND_REGULAR, opened
from tests.fixtures_service import row_counts, running

SALT = "drawn"
SHARES = {"holdout": 0.2, "random": 0.3, "no_levers": 0.1}
ARMS = Arms(shares={Arm(name.upper()): share for name, share in SHARES.items()}, salt=SALT)
CUSTOMERS = (REGULAR, SECOND_REGULAR, *(str(n) for n in range(60, 74)))
SLOTS = 3


@pytest.fixture
def own_home(stored_home: Path) -> Path:
    """On each store in turn."""
    return stored_home


def explore(home: Path, epsilon: float = 0.5) -> None:
    """Says all three in its policies."""
    policies = home / "catalogue" / "policies.yaml"
    said = yaml.safe_load(policies.read_text(encoding="utf-8"))
    said |= {
        "exploration": {"default": {"scheme": "epsilon", "epsilon": epsilon, "floor": 0.02}},
        "silence": {"threshold": 0.01, "explored": True},
        "arms": {"salt": SALT, **SHARES},
    }
    policies.write_text(yaml.safe_dump(said, allow_unicode=True), encoding="utf-8")


async def allowed_by_rules(home: Path) -> dict[str, set[str]]:
    """Of each customer, as the same catalogue allows it that draws nothing: one slot excludes nothing."""
    async with running(home) as service:
        found = {customer: await service.decide(customer, limit=1, dry_run=True) for customer in CUSTOMERS}
    return {customer: set(may_be_shown(answer)) for customer, answer in found.items()}


def may_be_shown(answer: decision_pb2.DecideResponse) -> Mapping[str, int]:
    """What no rule denied, with its kind."""
    ranked, eligible = answer.ranked, answer.eligible
    return {j.journey_id: j.kind for j in ranked} | {j.journey_id: j.kind for j in eligible}


def demand_whole(answer: decision_pb2.DecideResponse) -> None:
    """Each slot was drawn by the probability that is told, out of a set whose probabilities add up to 1."""
    slots: list[tuple[str, journey_pb2.RankedJourney | journey_pb2.NoJourney]]
    slots = [(ranked.journey_id, ranked) for ranked in answer.ranked]
    assert answer.HasField("no_journey") == (len(slots) < SLOTS)
    if answer.HasField("no_journey"):
        slots.append(("", answer.no_journey))
    for journey_id, slot in slots:
        options = {option.journey_id: option.probability for option in slot.drawn_from}
        assert sum(options.values()) == pytest.approx(1.0 if options else 0.0)
        assert slot.selection_probability == (options[journey_id] if options else 1.0)
        assert slot.is_exploration == ("EXPLORED" in {reason.code for reason in slot.reasons})
        assert not (slot.is_forced and options)


async def test_whatever_is_drawn_is_allowed_told_with_its_chance_and_told_again(own_home: Path) -> None:
    allowed = await allowed_by_rules(own_home)
    explore(own_home)
    answers: dict[str, decision_pb2.DecideResponse] = {}
    async with running(own_home) as service:
        for customer in CUSTOMERS:
            answer = answers[customer] = await service.decide(customer, limit=SLOTS, request_id="visit")
            assert {ranked.journey_id for ranked in answer.ranked} <= allowed[customer]
            assert answer.arm == ARMS.of(customer).value
            demand_whole(answer)
            assert await service.decide(customer, limit=SLOTS, request_id="visit") == answer
    assert any(ranked.is_exploration for answer in answers.values() for ranked in answer.ranked)
    async with running(own_home) as service:
        for answer in answers.values():
            record = await service.recall(answer.decision_id)
            assert [ranked.journey for ranked in record.ranked] == list(answer.ranked)
            assert (record.no_journey, record.arm) == (answer.no_journey, answer.arm)


async def test_the_holdout_is_shown_help_alone_and_told_why_in_both_languages(own_home: Path) -> None:
    allowed = await allowed_by_rules(own_home)
    explore(own_home)
    held_out = [customer for customer in CUSTOMERS if ARMS.of(customer) is Arm.HOLDOUT]
    assert held_out
    async with running(own_home) as service:
        for customer in held_out:
            answer = await service.decide(customer, limit=SLOTS)
            assert {ranked.kind for ranked in answer.ranked} <= HELPING
            withheld = {j.journey_id for j in answer.rejected if "HOLDOUT" in {r.code for r in j.reasons}}
            shown = may_be_shown(answer).keys()
            assert shown | withheld == allowed[customer]
            assert not shown & withheld
            said = [await service.decide(customer, limit=SLOTS, locale=one, dry_run=True) for one in ("en", "es")]
            texts = {r.text for answer in said for r in answer.no_journey.reasons if r.code == "HOLDOUT"}
            assert len(texts) == (2 if withheld else 0)


async def test_dry_runs_draw_anew_and_leave_nothing(own_home: Path) -> None:
    allowed = await allowed_by_rules(own_home)
    explore(own_home, epsilon=1.0)
    customer = max((c for c in CUSTOMERS if ARMS.of(c) is Arm.CHAMPION), key=lambda c: len(allowed[c]))
    async with running(own_home) as service:
        before = row_counts(own_home)
        found = [await service.decide(customer, limit=SLOTS, dry_run=True) for _ in range(12)]
        assert row_counts(own_home) == before
    assert {answer.decision_id for answer in found} == {""}
    assert {answer.arm for answer in found} == {"CHAMPION"}
    assert len({tuple(ranked.journey_id for ranked in answer.ranked) for answer in found}) > 1
    for answer in found:
        demand_whole(answer)


async def test_an_incident_closes_the_gate_to_every_draw(own_home: Path) -> None:
    """P1: what is acknowledged before a decision holds in it, in every arm."""
    explore(own_home, epsilon=1.0)
    async with running(own_home) as service:
        for customer in CUSTOMERS:
            await service.tell(opened(customer_id=customer))
            answer = await service.decide(customer, limit=SLOTS)
            assert set(may_be_shown(answer).values()) <= HELPING
