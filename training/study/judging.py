"""A policy judged by a log: what both say, how well the log covers it, what is proven, and what to do if little is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from training import pictures
from training.evaluation import LOGGING, MODEL, Evaluation, Question, evaluate_log, of_slot, over
from training.log.decisions import DecisionLog, read_decisions
from training.log.options import LogColumns
from training.off_policy.support import CERTAIN, LEAST_ESS, LEAST_ESS_SHARE, MOST_OF_ONE_ROW, Reason
from training.policy_table import policy_at
from training.study.shown import Picture, Sentence, Table, or_lacking, unless_lacking
from training.study.subject import Subject

Vector = NDArray[np.float64]

ESTIMATORS: Final = ("dm", "ips", "clipped_ips", "snips", "dr", "dr_shrinkage")
MOST_JOURNEYS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What was found, over `log`, the rows that were judged by: `taken` (n, J) is the policy."""

    found: Evaluation
    log: DecisionLog
    taken: NDArray[np.float64]

    @property
    def weights(self) -> Vector:
        """(n,) how much more, or less, likely the policy shows what was shown."""
        taken: Vector = self.taken[np.arange(self.log.size), self.log.shown]
        return taken / self.log.propensity


@or_lacking
def judged(subject: Subject, columns: LogColumns, costs: Mapping[str, float] | None = None) -> Judgement:
    """As `rumbo evaluate`. Raises: what that ends with."""
    log = subject.log_read()
    with subject.at_hand(subject.policy) as policy, subject.at_hand(subject.against) as against:
        question = Question(
            log=log, policy=Path(policy), columns=columns, against=against, slot=subject.slot, costs=costs
        )
        found = evaluate_log(question, lambda said: None).model_copy(update={"against": subject.against})
        table = policy_at(question.policy, log, columns.eligible, costs)
        rows = of_slot(over(read_decisions(log, columns, with_silence=True), [table]), subject.slot)
        return Judgement(found=found, log=rows, taken=table.on(rows.row, rows.choices.journeys))


@unless_lacking
def the_log(judgement: Judgement) -> Table:
    """What the log holds, a fact a line."""
    log, found = judgement.log, judgement.found
    certain = float((log.propensity >= CERTAIN).mean())
    facts = {
        "first decision": str(log.decided_at.min().astype("datetime64[s]")),
        "last decision": str(log.decided_at.max().astype("datetime64[s]")),
        "decisions": f"{found.decisions:,}",
        "customers": f"{found.customers:,}",
        "journeys that were shown": f"{np.unique(log.shown).size} of {len(log.choices.journeys)}",
        "rows judged by": f"{found.rows:,}",
        "rows left out, for their reward is not known": f"{found.rows_without_reward:,}",
        "rows with a reward other than 0": f"{float((log.reward != 0.0).mean()):.1%}",
        "rows in which nothing else could have been shown": f"{certain:.1%}",
    }
    return Table(pd.DataFrame({"": list(facts.values())}, index=list(facts)))


@unless_lacking
def picture_of_choices(judgement: Judgement) -> Picture:
    """Of the journeys that were shown, or that the policy takes, most often."""
    return Picture(pictures.shares(choices(judgement).head(MOST_JOURNEYS)))


def choices(judgement: Judgement) -> pd.DataFrame:
    """By journey, the share of rows in which it was shown, and in which the policy takes it; the largest first."""
    log = judgement.log
    logged = np.bincount(log.shown, minlength=len(log.choices.journeys)) / log.size
    table = pd.DataFrame(
        {"logged": logged, "policy": judgement.taken.mean(axis=0)},
        index=pd.Index(log.choices.journeys, name="journey"),
    )
    order = np.argsort(-table.max(axis=1).to_numpy(), kind="stable")
    return table.iloc[order]


