"""The picture of the arms: each lift with its interval, and how both went from look to look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from training.arms.report import ArmsReport, ComparisonForm, LookForm

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH: Final = 11.0
PROVEN, OPEN = "tab:blue", "grey"


def arms_picture(found: ArmsReport) -> Figure:
    """The lifts at the last look, and below it a panel a comparison over time."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = [one for one in found.comparisons if one.lift is not None]
    heights = [1.2 + 0.4 * len(shown), *([2.4] * len(shown))]
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.6), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    _last(panels[0], shown)
    for axes, one in zip(panels[1:], shown, strict=True):
        _over_time(axes, one)
    withheld = ": no verdict, customers do not fall into the arms by their shares" if found.withheld else ""
    figure.suptitle(f"{found.log.rpartition('/')[2]} until {found.last_decided:%Y-%m-%d}{withheld}")
    return figure


def _last(axes: Axes, shown: list[ComparisonForm]) -> None:
    axes.axvline(0.0, color="black", linewidth=1.0)
    for place, one in enumerate(reversed(shown)):
        colour = PROVEN if one.verdict is not None and _leaves_out(one.looks[-1]) else OPEN
        at = one.lift or 0.0
        if one.low is not None and one.high is not None:
            axes.errorbar(at, place, xerr=[[at - one.low], [one.high - at]], fmt="o", capsize=4, color=colour)
        else:
            axes.plot(at, place, "x", color=colour)
    axes.set_yticks(range(len(shown)), [_named(one) for one in reversed(shown)])
    axes.margins(y=0.2)
    axes.set(title="lift a customer at the last look (x: too few for an interval)")
    axes.grid(axis="x", alpha=0.3)


def _over_time(axes: Axes, one: ComparisonForm) -> None:
    axes.axhline(0.0, color="black", linewidth=1.0)
    concluded = [
        (look.day, look.lift, look.low, look.high)
        for look in one.looks
        if look.lift is not None and look.low is not None and look.high is not None
    ]
    if concluded:
        days, lifts, lows, highs = zip(*concluded, strict=True)
        axes.plot(days, lifts, color=PROVEN)
        axes.fill_between(days, lows, highs, color=PROVEN, alpha=0.2)
    told = f", shown on {one.shown_on}" if one.shown_on is not None else ""
    axes.set(title=f"{_named(one)}{told}", ylabel="lift a customer")
    axes.grid(alpha=0.3)


def _named(one: ComparisonForm) -> str:
    return f"{one.arm} against {one.against}"


def _leaves_out(look: LookForm) -> bool:
    return look.low is not None and look.high is not None and not look.low <= 0.0 <= look.high
