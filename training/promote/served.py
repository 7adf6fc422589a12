"""What the service would choose by a bundle, on each row of an exported log: by tier, then priority, or nothing.

    priority = p × value × context weight × lever - cost      p - p_if_silent in place of p, where it ranks by uplift

Tier, context weight, lever, cost and a value that the catalogue says are as they were served. p, a customer's own value
and p_if_silent are the bundle's; what it does not tell is the catalogue's: prior, value, and by the outcome alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.columns.facts import FeatureColumns
from features.encoder import JourneyRow
from models.bundle import Bundle
from models.scorer import Scorer
from service.decision.explore import NO_SILENCE, Silence
from service.decision.journey import HELPING_KINDS, NO_JOURNEY, Journey, RankBy
from service.decision.plan import Plan
from training.log import cells
from training.log.decisions import Choices, read_choices
from training.log.files import LogFiles, LogTable
from training.log.options import ELIGIBLE, LogColumns, is_exported
from training.off_policy.policies import deterministic
from training.policy_table import PolicyTable

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]
BY_PRIOR, BY_UPLIFT = "PRIOR", "UPLIFT"
NEEDED = ("tier", "value", "lever", "context_weight", "cost")
NUMBERS = (*NEEDED, "p_if_silent", "p_outcome")
TEXTS = ("score_source", "ranked_by", "kind")
LAST = -np.finfo(np.float64).max
"""The priority of what has none that is finite: after all that has."""


def served_policy(
    bundle: Bundle, path: Path, log: Path, plan: Plan | None = None, since: datetime | None = None
) -> PolicyTable | None:
    """Without exploration, as the champion of everybody.

    Args:
        path: says in errors whose it is.
        plan: of the catalogue in force, which says what is asked of a model, and when silence is better. Without one a
            journey is what the log says of it, and silence is none of the choices.
        since: rows decided later are asked for; None: all.
    Returns: None for a log that does not say what an order follows from, of a row that is asked for.
    Raises: LogInvalid, BundleCorrupt.
    """
    files = LogFiles(log)
    if bundle.policy is None or not is_exported(files):
        return None
    table = files.read({ELIGIBLE, LogColumns().decided_at})
    silence = NO_SILENCE if plan is None else plan.silence
    names, categorical = bundle.encoder.features_read()
    journeys = tuple(journey.journey_id for journey in bundle.policy.journeys)
    if silence.threshold is not None:
        journeys = (*journeys, NO_JOURNEY)
    columns = LogColumns(features=names, categorical=categorical)
    choices = read_choices(log, columns, journeys, bundle.encoder.types_read())
    weighed = _Weighed.of(table, choices)
    if weighed is None or (weighed.lacks & _is_later(table, since)).any():
        return None
    chosen = _Order(bundle, choices, weighed, {} if plan is None else _by_id(plan), silence).chosen()
    return PolicyTable(
        path=path,
        journeys=choices.journeys,
        probability=deterministic(chosen, len(choices.journeys)),
        covered=~weighed.lacks,
        features=names,
        categorical=categorical,
    )


def _is_later(table: LogTable, since: datetime | None) -> Mask:
    if since is None:
        return np.ones(table.table.num_rows, dtype=np.bool_)
    at = cells.instants(table, LogColumns().decided_at)
    return np.asarray(at > np.datetime64(since.astimezone(UTC).replace(tzinfo=None), "us"))


def _by_id(plan: Plan) -> Mapping[str, Journey]:
    return {one.journey.journey_id: one.journey for listed in plan.journeys.values() for one in listed}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Weighed:
    """(n, J) each, NaN where a row does not have a journey. (J,): `prior`, where some row was served by it; `helps`.

    `lacks` (n,): something that orders is not told of a journey that the row could have.
    """

    by_name: dict[str, Matrix]
    by_uplift: Mask
    prior: Vector
    helps: Mask
    lacks: Mask

    @classmethod
    def of(cls, table: LogTable, choices: Choices) -> _Weighed | None:
        """None of a table of before all that orders was told."""
        found = cells.sets(table, ELIGIBLE)
        place = {name: j for j, name in enumerate(choices.journeys)}
        columns = np.array([place[level] for level in found.levels] or [0], dtype=np.int64)[found.codes]
        told = {name: cells.of_entries(table, ELIGIBLE, name) for name in (*NUMBERS, *TEXTS)}
        known = {name: array for name, array in told.items() if array is not None}
        if len(known) < len(told):
            return None
        shape = choices.eligible.shape
        by_name = {name: np.full(shape, np.nan) for name in NUMBERS}
        for name, matrix in by_name.items():
            matrix[found.rows, columns] = _numbers(known[name])
        is_prior, by_uplift = (_is(known[name], said) for name, said in zip(TEXTS, (BY_PRIOR, BY_UPLIFT), strict=False))
        uplift, prior = np.zeros(shape, dtype=np.bool_), np.full(shape[1], np.nan)
        uplift[found.rows, columns] = by_uplift
        prior[columns[is_prior]] = _numbers(known["p_outcome"])[is_prior]
        helps, lacks = np.zeros(shape[1], dtype=np.bool_), np.zeros(shape[0], dtype=np.bool_)
        for kind in HELPING_KINDS:
            helps[columns[_is(known["kind"], kind.value)]] = True
        for name in NEEDED:
            lacks[found.rows[np.asarray(known[name].is_null())]] = True
        return cls(by_name=by_name, by_uplift=uplift, prior=prior, helps=helps, lacks=lacks)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Worth:
    """(n,) each: the `priority` of a journey, and what would come of it `in_silence`, NaN where no model tells that."""

    priority: Vector
    in_silence: Vector


class _Order:
    """What a bundle makes of each row, as `arbitrate` and `distribution` of the service do without exploration."""

    def __init__(
        self, bundle: Bundle, choices: Choices, weighed: _Weighed, journeys: Mapping[str, Journey], silence: Silence
    ) -> None:
        self._scorer = Scorer(bundle)
        self._learnt = {one.journey_id: one for one in bundle.policy.journeys} if bundle.policy else {}
        self._features: FeatureColumns = choices.features
        self._choices = choices
        self._weighed = weighed
        self._journeys = journeys
        self._silence = silence

    def chosen(self) -> NDArray[np.int64]:
        """(n,) the column of what fills the slot."""
        names, rows = self._choices.journeys, np.arange(self._choices.size)
        by_id = np.argsort(np.array(names, dtype=object), kind="stable")  # ties break by id
        worth = [self._worth(name, j) for j, name in enumerate(names)]
        priority = np.column_stack([one.priority for one in worth])[:, by_id]
        tier = self._tiers()[:, by_id]
        first = _first(tier, priority)
        best = by_id[first]
        if NO_JOURNEY not in names:
            return best
        nothing = names.index(NO_JOURNEY)
        in_silence = np.column_stack([one.in_silence for one in worth])[rows, best]
        helps = self._helps()
        is_beaten = self._is_beaten(priority[rows, first], in_silence) & ~helps[best]
        tier_of_helping = np.where(helps[by_id], tier, np.inf)
        has_helping = np.isfinite(tier_of_helping).any(axis=1)
        best = np.where(is_beaten & has_helping, by_id[_first(tier_of_helping, priority)], best)
        may_be_silent = self._choices.eligible[:, nothing]
        has_any = np.isfinite(tier).any(axis=1)
        return np.where(may_be_silent & (~has_any | (is_beaten & ~has_helping)), nothing, best)

    def _tiers(self) -> Matrix:
        """(n, J) infinite of what a row cannot have, and of saying nothing."""
        told = self._weighed.by_name["tier"]
        return np.where(self._choices.eligible & ~np.isnan(told), told, np.inf)

    def _helps(self) -> Mask:
        """(J,) as `Silence` has it: of a kind that silence keeps away from nobody."""
        known = (self._journeys.get(name) for name in self._choices.journeys)
        pairs = zip(known, self._weighed.helps, strict=True)
        return np.array([logged if one is None else one.kind in HELPING_KINDS for one, logged in pairs], dtype=np.bool_)

    def _is_beaten(self, priority: Vector, in_silence: Vector) -> Mask:
        """(n,) as `Silence.beats`."""
        silence = self._silence
        if silence.threshold is None:
            return np.zeros(priority.size, dtype=np.bool_)
        told = in_silence if silence.is_learnt else np.full(priority.size, np.nan)
        worth = np.where(np.isfinite(told), told, silence.value)
        return np.asarray(~(priority > worth + silence.threshold) | (priority == LAST), dtype=np.bool_)

    def _worth(self, name: str, j: int) -> _Worth:
        told = {key: matrix[:, j] for key, matrix in self._weighed.by_name.items()}
        if name == NO_JOURNEY:
            return _Worth(priority=np.full(self._choices.size, LAST), in_silence=np.zeros(self._choices.size))
        one = self._journeys.get(name)
        row = self._row(name, one)
        p, value = self._p_met(row, one, j), self._value(row, one, told["value"])
        silent = self._p_if_silent(row, one, j)
        is_uplift = self._weighed.by_uplift[:, j] if one is None else one.objective.rank_by is RankBy.UPLIFT
        by_uplift = is_uplift & ~np.isnan(silent)
        weights = told["context_weight"] * told["lever"]
        priority = np.where(by_uplift, p - silent, p) * value * weights - told["cost"]
        return _Worth(
            priority=np.where(np.isfinite(priority), priority, LAST),
            in_silence=np.where(by_uplift, 0.0, silent * value * weights),
        )

    def _row(self, name: str, one: Journey | None) -> JourneyRow | None:
        """What a model is asked of the journey; None of one that it has no history of."""
        if name not in self._scorer.history:
            return None
        if one is not None:
            return JourneyRow(journey_id=name, kind=one.kind.value, attributes=one.attributes)
        learnt = self._learnt.get(name)
        return None if learnt is None else JourneyRow(journey_id=name, kind=learnt.kind, attributes=learnt.attributes)

    def _p_met(self, row: JourneyRow | None, one: Journey | None, j: int) -> Vector:
        """The catalogue's prior of an unknown journey; where nothing says that, as it was served."""
        if row is not None:
            return self._scorer.score_columns(self._features, row)
        prior = self._weighed.prior[j] if one is None else one.prior
        return self._weighed.by_name["p_outcome"][:, j] if np.isnan(prior) else np.full(self._choices.size, prior)

    def _value(self, row: JourneyRow | None, one: Journey | None, served: Vector) -> Vector:
        """The customer's own where that is learned and told, else what the catalogue says until it is."""
        if one is not None and not one.objective.is_value_learnt:
            return served
        if row is not None and row.journey_id in self._scorer.valued:
            return self._scorer.value_columns(self._features, row)
        return served if one is None else np.full(self._choices.size, one.objective.value)

    def _p_if_silent(self, row: JourneyRow | None, one: Journey | None, j: int) -> Vector:
        """NaN where it does not count, or no model tells it; 0 of what silence cannot meet."""
        unknown = np.full(self._choices.size, np.nan)
        if one is None:
            counts, asks = self._weighed.by_uplift[:, j], True
        else:
            counts, asks = np.array(one.objective.counts_silence), one.objective.asks_of_silence
        if not counts.any():
            return unknown
        if not asks:
            return np.zeros(self._choices.size)
        if row is not None and row.journey_id in self._scorer.silent:
            return np.where(counts, self._scorer.p_if_silent_columns(self._features, row), np.nan)
        return unknown if one is not None else np.where(counts, self._weighed.by_name["p_if_silent"][:, j], np.nan)


def _first(tier: Matrix, priority: Matrix) -> NDArray[np.int64]:
    """(n,) the column with the highest priority of a row's best tier; of columns that are alike the first."""
    is_best = np.isfinite(tier) & (tier == tier.min(axis=1, keepdims=True))
    return np.asarray(np.argmax(np.where(is_best, priority, -np.inf), axis=1), dtype=np.int64)


def _numbers(array: pa.Array) -> Vector:
    return np.asarray(array.cast(pa.float64()).fill_null(np.nan), dtype=np.float64)


def _is(array: pa.Array, said: str) -> Mask:
    return np.asarray(pc.equal(array, said).fill_null(False), dtype=np.bool_)
