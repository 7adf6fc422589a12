"""`rumbo monitor` without its command line: what a log says of the model, and of what the model is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.bundle import Bundle
from training.log.files import LogFiles
from training.log.options import LogColumns, column_of
from training.monitor.alarms import alarms_of
from training.monitor.calendar import ONE, Day, Period, days_of, periods_from
from training.monitor.calibration import LEAST_CUSTOMERS, LEAST_VARIANCE, KindSeen, Told, calibration_of
from training.monitor.drift import FEWEST, effective_rows
from training.monitor.expected import Expected, as_served, by_bundle, by_column
from training.monitor.report import (
    Monitoring,
    date_of,
    features_form,
    mix_form,
    mix_shift_form,
    reference_form,
    weeks_form,
)
from training.monitor.shown import ShownRows, read_shown
from training.monitor.watched import FeatureSeen, MixSeen, Reference, features_seen, mix_seen

Instant = np.datetime64
Mask = NDArray[np.bool_]

FIRST_DAYS: Final = 14
"""Of a log that nothing else is compared with: whole weeks, so that every weekday has its part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is to be watched.

    Probabilities are the bundle's, else those of `probability`, else as served. Nothing decided before `test_from`,
    until when the model learnt, or before `since` is judged; the rows before `test_from` are the reference, where
    `reference` names no log and there are some. `notices` are told as they are.
    """

    log: Path
    columns: LogColumns
    probability: str | None = None
    bundle: Bundle | None = None
    test_from: Instant | None = None
    since: Instant | None = None
    reference: Path | None = None
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """All that was found, before it is put into words; `calibration_not_judged` and `mix_not_judged` say why not."""

    question: Question
    rows: ShownRows
    expected: Expected | None
    judged: Mask
    kinds: tuple[KindSeen, ...] = ()
    reference: Reference | None = None
    features: dict[str, tuple[FeatureSeen, ...]] = field(default_factory=dict)
    mix: tuple[MixSeen, ...] = ()
    calibration_not_judged: str | None = None
    mix_not_judged: str | None = None
    notices: tuple[str, ...] = ()


def monitor_log(question: Question, announce: Callable[[str], None]) -> Monitoring:
    """Raises: LogInvalid that names file, row and column; BundleCorrupt."""
    return monitoring_of(look_at(question, announce))


def look_at(question: Question, announce: Callable[[str], None]) -> Found:
    """Raises: as `monitor_log`."""
    announce("log")
    files = LogFiles(question.log)
    rows = read_shown(files, question.columns)
    announce("probabilities")
    told = _expected(files, question)
    expected = None if told is None else told.of_rows(rows.row)
    judged = _judged(question, rows, expected)
    found = Found(question=question, rows=rows, expected=expected, judged=judged, notices=question.notices)
    announce("calibration")
    found = replace(found, kinds=calibration_of(_told(found)))
    found = replace(found, calibration_not_judged=_why(found))
    announce("features")
    return _watched(found)


def monitoring_of(found: Found) -> Monitoring:
    """As people and programs read it."""
    question, rows, expected = found.question, found.rows, found.expected
    later, known = _later(question, rows), ~np.isnan(rows.met)
    told = np.zeros(rows.size, dtype=np.bool_) if expected is None else ~np.isnan(expected.p)
    begins = _begins(question)
    return Monitoring(
        log=str(question.log),
        expected_by=None if expected is None else expected.by,
        rows=rows.size,
        rows_judged=int(found.judged.sum()),
        rows_without_reward=int((later & ~known).sum()),
        rows_without_probability=int((later & known & ~told).sum()),
        judged_from=None if begins is None else date_of(begins),
        last_decided=date_of(rows.decided_at.max()),
        last_known=date_of(rows.known_at[found.judged].max()) if found.judged.any() else None,
        weeks=weeks_form(found.kinds),
        reference=None if found.reference is None else reference_form(found.reference),
        features=features_form(found.features),
        mix=mix_form(rows),
        mix_shifts=mix_shift_form(found.mix),
        alarms=alarms_of(found.kinds, found.features, found.mix),
        calibration_not_judged=found.calibration_not_judged,
        mix_not_judged=found.mix_not_judged,
        notices=found.notices,
    )


def _expected(files: LogFiles, question: Question) -> Expected | None:
    if question.bundle is not None:
        return by_bundle(files, question.columns.for_log(files), question.bundle)
    return as_served(files) if question.probability is None else by_column(files, question.probability)


def _begins(question: Question) -> Instant | None:
    said = [at for at in (question.test_from, question.since) if at is not None]
    return max(said) if said else None


def _judged(question: Question, rows: ShownRows, expected: Expected | None) -> Mask:
    if expected is None:
        return np.zeros(rows.size, dtype=np.bool_)
    return _later(question, rows) & ~np.isnan(rows.met) & ~np.isnan(expected.p)


def _later(question: Question, rows: ShownRows) -> Mask:
    """(n,) what was decided in the time that is judged."""
    begins = _begins(question)
    return np.ones(rows.size, dtype=np.bool_) if begins is None else rows.decided_at >= begins


def _told(found: Found) -> Told:
    """Of the time that is judged, what something was expected of, known or not."""
    rows, expected = found.rows, found.expected
    which = np.zeros(rows.size, np.bool_) if expected is None else _later(found.question, rows) & ~np.isnan(expected.p)
    return Told(
        p=np.empty(0) if expected is None else expected.p[which],
        met=rows.met[which],
        customer=rows.customer[which],
        decided_at=rows.decided_at[which],
        known_at=rows.known_at[which],
        kind=rows.kind.codes[which],
        kinds=rows.kind.levels,
    )


def _why(found: Found) -> str | None:
    """Why nothing is concluded of calibration, if nothing is."""
    if found.expected is None:
        return "the log has no p_outcome; name --probability or --model"
    if not found.judged.any():
        return "no row in that time has both an outcome that is known and a probability"
    if not any(sequence.is_concluded for kind in found.kinds for sequence in kind.sequences):
        return f"too few yet, {LEAST_CUSTOMERS} customers and a variance of {LEAST_VARIANCE:g} outcomes are needed"
    return None


def _watched(found: Found) -> Found:
    """With features and mix, where there is something to compare them with."""
    reference, begins, notices = _reference(found)
    found = replace(found, reference=reference, notices=(*found.notices, *notices))
    if reference is None:
        return replace(found, mix_not_judged="there is no row to compare with (--reference)")
    periods = periods_from(begins, days_of(found.rows.decided_at).max())
    if not periods:
        return replace(found, mix_not_judged=_no_period(begins))
    if not found.rows.features:
        unnamed = "no features are watched: the log is a plain one; name them (--features)"
        found = replace(found, notices=(*found.notices, unnamed))
    return replace(
        found,
        features=features_seen(found.rows, reference, periods),
        mix=mix_seen(found.rows, reference, periods),
        mix_not_judged=_thin(found.rows, reference, periods),
    )


def _reference(found: Found) -> tuple[Reference | None, Day, tuple[str, ...]]:
    """What is compared with, the first day that is compared with it, and what has to be said of it."""
    question, rows = found.question, found.rows
    days, begins = days_of(rows.decided_at), _begins(question)
    first = days.min() if begins is None else max(days.min(), begins.astype("datetime64[D]"))
    if question.reference is not None:
        other = _other_log(question.reference, question.columns, rows)
        lacking = [name for name in rows.features if name not in other.features]
        told = (f"the reference has no: {', '.join(lacking)}",) if lacking else ()
        return Reference(rows=other, which=np.ones(other.size, dtype=np.bool_)), first, told
    if question.test_from is not None and (rows.decided_at < question.test_from).any():
        return Reference(rows=rows, which=rows.decided_at < question.test_from), _next_day(first, begins), ()
    opening = days.min() if question.test_from is None else first
    which = (days >= opening) & (days < opening + FIRST_DAYS * ONE)
    if not which.any():
        return None, first, ()
    return Reference(rows=rows, which=which), max(first, opening + FIRST_DAYS * ONE), ()


def _other_log(path: Path, columns: LogColumns, rows: ShownRows) -> ShownRows:
    """Of another log the same features, those that it has."""
    files = LogFiles(path)
    there = tuple(name for name in rows.features if column_of(name, files) in files.columns)
    texts = tuple(name for name in there if name in rows.facts.texts)
    return read_shown(files, replace(columns, features=there, categorical=texts))


def _next_day(first: Day, begins: Instant | None) -> Day:
    """The first whole day, where what is judged begins in the middle of one."""
    return first if begins is None or begins == first else first + ONE


def _no_period(begins: Day) -> str:
    return f"there are no seven days from {begins} on, after those compared with"


def _thin(rows: ShownRows, reference: Reference, periods: tuple[Period, ...]) -> str | None:
    """Why nothing could raise an alarm, if nothing could."""
    if effective_rows(reference.rows.customer[reference.which]) < FEWEST:
        return f"the reference has fewer than {FEWEST} customers"
    days = days_of(rows.decided_at)
    if all(effective_rows(rows.customer[period.holds(days)]) < FEWEST for period in periods):
        return f"no week after those compared with has {FEWEST} customers"
    return None
