"""How well a model tells rewards in each part of the rows that were measured: by kind, channel, segment and so on."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from training.learn.calibration_error import calibration_error, calibration_error_by_chance
from training.learn.losses import log_loss
from training.learn.measures import Judged
from training.learn.ranking import NothingToRank, auc
from training.off_policy.clusters import Clusters

Vector = NDArray[np.float64]
Codes = NDArray[np.int64]

MIN_ROWS = 50
"""A rate of 10 % is told by so many rows within 8 points either way, and each group of the calibration error then holds
five: of fewer, every figure is chance."""
MIN_CUSTOMERS = 30
"""With fewer the spread between customers is not known well enough for an interval, and figures would tell of few."""
MEASURES = ("rate", "auc", "log_loss", "ece", "observed_to_expected")
"""What becomes a metric of a run; all else is in its slices.json."""
DOUBT = 0.01
"""Levels count as different below this: of ten features that are alike, one is told as different in ten trainings."""
Z = 1.96
MAX_KEY = 60
_OUTSIDE = re.compile(r"[^\w\- ]+")
"""What the name of a metric is kept without; MLflow takes letters of any script, digits and `_-./: `."""


class Role(StrEnum):
    """Why rows are cut by something."""

    KIND = "kind"
    CHANNEL = "channel"
    SEGMENT = "segment"
    SENSITIVE = "sensitive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What rows are cut by: `codes` (n,) of the rows that were measured index `levels`.

    `keys`: the levels' names in metrics, other than each other. `is_seen`: the model has a column of it.
    """

    by: str
    role: Role
    levels: tuple[str, ...]
    codes: Codes
    keys: tuple[str, ...]
    is_seen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of n rows; NaN where a figure needs probabilities, and none were told, or some of both outcomes.

    rate: the share of rows with a reward; expected, observed: the mean reward that the model expects, and that came; of
    a model of P(met) its mean, and the share that was met: its figures are all of that.
    ece: calibration error, ece_by_chance: what a model without any would show; observed_to_expected: their ratio, with
    its 95 % interval, customers as clusters.
    """

    rate: float
    expected: float
    observed: float
    auc: float
    log_loss: float
    ece: float
    ece_by_chance: float
    observed_to_expected: float
    observed_to_expected_low: float
    observed_to_expected_high: float

    @property
    def is_off(self) -> bool:
        """Whether what came differs from what was expected beyond chance."""
        return bool(self.observed_to_expected_low > 1.0 or self.observed_to_expected_high < 1.0)

    def document(self) -> dict[str, float | None]:
        """As JSON has it: null where a figure means nothing."""
        return {name: _or_null(value) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One level, and its figures; None, for nothing is told, where it has fewer than MIN_ROWS rows or MIN_CUSTOMERS."""

    level: str
    key: str
    rows: int
    customers: int
    figures: Figures | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Slices:
    """All levels of one cut. `p_alike`: how likely the ratios differ so much if all are the same; NaN of one level."""

    by: str
    role: Role
    is_seen: bool
    levels: tuple[Slice, ...]
    p_alike: float

    @property
    def told(self) -> tuple[tuple[Slice, Figures], ...]:
        """Those with figures."""
        return tuple((one, one.figures) for one in self.levels if one.figures is not None)

    @property
    def are_alike(self) -> bool:
        """Whether the ratios differ by no more than chance makes them; also where that cannot be told."""
        return not self.p_alike < DOUBT

    def document(self) -> dict[str, object]:
        """As JSON has it: null where a figure means nothing."""
        return {
            "by": self.by,
            "role": self.role,
            "is_seen_by_model": self.is_seen,
            "p_alike": _or_null(self.p_alike),
            "levels": [
                {
                    "level": one.level,
                    "rows": one.rows,
                    "customers": one.customers,
                    "figures": None if one.figures is None else one.figures.document(),
                }
                for one in self.levels
            ],
        }


def sliced(judged: Judged, cuts: Sequence[Cut]) -> tuple[Slices, ...]:
    """The figures of every level of every cut."""
    return tuple(_slices(judged, cut) for cut in cuts)


def figures_of(judged: Judged) -> Figures:
    """Of all rows that were measured."""
    return _figures(judged, np.arange(judged.reward.size), variance_a_reward(judged.observed, judged.predicted))


def metrics_of(slices: Sequence[Slices]) -> Mapping[str, float]:
    """MEASURES by names such as slice.kind.promotional.auc; without what means nothing."""
    return {
        f"slice.{key}.{level.key}.{name}": value
        for one, key in zip(slices, keys_of([one.by for one in slices]), strict=True)
        for level, figures in one.told
        for name in ("rows", *MEASURES)
        if np.isfinite(value := float(level.rows) if name == "rows" else float(getattr(figures, name)))
    }


