"""A minimal conflict: each of it is needed, and the first are given up first. Worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from service.catalogue.check.conflict import minimal_conflict

EXCLUSIONS = ({1, 4}, {2, 3, 4}, {5})
"""Numbers that cannot be together."""


def cannot_be(numbers: Sequence[int]) -> bool:
    return any(excluded <= set(numbers) for excluded in EXCLUSIONS)


@pytest.mark.parametrize(
    ("numbers", "core"),
    [
        ([1, 4], [1, 4]),
        ([1, 2, 3, 4], [2, 3, 4]),
        ([4, 3, 2, 1], [4, 1]),
        ([5, 1, 4], [1, 4]),
        ([1, 4, 5], [5]),
        ([5], [5]),
    ],
    ids=str,
)
def test_conflict_is_cut_down_to_what_it_needs(numbers: list[int], core: list[int]) -> None:
    assert minimal_conflict(numbers, cannot_be) == core
