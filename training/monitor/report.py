"""What a monitor has found, as JSON has it, described field by field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from training.monitor.calendar import Day, days_of, weeks_between, weeks_of
from training.monitor.calibration import KindSeen, Since, WeekOfKind
from training.monitor.drift import Shift
from training.monitor.shown import ShownRows
from training.monitor.watched import FeatureSeen, MixSeen, Reference


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class WeekForm(_Form):
    """What was decided of one kind in one week, and the sequence that begins there; days and weeks are in UTC."""

    week: date = Field(description="Its Monday.")
    kind: str = Field(description="The journeys' kind, or all.")
    rows: int = Field(description="Rows of which it is known what came, and what was expected.")
    observed: int = Field(description="Those whose objective was met: whose reward is not 0.")
    expected: float = Field(description="The sum of the probabilities.")
    ratio: float | None = Field(description="observed / expected; null where nothing was expected.")
    calibration_error: float | None = Field(
        description="Mean distance of expected and observed rates over tenths of the rows by probability."
    )
    calibration_error_by_chance: float | None = Field(description="What a model without fault has of it, about.")
    ratio_since: float | None = Field(description="observed / expected of all that was decided from this week on.")
    low_since: float | None = Field(description="Where its interval begins; null where nothing is concluded yet.")
    high_since: float | None = Field(description="Where its interval ends.")
    alpha: float | None = Field(description="The probability that the interval, at some look, leaves the truth out.")


class ShiftForm(_Form):
    """A distribution beside that of the reference."""

    psi: float = Field(description="Population stability index.")
    psi_by_chance: float = Field(description="What it is on average without any change: (B - 1)(1/n + 1/m).")
    psi_limit: float | None = Field(description="Above it is an alarm; null with too few customers.")


class FeatureForm(_Form):
    """A feature in seven days."""

    begins: date = Field(description="The first of the seven days.")
    feature: str
    rows: int
    missing: float = Field(description="The share of rows without a value, those that are stale aside.")
    missing_before: float = Field(description="That of the reference.")
    stale: float = Field(description="The share of rows whose value was too old; 0 where a log does not say that.")
    stale_before: float = Field(description="That of the reference.")
    shift: ShiftForm


class MixForm(_Form):
    """What was shown in a calendar week."""

    week: date = Field(description="Its Monday.")
    rows: int = Field(description="Rows that were shown.")
    shares: dict[str, float] = Field(description="By journey.")


class MixShiftForm(_Form):
    """The mix of journeys in seven days."""

    begins: date = Field(description="The first of the seven days.")
    rows: int
    shift: ShiftForm


class ReferenceForm(_Form):
    """What is compared with."""

    log: str
    begins: date
    ends: date = Field(description="Its last day.")
    rows: int


class AlarmForm(_Form):
    """Something that chance does not explain."""

    figure: str = Field(description="calibration, psi, missing, stale or mix.", pattern="^[a-z]+$")
    of: str = Field(description="The kind or the feature; all of the whole.")
    since: date = Field(description="The first day of the week, or of the seven days, from which it is so.")
    seen_on: date = Field(description="When it could be seen first.")
    value: float | None = Field(description="The ratio, PSI or share at last.")
    text: str = Field(description="What, since when, how much, and what to do.")


class Monitoring(_Form):
    """What a log says of the model and of what it is told."""

    log: str
    expected_by: str | None = Field(description="Where probabilities are from; null if nothing tells them.")
    rows: int = Field(description="Rows of the log.")
    rows_judged: int = Field(description="Those whose outcome and probability are known, in the time that is judged.")
    rows_without_reward: int = Field(description="Of the time that is judged, rows whose outcome is not known yet.")
    rows_without_probability: int = Field(
        description="Of that time, rows whose outcome is known, and nothing tells a probability."
    )
    judged_from: date | None = Field(description="The first day that is judged, where one was said.")
    last_decided: date = Field(description="The day of the newest row.")
    last_known: date | None = Field(description="The day on which the newest outcome was known.")
    weeks: tuple[WeekForm, ...]
    reference: ReferenceForm | None = Field(description="null where there is none: see notices.")
    features: tuple[FeatureForm, ...]
    mix: tuple[MixForm, ...]
    mix_shifts: tuple[MixShiftForm, ...]
    alarms: tuple[AlarmForm, ...]
    calibration_not_judged: str | None = Field(description="Why nothing is concluded of it; null where it is judged.")
    mix_not_judged: str | None = Field(description="Why features and mix raise no alarm; null where they are judged.")
    notices: tuple[str, ...] = Field(description="What else has to be said of it.")

    @property
    def is_blind(self) -> bool:
        """Whether nothing at all could be judged."""
        return self.calibration_not_judged is not None and self.mix_not_judged is not None


def date_of(day: Day) -> date:
    """As Python has it."""
    found = day.astype("datetime64[D]").item()
    assert isinstance(found, date)
    return found


def weeks_form(kinds: Sequence[KindSeen]) -> tuple[WeekForm, ...]:
    """By week, and in each in the order of the kinds."""
    found = [_week(seen, week) for seen in kinds for week in seen.weeks]
    return tuple(sorted(found, key=lambda one: one.week))


def features_form(features: Mapping[str, Sequence[FeatureSeen]]) -> tuple[FeatureForm, ...]:
    """By feature, and of each by time."""
    return tuple(
        FeatureForm(
            begins=date_of(seen.period.begins),
            feature=name,
            rows=seen.rows,
            missing=seen.missing.share,
            missing_before=seen.missing.before,
            stale=seen.stale.share,
            stale_before=seen.stale.before,
            shift=_shift(seen.shift),
        )
        for name, of_one in features.items()
        for seen in of_one
    )


def mix_form(rows: ShownRows) -> tuple[MixForm, ...]:
    """Of every week of the log, also of those in which nothing was shown."""
    days = days_of(rows.decided_at)
    of_week, found = weeks_of(days), []
    for week in weeks_between(days.min(), days.max()):
        codes = rows.journey.codes[(of_week == week) & rows.is_shown]
        counts = np.bincount(codes, minlength=len(rows.journey.levels))
        shares = {rows.journey.levels[j]: float(counts[j] / codes.size) for j in np.flatnonzero(counts)}
        found.append(MixForm(week=date_of(week), rows=int(codes.size), shares=shares))
    return tuple(found)


def mix_shift_form(mix: Sequence[MixSeen]) -> tuple[MixShiftForm, ...]:
    """By time."""
    return tuple(
        MixShiftForm(begins=date_of(seen.period.begins), rows=seen.rows, shift=_shift(seen.shift)) for seen in mix
    )


def reference_form(reference: Reference) -> ReferenceForm:
    """Where it is from."""
    return ReferenceForm(
        log=str(reference.rows.path),
        begins=date_of(reference.begins),
        ends=date_of(reference.ends),
        rows=int(reference.which.sum()),
    )


def _week(seen: KindSeen, week: WeekOfKind) -> WeekForm:
    since = next((one for one in seen.sequences if one.week == week.week), None)
    return WeekForm(
        week=date_of(week.week),
        kind=seen.kind,
        rows=week.rows,
        observed=round(week.observed),
        expected=week.expected,
        ratio=week.observed / week.expected if week.expected > 0.0 else None,
        calibration_error=_finite(week.error),
        calibration_error_by_chance=_finite(week.error_by_chance),
        ratio_since=_last(since, "ratio"),
        low_since=_last(since, "low") if since is not None and since.is_concluded else None,
        high_since=_last(since, "high"),
        alpha=None if since is None else since.alpha,
    )


def _last(since: Since | None, name: str) -> float | None:
    return None if since is None else _finite(float(getattr(since, name)[-1]))


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _shift(shift: Shift) -> ShiftForm:
    return ShiftForm(psi=shift.psi, psi_by_chance=shift.by_chance, psi_limit=shift.limit)