def ratio_of(reward: Vector, expected: Vector, customer: Codes, modelled: float = 0.0) -> tuple[float, float, float]:
    """sum(y) / sum(m), and where the 95 % interval around it begins and ends; 0 is its least unless the ratio is less.

    Its standard error is that of sum(y - m) over sum(m). The variance of that sum is sum over c of (d_c - mean d)^2
    with d_c = sum(y - m) of customer c, for rows of one customer are one draw; or `modelled` if that is more: where
    hardly anything was met, what is seen varies far too little. NaN where nothing is expected, or all is of one
    customer.
    """
    total = float(expected.sum())
    clusters = Clusters.of(customer)
    if total <= 0.0 or clusters.count < 2:
        return np.nan, np.nan, np.nan
    ratio = float(reward.sum()) / total
    own = clusters.sums(reward - expected)
    half = Z * float(np.sqrt(max(((own - own.mean()) ** 2).sum(), modelled))) / total
    return ratio, max(ratio - half, min(ratio, 0.0)), ratio + half


def variance_a_reward(reward: Vector, expected: Vector) -> float:
    """sum((y - m)^2) / sum(m), of all rows: by how much more a sum of rewards varies for each unit expected.

    As in quasi-likelihood, variance in proportion to the mean. Source: Wedderburn (1974). NaN where none is expected.
    """
    total = float(expected.sum())
    return float(((reward - expected) ** 2).sum()) / total if total > 0.0 else float("nan")


def p_alike(ratios: Vector, errors: Vector) -> float:
    """P(Q or more) where independent ratios (k,) with standard errors (k,) estimate one: chi-square, k - 1 degrees.

    Q = sum w (r - r_w)^2 with w = 1 / error^2, r_w their mean by w. Source: Cochran (1954).
    """
    from scipy.special import chdtrc  # type: ignore[import-untyped]

    usable = np.isfinite(ratios) & (errors > 0.0)
    if usable.sum() < 2:
        return float("nan")
    ratio, weight = ratios[usable], 1.0 / errors[usable] ** 2
    q = float((weight * (ratio - np.average(ratio, weights=weight)) ** 2).sum())
    return float(chdtrc(ratio.size - 1, q))


def key_of(name: str) -> str:
    """A part of a metric's name: what MLflow does not take in one becomes `_`, as do its own dots and slashes."""
    return _OUTSIDE.sub("_", name).strip("_ ")[:MAX_KEY].strip("_ ") or "_"


def keys_of(levels: Sequence[str]) -> tuple[str, ...]:
    """`key_of` each; the second of equal ones ends in _2, and so on."""
    keys: list[str] = []
    for level in levels:
        plain = key = key_of(level)
        number = 1
        while key in keys:
            number += 1
            key = f"{plain}_{number}"
        keys.append(key)
    return tuple(keys)


def _slices(judged: Judged, cut: Cut) -> Slices:
    spread = variance_a_reward(judged.observed, judged.predicted)
    levels = tuple(_slice(judged, cut, code, spread) for code in range(len(cut.levels)))
    told = [one.figures for one in levels if one.figures is not None]
    ratios = np.array([one.observed_to_expected for one in told])
    above = np.array([one.observed_to_expected_high for one in told]) - ratios
    return Slices(
        by=cut.by,
        role=cut.role,
        is_seen=cut.is_seen,
        levels=tuple(one for one in levels if one.rows),
        p_alike=p_alike(ratios, above / Z) if told else float("nan"),
    )


def _slice(judged: Judged, cut: Cut, code: int, spread: float) -> Slice:
    rows = np.flatnonzero(cut.codes == code)
    customers = int(np.unique(judged.log.customer[rows]).size)
    is_told = rows.size >= MIN_ROWS and customers >= MIN_CUSTOMERS
    figures = _figures(judged, rows, spread) if is_told else None
    return Slice(level=cut.levels[code], key=cut.keys[code], rows=int(rows.size), customers=customers, figures=figures)


def _figures(judged: Judged, rows: Codes, spread: float) -> Figures:
    """A level where nobody met it has probabilities as well, as they are of all rows. `spread`: of all rewards."""
    reward, expected = judged.observed[rows], judged.predicted[rows]
    label = (reward != 0.0).astype(np.float64)
    p = judged.p_of(rows)
    ratio, low, high = ratio_of(reward, expected, judged.log.customer[rows], _modelled(expected, p, spread))
    return Figures(
        rate=float(label.mean()),
        expected=float(expected.mean()),
        observed=float(reward.mean()),
        auc=np.nan if p is None else _auc(label, p),
        log_loss=np.nan if p is None else log_loss(label, p),
        ece=calibration_error(reward, expected) if p is None else calibration_error(label, p),
        ece_by_chance=np.nan if p is None else calibration_error_by_chance(p),
        observed_to_expected=ratio,
        observed_to_expected_low=low,
        observed_to_expected_high=high,
    )


def _modelled(expected: Vector, p: Vector | None, spread: float) -> float:
    """The variance of a sum of rewards of which so much is expected each, if that is right.

    By `spread`, the variance for each unit expected; at least that of amounts m / p which are met with p or not.
    """
    by_spread = spread * float(expected.sum())
    met = np.zeros(expected.size) if p is None else np.divide(1.0 - p, p, out=np.zeros(p.size), where=p > 0.0)
    return max(by_spread, float((expected**2 * met).sum()))


def _auc(label: Vector, p: Vector) -> float:
    try:
        return auc(label, p)
    except NothingToRank:
        return float("nan")


def _or_null(value: float) -> float | None:
    return value if np.isfinite(value) else None
