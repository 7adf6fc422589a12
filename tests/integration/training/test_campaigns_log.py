"""The example's campaigns as a log: what was known of each household then, and what came of it."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from features.company.company import load_company
from features.company.registry import features_of
from features.dataset import Dataset
from features.values import FeatureStatus
from service.examples.complete_journey.data.campaigns import CAMPAIGNS, TARGETING
from service.state.export.table import FEATURE, export_schema, feature_specs
from training.history import read_history


def test_the_log_has_the_form_of_the_exported_table(prepared_company: Path) -> None:
    features = features_of(load_company(prepared_company)).schema

    assert pq.read_schema(prepared_company / CAMPAIGNS).remove_metadata().names == export_schema(features).names


def test_a_row_is_what_feast_knew_then(prepared_company: Path) -> None:
    """By the join that training made of the same tables, status by status."""
    features = features_of(load_company(prepared_company)).schema
    stored = [spec.name for spec in feature_specs(features) if not spec.is_derived and not spec.is_event_time]
    history = {f"campaign-{p.campaign_id}-{p.customer_id}": p for p in read_history(prepared_company, features).pairs}

    rows = pq.read_table(prepared_company / CAMPAIGNS).to_pylist()

    assert len(rows) == len(history)
    for row in rows[::37]:
        pair, absent = history[row["decision_id"]], dict(row["absent_features"])
        assert row["attributes"] == [*pair.journey.attributes.items()]
        for name in stored:
            known = pair.row[name]
            assert absent.get(name, "PRESENT") == known.status
            assert row[FEATURE + name] == (known.value if known.status is FeatureStatus.PRESENT else None), name


def test_what_is_not_over_is_censored(prepared_company: Path) -> None:
    """And a reward is 1 where a coupon was redeemed, else 0."""
    end = Dataset.load(prepared_company).data_end
    rows = pq.read_table(prepared_company / CAMPAIGNS).to_pylist()

    assert {row["reward"] for row in rows} == {None, 0.0, 1.0}
    for row in rows:
        assert row["is_censored"] == (row["window_ends_at"] > end) == (row["reward"] is None)
    targeted = pq.read_table(prepared_company / TARGETING).to_pylist()
    assert sum(row["reward"] or 0 for row in rows) == sum(
        pair["redeemed_28d"] for pair in targeted if pair["window_end"] <= end
    )
