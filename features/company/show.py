"""A company's features as tables for people."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from features.company.registry import CompanyFeatures
from features.console import table_console
from features.reading import FeatureReading
from features.schema import FeatureSpec
from features.values import FeatureValue

_WIDTH = 140
_DAY_S = 86_400


def show_features(entity: str, found: CompanyFeatures) -> None:
    """The key, every feature, and what was left out."""
    console = table_console(_WIDTH, highlight=False)
    console.print(f"entity {entity}, key {found.key.name} ({found.key.type.value}), schema {found.fingerprint}")
    table = Table()
    for heading in ("view", "feature", "type", "unit", "at most", "owner", "description"):
        table.add_column(heading)
    for spec in found.schema.features:
        table.add_row(*map(escape, _cells(spec)))
    console.print(table)
    for notice in found.notices:
        console.print(f"notice: {escape(notice)}")


def show_reading(customer_id: str, reading: FeatureReading) -> None:
    """What the online store has of one customer."""
    console = table_console(_WIDTH, highlight=False)
    table = Table(title=f"customer {escape(customer_id)}", title_justify="left")
    for heading in ("feature", "status", "value", "as of"):
        table.add_column(heading)
    for value in reading.values.values():
        table.add_row(*map(escape, _row(value)))
    console.print(table)
    for fault in reading.degraded:
        console.print(f"{fault.status.value} {escape(fault.view)}: {escape(fault.cause)}")


def _cells(spec: FeatureSpec) -> tuple[str, ...]:
    age = "" if spec.max_age_s is None else f"{spec.max_age_s / _DAY_S:g} d"
    return spec.view, spec.name, spec.type.value, spec.unit, age, spec.owner, spec.description


def _row(value: FeatureValue) -> tuple[str, ...]:
    told = "" if value.value is None else str(value.value)
    at = "" if value.event_time is None else f"{value.event_time:%Y-%m-%d %H:%M} UTC"
    return value.name, value.status.value, told, at
