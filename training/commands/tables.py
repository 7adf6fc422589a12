"""What people read of an evaluation and of a trained policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from training.evaluation import EstimateForm, Evaluation
    from training.from_log import Trained
    from training.promote.verdict import Verdict

MODEL = "model"

MEASURES = {
    "loss": "loss of\nreward ↓",
    "auc": "AUC ↑",
    "auc_within": "AUC in\ngroup ↑",
    "ndcg_within": "NDCG in\ngroup ↑",
    "log_loss": "log\nloss ↓",
    "brier": "Brier ↓",
}
SHOWN = ("ips", "snips", "dr", "dr_shrinkage")
MOST_CONSTANTS = 12
MOST_SLICES = 24
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


def print_slices(trained: Trained, console: Console) -> None:
    """Those that tell something apart; of sensitive features whether their levels differ."""
    from training.card import fairness_line
    from training.learn.slices import MIN_ROWS, Role

    table = Table(title="By slice")
    table.add_column("", no_wrap=True, max_width=28)
    for heading in ("rows", "rate", "observed ÷\nexpected", "AUC ↑", "calibr.\nerror ↓"):
        table.add_column(heading, justify="right", no_wrap=True)
    lines = [
        (f"{one.by}: {level.level}", level.rows, level.figures)
        for one in trained.slices
        for level in one.levels
        if one.role is not Role.SENSITIVE and len(one.levels) > 1
    ]
    for name, rows, found in lines[:MOST_SLICES]:
        if found is None:
            table.add_row(name, f"{rows:,}", "", f"< {MIN_ROWS} rows")
            continue
        half = (found.observed_to_expected_high - found.observed_to_expected_low) / 2.0
        ratio = f"{found.observed_to_expected:.2f} ± {half:.2f}"
        style = "red" if found.is_off else None
        table.add_row(name, f"{rows:,}", f"{found.rate:.1%}", ratio, _short(found.auc), _short(found.ece), style=style)
    if lines:
        console.print(table)
    if len(lines) > MOST_SLICES:
        console.print(f"And {len(lines) - MOST_SLICES} more slices: see the card, or --json.", soft_wrap=True)
    for one in trained.slices:
        if one.role is Role.SENSITIVE:
            console.print(f"Fairness: {fairness_line(one).replace('**', '')}", soft_wrap=True, markup=False)


def _measured(trained: Trained, folds: str) -> str:
    """Where the rows that no model had seen are from, and what the folds were for."""
    if not trained.is_held_out:
        return f"Folds: {folds}"
    return f"Measured on what was decided from {str(trained.measured_on.first)[:10]} on; folds for the policy: {folds}"


def _short(value: float) -> str:
    return "" if value != value else f"{value:.3f}"


def print_trained(trained: Trained, kept: str) -> None:
    """What was measured, what was left out, and when the policy leaves the best constant; `kept`: where it is now."""
    console = Console()
    table = Table(title=f"Expected rewards of {trained.measured_on.rows:,} rows that no model had seen")
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
    console.print(f"{_measured(trained, policy.folds)}. Policy: {told}.", soft_wrap=True)
    print_slices(trained, console)
    console.print(f"Silence: {trained.about_silence}", soft_wrap=True)
    for notice in trained.notices:
        console.print(f"Left out: {notice}.", soft_wrap=True)
    for note in trained.notes:
        console.print(f"Note: {note}.", soft_wrap=True, markup=False)
    for line in trained.parity.lines():
        console.print(f"Parity: {line}.", soft_wrap=True)
    console.print(f"{kept}: model {trained.bundle.version}", soft_wrap=True)


def print_verdict(verdict: Verdict, said: str) -> None:
    """What was asked of a challenger, what was found, and what came of it."""
    console = Console()
    rows = f"{verdict.decisions:,} decisions of {verdict.customers:,} customers"
    table = Table(title=f"Version {verdict.challenger} against {verdict.champion}, {rows}")
    for heading in ("check", "passed", "what was found"):
        table.add_column(heading)
    for one in verdict.checks:
        table.add_row(one.check.value, "yes" if one.is_passed else "no", one.told)
    console.print(table)
    console.print(said, soft_wrap=True, markup=False)
