"""What chance does not explain, in one sentence each: what, since when, how much, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from training.monitor.calendar import ONE, Day, Period
from training.monitor.calibration import ALL, KindSeen, Since
from training.monitor.report import AlarmForm, date_of
from training.monitor.watched import FeatureSeen, MixSeen

Seen = TypeVar("Seen", FeatureSeen, MixSeen)

TRAIN = "train again, compare, and look --since the new model serves"
SOURCE = "look at what feeds it"


def alarms_of(
    kinds: Sequence[KindSeen], features: Mapping[str, Sequence[FeatureSeen]], mix: Sequence[MixSeen]
) -> tuple[AlarmForm, ...]:
    """Calibration first, then features by their names, then the mix."""
    return (*_of_calibration(kinds), *_of_features(features), *_of_mix(mix))


def _of_calibration(kinds: Sequence[KindSeen]) -> Iterator[AlarmForm]:
    for seen in kinds:
        if (found := seen.alarm) is not None:
            most, seen_on = found
            ratio = float(most.ratio[-1]) if most.expected[-1] > 0.0 else None
            yield AlarmForm(
                figure="calibration",
                of=seen.kind,
                since=date_of(most.week),
                seen_on=date_of(seen_on),
                value=ratio,
                text=f"{_named(seen.kind)}: of what was decided since the week of {date_of(most.week)} "
                f"{_times(most, ratio)}, seen on {date_of(seen_on)}: {TRAIN}",
            )


def _times(since: Since, ratio: float | None) -> str:
    counted = f"{since.observed[-1]:,.0f} met, {since.expected[-1]:,.1f} expected"
    if ratio is None:
        return counted
    return f"{ratio:.2f} × as much came true as was expected ({since.low[-1]:.2f} to {since.high[-1]:.2f}; {counted})"


def _named(kind: str) -> str:
    return "all kinds" if kind == ALL else kind


def _of_features(features: Mapping[str, Sequence[FeatureSeen]]) -> Iterator[AlarmForm]:
    for name, seen in features.items():
        if raised := _raised(seen, lambda one: one.shift.is_alarm):
            yield _alarm("psi", name, raised, raised[-1].shift.psi, _moved(f"{name} is distributed otherwise", raised))
        if raised := _raised(seen, lambda one: one.missing.is_alarm):
            now, before = raised[-1].missing.share, raised[-1].missing.before
            what = f"{name} is missing in {now:.1%} of the rows, {before:.1%} before: {SOURCE}, and at the join"
            yield _alarm("missing", name, raised, now, what)
        if raised := _raised(seen, lambda one: one.stale.is_alarm):
            now, before = raised[-1].stale.share, raised[-1].stale.before
            what = f"{name} is too old in {now:.1%} of the rows, {before:.1%} before: look at its feed, and materialize"
            yield _alarm("stale", name, raised, now, what)


def _of_mix(mix: Sequence[MixSeen]) -> Iterator[AlarmForm]:
    if raised := _raised(mix, lambda one: one.shift.is_alarm):
        psi, limit = raised[-1].shift.psi, raised[-1].shift.limit
        what = (
            f"journeys are shown in another mix (PSI {psi:.2f}, alarm above {limit:.2f}): see what changed in the "
            "catalogue, its levers and its audiences; if it was meant, train again"
        )
        yield _alarm("mix", ALL, raised, psi, what)


def _raised(seen: Sequence[Seen], is_raised: Callable[[Seen], bool]) -> list[Seen]:
    return [one for one in seen if is_raised(one)]


def _moved(what: str, raised: Sequence[FeatureSeen]) -> str:
    last = raised[-1].shift
    return (
        f"{what} than in the reference (PSI {last.psi:.2f}, alarm above {last.limit:.2f}): {SOURCE}; "
        "if the customers have changed, train again"
    )


def _alarm(figure: str, of: str, raised: Sequence[Seen], value: float, what: str) -> AlarmForm:
    """`raised`: the periods in which it was, at least one."""
    first: Period = raised[0].period
    last_day: Day = first.ends - ONE
    since = date_of(first.begins)
    text = f"since {since} {what}"
    return AlarmForm(figure=figure, of=of, since=since, seen_on=date_of(last_day), value=value, text=text)
