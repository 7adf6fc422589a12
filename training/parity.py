"""Whether what is learnt from is what was served: rows that a model scored are scored by it again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.columns.facts import FeatureColumns
from features.encoder import ColumnSource, Encoder, JourneyRow
from features.interactions import JOURNEY_COLUMNS
from features.schema import FeatureSchema
from models.bundle import Bundle
from models.scorer import Scorer
from training.backfill.record import replaced_in
from training.log import cells
from training.log.errors import LogInvalid
from training.log.facts import demand_types, facts_of
from training.log.files import LogFiles, LogTable
from training.log.options import ATTRIBUTES, FEATURE, KIND, VALUE, VALUE_SOURCE, is_exported

TOLERANCE: Final = 1e-9
"""Of a probability; of a value above 1, of its size."""
BY_MODEL: Final = "MODEL"
P_OUTCOME, SOURCE, VERSION = "p_outcome", "score_source", "model_version"
P_IF_SILENT: Final = "p_if_silent"
JOURNEY, DECIDED_AT = "journey_id", "decided_at"
NAMED: Final = 3
"""How many features a fault names."""
Rows = NDArray[np.int64]
Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """How many rows were scored again; of the others that a model scored, how many by version, and why not."""

    rescored: int = 0
    left: Mapping[str, tuple[int, str]] = field(default_factory=dict)

    def lines(self) -> Iterator[str]:
        """For people."""
        if self.rescored:
            yield f"{self.rescored:,} rows that a model scored were scored again: alike"
        for version, (rows, why) in sorted(self.left.items()):
            yield f"{rows:,} rows scored by model {version} were not: {why}"


def demand_parity(files: LogFiles, bundle_of: Callable[[str], Bundle | None], schema: FeatureSchema) -> Parity:
    """Scores every row again that a model scored, if `bundle_of` has it, and what else it told of it.

    A model that reads what the company has no longer is told, and no fault: then a new one is what is needed.
    Raises: LogInvalid naming file, row, column, version and features where the log gives another probability or value
        than was served, or lacks what the model read.
    """
    if not is_exported(files) or not {P_OUTCOME, SOURCE, VERSION} <= set(files.columns):
        return Parity()
    told = {name for name in files.columns if not name.startswith(FEATURE)} - {"outcomes", "eligible"}
    log = files.read(told, sparse={VALUE_SOURCE})
    version, by_model = cells.texts(log, VERSION), _by_model(log, SOURCE)
    replaced = replaced_in(files.path)
    rescored, left = 0, {}
    for code, name in enumerate(version.levels):
        rows = np.flatnonzero(by_model & (version.codes == code))
        if not rows.size:
            continue
        bundle = bundle_of(name)
        why = (
            "the registry does not have it" if bundle is None else _why_not(bundle.encoder, log, rows, schema, replaced)
        )
        if bundle is None or why:
            left[name] = (int(rows.size), why)
        else:
            _demand_alike(files, log, rows, bundle)
            rescored += int(rows.size)
    return Parity(rescored=rescored, left=left)


def _why_not(encoder: Encoder, log: LogTable, rows: Rows, schema: FeatureSchema, replaced: frozenset[str]) -> str:
    """Empty if they can be scored. `replaced`: what `rumbo backfill --features` put in place of what was served."""
    if other := sorted(replaced.intersection(encoder.features_read()[0])):
        return f"the log has other values than were served of {', '.join(other)}"
    if lost := encoder.misfits(schema):
        return f"it reads what the company has no longer: {'; '.join(lost)}"
    needed = any(
        column.part is ColumnSource.INTERACTION
        or (column.part is ColumnSource.JOURNEY and column.name not in JOURNEY_COLUMNS)
        for column in encoder.layout
    )
    known = ATTRIBUTES in log.table.column_names and bool((cells.attributes(log, ATTRIBUTES).codes[rows] >= 0).all())
    return "the log does not say the attributes of its journeys" if needed and not known else ""


def _demand_alike(files: LogFiles, log: LogTable, rows: Rows, bundle: Bundle) -> None:
    """Raises: LogInvalid."""
    scorer, facts = Scorer(bundle), _facts(files, log, rows, bundle)
    valued, silent = _by_model(log, VALUE_SOURCE)[rows], _told_of_silence(log)[rows]
    for journey, places in _journeys(log, rows):
        own = facts.take(places)
        told = scorer.score_columns(own, journey)
        _demand_served(log, P_OUTCOME, rows[places], told, partial(scorer.contributions_of, own, journey), bundle)
        if (some := places[valued[places]]).size:
            own = facts.take(some)
            told = scorer.value_columns(own, journey)
            _demand_served(log, VALUE, rows[some], told, partial(scorer.value_contributions_of, own, journey), bundle)
        if journey.journey_id in scorer.silent and (some := places[silent[places]]).size:
            own = facts.take(some)
            told = scorer.p_if_silent_columns(own, journey)
            parts = partial(scorer.silence_contributions_of, own, journey)
            _demand_served(log, P_IF_SILENT, rows[some], told, parts, bundle)


def _demand_served(
    log: LogTable, column: str, rows: Rows, told: Vector, parts: Callable[[], NDArray[np.float64]], bundle: Bundle
) -> None:
    """Raises: LogInvalid for the first of these rows where `told` (k,) is not what was served."""
    served = cells.numbers(log, column)[rows]
    broken = ~(np.abs(told - served) <= TOLERANCE * np.maximum(1.0, np.abs(served)))
    if not broken.any():
        return
    first, columns = int(np.flatnonzero(broken)[0]), bundle.encoder.columns
    most = [columns[i] for i in np.argsort(-np.abs(parts()[first, :-1]), kind="stable")[:NAMED]]
    raise log.fault(
        f"model {bundle.version} gives {told[first]:.9g} for what this row says, {served[first]:.9g} was served"
        f" (most follows from: {', '.join(most)}): the features are not those that were served",
        row=int(rows[first]),
        column=column,
    )


def _by_model(log: LogTable, column: str) -> NDArray[np.bool_]:
    """(n,) whether this is from a model; of a log without the column nothing is."""
    if column not in log.table.column_names:
        return np.zeros(log.table.num_rows, dtype=np.bool_)
    found = cells.texts(log, column)
    return np.asarray(found.codes == (found.levels.index(BY_MODEL) if BY_MODEL in found.levels else -2))


def _told_of_silence(log: LogTable) -> NDArray[np.bool_]:
    """(n,) whether the row has what a model told of it; 0 is said of what silence cannot meet, and no model says it."""
    if P_IF_SILENT not in log.table.column_names:
        return np.zeros(log.table.num_rows, dtype=np.bool_)
    return np.asarray(cells.numbers(log, P_IF_SILENT) > 0.0)


def _facts(files: LogFiles, log: LogTable, rows: Rows, bundle: Bundle) -> FeatureColumns:
    """What the model read. Raises: LogInvalid for a feature that the log lacks, or has in another type."""
    names, categorical = bundle.encoder.features_read()
    for name in names:
        if FEATURE + name not in files.columns:
            raise LogInvalid(files.path, f"the log lacks what model {bundle.version} reads", column=FEATURE + name)
    stored = {name: FEATURE + name for name in names}
    facts = facts_of(files.read([*stored.values()]), stored, cells.instants(log, DECIDED_AT), categorical)
    demand_types(log, stored, facts, bundle.encoder.types_read())
    return facts.take(rows)


def _journeys(log: LogTable, rows: Rows) -> Iterator[tuple[JourneyRow, Rows]]:
    """Each journey as it was then, and the places of its rows among `rows`."""
    ids, kinds = cells.texts(log, JOURNEY), cells.texts(log, KIND)
    said = cells.attributes(log, ATTRIBUTES) if ATTRIBUTES in log.table.column_names else None
    attributes = np.full(len(ids.codes), -1) if said is None else said.codes
    told = np.stack([ids.codes[rows], kinds.codes[rows], attributes[rows]], axis=1)
    distinct, which = np.unique(told, axis=0, return_inverse=True)
    for i, (one, kind, attribute) in enumerate(distinct.tolist()):
        journey = JourneyRow(
            journey_id=ids.levels[one],
            kind=kinds.levels[kind] if kind >= 0 else "",
            attributes={} if said is None or attribute < 0 else said.levels[attribute],
        )
        yield journey, np.flatnonzero(which.reshape(-1) == i)
