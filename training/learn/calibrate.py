"""Chooses a calibration on predictions of rows the model had not seen, and only when it proves itself.

Rates may differ threefold from one time to the next, so a calibration that fits the past may well harm what comes. Each
kind is therefore fitted on the folds before each fold and judged there, and replaces the raw probability only when its
gain is significant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.calibration import Calibration, CalibrationKind, Vector, fit_isotonic, fit_platt, fit_spread
from training.off_policy.estimators import error_of_mean

DOUBT = 0.05
"""Chance of replacing a right probability that is accepted: the level of a one-sided t test of the mean gain, with
the folds as clusters, divided among the kinds tried (Bonferroni)."""

CERTAIN = 1e-15
"""What few rows taught to be impossible costs a finite loss when it happens, and nothing that is no number."""

MIN_FOLDS = 4
"""Fewer folds (one to begin with, three to judge) say nothing of the variation between them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfFold:
    """Predictions of models that had not seen the rows, all (n,): `fold` numbers the folds in order."""

    raw: Vector
    label: Vector
    fold: NDArray[np.int64]

    def where(self, mask: NDArray[np.bool_]) -> OutOfFold:
        return OutOfFold(raw=self.raw[mask], label=self.label[mask], fold=self.fold[mask])


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationChoice:
    """The calibration chosen, and the forward log loss of each kind tried (nats a row)."""

    calibration: Calibration
    forward_log_loss: Mapping[CalibrationKind, float]


def choose_calibration(earlier: OutOfFold) -> CalibrationChoice:
    """The kind with the least forward log loss, if it beats the identity beyond DOUBT; else the identity."""
    folds = np.unique(earlier.fold)
    if folds.size < MIN_FOLDS:
        return CalibrationChoice(calibration=Calibration(), forward_log_loss={})
    losses = {kind: _forward_losses(earlier, kind) for kind in CalibrationKind}
    means = {kind: float(loss.mean()) for kind, loss in losses.items()}
    best = min(means, key=lambda kind: means[kind])
    gain = losses[CalibrationKind.IDENTITY] - losses[best]
    is_proven = is_gain(gain, np.sort(earlier.fold[earlier.fold > folds[0]]), DOUBT / (len(losses) - 1))
    return CalibrationChoice(
        calibration=calibrate(earlier, best) if is_proven else Calibration(), forward_log_loss=means
    )


def is_gain(gain: Vector, cluster: NDArray[np.int64], level: float) -> bool:
    """Whether a one-sided t test, with one degree of freedom less than there are clusters, finds mean(gain) > 0."""
    from scipy.special import stdtrit  # type: ignore[import-untyped]

    threshold = float(stdtrit(np.unique(cluster).size - 1, 1.0 - level))
    return float(gain.mean()) > threshold * error_of_mean(gain, cluster)


def calibrate(earlier: OutOfFold, kind: CalibrationKind) -> Calibration:
    """Fits one kind of calibration."""
    match kind:
        case CalibrationKind.IDENTITY:
            return Calibration()
        case CalibrationKind.PLATT:
            return fit_platt(earlier.raw, earlier.label)
        case CalibrationKind.SPREAD:
            return fit_spread(earlier.raw, earlier.label, earlier.fold)
        case CalibrationKind.ISOTONIC:
            return fit_isotonic(earlier.raw, earlier.label)


def _forward_losses(earlier: OutOfFold, kind: CalibrationKind) -> Vector:
    """Log loss of each row after the first fold, in order of fold, calibrated on the folds before its own."""
    losses = []
    for fold in np.unique(earlier.fold)[1:]:
        now = earlier.where(earlier.fold == fold)
        p = np.clip(calibrate(earlier.where(earlier.fold < fold), kind).apply(now.raw), CERTAIN, 1.0 - CERTAIN)
        losses.append(-(now.label * np.log(p) + (1.0 - now.label) * np.log1p(-p)))
    return np.concatenate(losses)
