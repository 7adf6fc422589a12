"""The picture of a look: observed beside expected, how features moved, and what was shown."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final

from training.monitor.report import Monitoring, WeekForm
from training.pictures import blank

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_KINDS: Final = 8
MOST_FEATURES: Final = 15
MOST_JOURNEYS: Final = 9
MOST_TICKS: Final = 12
WIDTH: Final = 11.0
WEEK: Final = 7.0
EPOCH: Final = date(1970, 1, 1)
"""Of matplotlib's days."""
FINE, RAISED = "tab:blue", "tab:red"


def monitoring_picture(found: Monitoring) -> Figure:
    """A panel a kind, one of the features, one of the mix; those without anything to show are left out."""
    kinds = list(dict.fromkeys(week.kind for week in found.weeks))[:MOST_KINDS]
    features = _worst(found)
    heights = [2.2] * len(kinds) + ([0.8 + 0.26 * len(features)] if features else []) + [2.8]
    figure = blank(WIDTH, sum(heights) + 0.8)
    every = figure.subplots(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    panels = iter(every)
    for kind in kinds:
        _calibration(next(panels), found, kind)
    if features:
        _features(next(panels), found, features)
    _mix(next(panels), found)
    count = len(found.alarms)
    said = "no alarm" if not count else f"{count} alarm{'s' if count > 1 else ''}"
    figure.suptitle(f"{found.log.rpartition('/')[2]} until {found.last_decided}: {said}")
    return figure


def _calibration(axes: Axes, found: Monitoring, kind: str) -> None:
    """A point a week, and a bar from the week on: the interval of all that was decided since."""
    weeks = [week for week in found.weeks if week.kind == kind and week.ratio is not None]
    axes.axhline(1.0, color="grey", linewidth=1.0)
    for week in weeks:
        if week.low_since is not None and week.high_since is not None and week.ratio_since is not None:
            out = week.low_since > 1.0 or week.high_since < 1.0
            above, below = week.high_since - week.ratio_since, week.ratio_since - week.low_since
            colour = RAISED if out else FINE
            error = [[below], [above]]
            axes.errorbar(_middle(week.week), week.ratio_since, yerr=error, fmt="_", capsize=3, color=colour)
    axes.plot(
        [_middle(week.week) for week in weeks],
        [week.ratio if week.ratio is not None else 0.0 for week in weeks],
        "o",
        color="black",
        markersize=4,
        label="the week",
    )
    axes.errorbar([], [], yerr=[], fmt="_", capsize=3, color=FINE, label="since then, with its confidence sequence")
    axes.set_ylim(*_limits(weeks))
    axes.set(ylabel="observed / expected", title=kind)
    if kind == found.weeks[0].kind:
        axes.legend(loc="upper left", fontsize=8, ncols=2)
    _by_week(axes, found)


def _limits(weeks: list[WeekForm]) -> tuple[float, float]:
    """Enough for every point, and for intervals up to three times what was expected."""
    points = [week.ratio for week in weeks if week.ratio is not None]
    highs = [min(week.high_since, 3.0) for week in weeks if week.high_since is not None]
    lows = [week.low_since for week in weeks if week.low_since is not None]
    lowest = min([0.5, *(0.9 * each for each in (*points, *lows))])
    return lowest, max([1.7, *(1.1 * each for each in (*points, *highs))])


def _features(axes: Axes, found: Monitoring, names: list[str]) -> None:
    """Of the last seven days, and of the week in which it was most."""
    last = {one.feature: one.shift for one in found.features}
    most = {name: max(one.shift.psi for one in found.features if one.feature == name) for name in names}
    raised = {alarm.of for alarm in found.alarms if alarm.figure == "psi"}
    places = range(len(names), 0, -1)
    colours = [RAISED if name in raised else FINE for name in names]
    axes.barh(places, [last[name].psi for name in names], color=colours)
    axes.plot([most[name] for name in names], places, "|", color="black", markersize=9, label="in its worst week")
    axes.axvline(0.25, color="grey", linestyle="--", linewidth=1.0, label="0.25")
    axes.set_yticks(places, names)
    axes.set(title="PSI of the last seven days", xlabel="population stability index")
    axes.set_xlim(left=0.0)
    axes.legend(loc="lower right", fontsize=8)
    axes.grid(axis="x", alpha=0.3)


def _worst(found: Monitoring) -> list[str]:
    most: dict[str, float] = {}
    for one in found.features:
        most[one.feature] = max(most.get(one.feature, 0.0), one.shift.psi)
    return sorted(most, key=lambda name: (-most[name], name))[:MOST_FEATURES]


def _mix(axes: Axes, found: Monitoring) -> None:
    """Shares of each week, one above the other."""
    totals: dict[str, float] = {}
    for week in found.mix:
        for journey, share in week.shares.items():
            totals[journey] = totals.get(journey, 0.0) + share * week.rows
    named = sorted(totals, key=lambda journey: (-totals[journey], journey))[:MOST_JOURNEYS]
    layers = [*named, *(["others"] if len(totals) > len(named) else [])]
    middles = [_middle(week.week) for week in found.mix]
    bottom = [0.0] * len(middles)
    for place, layer in enumerate(layers):
        shares = [
            (1.0 - sum(week.shares.get(name, 0.0) for name in named) if week.rows else 0.0)
            if layer == "others" and layer not in totals
            else week.shares.get(layer, 0.0)
            for week in found.mix
        ]
        axes.bar(middles, shares, bottom=bottom, width=6.4, label=layer, color=f"C{place}")
        bottom = [low + share for low, share in zip(bottom, shares, strict=True)]
    axes.set_ylim(0.0, 1.0)
    axes.set(ylabel="share", title="journeys shown")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8)
    _by_week(axes, found)


def _by_week(axes: Axes, found: Monitoring) -> None:
    """The weeks of the log, the same in every panel, their Mondays on the axis."""
    from matplotlib.dates import MO, DateFormatter, WeekdayLocator

    every = len(found.mix) // MOST_TICKS + 1
    axes.xaxis.set_major_locator(WeekdayLocator(MO, interval=every))  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(DateFormatter("%d %b"))  # type: ignore[no-untyped-call]
    middles = _middle(found.mix[0].week), _middle(found.mix[-1].week)
    axes.set_xlim(middles[0] - WEEK / 2.0, middles[1] + WEEK / 2.0)
    axes.grid(alpha=0.3)


def _middle(week: date) -> float:
    return (week - EPOCH).days + WEEK / 2.0
