"""What a model had expected of each row: as it was served, as a column says, or as a bundle tells it of the log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.encoder import JourneyRow
from models.bundle import MANIFEST_FILE, Bundle
from models.errors import BundleCorrupt
from models.learnt import RewardKind
from models.scorer import Scorer
from training.log import cells
from training.log.facts import demand_types, facts_of
from training.log.files import LogFiles, LogTable
from training.log.options import ATTRIBUTES, KIND, LogColumns, column_of
from training.parity import BY_MODEL, P_OUTCOME, SOURCE

Vector = NDArray[np.float64]
Codes = NDArray[np.int64]

SERVED: Final = "as served"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Expected:
    """`p` (n,): the probability that the objective is met, NaN of rows that nothing tells it of; `by`: whose it is."""

    p: Vector
    by: str

    def of_rows(self, rows: Codes) -> Expected:
        """Of these alone."""
        return replace(self, p=self.p[rows])


def as_served(files: LogFiles) -> Expected | None:
    """Of the rows that a model scored, not a prior; None where the log does not say what was expected."""
    if P_OUTCOME not in files.columns:
        return None
    log = files.read({P_OUTCOME, SOURCE})
    p = _probabilities(log, P_OUTCOME)
    if SOURCE in log.table.column_names:
        source = cells.texts(log, SOURCE)
        by_model = [level == BY_MODEL for level in source.levels]
        p = np.where(np.array([*by_model, False])[source.codes], p, np.nan)
    return Expected(p=p, by=SERVED)


def by_column(files: LogFiles, column: str) -> Expected:
    """Raises: LogInvalid for a column that is not there, and for a number that is no probability."""
    files.demand(column, "--probability")
    return Expected(p=_probabilities(files.read({column}), column), by=f"column {column}")


def by_bundle(files: LogFiles, columns: LogColumns, bundle: Bundle) -> Expected:
    """What the bundle tells of each row of a journey that it knows.

    Kind and attributes are those that the log has, else those that the bundle learnt of the journey.
    Raises: LogInvalid for a feature that the log lacks or has in another type; BundleCorrupt for a bundle that tells
        expected rewards and no probabilities.
    """
    if bundle.policy is not None and bundle.policy.reward.kind is RewardKind.MEAN:
        raise BundleCorrupt(MANIFEST_FILE, "tells an expected reward, and no probability that can come true or not")
    names, categorical = bundle.encoder.features_read()
    stored = {name: column_of(name, files) for name in names}
    for column in stored.values():
        files.demand(column, f"model {bundle.version} reads it")
    told = {columns.journey, columns.decided_at, *({KIND, ATTRIBUTES} & set(files.columns))}
    log = files.read(told | set(stored.values()), {columns.journey, KIND, *(stored[name] for name in categorical)})
    facts = facts_of(log, stored, cells.instants(log, columns.decided_at), categorical)
    demand_types(log, stored, facts, bundle.encoder.types_read())
    scorer, p = Scorer(bundle), np.full(facts.size, np.nan)
    for journey, rows in _journeys(log, columns.journey, bundle):
        p[rows] = scorer.score_columns(facts.take(rows), journey)
    return Expected(p=p, by=f"model {bundle.version}")


def _probabilities(log: LogTable, column: str) -> Vector:
    p = cells.numbers(log, column)
    outside = (p < 0.0) | (p > 1.0)
    if outside.any():
        row = int(np.flatnonzero(outside)[0])
        raise log.fault(f"{p[row]} is no probability", row=row, column=column)
    return p


def _journeys(log: LogTable, column: str, bundle: Bundle) -> Iterator[tuple[JourneyRow, Codes]]:
    """Each journey that the bundle knows, as it was, and its rows."""
    ids = cells.texts(log, column)
    kinds = cells.texts(log, KIND) if KIND in log.table.column_names else None
    said = cells.attributes(log, ATTRIBUTES) if ATTRIBUTES in log.table.column_names else None
    nothing = np.full(ids.codes.size, -1)
    told = np.stack(
        [ids.codes, nothing if kinds is None else kinds.codes, nothing if said is None else said.codes], axis=1
    )
    distinct, which = np.unique(told, axis=0, return_inverse=True)
    learnt = _learnt(bundle)
    for i, (one, kind, attribute) in enumerate(distinct.tolist()):
        journey = ids.levels[one] if one >= 0 else ""
        if journey not in bundle.history:
            continue
        own = learnt.get(journey, JourneyRow(journey_id=journey, kind="", attributes={}))
        as_it_was = JourneyRow(
            journey_id=journey,
            kind=own.kind if kinds is None or kind < 0 else kinds.levels[kind],
            attributes=own.attributes if said is None or attribute < 0 else said.levels[attribute],
        )
        yield as_it_was, np.flatnonzero(which.reshape(-1) == i)


def _learnt(bundle: Bundle) -> Mapping[str, JourneyRow]:
    if bundle.policy is None:
        return {}
    return {
        one.journey_id: JourneyRow(journey_id=one.journey_id, kind=one.kind, attributes=one.attributes)
        for one in bundle.policy.journeys
    }
