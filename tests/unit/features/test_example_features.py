"""The registry is the data inventory: that of the example says all, and is what its definitions make."""

from __future__ import annotations

import shutil
from pathlib import Path

from features.company.company import load_company
from features.company.registry import features_of
from service.examples.complete_journey.data import behaviour, customers
from service.examples.complete_journey.data.shopping import Shopping
from service.examples.complete_journey.data.source import SourceTables
from service.examples.complete_journey.feast.registry import write_registry
from tests.example import COMPANY, SCHEMA


def test_the_committed_registry_is_what_the_definitions_make(tmp_path: Path) -> None:
    company = tmp_path / "company"
    shutil.copytree(COMPANY, company, ignore=shutil.ignore_patterns("registry.db"))
    write_registry(company / "feast")
    assert features_of(load_company(company)) == features_of(load_company(COMPANY)), (
        "make it anew: python -m service.examples.complete_journey.feast.registry"
    )


def test_there_are_at_least_forty_stored_features() -> None:
    assert sum(not feature.is_derived for feature in SCHEMA.features) >= 40


def test_every_feature_has_description_unit_owner_and_personal_data_class() -> None:
    for feature in SCHEMA.features:
        assert feature.description.endswith("."), feature.name
        assert feature.unit, feature.name
        assert feature.owner, feature.name
        assert feature.personal_data, feature.name


def test_nothing_of_it_is_left_out() -> None:
    assert features_of(load_company(COMPANY)).notices == ()


def test_only_behaviour_ages() -> None:
    ages = {feature.view: feature.max_age_s for feature in SCHEMA.features if feature.max_age_s is not None}
    assert ages == {"behaviour": 21 * 86_400.0}


def test_the_tables_hold_exactly_the_features_of_their_views(
    complete_journey: SourceTables, shopping: Shopping
) -> None:
    tables = {
        "demographics": customers.demographics(complete_journey),
        "profile": customers.profile(shopping),
        "purchases": customers.purchases(shopping),
        "behaviour": behaviour.snapshots(shopping),
    }
    for view, table in tables.items():
        names = [feature.name for feature in SCHEMA.by_view[view]]
        assert sorted(table.column_names) == sorted(["customer_id", "event_time", *names])
