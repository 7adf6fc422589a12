"""Matrices of many rows: what `Encoder.matrix` makes of each, in blocks of rows that fit the processor's cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.columns.ages import days
from features.columns.facts import FeatureColumns, Rows, TextColumn
from features.derived import Formula
from features.encoder import Column, ColumnSource, Encoder, JourneyRow
from features.interactions import Interaction, named

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Cells = Callable[[Rows], Vector]
"""The cells of one column in some rows, in their order; one cell where all are the same."""
CellsOfBlock = Callable[[slice], Vector]

BLOCK = 4096
_NAN: Vector = np.full(1, np.nan)


def customer_matrix(encoder: Encoder, columns: FeatureColumns) -> Matrix:
    """(n, k_customer) in C order: the part of each row that depends on no journey."""
    cells = _customer_cells(encoder, columns)
    out = np.empty((columns.size, len(cells)))
    for rows in _blocks(columns.size):
        _fill(out[rows], cells, rows)
    return out


def journey_matrix(encoder: Encoder, journeys: Sequence[JourneyRow]) -> Matrix:
    """(J, k_journey): the part that depends on no customer."""
    width = sum(column.part is ColumnSource.JOURNEY for column in encoder.layout)
    cells = [encoder.journey_cells(journey) for journey in journeys]
    return np.array(cells, dtype=np.float64).reshape(len(journeys), width)


def matrix_of(
    encoder: Encoder, columns: FeatureColumns, journeys: Sequence[JourneyRow], which: NDArray[np.integer[Any]]
) -> Matrix:
    """(n, k) in C order: row i beside `journeys[which[i]]`.

    Args:
        which: (n,) indices of `journeys`.
    Raises: ValueError when `which` has not n entries, or one that is no index.
    """
    if which.shape != (columns.size,) or (which.size and not 0 <= which.min() <= which.max() < len(journeys)):
        raise ValueError(f"expected {columns.size} indices of {len(journeys)} journeys")
    of_journeys = journey_matrix(encoder, journeys)
    customer, interactions = _customer_cells(encoder, columns), _interaction_cells(encoder, columns, journeys, which)
    width, beyond = len(customer), len(customer) + of_journeys.shape[1]
    out = np.empty((columns.size, len(encoder.layout)))
    for rows in _blocks(columns.size):
        _fill(out[rows, :width], customer, rows)
        out[rows, width:beyond] = of_journeys[which[rows]]
        _fill(out[rows, beyond:], interactions, rows)
    return out


def matrix_for(
    encoder: Encoder, columns: FeatureColumns, journey: JourneyRow, customer: Matrix | None = None
) -> Matrix:
    """(n, k) in C order: every row beside one journey.

    Args:
        customer: (n, k_customer) `customer_matrix` of these columns, where it was made already.
    """
    which = np.zeros(columns.size, dtype=np.intp)
    if customer is None:
        return matrix_of(encoder, columns, [journey], which)
    of_journey = journey_matrix(encoder, [journey])
    interactions = _interaction_cells(encoder, columns, [journey], which)
    width, beyond = customer.shape[1], customer.shape[1] + of_journey.shape[1]
    out = np.empty((columns.size, len(encoder.layout)))
    out[:, :width] = customer
    out[:, width:beyond] = of_journey
    for rows in _blocks(columns.size):
        _fill(out[rows, beyond:], interactions, rows)
    return out


def _fill(out: Matrix, cells: Sequence[CellsOfBlock], rows: slice) -> None:
    for i, cells_of in enumerate(cells):
        out[:, i] = cells_of(rows)


def _blocks(size: int) -> Iterator[slice]:
    return (slice(start, min(start + BLOCK, size)) for start in range(0, size, BLOCK))


def _customer_cells(encoder: Encoder, columns: FeatureColumns) -> list[Cells]:
    return [_cells_of(column, columns) for column in encoder.layout if column.part is ColumnSource.CUSTOMER]


def _cells_of(column: Column, columns: FeatureColumns) -> Cells:
    """As `Encoder.matrix`: what has levels is a text, whatever else it has."""
    if column.codes is not None:
        return _text_cells(column.codes, columns.texts.get(column.name))
    if isinstance(column.formula, Formula):
        return _age_cells(column.formula, columns)
    return _number_cells(column.name, columns)


def _text_cells(codes: Mapping[str, float], text: TextColumn | None) -> Cells:
    if text is None:
        return _missing
    indices, cells = text.codes, np.array([*(codes.get(level, np.nan) for level in text.levels), np.nan])
    return lambda rows: cells[indices[rows]]  # of -1: the last


def _age_cells(formula: Formula, columns: FeatureColumns) -> Cells:
    instants = columns.instants.get(formula.source)
    if instants is None:
        return _missing
    return lambda rows: days(formula.function, instants[rows], columns.at[rows])


def _number_cells(name: str, columns: FeatureColumns) -> Cells:
    numbers = columns.numbers.get(name)
    if numbers is None:
        return _missing

    def finite(rows: Rows) -> Vector:
        cells = numbers[rows]
        return np.where(np.isfinite(cells), cells, np.nan)

    return finite


def _missing(rows: Rows) -> Vector:
    return _NAN


def _interaction_cells(
    encoder: Encoder, columns: FeatureColumns, journeys: Sequence[JourneyRow], which: NDArray[np.integer[Any]]
) -> list[CellsOfBlock]:
    return [
        _by_journey(column.formula, column.features, columns, journeys, which)
        for column in encoder.layout
        if isinstance(column.formula, Interaction)
    ]


def _by_journey(
    formula: Interaction,
    known: frozenset[str],
    columns: FeatureColumns,
    journeys: Sequence[JourneyRow],
    which: NDArray[np.integer[Any]],
) -> CellsOfBlock:
    """Rows whose journeys make the same features of a formula are computed at once."""
    features = [tuple(named(term, journey.attributes) for term in formula.terms) for journey in journeys]
    distinct = {names: i for i, names in enumerate(dict.fromkeys(features))}
    group_of = np.array([distinct[names] for names in features], dtype=np.intp)
    cells = [_formula_cells([name if name in known else None for name in names], columns) for names in distinct]

    def of_their_groups(rows: slice) -> Vector:
        groups = group_of[which[rows]]
        found = np.empty(len(groups))
        for group in np.unique(groups):
            here = np.flatnonzero(groups == group)
            found[here] = cells[group](here + rows.start)
        return found

    return cells[0] if len(cells) == 1 else of_their_groups


def _formula_cells(features: Sequence[str | None], columns: FeatureColumns) -> Cells:
    """Of a number, or of the ratio of two; None is a feature that the model does not know."""
    numerators, *rest = [_missing if name is None else _number_cells(name, columns) for name in features]
    if not rest:
        return numerators
    return lambda rows: _ratios(numerators(rows), rest[0](rows))


def _ratios(numerators: Vector, denominators: Vector) -> Vector:
    """NaN unless what is divided by is above 0."""
    found = np.full(np.broadcast_shapes(numerators.shape, denominators.shape), np.nan)
    with np.errstate(over="ignore"):  # infinite, as Python's quotient is
        np.divide(numerators, denominators, out=found, where=denominators > 0.0)
    return found
