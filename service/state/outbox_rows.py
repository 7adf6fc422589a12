"""What the feature store must still be told: rows that are kept with the events which changed it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from service.state.session import Sql

COUNT_WAITING = Sql("SELECT count(*) AS waiting FROM outbox")


def waiting(limit: int) -> Sql:
    """A question for the oldest."""
    return Sql("SELECT sequence, customer_id FROM outbox ORDER BY sequence LIMIT ?", (limit,))


def told(sequences: Sequence[int]) -> Iterator[Sql]:
    """Forgets these; what was queued meanwhile stays."""
    yield from (Sql("DELETE FROM outbox WHERE sequence = ?", (sequence,)) for sequence in sequences)
