"""Whether a challenger may become champion: by the paired difference on rows that neither had learnt from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from features.encoder import JourneyRow
from models.bundle import Bundle
from models.scorer import Scorer
from service.decision.arms import Arm
from service.decision.plan import Candidate, Plan
from training.company import CompanyModels
from training.evaluation import logged_of, of_slot
from training.log import cells
from training.log.decisions import DecisionLog, decisions_of
from training.log.errors import LogInvalid
from training.log.files import LogFiles
from training.log.options import LogColumns
from training.off_policy.difference import Gain, difference, gain
from training.off_policy.evidence import evidence
from training.off_policy.intervals import normal
from training.off_policy.policies import deterministic
from training.off_policy.support import support
from training.reward_model import reward_model

Matrix = NDArray[np.float64]
LEAST_ROWS = 100


class Ruling(StrEnum):
    """What the gate made of a challenger."""

    FIRST = "first"  # there was no champion
    PROMOTED = "promoted"
    HELD_BACK = "held back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`difference`, with its 95 % interval, a decision; None where there was nothing to judge by. `why` in words."""

    ruling: Ruling
    why: str
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    rows: int = 0


def judge(
    log: Path, models: CompanyModels, plan: Plan, champion: Bundle, challenger: Bundle, after: np.datetime64
) -> Verdict:
    """Of the first slots of what was decided after that moment."""
    files = LogFiles(log)
    try:
        whole = of_slot(decisions_of(files, models.columns_for(files, LogColumns())), 1)
    except LogInvalid as error:
        return Verdict(ruling=Ruling.HELD_BACK, why=str(error))
    rows = whole.where((whole.decided_at > after) & ~_is_held_out(files, plan)[whole.row])
    if rows.size < LEAST_ROWS:
        return Verdict(ruling=Ruling.HELD_BACK, why=f"{rows.size} rows to judge by", rows=rows.size)
    terms = _terms(plan, rows.choices.journeys)
    costs = np.array([term.action.cost for term in terms.values()])
    logged, rewards = logged_of(rows), reward_model(rows, 0)
    told = {}
    chosen = {}
    for name, bundle in (("champion", champion), ("challenger", challenger)):
        chosen[name] = deterministic(choices(rows, terms, Scorer(bundle)), len(terms))
        told[name] = evidence(logged, chosen[name], rewards)
    spent = (chosen["challenger"] - chosen["champion"]) @ costs
    scores = difference(told["challenger"], told["champion"])
    scores = type(scores)(numerator=scores.numerator - spent, denominator=scores.denominator, clusters=scores.clusters)
    found, covered = normal(scores), support(logged, chosen["challenger"])
    is_proven = gain(found, covered) is Gain.PROVEN_BETTER
    reasons = ", ".join(covered.reasons)
    return Verdict(
        ruling=Ruling.PROMOTED if is_proven else Ruling.HELD_BACK,
        why="proven better" if is_proven else reasons or "not enough evidence" if found.high > 0.0 else "proven worse",
        difference=found.value,
        low=found.low,
        high=found.high,
        rows=rows.size,
    )


def _is_held_out(files: LogFiles, plan: Plan) -> NDArray[np.bool_]:
    """(all rows of the log,) those of customers to whom nothing but help may be shown."""
    customers = cells.texts(files.read({"customer_id"}, {"customer_id"}), "customer_id")
    held_out = np.array([plan.arms.of(customer_id) is Arm.HOLDOUT for customer_id in customers.levels])
    return np.asarray(held_out[customers.codes])


def choices(log: DecisionLog, terms: Mapping[str, Candidate], scorer: Scorer) -> NDArray[np.int64]:
    """(n,) what the service would choose first by this model: of the best tier that is allowed, by priority."""
    eligible = log.choices.eligible
    tiers = np.array([term.journey.tier for term in terms.values()])
    best = np.where(eligible, tiers, tiers.max() + 1).min(axis=1, keepdims=True)
    priority = np.column_stack([_priority(log, term, scorer) for term in terms.values()])
    return np.asarray(np.argmax(np.where(eligible & (tiers == best), priority, -np.inf), axis=1))


def _priority(log: DecisionLog, term: Candidate, scorer: Scorer) -> Matrix:
    journey, features = term.journey, log.choices.features
    row = JourneyRow(journey_id=journey.journey_id, kind=journey.kind.value, attributes=journey.attributes)
    is_known = journey.journey_id in scorer.history
    p = scorer.score_columns(features, row) if is_known else np.full(log.size, journey.prior)
    is_own = journey.objective.is_value_learnt and journey.journey_id in scorer.valued
    value = scorer.value_columns(features, row) if is_own else np.full(log.size, journey.objective.value)
    lever = np.ones(log.size)
    if journey.lever is not None:
        until = np.datetime64(journey.lever.until.replace(tzinfo=None), "us")
        lever = np.where(log.decided_at < until, journey.lever.weight, 1.0)
    return np.asarray(p * value * lever - term.action.cost)


def _terms(plan: Plan, journeys: tuple[str, ...]) -> dict[str, Candidate]:
    """A candidate of each, in their order."""
    found = {o.journey.journey_id: o.elsewhere[0] for offered in plan.journeys.values() for o in offered}
    return {journey: found[journey] for journey in journeys}
