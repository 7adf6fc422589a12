"""The versions of what is known of a customer: one for each kind of fact, raised with every row of it."""

from __future__ import annotations

from collections.abc import Sequence

from service.decision.facts import FactKind
from service.state.engines.session import Row, Sql

_COLUMNS = {kind: f"{kind.value}_version" for kind in FactKind}
_LISTED = ", ".join(_COLUMNS.values())
_EVERY_PLACE = ", ".join("?" for _ in _COLUMNS)
_RAISED = ", ".join(f"{c} = customers.{c} + excluded.{c}" for k, c in _COLUMNS.items() if k is not FactKind.EVENTS)
_EVENTS = _COLUMNS[FactKind.EVENTS]


def versions_at(customer_id: str) -> Sql:
    """A question for the versions of a customer's facts and contacts."""
    return Sql(f"SELECT {_LISTED}, contacts_version FROM customers WHERE customer_id = ?", (customer_id,))


def read_fact_versions(row: Row) -> dict[FactKind, int]:
    return {kind: int(row[column]) for kind, column in _COLUMNS.items()}


def raise_versions(customer_id: str, *kinds: FactKind, is_event: bool = False) -> Sql:
    """Every decision that looked at facts of these kinds before commits only after reading them again.

    The first event of all, whatever its kind, is one more of the customer's own: by it she is known.
    """
    raised = [int(kind in kinds) + int(is_event and kind is FactKind.EVENTS) for kind in _COLUMNS]
    return Sql(
        f"INSERT INTO customers (customer_id, has_events, {_LISTED}) VALUES (?, ?, {_EVERY_PLACE})"
        f" ON CONFLICT (customer_id) DO UPDATE SET {_RAISED}, {_EVENTS} = customers.{_EVENTS}"
        " + CASE WHEN excluded.has_events > customers.has_events THEN 1 ELSE 0 END + ?,"
        " has_events = CASE WHEN excluded.has_events > 0 THEN 1 ELSE customers.has_events END",
        (customer_id, int(is_event), *raised, int(FactKind.EVENTS in kinds)),
    )


def raise_fact_versions(customers: Sequence[str]) -> Sql:
    """Every decision that looked at any fact of these is made again. Their contacts have a version of their own."""
    columns = tuple(_COLUMNS.values())
    raised = ", ".join(f"{column} = customers.{column} + 1" for column in columns)
    return Sql(
        f"INSERT INTO customers (customer_id, {', '.join(columns)}) VALUES "
        + ", ".join(f"(?{', 1' * len(columns)})" for _ in customers)
        + f" ON CONFLICT (customer_id) DO UPDATE SET {raised}",
        customers,
    )
