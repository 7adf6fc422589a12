"""The naive twin, continued: the rules that look at more than one contact or journey at once."""

from __future__ import annotations

from datetime import datetime

from service.decision.constraints.capacity import Pool
from service.decision.constraints.cooldown import Cooldown
from service.decision.facts import Contact, Facts
from tests.builders import Catalogue, Entry


def rests(rule: Cooldown, known: Facts) -> bool:
    """Whether an answer, or the last contacts without one, are too recent."""
    answers = known.situation.responses
    for answer in answers:
        for rest in rule.rests:
            is_meant = answer.journey_id in rule.journeys and answer.type == rest.response
            if is_meant and known.now < answer.at + rest.rests:
                return True
    return rule.ignored is not None and any(_is_ignored(rule, journey_id, known) for journey_id in rule.journeys)


def _is_ignored(rule: Cooldown, journey_id: str, known: Facts) -> bool:
    assert rule.ignored is not None
    times, window, pause = rule.ignored.times, rule.ignored.window, rule.ignored.rests
    placed: list[tuple[datetime, bool, datetime]] = []
    for shown in known.situation.contacts:
        if shown.journey_id != journey_id or not shown.is_presented:
            continue
        first = shown.presented_at or shown.at
        is_answered = any(
            a.decision_id == shown.decision_id and a.journey_id == journey_id and a.at <= first + window
            for a in known.situation.responses
        )
        if is_answered:
            placed.append((first, True, first))
        elif first + window <= known.now:
            placed.append((shown.at, False, shown.at))
    last = sorted(placed, key=lambda place: place[0])[-times:]
    if len(last) < times or any(is_answered for _, is_answered, _ in last):
        return False
    return known.now < max(at for _, _, at in last) + window + pause


def in_flight_is_full(made: Catalogue, own: Entry, known: Facts, reserved: set[str]) -> bool:
    """Whether the journey's kind has no place for it, even if those that give way do so."""
    kind, enrolled = own.journey.kind, set(known.situation.enrolments)
    at_most = {k: limit.at_most for k, limit in (made.policies.in_flight or {}).items()}.get(kind)
    if at_most is None:
        return False
    alike = {o.journey.journey_id: o for o in made.offered if o.journey.kind is kind}
    me = own.journey.journey_id
    if me not in enrolled:
        return len(_stay(own, alike, enrolled, reserved)) >= at_most
    if len(((enrolled | reserved) & set(alike)) - {me}) < at_most:
        return False
    entering = [
        c for c in known.situation.contacts if c.journey_id in reserved & set(alike) - {me} and _is_open(c, known)
    ]
    told = [c for c in entering if c.displaces]
    untold = {c.journey_id for c in entering if not c.displaces} - enrolled
    return any(me in c.displaces for c in told) or any(
        me in _leave(alike[j], alike, known, reserved, at_most) for j in untold
    )


def _is_open(contact: Contact, known: Facts) -> bool:
    return not contact.is_presented and contact.reserved_until is not None and contact.reserved_until > known.now


def _stay(own: Entry, alike: dict[str, Entry], enrolled: set[str], reserved: set[str]) -> set[str]:
    in_flight = ((enrolled | reserved) & set(alike)) - {own.journey.journey_id}
    gives_way = {j for j in in_flight - reserved if alike[j].is_switchable or alike[j].journey.tier > own.journey.tier}
    return in_flight - gives_way


def _leave(own: Entry, alike: dict[str, Entry], known: Facts, reserved: set[str], at_most: int) -> list[str]:
    """Those that end when `own` comes: the last tiers first, then the oldest."""
    enrolled = known.situation.enrolments
    in_flight = ((set(enrolled) | reserved) & set(alike)) - {own.journey.journey_id}
    ready = sorted(
        in_flight - _stay(own, alike, set(enrolled), reserved),
        key=lambda j: (-alike[j].journey.tier, enrolled[j].since, j),
    )
    return ready[: max(0, len(in_flight) + 1 - at_most)]


def pool_is_empty(pool: Pool, needs: float, known: Facts) -> bool:
    """Whether what is in use, by others and by the picks before, leaves less than is needed."""
    used = sum(u.amount for u in known.situation.uses.get(pool.pool_id, ()) if u.ends_at > known.now)
    for pick in known.slate:
        is_meant = (not pool.journeys or pick.journey_id in pool.journeys) and (
            not pool.kinds or pick.kind in pool.kinds
        )
        if is_meant and (not pool.channels or pick.channel in pool.channels):
            used += pick.cost if pool.counts_cost else 1.0
    return used + needs > pool.limit + 1e-6
