"""`rumbo promote` without its command line: a challenger against the champion, on rows that are new to both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.bundle import Bundle
from models.errors import ModelMissing
from models.learnt import RewardKind
from models.valuation import Valuation
from service.decision.plan import Plan
from training.evaluation import View, demand_choice, of_slot, over, slates_of
from training.log.decisions import DecisionLog, read_decisions
from training.log.errors import LogInvalid
from training.log.options import LogColumns
from training.monitor.sequence import Looks, looks_of
from training.off_policy.clusters import Clusters
from training.off_policy.difference import difference
from training.off_policy.estimators import Scores
from training.off_policy.slots import Slates
from training.off_policy.support import LEAST_ESS, Reason, Support, support
from training.policy_table import PolicyTable, policy_of
from training.promote.calibration import calibration_difference
from training.promote.costs import costs_of
from training.promote.proof import decisions_needed, level_of, proofs
from training.promote.served import served_policy
from training.promote.uplift import ranked_by_uplift, whatever_was_shown
from training.promote.verdict import Check, Checked, Difference, Verdict, checked_difference
from training.reward_model import reward_model

Vector = NDArray[np.float64]
Announce = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A version of the registry, and its bundle."""

    number: str
    bundle: Bundle


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """Who is to be judged against whom, by which log.

    `others`: the p-values of other challengers that were judged on these rows, given when they begin and end.
    `constraints`: what replay of the decisions since then found. `plan`: of the catalogue in force, if there is one.
    """

    log: Path
    columns: LogColumns
    challenger: Contender
    champion: Contender
    constraints: Callable[[datetime], Checked]
    others: Callable[[datetime, datetime], Sequence[float]] = lambda since, until: ()
    limit: float = 0.0
    seed: int = 0
    plan: Plan | None = None


class LearntUnknown(ModelMissing):
    """A bundle does not say until when it learned, so no row is known to be new to it."""

    def __init__(self, number: str) -> None:
        super().__init__(
            f"version {number} does not say until when it learned, for an earlier release made it, so no row is known"
            " to be new to it: train again, or say --force"
        )


def judge(contest: Contest, announce: Announce) -> Verdict:
    """Raises: LearntUnknown; LogInvalid, BundleCorrupt, OneCustomer."""
    since = max(_learned_until(one) for one in (contest.challenger, contest.champion))
    announce("policies")
    tables = [_table(one, contest, since) for one in (contest.challenger, contest.champion)]
    announce("log")
    log = _later(contest, tables, since)
    if log is None:
        return _nothing_yet(contest, since)
    announce("reward model")
    slates = slates_of(log, None)
    view = _view(log, contest, slates)
    announce("verdict")
    scores = difference(*(view.of_table(table) for table in tables))
    looks = _looks(scores, log, slates)
    first, last = (moment.item().replace(tzinfo=UTC) for moment in (log.decided_at.min(), log.decided_at.max()))
    found = _difference(looks, contest, contest.others(first, last))
    policies = [table.on(log.row, log.choices.journeys) for table in tables]
    supports = [support(view.logged, policy, slates) for policy in policies]
    return Verdict(
        challenger=contest.challenger.number,
        champion=contest.champion.number,
        since=first.isoformat(),
        until=last.isoformat(),
        decisions=view.decisions,
        customers=int(looks.customers[0]),
        difference=found,
        checks=(
            checked_difference(found),
            _calibration(contest, _read(contest, tables, since, with_silence=False)),
            contest.constraints(since),
            _support(contest, supports),
        ),
    )


def _learned_until(one: Contender) -> datetime:
    if one.bundle.learned_until is None:
        raise LearntUnknown(one.number)
    return one.bundle.learned_until


def _table(one: Contender, contest: Contest, since: datetime) -> PolicyTable:
    """In the order in which the service would choose by it, where the log says what that follows from."""
    whose, eligible = Path(f"version {one.number}"), contest.columns.eligible
    served = served_policy(one.bundle, whose, contest.log, contest.plan, since) if eligible is None else None
    return served or policy_of(one.bundle, whose, contest.log, eligible, None)


def _view(log: DecisionLog, contest: Contest, slates: Slates | None) -> View:
    """By what was earned less what it cost to say it, as priorities are."""
    said: dict[str, float] = {}
    for one in (contest.champion, contest.challenger):
        said |= {} if one.bundle.policy is None else one.bundle.policy.costs
    costs = costs_of(log, said)
    net = replace(log, reward=log.reward - costs[np.arange(log.size), log.shown])
    return View(net, reward_model(log, contest.seed) - costs, slates)


def _later(contest: Contest, tables: list[PolicyTable], since: datetime) -> DecisionLog | None:
    """The rows decided after both had learned, silence among them; None if there are none, or of one journey alone."""
    log = _read(contest, tables, since, with_silence=True)
    if not log.size:
        return None
    try:
        log = whatever_was_shown(over(of_slot(log, None), tables), ranked_by_uplift(contest.plan))
        if not log.size:
            return None
        demand_choice(log)
    except LogInvalid:
        return None
    return log


