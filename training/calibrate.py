"""Chooses a calibration on predictions of campaigns the model had not seen, and only when it proves itself.

Redemption rates differ threefold between campaigns, so a calibration that fits the past campaigns may well harm the
next. Each kind is therefore fitted on the folds before each fold and judged there, and replaces the raw probability
only when its gain is significant. (Taking the best one without that test was worse than none when it was itself
judged on the walk-forward folds: log loss 0.299 against 0.295, mean of five seeds.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.calibration import Calibration, CalibrationKind, Vector, fit_isotonic, fit_platt, fit_spread

DOUBT = 0.05
"""Chance of replacing a right probability that is accepted: the level of a one-sided t test of the mean gain, with
the folds as clusters, divided among the kinds tried (Bonferroni)."""

MIN_FOLDS = 4
"""Fewer folds (one to begin with, three to judge) say nothing of the variation between campaigns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfFold:
    """Walk-forward predictions, all (n,): `fold` numbers the starts in order of time."""

    raw: Vector
    label: Vector
    fold: NDArray[np.int64]

    def where(self, mask: NDArray[np.bool_]) -> OutOfFold:
        return OutOfFold(raw=self.raw[mask], label=self.label[mask], fold=self.fold[mask])


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationChoice:
    """The calibration chosen, and the forward log loss of each kind tried (nats a pair)."""

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
    return float(gain.mean()) > threshold * clustered_se(gain, cluster)


def calibrate(earlier: OutOfFold, kind: CalibrationKind) -> Calibration:
    """Fits one kind of calibration to walk-forward predictions."""
    match kind:
        case CalibrationKind.IDENTITY:
            return Calibration()
        case CalibrationKind.PLATT:
            return fit_platt(earlier.raw, earlier.label)
        case CalibrationKind.SPREAD:
            return fit_spread(earlier.raw, earlier.label, earlier.fold)
        case CalibrationKind.ISOTONIC:
            return fit_isotonic(earlier.raw, earlier.label)


def clustered_se(values: Vector, cluster: NDArray[np.int64]) -> float:
    """Standard error of the mean of (n,) values that are dependent within clusters.

    sqrt(G / (G - 1) * sum over clusters of (sum of deviations)^2) / n, for G >= 2 clusters.
    Source: Liang & Zeger (1986), for a mean, with the usual small-sample factor.
    """
    _, index = np.unique(cluster, return_inverse=True)
    sums = np.bincount(index, weights=values - values.mean())
    return float(np.sqrt(sums.size / (sums.size - 1) * (sums**2).sum()) / values.size)


def _forward_losses(earlier: OutOfFold, kind: CalibrationKind) -> Vector:
    """Log loss of each pair after the first fold, in order of fold, calibrated on the folds before its own."""
    losses = []
    for fold in np.unique(earlier.fold)[1:]:
        now = earlier.where(earlier.fold == fold)
        p = calibrate(earlier.where(earlier.fold < fold), kind).apply(now.raw)
        losses.append(-(now.label * np.log(p) + (1.0 - now.label) * np.log1p(-p)))
    return np.concatenate(losses)
