"""What all customers use of the shared pools: counters by pool and by when a use ends, moved with every contact.

A pool is counted under the hash of what it counts, so that another definition under the same name starts afresh, from
the contacts that lie in its window. Every process counts every pool that the store knows.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from service.decision.constraints.capacity import Pool
from service.decision.facts import Contact, Use
from service.decision.journey import JourneyKind
from service.decision.plan import Candidate
from service.decision.windows import CalendarWindow, Period, RollingWindow, Window
from service.state.engines.session import (
    POOLS_LOCK,
    RULES_LOCK,
    Locks,
    Row,
    Session,
    Sql,
    from_micros,
    micros,
    placeholders,
)
from service.state.rows.contact_row import contact_of_row
from service.state.rows.kills import versions_of

COUNTED_AS = 2
"""How uses are told from contacts (`Pool.use_of`). Another number has every pool counted anew: 2 since what is
reserved counts as long as it is."""
NOTHING = 1e-9
"""What is left of a sum of costs once they were all given back."""
CLOCKS_DIFFER = timedelta(days=1)
"""At most: as `Retention` has it."""


class PoolsUnknown(Exception):
    """The store does not count some of these pools yet."""


@lru_cache(maxsize=4096)
def pool_key(pool: Pool) -> str:
    """The name, and a hash of what is counted; how much there is of it may change."""
    return f"{pool.pool_id}@{hashlib.sha256(_definition(pool).encode()).hexdigest()[:16]}"


def uses_query(pools: Sequence[Pool], now: datetime) -> Sql:
    """A question for the uses of these pools that have not ended; a row without an end says that a pool is known."""
    keys = [pool_key(pool) for pool in pools]
    return Sql(
        "SELECT p.pool_key, u.ends_at, u.amount FROM pools p"
        " LEFT JOIN pool_uses u ON u.pool_key = p.pool_key AND u.ends_at > ? AND u.amount > ?"
        f" WHERE p.pool_key IN {placeholders(keys)} ORDER BY p.pool_key, u.ends_at",
        (micros(now), NOTHING, *keys),
    )


def read_uses(pools: Sequence[Pool], now: datetime, rows: Iterable[Row]) -> dict[str, tuple[Use, ...]]:
    """The uses by pool id, ordered by their ends; a pool that nobody uses has no entry. Raises: PoolsUnknown.

    `rows` may tell of other pools, and of uses that have ended by now.
    """
    found: dict[str, list[Use]] = {}
    for row in rows:
        listed = found.setdefault(row["pool_key"], [])
        if row["ends_at"] is not None and row["ends_at"] > micros(now):
            listed.append(Use(ends_at=from_micros(row["ends_at"]), amount=row["amount"]))
    by_id = {pool.pool_id: pool_key(pool) for pool in pools}
    if not found.keys() >= set(by_id.values()):
        raise PoolsUnknown
    return {pool_id: tuple(found[key]) for pool_id, key in by_id.items() if found[key]}


class PoolUses:
    """The uses of pools in a transaction that holds the pools' lock: read once, then kept up with its own changes."""

    def __init__(self, session: Session, pools: Sequence[Pool], now: datetime) -> None:
        """Raises: PoolsUnknown."""
        book = session.cache.pools
        missing = [pool for pool in pools if pool_key(pool) not in book]
        if missing:
            (rows,) = session.query(uses_query(missing, now))
            for row in rows:
                listed = book.setdefault(row["pool_key"], {})
                if row["ends_at"] is not None:
                    listed[row["ends_at"]] = row["amount"]
            if any(pool_key(pool) not in book for pool in missing):
                raise PoolsUnknown
        self._book, self._pools, self._now = book, pools, micros(now)

    def amounts(self, pool: Pool) -> list[float]:
        """What is used of one of the pools, in no order."""
        now = self._now
        return [amount for ends_at, amount in self._book[pool_key(pool)].items() if ends_at > now and amount > NOTHING]

    def by_pool(self) -> dict[str, tuple[Use, ...]]:
        """The uses by pool id, ordered by their ends; a pool that nobody uses has no entry."""
        found = {pool.pool_id: self._uses(pool) for pool in self._pools}
        return {pool_id: uses for pool_id, uses in found.items() if uses}

    def _uses(self, pool: Pool) -> tuple[Use, ...]:
        counted = sorted(self._book[pool_key(pool)].items())
        left = [(ends_at, amount) for ends_at, amount in counted if ends_at > self._now and amount > NOTHING]
        return tuple(Use(ends_at=from_micros(ends_at), amount=amount) for ends_at, amount in left)


class Counters:
    """The pools that a store counts, as this process last read them."""

    def __init__(self) -> None:
        self._version = 0
        self._pools: tuple[tuple[str, Pool], ...] = ()

    def at(self, session: Session) -> Counters:
        """The same after reading them again, if another version is in force."""
        version = versions_of(session).pools
        if version != self._version:
            (rows,) = session.query(Sql("SELECT pool_key, definition FROM pools ORDER BY pool_key"))
            self._pools = tuple((row["pool_key"], _pool(row["pool_key"], row["definition"])) for row in rows)
            self._version = version
        return self

    def guard(self, candidates: Iterable[Candidate]) -> bool:
        """Whether a contact of one of these may use a pool."""
        listed = [(c.journey_id, c.kind, c.channel) for c in candidates]
        return any(pool.guards(*tags) for _, pool in self._pools for tags in listed)

    def change(self, session: Session, before: Contact | None, after: Contact | None) -> None:
        """Takes from the pools and gives back what a contact's change does. None: it does not count."""
        for key, pool in self._pools:
            old = None if before is None else pool.use_of(before)
            new = None if after is None else pool.use_of(after)
            if old == new:
                continue
            if old is not None:
                session.execute(_take(key, old))
                _note(session, key, old, -old.amount)
            if new is not None:
                session.execute(_add(key, new))
                _note(session, key, new, new.amount)


