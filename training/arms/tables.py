"""What people read of the arms."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from training.arms.lift import ALPHA
from training.arms.report import ArmsReport, ComparisonForm, RatioForm, Verdict
from training.arms.shares import SIGNIFICANCE

NARROWEST: Final = 116
"""Where there is no terminal, lines are as long as the tables need."""
WORDS: Final = {
    Verdict.BETTER: "[bold]proven: more[/bold]",
    Verdict.WORSE: "[bold]proven: less[/bold]",
    Verdict.OPEN: "not enough evidence",
    None: "[red]withheld[/red]",
}


def print_arms(found: ArmsReport) -> None:
    """Customers by arm, then the lifts, and last what has to be said of them."""
    console = Console(width=max(Console().width, NARROWEST))
    console.print(_arms(found))
    console.print(
        f"By their shares: {_ratio(found.entered)}; of those counted: {_ratio(found.counted)}.", soft_wrap=True
    )
    console.print(_lifts(found))
    console.print(
        "Value: what a customer did in the windows of the objectives from the first decision on, whatever was shown. "
        f"All intervals together hold the truth at all daily looks with {1.0 - ALPHA:.0%}.",
        soft_wrap=True,
    )
    for one in found.comparisons:
        if (line := _more(one)) is not None:
            console.print(line, soft_wrap=True)
    for notice in found.notices:
        console.print(f"Note: {escape(notice)}.", soft_wrap=True)
    if found.withheld is not None:
        console.print(f"[bold red]No verdict[/bold red]: {escape(found.withheld)}.", soft_wrap=True)


def _arms(found: ArmsReport) -> Table:
    table = Table(title=f"Arms, decisions until {found.last_decided:%Y-%m-%d}")
    table.add_column("arm", no_wrap=True)
    for heading in ("share", "customers", "due by share", "counted", "value of one"):
        table.add_column(heading, justify="right", no_wrap=True)
    for arm in found.arms:
        table.add_row(
            escape(arm.arm),
            "" if arm.share is None else f"{arm.share:.1%}",
            f"{arm.entered:,}",
            "" if arm.entered_expected is None else f"{arm.entered_expected:,.0f}",
            f"{arm.counted:,}",
            "" if arm.value is None else f"{arm.value:.4g}",
        )
    return table


def _lifts(found: ArmsReport) -> Table:
    table = Table(title="Lift a customer")
    table.add_column("arm − against", no_wrap=True)
    for heading in ("customers", "lift", "interval", "smallest\nat 80 %"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for one in found.comparisons:
        table.add_row(
            _named(one),
            f"{one.customers:,} / {one.customers_against:,}",
            _lift(one),
            _interval(one),
            "" if one.smallest_lift is None else f"± {one.smallest_lift:.3g}",
            WORDS[one.verdict],
        )
    return table


def _named(one: ComparisonForm) -> str:
    return f"{escape(one.arm)} − {escape(one.against)}"


def _lift(one: ComparisonForm) -> str:
    if one.lift is None:
        return ""
    return f"{one.lift:+.4g}" + (f" ({one.lift / one.value_against:+.0%})" if one.value_against else "")


def _interval(one: ComparisonForm) -> str:
    return "too few" if one.low is None or one.high is None else f"{one.low:+.3g} to {one.high:+.3g}"


def _more(one: ComparisonForm) -> str | None:
    if one.asked_lift is None or not one.asked_lift or one.verdict in (Verdict.BETTER, Verdict.WORSE):
        return None
    named = f"{_named(one)}: a lift of {one.asked_lift:+.3g}"
    if one.more_customers is None:
        return f"{named} is too small to be shown."
    if not one.more_customers:
        return f"{named} would be shown by so many customers with 80 % power."
    waiting = f", {one.waiting:,} of them in windows that are open" if one.waiting else ""
    return f"{named} would be shown by {one.more_customers:,} customers more with 80 % power{waiting}."


def _ratio(ratio: RatioForm) -> str:
    if ratio.p is None:
        return "not checked"
    off = "" if ratio.p >= SIGNIFICANCE else ", [bold red]off[/bold red]"
    return f"chi-square {ratio.chi_square:.1f} of {ratio.degrees_of_freedom} degrees of freedom, p = {ratio.p:.2g}{off}"
