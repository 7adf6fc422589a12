"""The columns of features that a log lacks, filled with what was known when each decision was made."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.columns import ages
from features.schema import FeatureSpec
from features.store.history import ARROW, NULL, PRESENT, STATUSES, TIME, Fact, Statuses, to_numpy
from training.backfill.absent import MAP, Absent
from training.backfill.parts import ABSENT, DECIDED_AT, Part
from training.log import cells
from training.log.options import FEATURE

Rows = NDArray[np.bool_]
FactOf = Callable[[str], Fact | None]
"""What the history says of a feature, a row a decision; None where it was not asked."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Filled:
    """A part with its features filled in. `rows`: which were, by feature; `statuses` (n,) of these by STATUSES.

    `left`: ages whose instant neither the log nor the registry has.
    """

    table: pa.Table
    rows: Mapping[str, Rows]
    statuses: Mapping[str, Statuses]
    left: tuple[str, ...]


def lacking(part: Part, spec: FeatureSpec, absent: Absent, named: Collection[str]) -> Rows:
    """(n,) the rows to fill: those that have no value and do not say why, for the feature was not there when they were
    decided; of features that are `named`, all."""
    column = FEATURE + spec.name
    if spec.name in named or column not in part.log.table.column_names:
        return np.ones(part.rows, dtype=bool)
    return np.asarray(part.log.table[column].is_null(), dtype=bool) & ~absent.named(spec.name)


def filled(
    part: Part, absent: Absent, specs: Sequence[FeatureSpec], fact_of: FactOf, named: Collection[str] = ()
) -> Filled:
    """Fills `specs`, those that are derived after those that they are derived from.

    Raises: LogInvalid where what was served is of another type than the company has.
    """
    work = _Work(part=part, absent=absent, table=part.log.table)
    for spec in specs:
        where = lacking(part, spec, absent, named)
        if work.has(spec.name) and not where.any():
            work.type_column(spec)
            continue
        fact = work.fact(spec, fact_of)
        if fact is None:
            work.left.append(spec.name)
        else:
            work.fill(spec, where, fact)
    return work.done()


def aged(spec: FeatureSpec, source: Fact, at: NDArray[np.datetime64]) -> Fact:
    """What is derived of an instant, at (n,) moments; its status is that of the instant."""
    assert spec.formula is not None
    days = ages.days(spec.formula.function, to_numpy(source.values), at)
    return Fact(values=pa.array(days, mask=np.isnan(days)), statuses=source.statuses)


@dataclass(slots=True, kw_only=True, eq=False)
class _Work:
    """A part while it is filled in, column by column."""

    part: Part
    absent: Absent
    table: pa.Table
    rows: dict[str, Rows] = field(default_factory=dict)
    statuses: dict[str, Statuses] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)

    def has(self, feature: str) -> bool:
        return FEATURE + feature in self.table.column_names

    def fact(self, spec: FeatureSpec, fact_of: FactOf) -> Fact | None:
        """An age is that of the instant in the table, or of the history's where the table has none."""
        if not self.part.rows:
            return Fact(values=pa.nulls(0, ARROW[spec.type]), statuses=np.empty(0, dtype=np.int8))
        aged_here = None if spec.formula is None else self.derived(spec)
        return fact_of(spec.name) if aged_here is None else aged_here

    def fill(self, spec: FeatureSpec, where: Rows, fact: Fact) -> None:
        """In those rows; what was served stays in the others. Raises: LogInvalid."""
        name, kind = FEATURE + spec.name, ARROW[spec.type]
        self.rows[spec.name], self.statuses[spec.name] = where, fact.statuses
        if where.all():
            told = f"Filled in: {spec.description}" if spec.description else "Filled in."
            described = {"description": told, **({"unit": spec.unit} if spec.unit else {})}
            self._put(pa.field(name, kind, metadata=described), pa.chunked_array([fact.values], kind))
            return
        if not self.type_column(spec):
            held = self.table[name].type
            raise self.part.log.fault(f"it holds {held}, and the company's is {spec.type.value}", column=name)
        mixed = pc.if_else(pa.array(where), fact.values, self.table[name])
        self._put(self.table.schema.field(name), mixed)

    def type_column(self, spec: FeatureSpec) -> bool:
        """Types the column as the company does, as all parts of a file must be; False if it cannot be."""
        name, kind = FEATURE + spec.name, ARROW[spec.type]
        if self.table[name].type == kind:
            return True
        try:
            typed = self.table[name].cast(kind)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return False
        self._put(self.table.schema.field(name).with_type(kind), typed)
        return True

    def derived(self, spec: FeatureSpec) -> Fact | None:
        """From the instant as the table has it by now: served, or filled in. None if it has none."""
        assert spec.formula is not None
        source = spec.formula.source
        if not self.has(source) or not pa.types.is_timestamp(self.table[FEATURE + source].type):
            return None
        instants = pa.concat_arrays([pa.array([], TIME), *self.table[FEATURE + source].cast(TIME).chunks])
        statuses = np.where(np.asarray(instants.is_valid(), dtype=bool), PRESENT, NULL).astype(np.int8)
        for code, told in enumerate(STATUSES):
            statuses[self.absent.named(source, told.value)] = code
        if source in self.rows:
            statuses = np.where(self.rows[source], self.statuses[source], statuses).astype(np.int8)
        return aged(spec, Fact(values=instants, statuses=statuses), cells.instants(self.part.log, DECIDED_AT))

    def done(self) -> Filled:
        said = self.absent.column_with({name: (self.rows[name], self.statuses[name]) for name in self.rows})
        kept = self.table.schema.field(ABSENT)
        kept = kept.with_type(MAP) if pa.types.is_null(kept.type) else kept
        self._put(kept, pa.chunked_array([said.cast(kept.type)]))
        return Filled(table=self.table, rows=self.rows, statuses=self.statuses, left=tuple(self.left))

    def _put(self, described: pa.Field, values: pa.ChunkedArray) -> None:
        if described.name in self.table.column_names:
            place = self.table.column_names.index(described.name)
            self.table = self.table.set_column(place, described, values)
        else:
            self.table = self.table.append_column(described, values)
