"""`rumbo evaluate` without its command line: what a policy would have been worth, and whether that is proven."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from models.valuation import cost_vector
from training.log.decisions import DecisionLog, read_decisions
from training.log.errors import LogInvalid
from training.log.options import LogColumns
from training.log.windows import old_enough
from training.off_policy import difference as compared
from training.off_policy.evidence import Evidence, evidence, evidence_of_logging
from training.off_policy.intervals import Estimate, estimates, normal
from training.off_policy.logged import Logged
from training.off_policy.policies import PolicyUnfit, checked, constant, uniform
from training.off_policy.slots import Slates
from training.off_policy.support import Support, support
from training.policy_table import PolicyTable, policy_at
from training.reward_model import reward_model

MODEL, LOGGING, UNIFORM = "model", "logging", "uniform"
CONSTANT = "constant:"


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EstimateForm(_Form):
    """A value a decision, in the unit of the reward."""

    value: float = Field(description="The value.")
    se: float = Field(description="Its standard error, rows of one customer taken as one draw.")
    low: float = Field(description="Where its 95 % interval begins.")
    high: float = Field(description="Where its 95 % interval ends.")


class SupportForm(_Form):
    """How well the log covers the policy."""

    ess: float = Field(description="Effective sample size, in decisions.")
    max_weight: float = Field(description="The largest weight of a decision.")
    share_without_support: float = Field(description="The share of the policy's probability that the log cannot judge.")
    verdict: str = Field(description="ok, or thin: a thin log proves no gain.", pattern="^(ok|thin)$")
    reasons: tuple[str, ...] = Field(description="Why it is thin; none if it is not.")


class Evaluation(_Form):
    """What a log says of a policy."""

    rows: int = Field(description="The rows that were judged by.")
    rows_without_reward: int = Field(description="Rows left out, for their reward is not known.")
    decisions: int = Field(description="What values are per: rows, or decisions of several slots.")
    customers: int = Field(description="The customers among them.")
    against: str = Field(description="What differences are taken against.")
    policies: dict[str, dict[str, EstimateForm | None]] = Field(
        description="By policy (model, logging, uniform, constant:JOURNEY) and estimator (dm, ips, clipped_ips, snips, "
        "dr, dr_shrinkage) its value; null where it has none for want of overlap."
    )
    differences: dict[str, EstimateForm] = Field(
        description="By policy its value minus that of `against`, by doubly robust scores paired row by row."
    )
    support: SupportForm = Field(description="How well the log covers the policy.")
    gain: str = Field(description="proven_better, proven_worse or not_enough_evidence, of the policy over `against`.")
    decisions_needed: int | None = Field(
        description="About how many more decisions would tell the difference from 0; null where none would."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is to be judged: the policy at `policy`, a bundle or a file, against another."""

    log: Path
    policy: Path
    columns: LogColumns
    against: str = LOGGING
    slot: int | None = None
    costs: Mapping[str, float] | None = None
    seed: int = 0


def evaluate_log(question: Question, announce: Callable[[str], None]) -> Evaluation:
    """Judges a policy by a log.

    Raises: LogInvalid, BundleCorrupt, OneCustomer.
    """
    announce("policy")
    judged = policy_at(question.policy, question.log, question.columns.eligible, question.costs)
    against = _table_against(question)
    announce("log")
    log = read_decisions(question.log, _with_features(question.columns, judged), with_silence=True)
    tables = [judged] if against is None else [judged, against]
    for table in tables:
        table.demand_within(log.rows_in_log)
    log = over(of_slot(log, question.slot), tables)
    demand_choice(log)
    log = replace(log, reward=log.reward - cost_vector(log.choices.journeys, question.costs or {})[log.shown])
    announce("reward model")
    slates = slates_of(log, question.slot)
    view = View(log, reward_model(log, question.seed), slates)
    announce("estimates")
    policies = view.plain()
    policies[MODEL] = view.of_table(judged)
    other = _other(question.against, against, view, policies)
    told = {name: normal(compared.difference(seen, other)) for name, seen in policies.items()}
    covered = support(view.logged, judged.on(log.row, log.choices.journeys), slates)
    return _evaluation(question, log, policies, told, covered, view.decisions)


class View:
    """A log, its reward model and its slates: what every policy is seen through."""

    def __init__(self, log: DecisionLog, rewards: NDArray[np.float64], slates: Slates | None) -> None:
        self.logged = logged_of(log)
        self.rows = log.row
        self.journeys = log.choices.journeys
        self._rewards = rewards
        self._slates = slates

    @property
    def decisions(self) -> int:
        return self.logged.rows if self._slates is None else self._slates.last.size

    def of(self, policy: NDArray[np.float64]) -> Evidence:
        """What the log says of a policy (n, J)."""
        return evidence(self.logged, policy, self._rewards, self._slates)

    def of_table(self, table: PolicyTable) -> Evidence:
        """Raises: LogInvalid for a row in which it is no policy."""
        policy = table.on(self.rows, self.journeys)
        try:
            return self.of(checked(policy, self.logged))
        except PolicyUnfit as error:
            row = None if error.row is None else int(self.rows[error.row])
            told = error.fact if row is None else f"{error.fact} (row {row} of the log)"
            raise LogInvalid(table.path, told, column="probability") from error

    def plain(self) -> dict[str, Evidence]:
        """The logging policy, the uniform one and each constant."""
        return {
            LOGGING: evidence_of_logging(self.logged, self._slates),
            UNIFORM: self.of(uniform(self.logged)),
            **{f"{CONSTANT}{name}": self.constant(name) for name in self.journeys},
        }

    def constant(self, journey: str) -> Evidence:
        return self.of(constant(self.logged, self.journeys.index(journey)))


