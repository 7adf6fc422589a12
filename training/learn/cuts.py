"""Where rows are cut: the columns of a log that slices are taken by, and the level of each row in them."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from features.columns.ages import days
from features.columns.facts import FeatureColumns
from features.derived import Age
from features.encoder import Encoder
from features.schema import FeatureSchema, FeatureType
from training.learn.slices import Codes, Cut, Role, Vector, key_of, keys_of
from training.log import cells
from training.log.decisions import DecisionLog
from training.log.errors import LogInvalid
from training.log.facts import facts_of
from training.log.files import LogFiles
from training.log.options import ATTRIBUTES, FEATURE, KIND, is_exported

CHANNEL = "channel"
QUANTILES = 4
"""Of a number that has many values: so many groups of about equally many rows."""
FEW_VALUES = 6
"""A number that has no more of them, such as a flag, is cut at each."""
MOST_LEVELS = 20
"""Of a column; the rarer ones are put together."""
OTHER, MISSING = "(other)", "(missing)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What one cut is read from: a column of the log, or an attribute of its journeys.

    `age`: of an instant, the age that counts; `is_text`: its values are names, whatever their type.
    """

    by: str
    role: Role
    column: str
    age: Age = Age.DAYS_SINCE
    is_text: bool = False
    is_attribute: bool = False


def sources_of(
    files: LogFiles,
    segments: Sequence[str],
    schema: FeatureSchema | None,
    sensitive: Collection[str],
    categorical: Collection[str] = (),
) -> tuple[Source, ...]:
    """Kind and channel where the log has them, the segments, and the sensitive features that it has.

    Args:
        segments: features, of an exported log by their own names too, columns, or attributes of journeys.
        schema: of the company, if there is one; ages are known by it.
    Raises: LogInvalid for a segment that the log does not have.
    """
    known = _Known(files, schema, categorical)
    found = [
        *(known.segment(name) for name in segments),
        *(Source(by=name, role=role, column=name, is_text=True) for name, role in _PLAIN if name in files.columns),
        *known.sensitive(sensitive),
    ]
    once = {source.by: source for source in found}
    return tuple(sorted(once.values(), key=lambda source: list(Role).index(source.role)))


def cuts_of(files: LogFiles, log: DecisionLog, sources: Sequence[Source], encoder: Encoder) -> tuple[Cut, ...]:
    """Each row's level by each source. `log`: the rows that were measured.

    Raises: LogInvalid for a column whose values cannot be levels, such as lists.
    """
    facts = _facts(files, log, [source for source in sources if not source.is_attribute])
    seen = {*encoder.features_read()[0], *encoder.columns}
    return tuple(_cut(log, facts, source, is_seen=source.by in seen) for source in sources)


_PLAIN = ((KIND, Role.KIND), (CHANNEL, Role.CHANNEL))


class _Known:
    """What a log and its company call what."""

    def __init__(self, files: LogFiles, schema: FeatureSchema | None, categorical: Collection[str]) -> None:
        self._files = files
        self._by_name = {} if schema is None else schema.by_name
        self._texts = {*categorical, *(n for n, spec in self._by_name.items() if spec.type is FeatureType.STRING)}
        self._prefix = FEATURE if is_exported(files) else ""

    def segment(self, name: str) -> Source:
        """Raises: LogInvalid."""
        found = self._feature(name, Role.SEGMENT)
        if found is not None:
            return found
        if name in self._files.columns:
            return Source(by=name, role=Role.SEGMENT, column=name, is_text=name in self._texts)
        if name in self._attributes():
            return Source(by=name, role=Role.SEGMENT, column=ATTRIBUTES, is_attribute=True)
        known = ", ".join(column.removeprefix(self._prefix) for column in self._files.columns)
        raise LogInvalid(self._files.path, f"there is no such column to slice by; it has: {known}", column=name)

    def sensitive(self, names: Collection[str]) -> Iterator[Source]:
        """An instant that ages are counted from is cut by those alone."""
        formulas = [spec.formula for name in names if (spec := self._by_name.get(name)) is not None]
        aged = {formula.source for formula in formulas if formula is not None}
        for name in sorted(set(names) - aged):
            found = self._feature(name, Role.SENSITIVE)
            if found is not None:
                yield found

    def _attributes(self) -> set[str]:
        if not (self._prefix and ATTRIBUTES in self._files.columns):
            return set()
        return {name for level in cells.attributes(self._files.read({ATTRIBUTES}), ATTRIBUTES).levels for name in level}

    def _feature(self, name: str, role: Role) -> Source | None:
        spec = self._by_name.get(name)
        formula = None if spec is None else spec.formula
        column = self._prefix + (name if formula is None else formula.source)
        if column not in self._files.columns or (spec is None and not self._prefix):
            return None
        age = Age.DAYS_SINCE if formula is None else formula.function
        return Source(by=name, role=role, column=column, age=age, is_text=name in self._texts)


