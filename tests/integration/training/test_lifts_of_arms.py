"""The lift that `rumbo arms` tells of decisions really made, kept and exported, beside the true one.

Customers buy with a probability that basket raises where it is shown. By how much an arm raises it follows in closed
form from the probabilities that its slots are drawn with, so the truth is known.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from statistics import fmean

import pytest

from service.decision.arms import Arm
from service.decision.decide import Decision
from service.decision.reports.rows import OutcomeType
from tests.builders import NOW
from tests.contract.adapters import ADAPTERS, Store
from tests.contract.exploring import PLAN, explored
from tests.contract.history import DAY, buy, exported, present
from tests.contract.rows import outcome
from training.arms.compare import Question, compare_arms
from training.arms.report import ArmsReport

BY_ITSELF, IF_SHOWN = 0.15, 0.7
WORTH = 5.0
"""Of a purchase, by the catalogue of the tests."""
SPAN, WINDOW = 20, 7
BASKET = "basket"
MINUTES = 24 * 60


def p_basket(decision: Decision) -> float:
    """The probability that the one slot of a decision was filled with it."""
    chance = decision.picks[0].chance if decision.picks else decision.selection.silence
    assert chance is not None
    return chance.drawn_from.p_of(BASKET)


async def played(state: Store, seed: int, customers: int) -> Mapping[str, float]:
    """Each customer is decided for on one day of SPAN, and a third of them again the day after.

    Returns: what a customer of each arm is expected to do, by the probabilities of the first decisions; that of basket
    rises for everybody once a capacity is used up.

    Who buys does so within the window of the first decision, so within that of the second mostly too; some buy twice,
    and all buy something small, which no objective asks for.
    """
    draw, shown = random.Random(seed), defaultdict(list)
    arrivals = sorted((draw.randrange(SPAN * MINUTES), 10_000 * (seed + 1) + one) for one in range(customers))
    for minute, number in arrivals:
        at, customer = timedelta(minutes=minute), str(number)
        first = await explored(state, f"d{customer}", Arm.CHAMPION, now=NOW + at, customer_id=customer, limit=1)
        shown[first.arm.value].append(p_basket(first))
        if draw.random() < 1.0 / 3.0:
            again = NOW + at + DAY
            await explored(state, f"e{customer}", Arm.CHAMPION, now=again, customer_id=customer, limit=1)
        is_shown = any(pick.journey_id == BASKET for pick in first.picks)
        await buy(state, at + timedelta(minutes=draw.randrange(WINDOW * MINUTES)), 2.0, customer)
        if draw.random() < (IF_SHOWN if is_shown else BY_ITSELF):
            bought = at + timedelta(minutes=draw.randrange(WINDOW * MINUTES))
            await buy(state, bought, 20.0, customer)
            if draw.random() < 0.3:
                await buy(state, bought + timedelta(minutes=draw.randrange(10 * MINUTES)), 30.0, customer)
    return {arm: WORTH * (BY_ITSELF + (IF_SHOWN - BY_ITSELF) * fmean(p)) for arm, p in shown.items()}


async def told(folder: Path, seed: int, customers: int) -> tuple[ArmsReport, Mapping[str, float]]:
    folder.mkdir()
    state = await ADAPTERS["sqlite"](folder)
    try:
        truth = await played(state, seed, customers)
        await exported(state, folder / "export", NOW + 60 * DAY)
    finally:
        await state.close()
    return compare_arms(Question(log=folder / "export")), truth


def misses(found: ArmsReport, truth: Mapping[str, float]) -> int:
    """Intervals of any look that leave the true lift out."""
    return sum(
        not look.low <= truth[one.arm] - truth[one.against] <= look.high
        for one in found.comparisons
        for look in one.looks
        if look.low is not None and look.high is not None
    )


@pytest.mark.timeout(120)
async def test_the_lift_over_the_holdout_covers_the_truth(tmp_path: Path) -> None:
    found, truth = await told(tmp_path / "a", 1, 600)
    assert found.withheld is None
    assert sum(arm.counted for arm in found.arms) > 585, "each customer once, but for those before all arms had one"
    assert not misses(found, truth)
    champion = next(one for one in found.comparisons if one.arm == Arm.CHAMPION and one.against == Arm.HOLDOUT)
    assert truth[Arm.CHAMPION] - truth[Arm.HOLDOUT] > 1.0
    assert champion.verdict == "better"
    assert champion.value_against == pytest.approx(WORTH * BY_ITSELF, abs=0.65), "of 120 customers, 4 standard errors"


async def test_what_is_told_of_contacts_counts_and_its_part_is_noticed(tmp_path: Path) -> None:
    """40 customers of each arm, decided for once: whoever is shown the survey converts, for 3."""
    state = await ADAPTERS["sqlite"](tmp_path)
    surveys = 0
    try:
        for arm in (Arm.CHAMPION, Arm.HOLDOUT):
            for customer in [str(one) for one in range(400) if PLAN.arms.of(str(one)) is arm][:40]:
                decision = await explored(state, f"d{customer}", arm, customer_id=customer, limit=1)
                if [pick.journey_id for pick in decision.picks] == ["survey"]:
                    surveys += 1
                    await present(state, f"d{customer}", "survey")
                    about = outcome(f"o{customer}", OutcomeType.CONVERTED, NOW + DAY, journey_id="survey", value=3.0)
                    await state.record_outcomes([replace(about, decision_id=f"d{customer}")], NOW + DAY)
        await exported(state, tmp_path / "export", NOW + 60 * DAY)
    finally:
        await state.close()
    (found,) = (
        one for one in compare_arms(Question(log=tmp_path / "export")).comparisons if one.against == Arm.HOLDOUT
    )
    expected = 3.0 * surveys / 40
    assert expected > 0.0
    assert (found.value, found.value_against, found.lift) == pytest.approx((expected, 0.0, expected))
    assert (found.of_outcomes, found.of_outcomes_against) == pytest.approx((expected, 0.0))
    (said,) = (one for one in compare_arms(Question(log=tmp_path / "export")).notices if "contacts" in one)
    assert said.startswith(f"CHAMPION against HOLDOUT: {expected:.4g} of the value of CHAMPION was told of contacts")


@pytest.mark.proof
@pytest.mark.timeout(3600)
async def test_of_20_worlds_one_at_most_is_told_wrongly(tmp_path: Path) -> None:
    wrong, lifts = 0, []
    for seed in range(20):
        found, truth = await told(tmp_path / str(seed), seed, 1_500)
        wrong += bool(misses(found, truth))
        champion = next(one for one in found.comparisons if one.arm == Arm.CHAMPION and one.against == Arm.HOLDOUT)
        assert champion.lift is not None
        lifts.append(champion.lift - (truth[Arm.CHAMPION] - truth[Arm.HOLDOUT]))
    print(f"{wrong} of 20 worlds; mean error of the champion's lift {sum(lifts) / 20:+.4f}")  # noqa: T201
    assert wrong <= 1
    assert abs(sum(lifts) / 20) < 0.16, "4 standard errors of a mean of 20"
