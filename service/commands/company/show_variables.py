"""The names of conditions as a table for people, and as fields for programs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.markup import escape
from rich.table import Table

from features.console import table_console
from features.store.coverage import Coverage
from service.catalogue.vocabulary import Place, Variable
from service.decision.constraints.audience import CUSTOMER

_WIDTH = 160
_KNOWN = f"{CUSTOMER}is_known"


def share_of(variable: Variable, counted: Coverage | None) -> float | None:
    """Of how many customers it is PRESENT, in 0…1; None where no store tells that."""
    if counted is None:
        return None
    if variable.name == _KNOWN:
        return 1.0 if counted.customers else 0.0
    return None if variable.feature is None else counted.present.get(variable.feature)


def variable_fields(variable: Variable, counted: Coverage | None) -> dict[str, Any]:
    return {
        "name": variable.name,
        "type": variable.type,
        "unit": variable.unit,
        "source": variable.source,
        "description": variable.description,
        "places": [place.value for place in variable.places],
        "event": variable.event,
        "coverage": share_of(variable, counted),
    }


def show_variables(variables: Iterable[Variable], counted: Coverage | None) -> None:
    """First what conditions about a customer use, then the attributes of events."""
    console = table_console(_WIDTH, highlight=False)
    listed = list(variables)
    console.print(_of_customers([one for one in listed if one.event is None], counted))
    console.print("* also in situation.incidents of rumbo.yaml (when)")
    if counted is not None:
        console.print(f"coverage: of {counted.customers:,} customers whom some view has")
    console.print(_of_events([one for one in listed if one.event is not None]))


def _of_customers(listed: list[Variable], counted: Coverage | None) -> Table:
    table = Table(title="in conditions of the catalogue", title_justify="left")
    headings = ("name", "type", "unit", "from", *(() if counted is None else ("coverage",)), "meaning")
    for heading in headings:
        table.add_column(heading, justify="right" if heading == "coverage" else "left", overflow="fold")
    for one in listed:
        name = f"{one.name} *" if Place.INCIDENTS in one.places else one.name
        share = share_of(one, counted)
        told = [] if counted is None else ["" if share is None else f"{share:.1%}"]
        table.add_row(*map(escape, (name, one.type, one.unit, one.source, *told, one.description)))
    return table


def _of_events(listed: list[Variable]) -> Table:
    """A line an event type, for its attributes are used together."""
    table = Table("event", "attributes", title="in `where` of an objective of that event alone", title_justify="left")
    for event in dict.fromkeys(one.event or "" for one in listed):
        table.add_row(
            escape(event), escape(", ".join(f"{one.name}: {one.type}" for one in listed if one.event == event))
        )
    return table