def _facts(files: LogFiles, log: DecisionLog, sources: Sequence[Source]) -> FeatureColumns:
    """The sources' columns as they are in the rows that were measured."""
    stored = {source.by: source.column for source in sources}
    texts = {source.by for source in sources if source.is_text}
    table = files.read({*stored.values()} or files.columns[:1], {stored[by] for by in texts})
    whole = np.zeros(table.table.num_rows, dtype="datetime64[us]")  # ages are counted from the moments below
    return facts_of(table, stored, whole, texts).take(log.row)


def _cut(log: DecisionLog, facts: FeatureColumns, source: Source, *, is_seen: bool) -> Cut:
    if source.is_attribute:
        levels, codes = _of_journeys(log, source.by)
    elif source.by in facts.texts:
        levels, codes = facts.texts[source.by].levels, facts.texts[source.by].codes.astype(np.int64)
    else:
        return _of_numbers(source, _numbers(log, facts, source), is_seen=is_seen)
    levels, codes = _frequent(levels, codes)
    return Cut(by=source.by, role=source.role, levels=levels, codes=codes, keys=keys_of(levels), is_seen=is_seen)


def _of_journeys(log: DecisionLog, attribute: str) -> tuple[tuple[str, ...], Codes]:
    values = [of_one.get(attribute) for of_one in log.attributes]
    levels = tuple(sorted({value for value in values if value is not None}))
    of_each = np.array([-1 if value is None else levels.index(value) for value in values], dtype=np.int64)
    return levels, of_each[log.shown]


def _frequent(levels: Sequence[str], codes: Codes) -> tuple[tuple[str, ...], Codes]:
    """The MOST_LEVELS most frequent in their order, then the others together, then those without any."""
    counts = np.bincount(codes[codes >= 0], minlength=len(levels))
    kept = np.sort(np.argsort(-counts, kind="stable")[:MOST_LEVELS])
    kept = kept[counts[kept] > 0]
    place = np.full(len(levels) + 1, kept.size, dtype=np.int64)
    place[kept] = np.arange(kept.size)
    place[-1] = kept.size + 1  # of code -1
    return (*(levels[code] for code in kept), OTHER, MISSING), place[codes]


def _numbers(log: DecisionLog, facts: FeatureColumns, source: Source) -> Vector:
    """(n,) the numbers, or the ages in days of instants."""
    if source.by in facts.instants:
        return days(source.age, facts.instants[source.by], log.decided_at.astype("datetime64[us]"))
    return facts.numbers[source.by]


def _of_numbers(source: Source, values: Vector, *, is_seen: bool) -> Cut:
    """Each value a level where there are few, such as flags; else QUANTILES groups."""
    known = values[np.isfinite(values)]
    distinct = np.unique(known)
    if distinct.size <= FEW_VALUES:
        levels = tuple(f"{value:g}" for value in distinct)
        codes, keys = np.searchsorted(distinct, values), keys_of(levels)
    else:
        limits = np.unique(np.quantile(known, np.arange(1, QUANTILES) / QUANTILES))
        levels = _ranges(limits)
        codes, keys = np.searchsorted(limits, values, side="left"), tuple(f"q{i + 1}" for i in range(len(levels)))
    codes = np.where(np.isfinite(values), codes, len(levels)).astype(np.int64)
    return Cut(
        by=source.by,
        role=source.role,
        levels=(*levels, MISSING),
        codes=codes,
        keys=(*keys, key_of(MISSING)),
        is_seen=is_seen,
    )


def _ranges(limits: Vector) -> tuple[str, ...]:
    """What each group holds, in words: a value that is a limit belongs to the group below it."""
    told = [f"{limit:.4g}" for limit in limits]
    between = [f"> {low}, ≤ {high}" for low, high in itertools.pairwise(told)]
    return (f"≤ {told[0]}", *between, f"> {told[-1]}")
