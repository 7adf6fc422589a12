"""Metrics against naive twins that follow their definitions pair by pair, and against hand-worked values."""

from __future__ import annotations

import math
from itertools import pairwise, permutations, product
from random import Random

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from models.calibration import Vector
from training.learn.losses import log_loss
from training.learn.ranking import NothingToRank, auc, auc_within, brier, ndcg_within

Sample = list[tuple[int, float, int]]
samples: st.SearchStrategy[Sample] = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), st.integers(0, 3)),
    min_size=2,
    max_size=40,
)
"""(label, p, group); few values of p, so that ties are common."""


def arrays(sample: Sample) -> tuple[Vector, Vector, NDArray[np.int64]]:
    label, p, group = zip(*sample, strict=True)
    return np.array(label, dtype=float), np.array(p), np.array(group, dtype=np.int64)


def wins(positives: list[float], negatives: list[float]) -> tuple[float, int]:
    """(pairs won, pairs) with ties as half."""
    pairs = list(product(positives, negatives))
    return sum(1.0 if a > b else 0.5 if a == b else 0.0 for a, b in pairs), len(pairs)


def by_group(sample: Sample) -> list[tuple[list[float], list[float]]]:
    groups = []
    for group in sorted({c for _, _, c in sample}):
        positives = [p for y, p, c in sample if c == group and y == 1]
        negatives = [p for y, p, c in sample if c == group and y == 0]
        if positives and negatives:
            groups.append((positives, negatives))
    return groups


@given(samples)
def test_auc_is_the_share_of_pairs_in_order(sample: Sample) -> None:
    label, p, _ = arrays(sample)
    assume(0 < label.sum() < label.size)
    won, pairs = wins([q for y, q, _ in sample if y], [q for y, q, _ in sample if not y])
    assert_allclose(auc(label, p), won / pairs)


@given(samples)
def test_auc_within_compares_pairs_of_one_group_only(sample: Sample) -> None:
    groups = by_group(sample)
    assume(groups)
    label, p, group = arrays(sample)
    counts = [wins(*group) for group in groups]
    assert_allclose(auc_within(label, p, group), sum(won for won, _ in counts) / sum(n for _, n in counts))


@given(samples)
def test_log_loss_and_brier_follow_their_formulae(sample: Sample) -> None:
    label, p, _ = arrays(sample)
    assert_allclose(brier(label, p), sum((q - y) ** 2 for y, q, _ in sample) / len(sample))
    kept = [(y, min(max(q, 1e-6), 1.0 - 1e-6)) for y, q, _ in sample]
    by_hand = -sum(math.log(q) if y else math.log1p(-q) for y, q in kept) / len(kept)
    assert_allclose(log_loss(label, p), by_hand, atol=1e-12)


@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from([0.1, 0.5, 0.9])), min_size=2, max_size=6))
def test_ndcg_of_ties_is_the_mean_over_every_order_they_could_have(sample: list[tuple[int, float]]) -> None:
    assume(0 < sum(y for y, _ in sample) < len(sample))
    in_order = [o for o in permutations(sample) if all(a[1] >= b[1] for a, b in pairwise(o))]
    gains = [sum(y / math.log2(i + 2) for i, (y, _) in enumerate(order)) for order in in_order]
    ideal = sum(1.0 / math.log2(i + 2) for i in range(sum(y for y, _ in sample)))
    label, p, group = arrays([(y, q, 0) for y, q in sample])
    assert_allclose(ndcg_within(label, p, group), np.mean(gains) / ideal)


def test_ndcg_within_worked_out_by_hand() -> None:
    # group 1: positives at positions 1 and 3 of 3; group 2: the positive at position 2 of 2
    label = np.array([1.0, 0.0, 1.0, 0.0, 1.0])
    p = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    group = np.array([1, 1, 1, 2, 2])
    first = (1.0 + 0.5) / (1.0 + 1.0 / math.log2(3.0))
    assert_allclose(ndcg_within(label, p, group), (first + 1.0 / math.log2(3.0)) / 2.0)


@given(samples, st.randoms())
def test_no_metric_depends_on_the_order_of_the_pairs(sample: Sample, random: Random) -> None:
    assume(by_group(sample))
    shuffled = sorted(sample, key=lambda _: random.random())
    for metric in (auc_within, ndcg_within):
        assert_allclose(metric(*arrays(sample)), metric(*arrays(shuffled)))
    (label, p, _), (other_label, other_p, _) = arrays(sample), arrays(shuffled)
    for of_all in (auc, brier, log_loss):
        assert_allclose(of_all(label, p), of_all(other_label, other_p))


def test_a_score_that_only_knows_the_group_ranks_no_better_than_chance_within_it() -> None:
    label = np.array([1.0, 0.0, 0.0, 1.0, 1.0, 0.0])
    group = np.array([1, 1, 1, 2, 2, 2])
    p = np.where(group == 1, 0.1, 0.6)
    assert auc(label, p) > 0.5
    assert auc_within(label, p, group) == 0.5


def test_rows_of_no_group_are_ranked_with_nobody() -> None:
    label, p, group = np.array([1.0, 0.0, 1.0, 0.0]), np.array([0.9, 0.1, 0.2, 0.8]), np.array([1, 1, -1, -1])
    assert auc_within(label, p, group) == ndcg_within(label, p, group) == 1.0
    with pytest.raises(NothingToRank):
        auc_within(label, p, np.full(4, -1))


@pytest.mark.parametrize("label", [np.zeros(3), np.ones(3)])
def test_one_label_alone_cannot_be_ranked(label: Vector) -> None:
    p, group = np.array([0.1, 0.2, 0.3]), np.array([1, 1, 1])
    for metric in (auc_within, ndcg_within):
        with pytest.raises(NothingToRank):
            metric(label, p, group)
    with pytest.raises(NothingToRank):
        auc(label, p)