def logged_of(log: DecisionLog) -> Logged:
    """A log as the estimators see it."""
    return Logged(
        shown=log.shown,
        propensity=log.propensity,
        reward=log.reward,
        customer=log.customer,
        eligible=log.choices.eligible,
        propensities=log.propensities,
    )


def over(log: DecisionLog, tables: list[PolicyTable]) -> DecisionLog:
    """The log over its own journeys and those that the policies take beside them, which it never shows."""
    more = sorted({name for table in tables for name in table.taking(log.row)} - set(log.choices.journeys))
    if not more:
        return log
    names = tuple(sorted((*log.choices.journeys, *more)))
    place = np.array([names.index(name) for name in log.choices.journeys])
    eligible = np.zeros((log.size, len(names)), dtype=np.bool_)
    eligible[:, place] = log.choices.eligible
    kinds = dict(zip(log.choices.journeys, log.kinds, strict=True))
    propensities = None
    if log.propensities is not None:
        propensities = np.zeros(eligible.shape)
        propensities[:, place] = log.propensities
    return replace(
        log,
        choices=replace(log.choices, journeys=names, eligible=eligible),
        shown=place[log.shown],
        kinds=tuple(kinds.get(name, "") for name in names),
        propensities=propensities,
    )


def _table_against(question: Question) -> PolicyTable | None:
    named = question.against
    if named in (LOGGING, UNIFORM) or named.startswith(CONSTANT):
        return None
    if not Path(named).exists():
        raise LogInvalid("--against", f"{named!r} is none of logging, uniform, constant:JOURNEY, a bundle or a file")
    return policy_at(Path(named), question.log, question.columns.eligible, question.costs)


def _other(named: str, table: PolicyTable | None, view: View, known: Mapping[str, Evidence]) -> Evidence:
    if table is not None:
        return view.of_table(table)
    if named not in known:
        journeys = ", ".join(name.removeprefix(CONSTANT) for name in known if name.startswith(CONSTANT))
        raise LogInvalid("--against", f"there is no journey {named.removeprefix(CONSTANT)!r}; there are: {journeys}")
    return known[named]


def _with_features(columns: LogColumns, judged: PolicyTable) -> LogColumns:
    """Rewards are modelled by the features named, else by those that the policy was made from."""
    if columns.features:
        return columns
    return replace(columns, features=judged.features, categorical=judged.categorical)


def demand_choice(log: DecisionLog) -> None:
    if np.unique(log.shown).size < 2:
        name = log.choices.journeys[int(log.shown[0])]
        raise LogInvalid(log.path, f"only one journey was ever shown ({name!r}): nothing to compare")
    if (log.choices.eligible.sum(axis=1) < 2).all():
        raise LogInvalid(log.path, "each row could have one journey only: nothing can be compared")


def of_slot(log: DecisionLog, slot: int | None) -> DecisionLog:
    """The rows of one slot; without one all rows of the decisions whose every reward is known.

    Of decisions alone that are old enough for any of their journeys to have one.
    """
    log = old_enough(log)
    if log.slates is None:
        if slot is None:
            return log
        raise LogInvalid(log.path, "it does not say which slot a row fills: it is no exported log", column="--slot")
    if slot is None:
        decision = log.slates.decision
        rows = np.bincount(decision)[decision] == log.slates.filled
    else:
        rows = log.slates.slot == slot
    if not rows.any():
        told = f"no row with a reward fills slot {slot}" if slot else "no decision has a reward in every slot"
        raise LogInvalid(log.path, told)
    return log.where(rows)


def slates_of(log: DecisionLog, slot: int | None) -> Slates | None:
    """The decisions of several slots, where all are judged together."""
    if slot is not None or log.slates is None or int(log.slates.slot.max()) == 1:
        return None
    return Slates.of(decision=log.slates.decision, slot=log.slates.slot, customer=log.customer)


def _evaluation(
    question: Question,
    log: DecisionLog,
    policies: Mapping[str, Evidence],
    told: Mapping[str, Estimate],
    covered: Support,
    decisions: int,
) -> Evaluation:
    return Evaluation(
        rows=log.size,
        rows_without_reward=log.unknown,
        decisions=decisions,
        customers=int(np.unique(log.customer).size),
        against=question.against,
        policies={
            name: {key: None if found is None else _form(found) for key, found in estimates(seen).items()}
            for name, seen in policies.items()
        },
        differences={name: _form(found) for name, found in told.items()},
        support=SupportForm(
            ess=covered.ess,
            max_weight=covered.max_weight,
            share_without_support=covered.share_without_support,
            verdict=covered.verdict,
            reasons=tuple(reason.value for reason in covered.reasons),
        ),
        gain=compared.gain(told[MODEL], covered).value,
        decisions_needed=compared.decisions_needed(told[MODEL], decisions),
    )


def _form(found: Estimate) -> EstimateForm:
    return EstimateForm(value=found.value, se=found.se, low=found.low, high=found.high)
