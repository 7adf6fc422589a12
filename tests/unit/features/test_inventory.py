"""The registry is the data inventory, and the committed schema is what it says."""

from __future__ import annotations

import pytest

from features.complete_journey import behaviour, customers
from features.complete_journey.shopping import Shopping
from features.complete_journey.source import SourceTables
from features.errors import DefinitionIncomplete
from features.inventory import schema
from features.schema import SCHEMA_FILE
from tests.example import SCHEMA


def test_the_committed_schema_is_what_the_definitions_say() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema().dump(), (
        "regenerate it: rumbo features schema --out features/schema.json"
    )


def test_there_are_at_least_forty_stored_features() -> None:
    assert sum(not feature.is_derived for feature in SCHEMA.features) >= 40


def test_every_feature_has_description_unit_owner_and_personal_data_class() -> None:
    for feature in SCHEMA.features:
        assert feature.description.endswith("."), feature.name
        assert feature.unit, feature.name
        assert feature.owner, feature.name
        assert feature.personal_data, feature.name


def test_a_feature_without_an_owner_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from features.repo.behaviour import behaviour as view

    monkeypatch.delitem(view.features[0].tags, "owner")
    with pytest.raises(DefinitionIncomplete, match=r"behaviour\.baskets_7d lacks: owner"):
        schema()


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
