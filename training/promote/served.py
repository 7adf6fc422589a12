"""What the service would choose by a bundle, on each row of an exported log: by tier, then priority.

    priority = p × value × context weight × lever - cost      p - p_if_silent in place of p, where it ranks by uplift

All but p, and a value that the bundle tells, is as it was served. Saying nothing is none of the choices.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.columns.facts import FeatureColumns
from features.encoder import JourneyRow
from models.bundle import Bundle
from models.scorer import Scorer
from service.decision.journey import NO_JOURNEY
from training.log import cells
from training.log.decisions import Choices, read_choices
from training.log.files import LogFiles, LogTable
from training.log.options import ELIGIBLE, LogColumns, is_exported
from training.off_policy.policies import deterministic
from training.policy_table import PolicyTable

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
BY_PRIOR, BY_UPLIFT = "PRIOR", "UPLIFT"
NUMBERS = ("tier", "value", "lever", "context_weight", "cost", "p_if_silent", "p_outcome")
TEXTS = ("score_source", "ranked_by")


def served_policy(bundle: Bundle, path: Path, log: Path) -> PolicyTable | None:
    """`path` says in errors whose it is. None for a log that does not say what an order follows from.

    Raises: LogInvalid, BundleCorrupt.
    """
    files = LogFiles(log)
    if bundle.policy is None or not is_exported(files):
        return None
    table = files.read({ELIGIBLE})
    names, categorical = bundle.encoder.features_read()
    journeys = tuple(journey.journey_id for journey in bundle.policy.journeys)
    columns = LogColumns(features=names, categorical=categorical)
    choices = read_choices(log, columns, journeys, bundle.encoder.types_read())
    weighed = _Weighed.of(table, choices)
    if weighed is None:
        return None
    chosen = np.argmax(_places(weighed, choices, bundle), axis=1)
    return PolicyTable(
        path=path,
        journeys=choices.journeys,
        probability=deterministic(chosen, len(choices.journeys)),
        covered=np.ones(chosen.size, dtype=np.bool_),
        features=names,
        categorical=categorical,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Weighed:
    """(n, J) each, NaN where a row does not have a journey; `prior`, by journey, where some row was served by it."""

    by_name: dict[str, Matrix]
    by_uplift: NDArray[np.bool_]
    prior: Vector

    @classmethod
    def of(cls, table: LogTable, choices: Choices) -> _Weighed | None:
        """None unless all that orders is told of every journey that was allowed."""
        found = cells.sets(table, ELIGIBLE)
        place = {name: j for j, name in enumerate(choices.journeys)}
        columns = np.array([place[level] for level in found.levels] or [0], dtype=np.int64)[found.codes]
        told = {name: cells.of_entries(table, ELIGIBLE, name) for name in (*NUMBERS, *TEXTS)}
        known = {name: array for name, array in told.items() if array is not None}
        needed = ("tier", "value", "lever", "context_weight", "cost")
        if len(known) < len(told) or any(known[name].null_count for name in needed):
            return None
        shape = choices.eligible.shape
        by_name = {name: np.full(shape, np.nan) for name in NUMBERS}
        for name, matrix in by_name.items():
            matrix[found.rows, columns] = _numbers(known[name])
        is_prior, by_uplift = (_is(known[name], said) for name, said in zip(TEXTS, (BY_PRIOR, BY_UPLIFT), strict=True))
        uplift, prior = np.zeros(shape, dtype=np.bool_), np.full(shape[1], np.nan)
        uplift[found.rows, columns] = by_uplift
        prior[columns[is_prior]] = _numbers(known["p_outcome"])[is_prior]
        return cls(by_name=by_name, by_uplift=uplift, prior=prior)


def _places(weighed: _Weighed, choices: Choices, bundle: Bundle) -> Matrix:
    """(n, J) the priority of what is of a row's best tier; -inf of all else, and of saying nothing unless it is all."""
    told, scorer = weighed.by_name, Scorer(bundle)
    worth = np.full(choices.eligible.shape, np.nan)
    for j, journey in enumerate(choices.journeys):
        if journey != NO_JOURNEY:
            p, value = _told_of(journey, j, weighed, choices, bundle, scorer)
            silent = np.where(weighed.by_uplift[:, j], np.nan_to_num(told["p_if_silent"][:, j]), 0.0)
            weights = told["context_weight"][:, j] * told["lever"][:, j]
            worth[:, j] = (p - silent) * value * weights - told["cost"][:, j]
    tier = np.where(choices.eligible & ~np.isnan(told["tier"]), told["tier"], np.inf)
    best = tier == tier.min(axis=1, keepdims=True)
    placed = np.where(best & np.isfinite(tier), np.nan_to_num(worth, nan=-np.finfo(float).max), -np.inf)
    return np.where(choices.eligible & ~np.isfinite(placed).any(axis=1, keepdims=True), 0.0, placed)


def _told_of(
    journey: str, j: int, weighed: _Weighed, choices: Choices, bundle: Bundle, scorer: Scorer
) -> tuple[Vector, Vector]:
    """P(met), and the value of it: by the bundle where it knows the journey, else as it was served."""
    features, value = choices.features, weighed.by_name["value"][:, j]
    learnt = next((one for one in bundle.policy.journeys if one.journey_id == journey), None) if bundle.policy else None
    if learnt is None or journey not in scorer.history:
        return _prior(weighed, j, features), value
    row = JourneyRow(journey_id=journey, kind=learnt.kind, attributes=learnt.attributes)
    own = scorer.value_columns(features, row) if journey in scorer.valued else value
    return scorer.score_columns(features, row), own


def _prior(weighed: _Weighed, j: int, features: FeatureColumns) -> Vector:
    """The catalogue's; where the log never served it by that, what was served."""
    prior = weighed.prior[j]
    return weighed.by_name["p_outcome"][:, j] if np.isnan(prior) else np.full(features.size, prior)


def _numbers(array: pa.Array) -> Vector:
    return np.asarray(array.cast(pa.float64()).fill_null(np.nan), dtype=np.float64)


def _is(array: pa.Array, said: str) -> NDArray[np.bool_]:
    return np.asarray(pc.equal(array, said).fill_null(False), dtype=np.bool_)
