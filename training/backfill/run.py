"""`rumbo backfill` without its command line.

    log, part by part ──> pairs of customer and instant ──History──> facts ──┬─> the features that rows lack ──> copy
                                                                             └─> beside what was served ──> parity

No row is lost and none is made: each row keeps its place, and takes the facts of its pair.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from features.company.registry import CompanyFeatures
from features.errors import HistoryUnreadable
from features.files import replacing_folder, write_text
from features.schema import FeatureSpec
from features.store.history import ARROW, STATUSES, Fact, History, open_history
from features.values import FeatureStatus
from training.backfill.absent import MAP, Absent
from training.backfill.fill import aged, filled, lacking
from training.backfill.parity import FeatureParity, Tally, differing_first, parity_csv
from training.backfill.parts import ABSENT, CUSTOMER, Chunk, Part, Writer, chunks, demand_exported, row_count
from training.backfill.record import REPLACED, demand_place, write_record
from training.log.errors import LogInvalid
from training.log.files import LogFiles
from training.log.options import DECISION, FEATURE

PARITY_FILE = "_parity.csv"
Report = Callable[[int], None]
"""Told how many rows more were joined."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackFillOrder:
    """`features`: fill these in every row, whatever was served; none: all that rows lack. Without `out` nothing is
    filled in, and parity alone is told."""

    log: Path
    out: Path | None
    features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BackFilled:
    """`pairs` of customer and instant were asked for. `filled`: rows by status, by feature; `replaced`: rows of which
    what was served gave way."""

    rows: int
    pairs: int
    filled: Mapping[str, Mapping[str, int]]
    replaced: Mapping[str, int]
    parity: Sequence[FeatureParity]
    notices: tuple[str, ...]


def back_fill(
    order: BackFillOrder,
    company: CompanyFeatures,
    repo: Path,
    begins: Callable[[int], None] = lambda rows: None,
    report: Report = lambda rows: None,
) -> BackFilled:
    """Writes the copy, if one is asked for, and compares. `begins` is told how many rows there are.

    Raises: LogInvalid, HistoryUnreadable, StoreUnavailable, CannotWrite; then nothing is written.
    """
    log = order.log.resolve()
    files = LogFiles(log)
    demand_exported(files)
    specs = _fillable(company, files, order.features)
    begins(row_count(files))
    out = None if order.out is None else order.out.resolve()
    if out is not None:
        demand_place(out, log)
    with _place(out) as draft, open_history(repo, company.key) as history:
        work = _Work(company=company, named=frozenset(order.features), specs=specs, history=history)
        writer = None if draft is None else Writer(log, draft)
        try:
            for chunk in chunks(files):
                _do(work, chunk, writer, report)
        finally:
            if writer is not None:
                writer.close()
        done = work.result(files)
        if draft is not None:
            write_text(draft / PARITY_FILE, parity_csv(done.parity))
            write_record(draft, {"filled": done.filled, REPLACED: done.replaced, "pairs": done.pairs})
    return done


def _do(work: _Work, chunk: Chunk, writer: Writer | None, report: Report) -> None:
    absents = [_absent(part) for part in chunk.parts]
    facts = work.facts(chunk, absents, fills=writer is not None)
    for part, absent, pair_of in zip(chunk.parts, absents, chunk.pair_of, strict=True):
        own = {name: fact.take(pair_of) for name, fact in facts.items()}
        work.compare(part, absent, own)
        if writer is not None:
            writer.write(work.fill(part, absent, own))
        report(part.rows)


def _absent(part: Part) -> Absent:
    """Raises: LogInvalid for a column of another type; one of nulls alone says nothing."""
    said = part.log.table[ABSENT]
    if not (pa.types.is_map(said.type) or pa.types.is_null(said.type)):
        raise part.log.fault(f"a column of maps is needed, this has {said.type}", column=ABSENT)
    return Absent.of(said.cast(MAP) if pa.types.is_null(said.type) else said)


@contextmanager
def _place(out: Path | None) -> Iterator[Path | None]:
    if out is None:
        yield None
        return
    with replacing_folder(out) as draft:
        yield draft


def _fillable(company: CompanyFeatures, files: LogFiles, named: Sequence[str]) -> list[FeatureSpec]:
    """Those that are stored, then those that are derived. Raises: LogInvalid for one that is named and is none."""
    known = {spec.name: spec for spec in company.schema.features if not spec.is_situation and not spec.is_event_time}
    for name in named:
        if name not in known:
            told = "it tells of the situation, and has no history" if name in company.schema.by_name else None
            raise LogInvalid(files.path, told or "the company has no such feature (--features)", column=name)
    specs = [known[name] for name in dict.fromkeys(named)] if named else [*known.values()]
    return sorted(specs, key=lambda spec: spec.is_derived)


