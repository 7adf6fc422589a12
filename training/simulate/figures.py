"""What a simulation came to, as figures: the value against the oracle, with intervals; the gate; the audit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import NormalDist

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from service.decision.arms import Arm
from training.simulate.compared import Played
from training.simulate.gate import Ruling
from training.simulate.ledger import Ledger
from training.simulate.loop import Week
from training.simulate.policies import ORACLE
from training.simulate.scenario import NEW_JOURNEY, Scenario

LAST_DAYS = 14
"""What is compared: the days in which the loop has learnt what it will."""
Z = NormalDist().inv_cdf(0.975)


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Interval(_Form):
    """A figure with its 95 % interval, customers taken as draws."""

    value: float
    low: float
    high: float

    @property
    def is_above_zero(self) -> bool:
        return self.low > 0.0


class PolicyFigures(_Form):
    """One policy, over the customers of the loop's champion arm, in the last days."""

    value: float = Field(description="True value a decision.")
    of_oracle: Interval = Field(description="That over the oracle's, of the same customers.")
    loop_minus_it: Interval = Field(description="The loop's champion arm minus it, a decision.")


class GateFigures(_Form):
    """One ruling."""

    day: int = Field(description="The night, from 1.")
    version: str = Field(description="The challenger.")
    ruling: str = Field(description="first, promoted, held back or refused.")
    why: str
    difference: float | None = Field(description="By the log, a decision; null where nothing was compared.")
    low: float | None = Field(description="Of its confidence sequence; null where so few decisions bound nothing.")
    high: float | None
    decisions: int = Field(description="Judged by.")
    true_gain: float | None = Field(description="By the truth, a decision.")


class NewJourneyFigures(_Form):
    """The journey of mid-course, over the decisions in which it was allowed, from its first day on."""

    allowed: int
    shown: int
    share: float
    share_of_oracle: float | None = Field(description="Over the share that the oracle gives it; null if that is 0.")


class Figures(_Form):
    """All of it."""

    customers: int
    days: int
    seed: int
    decisions: int
    last_days: int
    of_oracle: Interval = Field(description="The champion arm's true value over the oracle's: the figure that counts.")
    of_oracle_all_arms: Interval = Field(description="The same of all customers, holdout and random arm among them.")
    policies: dict[str, PolicyFigures]
    by_arm: dict[str, float] = Field(description="True value a decision in the last days, by arm.")
    by_day: dict[str, list[float | None]] = Field(description="True value a decision; `loop` is its champion arm.")
    gate: list[GateFigures]
    promoted: int
    held_back: int = Field(description="Rulings that left the champion, refusals among them.")
    held_back_wrongly: int = Field(description="Of those held back, how many were truly better.")
    cost_of_holding_back: float = Field(
        description="What those would have brought to the champion arm until the next ruling, less what the others "
        "would have lost there, over the true value of all decisions."
    )
    new_journey: NewJourneyFigures | None
    shown: int = Field(description="Journeys shown, over all worlds.")
    forbidden: list[str] = Field(description="Those that should not have been, by an audit of its own.")
    caps: dict[str, int] = Field(description="The most that was counted of each cap in the loop.")


def figures_of(scenario: Scenario, loop: Played, weeks: Sequence[Week], others: Mapping[str, Played]) -> Figures:
    """`others` has the oracle among them."""
    ledger, last = loop.ledger, range(max(scenario.days - LAST_DAYS, 0), scenario.days)
    champion = customers_of(ledger, Arm.CHAMPION, last)
    oracle = others[ORACLE].ledger
    every = [loop, *others.values()]
    return Figures(
        customers=scenario.customers,
        days=scenario.days,
        seed=scenario.seed,
        decisions=len(ledger.entries),
        last_days=len(last),
        of_oracle=ratio(ledger, oracle, last, champion),
        of_oracle_all_arms=ratio(ledger, oracle, last),
        policies={name: _policy(ledger, one.ledger, oracle, last, champion) for name, one in others.items()},
        by_arm={
            arm: mean(ledger, last, customers_of(ledger, Arm(arm), last))
            for arm in sorted({e.arm for e in ledger.entries})
        },
        by_day={
            "loop": _listed(ledger, scenario.days, champion),
            **{name: _listed(one.ledger, scenario.days, champion) for name, one in others.items()},
        },
        gate=[_gate(week) for week in weeks],
        promoted=sum(week.ruled.ruling is Ruling.PROMOTED for week in weeks),
        held_back=sum(map(_is_held, weeks)),
        held_back_wrongly=sum(_was_better(week) for week in weeks),
        cost_of_holding_back=_cost(scenario, ledger, weeks),
        new_journey=_new_journey(scenario, ledger, oracle),
        shown=sum(one.audit.shown for one in every),
        forbidden=[violation for one in every for violation in one.audit.violations],
        caps=loop.audit.most,
    )


