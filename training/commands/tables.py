"""What people read of an evaluation and of a trained policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from training.evaluation import EstimateForm, Evaluation
    from training.from_log import Trained

MODEL = "model"

MEASURES = {
    "loss": "loss ↓",
    "auc": "AUC ↑",
    "auc_within": "AUC in\ngroup ↑",
    "ndcg_within": "NDCG in\ngroup ↑",
    "log_loss": "log\nloss ↓",
    "brier": "Brier ↓",
}
SHOWN = ("ips", "snips", "dr", "dr_shrinkage")
MOST_CONSTANTS = 12
BIASED = (
    "± is 1.96 standard errors. dr_shrinkage (and dm, in --json) leans on a model of the reward, whose own error is "
    "not in it: rely on ips, snips and dr."
)
WORDS = {
    "proven_better": "[bold]better[/bold]: the gain is proven",
    "proven_worse": "[bold]worse[/bold]: the loss is proven",
    "not_enough_evidence": "[bold]not enough evidence[/bold]",
}


def print_evaluation(found: Evaluation) -> None:
    """The values, the differences, the support and the verdict."""
    console = Console()
    table = Table(title=f"Value a decision, {found.decisions:,} decisions of {found.customers:,} customers")
    table.add_column("policy", no_wrap=True)
    for name in SHOWN:
        table.add_column(name, justify="right")
    table.add_column(f"minus {found.against}", justify="right")
    for policy in _order(found):
        cells = [_estimate(found.policies[policy].get(name)) for name in SHOWN]
        style = "bold" if policy == MODEL else None
        table.add_row(policy, *cells, _interval(found.differences[policy]), style=style)
    console.print(table)
    support = found.support
    console.print(
        f"Support: effective sample size {support.ess:,.0f}, largest weight {support.max_weight:.3g}, "
        f"{support.share_without_support:.1%} of the policy without support: {support.verdict}"
        + (f" ({', '.join(support.reasons)})" if support.reasons else ""),
        soft_wrap=True,
    )
    console.print(BIASED, soft_wrap=True)
    console.print(f"Against {found.against}: {WORDS[found.gain]}{_more(found)}", soft_wrap=True)
    if found.rows_without_reward:
        console.print(f"{found.rows_without_reward:,} rows have no reward yet and were left out.", soft_wrap=True)


def _order(found: Evaluation) -> list[str]:
    """The policy, the plain ones, then the best constants."""
    constants = [name for name in found.policies if name.startswith("constant:")]
    best = sorted(constants, key=lambda name: -found.differences[name].value)[:MOST_CONSTANTS]
    return [MODEL, *(name for name in found.policies if name != MODEL and name not in constants), *best]


def _more(found: Evaluation) -> str:
    if found.gain != "not_enough_evidence" or not found.decisions_needed:
        return ""
    return f"; about {found.decisions_needed:,} decisions more would tell"


def _estimate(estimate: EstimateForm | None) -> str:
    return "" if estimate is None else f"{estimate.value:.5g} ± {1.96 * estimate.se:.2g}"


def _interval(estimate: EstimateForm) -> str:
    return f"{estimate.value:+.4g} [{estimate.low:.3g}, {estimate.high:.3g}]"


def _figure(value: float) -> str:
    if value != value:
        return ""
    return f"{value:.4f}" if abs(value) < 1.0 else f"{value:.4g}"


def print_trained(trained: Trained, kept: str) -> None:
    """What was measured, what was left out, and when the policy leaves the best constant; `kept`: where it is now."""
    console = Console()
    table = Table(title=f"Expected rewards of {trained.tested:,} rows that no model had seen")
    table.add_column("", no_wrap=True)
    for heading in MEASURES.values():
        table.add_column(heading, justify="right")
    for name, found in trained.judged.by_name.items():
        figures = found.as_dict()
        cells = [_figure(figures[key]) for key in MEASURES]
        table.add_row(name, *cells, style="bold" if name == "model" else None)
    console.print(table)
    policy = trained.bundle.policy
    assert policy is not None
    guard = policy.guard
    best = guard.order[0]
    if guard.margin is None:
        told = f"no gain over {best!r} for everyone is proven, so that is the policy"
    elif not guard.is_guarded:
        told = f"{best!r} is left wherever more is expected, proven or not (--no-guard)"
    else:
        more = f"{guard.margin:.4g} more" if guard.margin else "anything more"
        told = f"{best!r} is left where {more} is expected: {guard.gain:+.4g} ± {guard.se:.2g} a row"
    console.print(f"Folds: {policy.folds}. Policy: {told}.", soft_wrap=True)
    for notice in trained.notices:
        console.print(f"Left out: {notice}.", soft_wrap=True)
    for line in trained.parity.lines():
        console.print(f"Parity: {line}.", soft_wrap=True)
    console.print(f"{kept}: model {trained.bundle.version}", soft_wrap=True)
