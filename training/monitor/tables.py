"""What people read of a look."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from training.monitor.prometheus import latest_features
from training.monitor.report import MixForm, Monitoring, WeekForm

NARROWEST: Final = 110
"""Where there is no terminal, lines are as long as the tables need."""
MOST_WEEKS: Final = 10
MOST_FEATURES: Final = 10
MOST_JOURNEYS: Final = 6


def print_monitoring(found: Monitoring, today: date) -> None:
    """Weeks and kinds, the features that moved most, the mix, how old it is, and last what raises an alarm."""
    console = Console(width=max(Console().width, NARROWEST))
    if found.rows_judged:
        console.print(_weeks(found))
        console.print(
            f"{found.rows_judged:,} rows judged, expected {escape(found.expected_by or '')}; "
            f"{found.rows_without_reward:,} whose outcome is not known yet, {found.rows_without_probability:,} that "
            "nothing tells a probability of. Since then: of all decided from that week on, with an interval that holds "
            "at every daily look.",
            soft_wrap=True,
        )
    if found.features:
        console.print(_features(found))
    console.print(_mix(found))
    if found.mix_shifts:
        last = found.mix_shifts[-1].shift
        console.print(f"PSI of the mix in the last seven days: {last.psi:.3f}{_limit(last.psi_limit)}", soft_wrap=True)
    if found.reference is not None:
        reference = found.reference
        told = f"{reference.begins} to {reference.ends}, {reference.rows:,} rows of {reference.log}"
        console.print(f"Compared with: {escape(told)}", soft_wrap=True)
    for notice in found.notices:
        console.print(f"Note: {escape(notice)}.", soft_wrap=True)
    for alarm in found.alarms:
        console.print(f"[bold red]Alarm[/bold red] ({alarm.figure}): {escape(alarm.text)}.", soft_wrap=True)
    console.print(f"Newest row: of {found.last_decided}, {_age(found.last_decided, today)}.", soft_wrap=True)
    if not found.alarms and not found.is_blind:
        console.print(escape("; ".join(("No alarm", *not_judged(found))) + "."), soft_wrap=True)


def not_judged(found: Monitoring) -> tuple[str, ...]:
    """What was not, and why."""
    why = {"calibration was": found.calibration_not_judged, "features and mix were": found.mix_not_judged}
    return tuple(f"{what} not judged: {told}" for what, told in why.items() if told is not None)


def _age(day: date, today: date) -> str:
    days = (today - day).days
    return f"{days:,} day{'' if days == 1 else 's'} ago" if days > 0 else "today" if days == 0 else "still to come"


def _weeks(found: Monitoring) -> Table:
    """The newest ones that have rows."""
    shown = sorted({week.week for week in found.weeks if week.rows})[-MOST_WEEKS:]
    table = Table(title="Observed and expected, by week and kind")
    table.add_column("week", no_wrap=True)
    table.add_column("kind", no_wrap=True)
    for heading in ("rows", "met", "expected", "ratio", "since then", "calibration\n(by chance)"):
        table.add_column(heading, justify="right", no_wrap=True)
    previous = None
    for week in found.weeks:
        if week.week in shown:
            if week.week != previous:
                table.add_section()
            style = "bold red" if _leaves_out(week) else None
            table.add_row(str(week.week) if week.week != previous else "", *_cells(week), style=style)
            previous = week.week
    return table


def _cells(week: WeekForm) -> tuple[str, ...]:
    error, chance = week.calibration_error, week.calibration_error_by_chance
    return (
        escape(week.kind),
        f"{week.rows:,}",
        f"{week.observed:,}",
        f"{week.expected:,.1f}",
        "" if week.ratio is None else f"{week.ratio:.2f}",
        _since(week),
        "" if error is None or chance is None else f"{error:.3f} ({chance:.3f})",
    )


def _since(week: WeekForm) -> str:
    if week.ratio_since is None:
        return ""
    if week.low_since is None or week.high_since is None:
        return f"{week.ratio_since:.2f} \\[too few]"
    return f"{week.ratio_since:.2f} \\[{week.low_since:.2f}, {week.high_since:.2f}]"


def _leaves_out(week: WeekForm) -> bool:
    low, high = week.low_since, week.high_since
    return low is not None and high is not None and not low <= 1.0 <= high


def _features(found: Monitoring) -> Table:
    """Of the last seven days, those first that raise an alarm, then those that moved most."""
    raised = {alarm.of for alarm in found.alarms if alarm.figure in ("psi", "missing", "stale")}
    latest = latest_features(found)
    latest.sort(key=lambda one: (one.feature not in raised, -one.shift.psi, one.feature))
    title = f"Features in the last seven days, {min(len(latest), MOST_FEATURES)} of {len(latest)}"
    table = Table(title=title)
    table.add_column("feature", no_wrap=True)
    for heading in ("PSI", "by chance", "alarm above", "missing (before)", "stale (before)"):
        table.add_column(heading, justify="right")
    for one in latest[:MOST_FEATURES]:
        table.add_row(
            escape(one.feature),
            f"{one.shift.psi:.3f}",
            f"{one.shift.psi_by_chance:.3f}",
            "too few" if one.shift.psi_limit is None else f"{one.shift.psi_limit:.3f}",
            f"{one.missing:.1%} ({one.missing_before:.1%})",
            f"{one.stale:.1%} ({one.stale_before:.1%})",
            style="bold red" if one.feature in raised else None,
        )
    return table


def _mix(found: Monitoring) -> Table:
    """The newest weeks that have rows; the journeys that were shown most in them."""
    weeks = [week for week in found.mix if week.rows][-MOST_WEEKS:]
    journeys = _most_shown(weeks)
    table = Table(title="Journeys shown, by week")
    table.add_column("week")
    table.add_column("rows", justify="right")
    for journey in journeys:
        table.add_column(escape(journey), justify="right", overflow="fold")
    table.add_column("others", justify="right")
    for week in weeks:
        shares = [week.shares.get(journey, 0.0) for journey in journeys]
        others = max(1.0 - sum(shares), 0.0)
        table.add_row(str(week.week), f"{week.rows:,}", *(f"{share:.0%}" for share in (*shares, others)))
    return table


def _most_shown(weeks: Sequence[MixForm]) -> list[str]:
    rows: dict[str, float] = {}
    for week in weeks:
        for journey, share in week.shares.items():
            rows[journey] = rows.get(journey, 0.0) + share * week.rows
    return sorted(rows, key=lambda journey: (-rows[journey], journey))[:MOST_JOURNEYS]


def _limit(limit: float | None) -> str:
    return ", too few customers for an alarm" if limit is None else f", alarm above {limit:.3f}"
