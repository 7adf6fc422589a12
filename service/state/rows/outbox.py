"""What the feature store must still be told: rows that are kept with the events which changed it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from service.decision.facts import FactKind
from service.state.engines.session import Sql, micros, placeholders

_UNSAID = "EXISTS (SELECT 1 FROM outbox o WHERE o.incident_id IS NULL AND o.purpose IS NULL AND o.sequence"
FED = frozenset({FactKind.INCIDENTS, FactKind.CONSENTS})
"""Of these kinds a feature store may be told."""
COUNT_WAITING = Sql("SELECT count(*) AS waiting FROM outbox")


def waiting(limit: int) -> Sql:
    """A question for the oldest."""
    return Sql("SELECT sequence, customer_id FROM outbox ORDER BY sequence LIMIT ?", (limit,))


def queued(
    customer_id: str,
    now: datetime,
    *,
    incident_id: str | None = None,
    purpose: str | None = None,
    channel: str | None = None,
) -> Sql:
    """An entry about one incident, or one consent."""
    return Sql(
        "INSERT INTO outbox (customer_id, queued_at, incident_id, purpose, channel) VALUES (?, ?, ?, ?, ?)",
        (customer_id, micros(now), incident_id, purpose, channel),
    )


def changed_incidents(customer_id: str, sequences: Sequence[int]) -> Sql:
    """A question for the incidents that these entries are about; all, if one of before does not say."""
    return Sql(
        f"SELECT i.* FROM incidents i WHERE i.customer_id = ? AND (i.incident_id IN"
        f" (SELECT o.incident_id FROM outbox o WHERE o.sequence IN {placeholders(sequences)})"
        f" OR {_UNSAID} IN {placeholders(sequences)})) ORDER BY i.incident_id",
        (customer_id, *sequences, *sequences),
    )


def changed_consents(customer_id: str, sequences: Sequence[int]) -> Sql:
    """A question for the consents that these entries are about; all, if one of before does not say."""
    return Sql(
        "SELECT c.* FROM consents c WHERE c.customer_id = ? AND ((c.purpose, c.channel) IN"
        f" (SELECT o.purpose, o.channel FROM outbox o WHERE o.sequence IN {placeholders(sequences)})"
        f" OR {_UNSAID} IN {placeholders(sequences)}))",
        (customer_id, *sequences, *sequences),
    )


def delete_delivered(sequences: Sequence[int]) -> Iterator[Sql]:
    """Forgets these; what was queued meanwhile stays."""
    yield from (Sql("DELETE FROM outbox WHERE sequence = ?", (sequence,)) for sequence in sequences)