@dataclass(slots=True, kw_only=True, eq=False)
class _Work:
    """What was found so far, chunk after chunk."""

    company: CompanyFeatures
    named: frozenset[str]
    specs: Sequence[FeatureSpec]
    history: History
    rows: int = 0
    pairs: int = 0
    keyless: int = 0
    first_keyless: str = ""
    filled: dict[str, Counter[str]] = field(default_factory=dict)
    replaced: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    hindsight: set[str] = field(default_factory=set)
    unread: dict[str, str] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)
    tallies: dict[str, Tally] = field(default_factory=dict)

    def facts(self, chunk: Chunk, absents: Sequence[Absent], *, fills: bool) -> Mapping[str, Fact]:
        """Of every pair, by feature. A view that cannot be read, and is not needed to fill, is a notice.

        Raises: HistoryUnreadable.
        """
        self._count(chunk)
        found: dict[str, Fact] = {}
        for view, stored in self.company.schema.by_view.items():
            read = [spec for spec in stored if not spec.is_situation]
            if not read or (view in self.unread and not (fills and self._is_needed(view, chunk, absents))):
                continue
            try:
                told = self.history.facts(view, read, chunk.asked)
            except HistoryUnreadable as error:
                if fills and self._is_needed(view, chunk, absents):
                    raise
                self.unread[view] = str(error)
                continue
            self.lost[view] += told.lost
            if told.is_hindsight:
                self.hindsight.add(view)
            found |= told.facts
        for spec in self.company.schema.features:
            if spec.formula is not None and spec.formula.source in found:
                found[spec.name] = aged(spec, found[spec.formula.source], chunk.asked.at)
        return found

    def compare(self, part: Part, absent: Absent, facts: Mapping[str, Fact]) -> None:
        """What was served beside the facts, a row each."""
        table = part.log.table
        for name, fact in facts.items():
            spec = self.company.schema.by_name[name]
            tally = self.tallies.setdefault(name, Tally(spec))
            served = table[FEATURE + name] if FEATURE + name in table.column_names else None
            if served is None or not part.rows or not _is_of(served.type, spec):
                continue
            compared = ~lacking(part, spec, absent, ()) & ~absent.named(name, FeatureStatus.UNAVAILABLE.value)
            tally.add(_whole(served), fact.values, compared, table[DECISION])

    def fill(self, part: Part, absent: Absent, facts: Mapping[str, Fact]) -> Iterator[tuple[Path, pa.Table]]:
        """The part with what it lacks. Raises: LogInvalid."""
        done = filled(part, absent, self.specs, facts.get, self.named)
        self.left.update(done.left)
        for name, where in done.rows.items():
            counts = np.bincount(done.statuses[name][where], minlength=len(STATUSES))
            told = self.filled.setdefault(name, Counter())
            told.update({status.value: int(count) for status, count in zip(STATUSES, counts, strict=True) if count})
            gave_way = where & ~lacking(part, self.company.schema.by_name[name], absent, ())
            if gave_way.any():
                self.replaced[name] += int(gave_way.sum())
        yield part.file, done.table

    def result(self, files: LogFiles) -> BackFilled:
        """Raises: LogInvalid if nobody in the log can be a customer of the store."""
        key = self.company.key
        if self.rows and self.keyless == self.rows:
            told = f"no customer of it can be a {key.name} ({key.type}) of the feature store"
            raise LogInvalid(files.path, told, column=CUSTOMER)
        return BackFilled(
            rows=self.rows,
            pairs=self.pairs,
            filled={name: dict(counts) for name, counts in self.filled.items()},
            replaced=dict(self.replaced),
            parity=differing_first(tally.result() for tally in self.tallies.values()),
            notices=tuple(self._notices()),
        )

    def _count(self, chunk: Chunk) -> None:
        self.pairs += chunk.asked.at.size
        key = self.company.key
        keyless = np.array([key.value_of(customer) is None for customer in chunk.asked.customers], dtype=bool)
        for part, pair_of in zip(chunk.parts, chunk.pair_of, strict=True):
            self.rows += part.rows
            rows = np.flatnonzero(keyless[pair_of])
            self.keyless += rows.size
            if rows.size and not self.first_keyless:
                told = f"no {key.name} ({key.type}) of the feature store is written so"
                self.first_keyless = str(part.log.fault(told, row=int(rows[0]), column=CUSTOMER))

    def _is_needed(self, view: str, chunk: Chunk, absents: Sequence[Absent]) -> bool:
        return any(
            self._asked_of(spec, part) == view and lacking(part, spec, absent, self.named).any()
            for part, absent in zip(chunk.parts, absents, strict=True)
            for spec in self.specs
        )

    def _asked_of(self, spec: FeatureSpec, part: Part) -> str | None:
        """The view that fills it in; None of an age whose instant the rows have."""
        if spec.formula is None:
            return spec.view
        source = self.company.schema.by_name[spec.formula.source]
        return None if FEATURE + source.name in part.log.table.column_names else source.view

    def _notices(self) -> Iterator[str]:
        if self.keyless:
            yield f"{self.keyless:,} rows are of customers whom the store cannot know, NOT_FOUND: {self.first_keyless}"
        for view, lost in self.lost.items():
            if lost:
                yield (
                    f"{view}: its store left out {lost:,} of {self.pairs:,} pairs of customer and instant, again when"
                    " asked anew: they are NOT_FOUND there"
                )
        for view in sorted(self.hindsight):
            yield f"{view}: its store has no way to leave out rows that were written after the instant asked for"
        for told in self.unread.values():
            yield f"{told}; its features are not compared"
        if self.left:
            yield f"neither the log nor the registry has what these are counted from: {', '.join(sorted(self.left))}"


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(column.chunks)


def _is_of(held: pa.DataType, spec: FeatureSpec) -> bool:
    """Whether a column can be compared with the feature: one of the same type, or a time in another unit or zone."""
    return bool(held == ARROW[spec.type] or (pa.types.is_timestamp(held) and pa.types.is_timestamp(ARROW[spec.type])))
