"""The id of a row that has none: the same for the same row, whatever the order of its columns; another if a cell is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from hypothesis import assume, given
from hypothesis import strategies as st

from features.values import Scalar
from service.application.bulk.events import event_of
from service.application.bulk.file import FileRow
from service.decision.reports.event_types import BUILT_IN
from service.decision.reports.rows import CustomerEvent

Cells = Mapping[str, Scalar]

TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
TIMES = st.datetimes(datetime(1971, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
KINDS: tuple[st.SearchStrategy[Scalar], ...] = (
    TEXTS,
    NUMBERS,
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    TIMES,
)
ATTRIBUTES = st.dictionaries(TEXTS.map("a_{}".format), st.one_of(KINDS), max_size=5)
ROWS = st.builds(
    lambda told, customer_id, source, type_, at: {
        **told,
        "customer_id": customer_id,
        "source": source,
        "type": type_,
        "occurred_at": at,
    },
    ATTRIBUTES,
    TEXTS,
    TEXTS,
    TEXTS,
    TIMES,
)


def id_of(cells: Cells) -> str:
    event = event_of(FileRow(number=1, cells=cells), BUILT_IN, is_typed=True)
    assert isinstance(event, CustomerEvent)
    return event.event_id


@given(ROWS, st.data())
def test_the_order_of_columns_changes_no_id(row: Cells, data: st.DataObject) -> None:
    names = data.draw(st.permutations(list(row)))
    assert id_of({name: row[name] for name in names}) == id_of(row)


@given(ROWS, st.data())
def test_a_changed_cell_changes_the_id(row: Cells, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(row)))
    kind = next(
        kind for kind, type_ in zip(KINDS, (str, float, int, bool, datetime), strict=True) if type(row[name]) is type_
    )
    other = data.draw(kind)
    assume(other != row[name])
    assert id_of({**row, name: other}) != id_of(row)


@given(ROWS, TEXTS, st.one_of(KINDS))
def test_an_attribute_more_or_less_changes_the_id(row: Cells, name: str, cell: Scalar) -> None:
    assume(f"a_{name}" not in row)
    assert id_of({**row, f"a_{name}": cell}) != id_of(row)


@given(ROWS, st.data())
def test_what_is_said_of_a_customer_and_of_an_attribute_is_told_apart(row: Cells, data: st.DataObject) -> None:
    """No two cells can change places unseen."""
    texts = sorted(name for name, cell in row.items() if isinstance(cell, str))
    one, other = data.draw(st.sampled_from(texts)), data.draw(st.sampled_from(texts))
    assume(row[one] != row[other])
    assert id_of({**row, one: row[other], other: row[one]}) != id_of(row)
