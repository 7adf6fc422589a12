"""Why features are null, for many rows at once: as a dict a row would have it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from features.store.history import STATUSES
from features.values import FeatureStatus
from training.backfill.absent import MAP, Absent

NAMES, CAUSES = ("a", "b", "c"), [status.value for status in FeatureStatus if status is not FeatureStatus.PRESENT]
SAID = st.lists(st.none() | st.dictionaries(st.sampled_from(NAMES), st.sampled_from(CAUSES)), max_size=6)


def column(said: list[dict[str, str] | None]) -> pa.ChunkedArray:
    """In chunks that begin inside of an array, as a file's do."""
    whole = pa.array([None, *[None if one is None else [*one.items()] for one in said]], MAP)
    half = 1 + len(said) // 2
    return pa.chunked_array([whole[1:half], whole[half:]], MAP)


@given(said=SAID, data=st.data())
def test_what_is_filled_in_takes_the_place_of_what_was_said_of_it(
    said: list[dict[str, str] | None], data: st.DataObject
) -> None:
    n = len(said)
    where = {name: np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)), dtype=bool) for name in "ab"}
    codes = st.lists(st.integers(0, len(STATUSES) - 1), min_size=n, max_size=n)
    statuses = {name: np.array(data.draw(codes), dtype=np.int8) for name in "ab"}

    expected = []
    for i, one in enumerate(said):
        now = dict(one or {})
        for name in "ab":
            if where[name][i]:
                now.pop(name, None)
                if STATUSES[statuses[name][i]] is not FeatureStatus.PRESENT:
                    now[name] = STATUSES[statuses[name][i]].value
        expected.append(now)
    absent = Absent.of(column(said))
    found = absent.column_with({name: (where[name], statuses[name]) for name in "ab"})
    assert [dict(one) for one in found.to_pylist()] == expected
    assert found.type == MAP
    for name in NAMES:
        assert absent.named(name).tolist() == [name in (one or {}) for one in said]
        assert absent.named(name, "STALE").tolist() == [(one or {}).get(name) == "STALE" for one in said]