def _note(session: Session, key: str, use: Use, amount: float) -> None:
    counted = session.cache.pools.get(key)
    if counted is not None:
        counted[micros(use.ends_at)] = counted.get(micros(use.ends_at), 0.0) + amount


def register_locks(session: Session) -> Locks:
    """No contact changes while the contacts of a new pool are counted."""
    return Locks(exclusive=frozenset({RULES_LOCK, POOLS_LOCK}))


def register(session: Session, pools: Iterable[Pool], now: datetime) -> None:
    """Counts these pools from now on, and what their contacts use already; says that they are in use."""
    asked = {pool_key(pool): pool for pool in pools}
    (rows,) = session.query(Sql(f"SELECT pool_key FROM pools WHERE pool_key IN {placeholders(asked)}", tuple(asked)))
    known = sorted(row["pool_key"] for row in rows)
    used = f"UPDATE pools SET used_at = ? WHERE pool_key IN {placeholders(known)} AND used_at < ?"
    session.execute(Sql(used, (micros(now), *known, micros(now))))
    new = {key: pool for key, pool in asked.items() if key not in known}
    for key, pool in new.items():
        values = key, _definition(pool), micros(now)
        session.execute(Sql("INSERT INTO pools (pool_key, definition, used_at) VALUES (?, ?, ?)", values))
        (contacts,) = session.query(_contacts_in(pool, now))
        session.execute(Sql("DELETE FROM pool_uses WHERE pool_key = ?", (key,)))
        session.execute(*(_add(key, use) for use in _summed(pool, map(contact_of_row, contacts))))
    if new:
        session.execute(pools_changed())


def pools_changed() -> Sql:
    """A version that no process has seen: one that was read in a transaction that was undone must not come again."""
    return Sql(
        "INSERT INTO versions (name, version) VALUES ('pools', ?)"
        " ON CONFLICT (name) DO UPDATE SET version = excluded.version",
        (1 + secrets.randbits(62),),
    )


def _contacts_in(pool: Pool, now: datetime) -> Sql:
    """Every contact that counts in the window of this moment or later; or earlier, for others may be behind."""
    now -= CLOCKS_DIFFER
    where, values = "", list[str]()
    for column, chosen in (("journey_id", pool.journeys), ("kind", pool.kinds), ("channel", pool.channels)):
        if chosen:
            where += f" AND {column} IN {placeholders(chosen)}"
            values += sorted(chosen)
    return Sql(
        "SELECT * FROM contacts WHERE (at >= ? OR (state = 'RESERVED' AND reserved_until > ?)) AND state <> 'RELEASED'"
        f" AND (counts_until IS NULL OR counts_until > ?){where}",
        (micros(pool.window.start(now) - pool.step), micros(now), micros(now), *values),
    )


def _summed(pool: Pool, contacts: Iterable[Contact]) -> Iterator[Use]:
    by_end: dict[datetime, float] = {}
    for contact in contacts:
        use = pool.use_of(contact)
        if use is not None:
            by_end[use.ends_at] = by_end.get(use.ends_at, 0.0) + use.amount
    yield from (Use(ends_at=ends_at, amount=amount) for ends_at, amount in by_end.items())


def _take(key: str, use: Use) -> Sql:
    return Sql(
        "UPDATE pool_uses SET amount = amount - ? WHERE pool_key = ? AND ends_at = ?",
        (use.amount, key, micros(use.ends_at)),
    )


def _add(key: str, use: Use) -> Sql:
    return Sql(
        "INSERT INTO pool_uses (pool_key, ends_at, amount) VALUES (?, ?, ?)"
        " ON CONFLICT (pool_key, ends_at) DO UPDATE SET amount = pool_uses.amount + excluded.amount",
        (key, micros(use.ends_at), use.amount),
    )


def _definition(pool: Pool) -> str:
    window = pool.window
    per = window.per / timedelta(seconds=1) if isinstance(window, RollingWindow) else [window.period, str(window.zone)]
    filters = [sorted(pool.journeys), sorted(pool.kinds), sorted(pool.channels)]
    return json.dumps([per, pool.counts_cost, *filters, COUNTED_AS])


def _pool(key: str, definition: str) -> Pool:
    """The pool of a definition; its limit is not part of it."""
    per, counts_cost, journeys, kinds, channels = json.loads(definition)[:5]
    window: Window = (
        CalendarWindow(period=Period(per[0]), zone=ZoneInfo(per[1]))
        if isinstance(per, list)
        else RollingWindow(per=timedelta(seconds=per))
    )
    return Pool(
        pool_id=key,
        limit=0.0,
        window=window,
        counts_cost=counts_cost,
        journeys=frozenset(journeys),
        kinds=frozenset(map(JourneyKind, kinds)),
        channels=frozenset(channels),
    )
