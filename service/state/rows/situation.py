"""Reads what is known of customers, all that are asked about together, over one snapshot.

questions ──> what concerns everybody, and the customers' rows       first round
          ──> contacts, consents, incidents, … of who has any        second round, each table once
          ──> a reading for each question, as if it were the only one
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from service.decision.facts import Situation, Use
from service.decision.reach import Reach
from service.state.engines.session import Row, Session, Sql, cells, from_micros
from service.state.port import SituationQuestion, StateReading
from service.state.rows.kills import KILLS, VERSIONS, read_versions
from service.state.rows.own_facts import Asked, OwnRows, answers, read_own
from service.state.rows.pools import read_uses, uses_query
from service.state.rows.situation_queries import customers_of, feeds_of
from service.state.rows.versions import read_fact_versions

Uses = Mapping[str, tuple[Use, ...]]
STANDING = Sql("SELECT journey_id, stage, count(*) AS customers FROM enrolments GROUP BY journey_id, stage")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Everybodys:
    """What concerns everybody, as far as anybody of a batch looks. `told`: what somebody's reach asks of it."""

    kills_version: int
    kills: Mapping[str, str]
    uses: Sequence[Row]
    feeds: Mapping[str, datetime]
    told: dict[tuple[datetime, int], tuple[Uses, Mapping[str, datetime]]] = field(default_factory=dict)

    def uses_and_feeds(self, asked: Asked) -> tuple[Uses, Mapping[str, datetime]]:
        """Raises: PoolsUnknown."""
        key = asked.now, id(asked.reach)
        told = self.told.get(key)
        if told is None:
            feeds = {source: at for source, at in self.feeds.items() if source in asked.reach.sources}
            told = self.told[key] = read_uses(asked.reach.pools, asked.now, self.uses), feeds
        return told


def read_situation(
    session: Session, customer_id: str, now: datetime, reach: Reach, named: Collection[str] = ()
) -> StateReading:
    """A customer without rows has a situation of nothing but what concerns everybody: no event, nothing happened.

    Raises: PoolsUnknown.
    """
    question = SituationQuestion(customer_id=customer_id, now=now, reach=reach, named=named)
    (reading,) = read_situations(session, [question])
    return reading


def read_situations(session: Session, questions: Sequence[SituationQuestion]) -> list[StateReading]:
    """A reading for each, as `read_situation` gives it. Raises: PoolsUnknown, if a pool of any of them is."""
    if not questions:
        return []
    asked, places = _numbered(questions)
    everybodys, customers = _read_everybodys(session, asked)
    known = [(one, customers[one.customer_id]) for one in asked if one.customer_id in customers]
    own = read_own(session, known)
    readings = [_reading(one, everybodys, customers.get(one.customer_id), own) for one in asked]
    return [readings[place] for place in places]


def _numbered(questions: Sequence[SituationQuestion]) -> tuple[list[Asked], list[int]]:
    """The questions that differ, and the place of each among them."""
    found: dict[tuple[str, datetime, int, tuple[str, ...]], Asked] = {}
    places: list[int] = []
    for question in questions:
        named = tuple(sorted(set(question.named)))
        identity = question.customer_id, question.now, id(question.reach), named
        one = found.get(identity)
        if one is None:
            one = found[identity] = Asked(len(found), question.customer_id, question.now, question.reach, named)
        places.append(one.place)
    return list(found.values()), places


def _read_everybodys(session: Session, asked: Sequence[Asked]) -> tuple[_Everybodys, Mapping[str, Row]]:
    """What concerns everybody, and the rows of the customers who have one."""
    reaches = {id(one.reach): one.reach for one in asked}.values()
    pools = list(dict.fromkeys(pool for reach in reaches for pool in reach.pools))
    sources = sorted({source for reach in reaches for source in reach.sources})
    versions, kills, uses, feeds, customers = answers(
        session,
        VERSIONS,
        KILLS,
        uses_query(pools, min(one.now for one in asked)) if pools else None,
        feeds_of(sources) if sources else None,
        customers_of(list(dict.fromkeys(one.customer_id for one in asked))),
    )
    everybodys = _Everybodys(
        kills_version=read_versions(versions).kills,
        kills={row["target"]: row["why"] for row in kills},
        uses=uses,
        feeds={source: from_micros(at) for source, at in sorted(map(tuple, cells(feeds)))},
    )
    return everybodys, {row["customer_id"]: row for row in customers}


def _reading(asked: Asked, everybodys: _Everybodys, customer: Row | None, own: OwnRows) -> StateReading:
    version, kills = everybodys.kills_version, everybodys.kills
    uses, feeds = everybodys.uses_and_feeds(asked)
    if customer is None:
        situation = Situation(kills_version=version, kills=kills, uses=uses, feeds=feeds)
        return StateReading(situation=situation, incident_heard_at={}, reach=asked.reach)
    situation = Situation(
        versions=read_fact_versions(customer),
        contacts_version=customer["contacts_version"],
        has_events=bool(customer["has_events"]),
        incidents=own.incidents_of(asked, customer["last_resolved_at"]),
        consents=own.consents_of(asked),
        contacts=own.contacts_of(asked),
        responses=own.responses_of(asked),
        enrolments=own.enrolments_of(asked),
        latest=own.latest_of(asked),
        kills_version=version,
        kills=kills,
        uses=uses,
        feeds=feeds,
    )
    heard_at = {times.incident_id: times.heard_at for times in own.incident_times(asked)}
    return StateReading(situation=situation, incident_heard_at=heard_at, reach=asked.reach)