def _read(contest: Contest, tables: list[PolicyTable], since: datetime, *, with_silence: bool) -> DecisionLog:
    """Over the features of both policies, and later than what they learned from."""
    names = dict.fromkeys(name for table in tables for name in table.features)
    categorical = dict.fromkeys(name for table in tables for name in table.categorical)
    columns = replace(contest.columns, features=tuple(names), categorical=tuple(categorical))
    log = read_decisions(contest.log, columns, with_silence=with_silence)
    return log.where(log.decided_at > np.datetime64(since.astimezone(UTC).replace(tzinfo=None), "us"))


def _nothing_yet(contest: Contest, since: datetime) -> Verdict:
    told = f"no decision after {since.isoformat()}, when both had learned, has a reward yet"
    return Verdict(
        challenger=contest.challenger.number,
        champion=contest.champion.number,
        since=since.isoformat(),
        until=since.isoformat(),
        decisions=0,
        customers=0,
        difference=None,
        checks=(Checked(check=Check.DIFFERENCE, is_passed=False, told=told, is_settled=False),),
    )


def _looks(scores: Scores, log: DecisionLog, slates: Slates | None) -> Looks:
    """All at one look: the difference of each decision, its slots together."""
    values, customer = scores.numerator, log.customer
    if slates is not None and log.slates is not None:
        code = Clusters.of(log.slates.decision)
        values, opens = code.sums(values), slates.first > 0.0
        customer = np.empty(code.count, dtype=np.int64)
        customer[code.code[opens]] = log.customer[opens]
    dense = Clusters.of(customer).code
    return looks_of(values, dense, np.zeros(values.size, dtype=np.int64), 1)


def _difference(looks: Looks, contest: Contest, others: Sequence[float]) -> Difference:
    own = float(proofs(looks, contest.limit).p[0])
    level = level_of(own, others)
    found = proofs(looks, contest.limit, level)
    value, variance, rows = float(found.value[0]), float(looks.variance[0]), float(looks.rows[0])
    return Difference(
        value=value,
        low=float(found.low[0]),
        high=float(found.high[0]),
        p=own,
        level=level,
        limit=contest.limit,
        more_needed=decisions_needed(value, variance, rows, contest.limit, level, effective=float(looks.effective[0])),
    )


def _calibration(contest: Contest, log: DecisionLog) -> Checked:
    """By what was shown, of the journeys that both know. `log`: without silence, beside which contacts that were never
    presented have a reward of 0, and there was nothing that their objectives could have been met by.
    """
    bundles = [one.bundle for one in (contest.challenger, contest.champion)]
    if any(bundle.policy is None or bundle.policy.reward.kind is RewardKind.MEAN for bundle in bundles):
        return Checked(check=Check.CALIBRATION, is_passed=True, told="one tells mean rewards, and no probability")
    told = [_p_shown(bundle, log) for bundle in bundles]
    both = ~np.isnan(told[0]) & ~np.isnan(told[1])
    if not both.any():
        return Checked(check=Check.CALIBRATION, is_passed=True, told="no journey that was shown is known to both")
    met = (log.reward[both] != 0.0).astype(np.float64)
    found = calibration_difference(told[0][both], told[1][both], met, Clusters.of(log.customer[both]), contest.seed)
    return Checked(
        check=Check.CALIBRATION,
        is_passed=found.low <= 0.0,
        told=f"calibration error {found.value:+.4f} ± {found.se:.4f} beside the champion's, in tenths of "
        f"{int(both.sum()):,} rows" + (": it is worse, which is proven" if found.low > 0.0 else ""),
    )


def _p_shown(bundle: Bundle, log: DecisionLog) -> Vector:
    """(n,) P(met) of what was shown; NaN of a journey that the bundle does not know."""
    valuation, out = Valuation(bundle), np.full(log.size, np.nan)
    for journey in valuation.policy.journeys:
        if journey.journey_id not in log.choices.journeys:
            continue
        rows = np.flatnonzero(log.shown == log.choices.journeys.index(journey.journey_id))
        if rows.size:
            out[rows] = valuation.p_met(log.choices.features.take(rows), journey)
    return out


def _more_for(found: Support) -> int:
    """About how many decisions more give as many effective ones as are needed; 0 where that is not what is lacking."""
    if found.reasons != (Reason.FEW_EFFECTIVE_ROWS,) or not found.ess:
        return 0
    return ceil(found.decisions * (LEAST_ESS / found.ess - 1.0))


def _support(contest: Contest, supports: Sequence[Support]) -> Checked:
    numbers = (contest.challenger.number, contest.champion.number)
    thin = [
        f"version {number}: {', '.join(found.reasons)}"
        for number, found in zip(numbers, supports, strict=True)
        if found.reasons
    ]
    lacking = [_more_for(found) for found in supports if found.reasons]
    more = max(lacking) if lacking and all(lacking) else 0
    sizes = " and ".join(f"{found.ess:,.0f}" for found in supports)
    return Checked(
        check=Check.SUPPORT,
        is_passed=not thin,
        told=f"effective sample sizes {sizes}"
        + (f"; thin for {'; '.join(thin)}" if thin else "")
        + (f"; about {more:,} decisions more like these would be enough" if more else ""),
        is_settled=not thin,
    )