def customers_of(ledger: Ledger, arm: Arm, days: range) -> frozenset[int]:
    """Those who came in these days, and were in this arm each time."""
    entries = [entry for entry in ledger.entries if entry.day in days]
    others = {entry.who for entry in entries if entry.arm != arm.value}
    return frozenset(entry.who for entry in entries if entry.who not in others)


def mean(ledger: Ledger, days: range, customers: frozenset[int] | None = None) -> float:
    """The true value a decision."""
    found = ledger.values(days, customers).values()
    count = sum(count for _, count in found)
    return sum(value for value, _ in found) / count if count else float("nan")


def ratio(one: Ledger, other: Ledger, days: range, customers: frozenset[int] | None = None) -> Interval:
    """The value of one over that of another, of the same visits: R ± z se, by the residuals v - R w of customers.

    Source: Cochran (1977), Sampling Techniques, section 6.4.
    """
    v, w = _paired(one, other, days, customers)
    if w.sum() == 0.0:
        return Interval(value=float("nan"), low=float("nan"), high=float("nan"))
    found = float(v.sum() / w.sum())
    residuals = v - found * w
    half = Z * float(np.sqrt((residuals**2).sum()) / w.sum())
    return Interval(value=found, low=found - half, high=found + half)


def minus(one: Ledger, other: Ledger, days: range, customers: frozenset[int] | None = None) -> Interval:
    """The difference of values a decision, paired by customer."""
    counts = one.values(days, customers)
    v, w = _paired(one, other, days, customers)
    n = np.array([count for _, count in counts.values()], dtype=np.float64)
    found = float((v - w).sum() / n.sum())
    half = Z * float(np.sqrt((((v - w) - found * n) ** 2).sum()) / n.sum())
    return Interval(value=found, low=found - half, high=found + half)


def _paired(
    one: Ledger, other: Ledger, days: range, customers: frozenset[int] | None
) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """By customer; the visits of both are the same."""
    own, its = one.values(days, customers), other.values(days, customers)
    return np.array([own[who][0] for who in own]), np.array([its[who][0] for who in own])


def _policy(loop: Ledger, one: Ledger, oracle: Ledger, days: range, customers: frozenset[int]) -> PolicyFigures:
    return PolicyFigures(
        value=mean(one, days, customers),
        of_oracle=ratio(one, oracle, days, customers),
        loop_minus_it=minus(loop, one, days, customers),
    )


def _listed(ledger: Ledger, days: int, customers: frozenset[int]) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in ledger.by_day(days, customers)]


def _gate(week: Week) -> GateFigures:
    ruled = week.ruled
    return GateFigures(
        day=week.day + 1,
        version=week.version,
        ruling=ruled.ruling.value,
        why=ruled.why,
        difference=ruled.difference,
        low=ruled.low,
        high=ruled.high,
        decisions=ruled.decisions,
        true_gain=week.true_gain,
    )


def _is_held(week: Week) -> bool:
    return week.ruled.ruling in (Ruling.HELD_BACK, Ruling.REFUSED)


def _was_better(week: Week) -> bool:
    return _is_held(week) and week.true_gain is not None and week.true_gain > 0.0


def _cost(scenario: Scenario, ledger: Ledger, weeks: Sequence[Week]) -> float:
    """The other arms decide as they do whatever was ruled."""
    total = sum(entry.value for entry in ledger.entries)
    lost = 0.0
    for week in weeks:
        if _is_held(week) and week.true_gain is not None:
            days = range(week.day + 1, week.day + 1 + scenario.learns_every)
            mine = (entry for entry in ledger.entries if entry.arm == Arm.CHAMPION.value)
            lost += week.true_gain * sum(entry.day in days for entry in mine)
    return lost / total if total else 0.0


def _new_journey(scenario: Scenario, ledger: Ledger, oracle: Ledger) -> NewJourneyFigures | None:
    if scenario.new_journey_on is None:
        return None
    own = [shown for _, shown in ledger.shown_of(NEW_JOURNEY, Arm.CHAMPION.value)]
    its = [shown for _, shown in oracle.shown_of(NEW_JOURNEY)]
    share, best = _share(own), _share(its)
    return NewJourneyFigures(
        allowed=len(own), shown=sum(own), share=share, share_of_oracle=share / best if best > 0.0 else None
    )


def _share(shown: Sequence[bool]) -> float:
    return sum(shown) / len(shown) if shown else 0.0
