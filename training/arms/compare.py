"""`rumbo arms` without its command line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from service.decision.arms import Arm
from training.arms.cohort import Cohort, cohort_of, first_decisions
from training.arms.decided import Codes, Decided, read_decided
from training.arms.lift import ALPHA, COMPARISONS, Lift, lift_of, weights_of
from training.arms.report import ArmForm, ArmsReport, ComparisonForm, LookForm, RatioForm, Verdict
from training.arms.shares import SIGNIFICANCE, Phases, Ratio, phases_of, ratio_of
from training.log.errors import LogInvalid
from training.log.files import LogFiles
from training.log.options import ARM
from training.monitor.report import date_of

Instant = np.datetime64
ORDER: Final = (Arm.CHAMPION, Arm.CHALLENGER, Arm.NO_LEVERS, Arm.RANDOM, Arm.HOLDOUT)
"""In which arms are told of, and compared with the holdout."""
NOTABLE: Final = 0.05
"""Of the customers who came in: if more were left out, or in another arm meanwhile, it is told."""
CAUSES: Final = (
    "an arm's decisions are missing from the log (a filter, a join, files of some days), its customers cannot be "
    "decided for (errors, time-outs), one customer has several ids, or the log was joined of systems with other salts"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of a log. `outcome`: the column of a plain one that says what came of a row.

    `lift`: that for which to tell how many customers it takes; None: the one seen.
    """

    log: Path
    since: Instant | None = None
    outcome: str | None = None
    lift: float | None = None


def compare_arms(question: Question) -> ArmsReport:
    """Raises: LogInvalid that names file, row and column, also for a log that has one arm alone."""
    decided = read_decided(LogFiles(question.log), question.outcome)
    phases, pairs = phases_of(decided), pairs_of(decided)
    found = [cohort for pair in pairs if (cohort := cohort_of(decided, phases, pair, question.since)) is not None]
    if not found:
        raise LogInvalid(decided.path, f"no two arms to compare {_said(decided, question.since)}", column=ARM)
    entries = first_decisions(decided, decided.decided_at >= min(cohort.begins for cohort in found))
    known = ~np.isnan(decided.value[entries])
    entered, counted = (_ratio(decided, phases, rows) for rows in (entries, entries[known]))
    withheld, alpha = _withheld(entered, counted), ALPHA / max(COMPARISONS, len(pairs))
    comparisons = tuple(_comparison(cohort, alpha, question.lift, is_withheld=withheld is not None) for cohort in found)
    return ArmsReport(
        log=str(question.log),
        since=None if question.since is None else _moment(question.since),
        first_decided=_moment(decided.decided_at[0]),
        last_decided=_moment(decided.decided_at[-1]),
        last_known=max((one.looks[-1].day for one in comparisons if one.looks), default=None),
        arms=tuple(_arms(decided, entries, entered, counted)),
        entered=_ratio_form(entered),
        counted=_ratio_form(counted),
        withheld=withheld,
        comparisons=comparisons,
        notices=tuple(_notices(entered, comparisons)),
    )


def pairs_of(decided: Decided) -> list[tuple[str, str]]:
    """Each arm with the holdout, and the challenger with the champion; each with the champion, without a holdout."""
    names = _names(decided)
    if Arm.HOLDOUT not in names:
        return [(name, Arm.CHAMPION.value) for name in names if name != Arm.CHAMPION and Arm.CHAMPION in names]
    pairs = [(name, Arm.HOLDOUT.value) for name in names if name != Arm.HOLDOUT]
    if {Arm.CHALLENGER, Arm.CHAMPION} <= set(names):
        pairs.append((Arm.CHALLENGER.value, Arm.CHAMPION.value))
    return pairs


def _said(decided: Decided, since: Instant | None) -> str:
    names = ", ".join(_names(decided))
    return f"in it: all is {names}" if since is None else f"since {_moment(since):%Y-%m-%d %H:%M}, of {names}"


def _ratio(decided: Decided, phases: Phases, rows: Codes) -> Ratio:
    return ratio_of(decided.take(rows), phases.take(rows))


def _withheld(entered: Ratio, counted: Ratio) -> str | None:
    """Why there is no verdict. What is missing of those counted alone is missing in what came of them."""
    for what, ratio in (("decided for", entered), ("counted", counted)):
        if ratio.is_off:
            arm = max(ratio.observed, key=lambda one: abs(ratio.observed[one] - ratio.expected[one]))
            return (
                f"customers {what} do not fall into the arms by their shares (p = {ratio.p:.1g}, below "
                f"{SIGNIFICANCE}): {arm} has {ratio.observed[arm]:,.0f} where {ratio.expected[arm]:,.0f} are due, so "
                f"the arms differ by more than chance and what they do; most often {CAUSES}"
            )
    return None


