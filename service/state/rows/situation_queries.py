"""The questions about many customers at once: one of each table, whoever is asked about.

    WITH k (place, customer_id, …) AS (VALUES (0, 'c1', …), (1, 'c2', …))  …  FROM k CROSS JOIN table

`place` says whom a row is about, so that each may be asked another time and another reach. Lists are padded with rows
that find nothing to a power of two: a few texts do for every length, so that databases keep them prepared.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from service.decision.facts import MOST_OPEN, MOST_RESOLVED
from service.state.engines.session import Sql, Value
from service.state.rows.contact_row import CONTACT_COLUMNS
from service.state.rows.incidents import INCIDENT_COLUMNS, IS_OPEN, IS_OVER

Keys = Sequence[tuple[Value, ...]]
"""Of each that is asked about: what its rows are found by."""

_CONTACTS = ", ".join(f"c.{name}" for name in CONTACT_COLUMNS)
_INCIDENTS = ", ".join(INCIDENT_COLUMNS)
_ASKED_INCIDENTS = ", ".join(f"i.{name}" for name in INCIDENT_COLUMNS)


def padded(count: int) -> int:
    """The power of two that holds so many."""
    return 1 << max(0, count - 1).bit_length()


def customers_of(customer_ids: Sequence[str]) -> Sql:
    """Each customer's row, with when an incident of hers was last resolved."""
    return Sql(_customers(padded(len(customer_ids))), _listed(customer_ids))


@lru_cache
def _customers(count: int) -> str:
    return (
        "SELECT c.*, CASE WHEN c.incidents_version > 0 THEN (SELECT max(resolved_at) FROM incidents i"
        f" WHERE i.customer_id = c.customer_id) END AS last_resolved_at FROM customers c WHERE {_among(count)}"
    )


def feeds_of(sources: Sequence[str]) -> Sql:
    """The last heartbeats of these."""
    places = ", ".join("?" * padded(len(sources)))
    return Sql(f"SELECT source, heartbeat_at FROM feeds WHERE source IN ({places})", _listed(sources))


def contacts_of(keys: Keys) -> Sql:
    """By (place, customer, since, now): those that count, presented or reserved and not yet given back.

    Those since then, and those whose reservation is open, however old.
    """
    return Sql(_contacts(padded(len(keys))), _values(keys, 4))


@lru_cache
def _contacts(count: int) -> str:
    counting = (
        f"SELECT k.place, {_CONTACTS} FROM k CROSS JOIN contacts c WHERE c.customer_id = k.customer_id"
        " AND c.state <> 'RELEASED' AND (c.counts_until IS NULL OR c.counts_until > k.moment)"
    )
    recent = f"{counting} AND c.at > k.since"
    reserved = f"{counting} AND c.reserved_until > k.moment AND c.at <= k.since"
    return f"{_asking(count, 'place', 'customer_id', 'since', 'moment')} {recent} UNION ALL {reserved}"


def responses_of(keys: Keys) -> Sql:
    """By (place, customer, since): what she did, the first and the last of a kind to one contact.

    Whether a contact took place is no response.
    """
    return Sql(_responses(padded(len(keys))), _values(keys, 3))


@lru_cache
def _responses(count: int) -> str:
    return (
        f"{_asking(count, 'place', 'customer_id', 'since')} SELECT k.place, o.decision_id, o.journey_id, o.type,"
        " min(o.at) AS first_at, max(o.at) AS last_at FROM k CROSS JOIN outcomes o"
        " WHERE o.customer_id = k.customer_id AND o.at > k.since AND o.type NOT IN ('PRESENTED', 'NOT_PRESENTED')"
        " GROUP BY k.place, o.decision_id, o.journey_id, o.type"
    )


def consents_of(keys: Keys, purposes: Sequence[str]) -> Sql:
    """By (customer, channel): what covers one of these purposes there, each looked up by its whole key."""
    return Sql(_consents(padded(len(keys)), padded(len(purposes))), (*_values(keys, 2), *_listed(purposes)))