@unless_lacking
def support(judgement: Judgement) -> Table:
    """How well the log covers the policy, beside what is asked for."""
    told, decisions = judgement.found.support, judgement.found.decisions
    least = max(LEAST_ESS, LEAST_ESS_SHARE * decisions)
    weights = judgement.weights
    largest = float(weights.max() / weights.sum()) if weights.any() else 0.0
    rows = {
        "effective sample size": (f"{told.ess:,.0f} of {decisions:,}", f"at least {least:,.0f}"),
        "largest weight of a decision": (f"{told.max_weight:.3g}", ""),
        "largest share of one row in the weight": (f"{largest:.1%}", f"at most {MOST_OF_ONE_ROW:.0%}"),
        "mean weight of a row": (f"{weights.mean():.3f}", "1 but for chance"),
        "share of the policy without support": (f"{told.share_without_support:.1%}", "at most 1 %"),
        "verdict": (told.verdict + "".join(f" · {reason}" for reason in told.reasons), "ok"),
    }
    return Table(pd.DataFrame(list(rows.values()), index=list(rows), columns=["found", "asked for"]))


@unless_lacking
def picture_of_weights(judgement: Judgement) -> Picture:
    """How the weights of the rows are spread."""
    return Picture(pictures.weights(judgement.weights))


@unless_lacking
def values(judgement: Judgement) -> Table:
    """The value of each policy by each estimator, the best by DR first."""
    found = judgement.found
    cells = {
        name: [None if (told := by.get(each)) is None else told.value for each in ESTIMATORS]
        for name, by in found.policies.items()
    }
    table = pd.DataFrame.from_dict(cells, orient="index", columns=list(ESTIMATORS)).astype(float)
    return Table(table.sort_values("dr", ascending=False, kind="stable").round(4))


@unless_lacking
def picture_of_values(judgement: Judgement) -> Picture:
    """The doubly robust values with their intervals."""
    return Picture(pictures.value_intervals(judgement.found))


@unless_lacking
def verdict(judgement: Judgement) -> Sentence:
    """The paired difference, and what may be said of it."""
    found = judgement.found
    told = found.differences[MODEL]
    said = {
        "proven_better": "**better**: the gain is proven",
        "proven_worse": "**worse**: the loss is proven",
        "not_enough_evidence": "**not enough evidence**",
    }[found.gain]
    against = "what was done" if found.against == LOGGING else f"`{found.against}`"
    return Sentence(
        f"Against {against} the policy brings {told.value:+.4g} a decision, "
        f"95 % interval {told.low:+.4g} to {told.high:+.4g} (paired, doubly robust): {said}."
    )


@unless_lacking
def advice(judgement: Judgement) -> Sentence:
    """What to do next, by why the log is thin."""
    found = judgement.found
    lines = [f"- **{reason}**: {_ADVICE[Reason(reason)]}" for reason in found.support.reasons]
    if not lines and found.gain == "not_enough_evidence" and found.decisions_needed:
        lines = [f"- About {found.decisions_needed:,} decisions more, logged as these were, would tell."]
    if not lines:
        return Sentence("The log covers the policy: what the verdict says can be relied on.")
    return Sentence("\n".join(["What to do:", "", *lines]))


_ADVICE: Final[Mapping[Reason, str]] = {
    Reason.FEW_EFFECTIVE_ROWS: (
        "too few decisions were made as the policy would make them. Log longer, or judge a policy that stays nearer to "
        "what was done: a constant, or the old policy with one change."
    ),
    Reason.SMALL_EFFECTIVE_SHARE: (
        "nearly all of the log speaks of other choices. Begin with a policy between the two: the new one for a part of "
        "the customers, drawn by chance."
    ),
    Reason.ONE_ROW_DOMINATES: (
        "one decision with a tiny propensity carries the estimate. Look at that row first; then give every journey "
        "that may be drawn a probability of some per cent."
    ),
    Reason.MEAN_WEIGHT_OFF: (
        "the propensities are not the probabilities with which it was drawn, or journeys of the policy are missing "
        "from the log. Compare how often each journey was shown with what the propensities say."
    ),
    Reason.WITHOUT_SUPPORT: (
        "the policy takes journeys where the log could not have shown them, and no estimator can make up for that. "
        "Draw what is shown by chance for a while, for a part of the customers, and log the probabilities."
    ),
}