def _comparison(cohort: Cohort, alpha: float, asked: float | None, *, is_withheld: bool) -> ComparisonForm:
    known = ~np.isnan(cohort.entries.value)
    of_one = cohort.entries.of(cohort.one)
    lift = lift_of(cohort, alpha)
    looks = () if lift is None else _looks(lift)
    last = looks[-1] if looks else None
    seen = asked if asked is not None or last is None else last.lift
    smallest = np.inf if lift is None else lift.smallest
    return ComparisonForm(
        arm=cohort.one,
        against=cohort.other,
        since=_moment(cohort.begins),
        customers=int((known & of_one).sum()),
        customers_against=int((known & ~of_one).sum()),
        waiting=int((~known).sum()),
        left_out=cohort.seen_before,
        moved=cohort.moved,
        value=None if lift is None else lift.means[0],
        value_against=None if lift is None else lift.means[1],
        of_outcomes=None if lift is None else _of_outcomes(cohort.entries.take(known & of_one)),
        of_outcomes_against=None if lift is None else _of_outcomes(cohort.entries.take(known & ~of_one)),
        lift=None if last is None else last.lift,
        low=None if last is None else last.low,
        high=None if last is None else last.high,
        alpha=alpha,
        smallest_lift=float(smallest) if np.isfinite(smallest) else None,
        asked_lift=seen,
        more_customers=None if lift is None or not seen else lift.more_customers(seen),
        verdict=None if is_withheld else _verdict(last),
        shown_on=next((look.day for look in looks if _verdict(look) is not Verdict.OPEN), None),
        looks=looks,
    )


def _of_outcomes(customers: Decided) -> float:
    return float(np.average(customers.told, weights=weights_of(customers.share)))


def _looks(lift: Lift) -> tuple[LookForm, ...]:
    found = lift.intervals
    return tuple(
        LookForm(day=date_of(day), lift=_finite(value), low=_finite(low), high=_finite(high))
        for day, value, low, high in zip(lift.days, found.value, found.low, found.high, strict=True)
    )


def _verdict(look: LookForm | None) -> Verdict:
    if look is None or look.low is None or look.high is None or look.low <= 0.0 <= look.high:
        return Verdict.OPEN
    return Verdict.BETTER if look.low > 0.0 else Verdict.WORSE


def _arms(decided: Decided, entries: Codes, entered: Ratio, counted: Ratio) -> Iterator[ArmForm]:
    for arm in _names(decided):
        own = decided.take(entries[decided.of(arm)[entries]])
        known = ~np.isnan(own.value)
        share = decided.share[decided.of(arm)][-1]
        is_told = not np.isnan(share)
        yield ArmForm(
            arm=arm,
            share=float(share) if is_told else None,
            entered=own.size,
            entered_expected=entered.expected.get(arm) if is_told else None,
            counted=int(known.sum()),
            counted_expected=counted.expected.get(arm) if is_told else None,
            value=float(np.average(own.value[known], weights=weights_of(own.share[known]))) if known.any() else None,
        )


def _notices(entered: Ratio, comparisons: Sequence[ComparisonForm]) -> Iterator[str]:
    if entered.p is None:
        yield "whether customers fell into the arms by their shares is not checked: the log does not tell shares"
    for one in comparisons:
        named = f"{one.arm} against {one.against}"
        if one.against == Arm.HOLDOUT and one.of_outcomes:
            yield (
                f"{named}: {one.of_outcomes:.4g} of the value of {one.arm} was told of contacts, as outcomes; what "
                "would have come without a contact nobody can tell, so it is taken for nothing"
            )
        notable = NOTABLE * (one.customers + one.customers_against + one.waiting)
        if one.left_out > notable:
            yield (
                f"{named}: {one.left_out:,} customers had been decided for before {one.since:%Y-%m-%d %H:%M} by arms "
                "that differ as those do now, so they bring another past along and are left out"
            )
        if one.moved > notable:
            yield (
                f"{named}: {one.moved:,} customers were in another arm before their windows were over; each counts "
                "where he came in, so lifts are smaller than they would be (--since the last change)"
            )


def _names(decided: Decided) -> list[str]:
    """Those that have decisions; arms of other names come after those that are known."""
    place = {arm.value: number for number, arm in enumerate(ORDER)}
    present = [decided.arms[code] for code in np.unique(decided.arm)]
    return sorted(present, key=lambda arm: (place.get(arm, len(place)), arm))


def _ratio_form(ratio: Ratio) -> RatioForm:
    return RatioForm(
        customers=round(sum(ratio.observed.values())),
        chi_square=ratio.statistic,
        degrees_of_freedom=ratio.freedom,
        p=ratio.p,
    )


def _moment(at: Instant) -> datetime:
    found = at.astype("datetime64[us]").item()
    assert isinstance(found, datetime)
    return found.replace(tzinfo=UTC)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