@lru_cache
def _consents(count: int, purposes: int) -> str:
    return (
        f"{_asking(count, 'customer_id', 'channel')} SELECT c.customer_id, c.purpose, c.channel, c.granted_at,"
        " c.withdrawn_at FROM k CROSS JOIN consents c WHERE c.customer_id = k.customer_id AND c.channel = k.channel"
        f" AND c.purpose IN ({', '.join('?' * purposes)})"
    )


def enrolments_of(customer_ids: Sequence[str]) -> Sql:
    return Sql(_enrolments(padded(len(customer_ids))), _listed(customer_ids))


@lru_cache
def _enrolments(count: int) -> str:
    return f"SELECT c.customer_id, c.journey_id, c.stage, c.since FROM enrolments c WHERE {_among(count)}"


def latest_of(customer_ids: Sequence[str], names: Sequence[str]) -> Sql:
    """When these last happened to each."""
    return Sql(_latest(padded(len(customer_ids)), padded(len(names))), (*_listed(customer_ids), *_listed(names)))


@lru_cache
def _latest(count: int, names: int) -> str:
    named = f"c.name IN ({', '.join('?' * names)})"
    return f"SELECT c.customer_id, c.name, c.at FROM latest_events c WHERE {_among(count)} AND {named}"


def incidents_of(keys: Keys) -> Sql:
    """By (place, customer, since): the oldest open ones, and the latest that are over since then.

    Of each one more than are told. Every customer is a part of the question, so that it is read no further.
    """
    told: list[Value] = []
    for place, customer_id, since in (*keys, *[(0, None, 0)] * (padded(len(keys)) - len(keys))):
        told += (place, customer_id, MOST_OPEN + 1, place, customer_id, since, MOST_RESOLVED + 1)
    return Sql(_incidents(padded(len(keys))), told)


@lru_cache
def _incidents(count: int) -> str:
    asked = f"SELECT * FROM (SELECT ? AS place, {{}} AS is_open, {_INCIDENTS} FROM incidents WHERE customer_id = ?"
    open_ = f"{asked.format(1)} AND {IS_OPEN} ORDER BY opened_at, incident_id LIMIT ?) AS o"
    over = f"{asked.format(0)} AND resolved_at > ? AND {IS_OVER} ORDER BY resolved_at DESC, incident_id LIMIT ?) AS r"
    return " UNION ALL ".join([open_, over] * count)


def incidents_named(keys: Keys) -> Sql:
    """By (place, customer, incident id): these, open or not."""
    return Sql(_named(padded(len(keys))), _values(keys, 3))


@lru_cache
def _named(count: int) -> str:
    return (
        f"{_asking(count, 'place', 'customer_id', 'incident_id')} SELECT k.place, {_ASKED_INCIDENTS} FROM k"
        " CROSS JOIN incidents i WHERE i.customer_id = k.customer_id AND i.incident_id = k.incident_id"
    )


def requests_of(keys: Keys) -> Sql:
    """By (customer, request id): those that have a decision."""
    return Sql(_requests(padded(len(keys))), _values(keys, 2))


@lru_cache
def _requests(count: int) -> str:
    return (
        f"{_asking(count, 'customer_id', 'request_id')} SELECT r.customer_id, r.request_id FROM k CROSS JOIN requests r"
        " WHERE r.customer_id = k.customer_id AND r.request_id = k.request_id"
    )


def _asking(count: int, *columns: str) -> str:
    row = f"({', '.join('?' for _ in columns)})"
    return f"WITH k ({', '.join(columns)}) AS (VALUES {', '.join([row] * count)})"


def _among(count: int) -> str:
    return f"c.customer_id IN ({', '.join('?' * count)})"


def _listed(values: Sequence[str]) -> tuple[Value, ...]:
    return (*values, *[None] * (padded(len(values)) - len(values)))


def _values(keys: Keys, width: int) -> list[Value]:
    listed = [value for key in keys for value in key]
    return listed + [None] * (width * padded(len(keys)) - len(listed))
