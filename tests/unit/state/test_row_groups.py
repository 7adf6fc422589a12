"""A table of any length is written in row groups that can be held, all of its rows in their order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.state.export.row_groups import ROW_GROUP, row_groups

SCHEMA = pa.schema([pa.field("n", pa.int64(), nullable=False)])


@pytest.mark.parametrize(
    "pieces",
    [
        *([], [0], [1], [ROW_GROUP, 1], [2 * ROW_GROUP + 5], [7, 0, ROW_GROUP - 8, 1, 3]),
        *([1_500] * 20, [ROW_GROUP - 1, 2 * ROW_GROUP + 2]),
    ],
)
def test_rows_in_pieces_of_any_size_come_in_groups_of_one_size_and_a_rest(tmp_path: Path, pieces: list[int]) -> None:
    total = sum(pieces)
    numbers = iter(range(total))
    with row_groups(tmp_path / "t.parquet", SCHEMA) as groups:
        for size in pieces:
            groups.add((next(numbers),) for _ in range(size))
    assert groups.rows == total
    with pq.ParquetFile(tmp_path / "t.parquet") as written:
        sizes = [written.metadata.row_group(i).num_rows for i in range(written.num_row_groups)]
        assert written.read()["n"].to_pylist() == list(range(total))
    assert sizes == [ROW_GROUP] * (total // ROW_GROUP) + [total % ROW_GROUP] * (total % ROW_GROUP > 0)


def test_no_more_rows_are_asked_for_than_make_a_group_before_it_is_written(tmp_path: Path) -> None:
    file, sizes = tmp_path / "t.parquet", list[int]()

    def endless() -> Iterator[tuple[int]]:
        for n in range(5 * ROW_GROUP):
            if n % ROW_GROUP == 0:
                sizes.append(file.stat().st_size)
            yield (n * 7919 % 1_000_003,)

    with row_groups(file, SCHEMA) as groups:
        groups.add(endless())
    assert len(set(sizes)) == len(sizes) == 5, "the file grows by each group"
