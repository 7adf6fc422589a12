"""Caps that contradict each other: a cap that another always reaches first says something that is not so.

| found | severity |
|---|---|
| a pressure cap or a budget that another one, of the same or a wider scope, always reaches first | warning |
| `ignored.times` more than the contact cap grants while contacts are remembered (400 days) | warning |
| `never_after` the journey itself: `contact` says that | warning |
| a contact cap that a pressure cap on all its channels always reaches first | notice |
| a capacity whose units cost more than a budget of the same period holds | notice |
| an in-flight limit that no number of journeys of that kind can reach | notice |
| a cooldown longer than the journey is valid: one response ends it | notice |
| `max_duration` shorter than the objective's window: customers leave before it can be told | notice |

A cap is reached first if it counts at least as much, grants no more and looks back at least as far. A rolling window
looks as far back as a calendar period if it is at least as long as the longest such period with its clock changes; a
calendar period never does, for it begins anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from service.catalogue.check.under_check import CatalogueUnderCheck, JourneyUnderCheck, Path
from service.catalogue.documents.problems import POLICIES, FaultClass, Problems, Severity
from service.decision.constraints.capacity import Pool, PoolLimit
from service.decision.constraints.caps import ContactCap, PressureCap
from service.decision.constraints.cooldown import Cooldown
from service.decision.constraints.not_valid_now import NotValidNow
from service.decision.windows import LOOKBACK, CalendarWindow, Per, Period

_LONGEST = {
    Period.DAY: timedelta(days=1, hours=2),
    Period.WEEK: timedelta(days=7, hours=2),
    Period.MONTH: timedelta(days=31, hours=2),
}
_WITHIN = {(Period.DAY, Period.WEEK), (Period.DAY, Period.MONTH)}


def check_caps(catalogue: CatalogueUnderCheck, problems: Problems) -> None:
    _check_pressure(catalogue, problems)
    _check_budgets(catalogue, problems)
    _check_in_flight(catalogue, problems)
    for journey in catalogue.journeys:
        for path, severity, text in (
            *_contact(journey, catalogue),
            *_capacity(journey, catalogue),
            *_ignored(journey),
            *_durations(journey),
        ):
            problems.add(journey.journey_id, path, FaultClass.CAPS, text, None, severity)


def looks_as_far(outer: Per, inner: Per) -> bool:
    """Whether all that counts within `inner` always counts within `outer` as well."""
    if isinstance(outer, timedelta):
        return outer >= (inner if isinstance(inner, timedelta) else _LONGEST[inner])
    return outer == inner or (inner, outer) in _WITHIN


def _check_pressure(catalogue: CatalogueUnderCheck, problems: Problems) -> None:
    caps = catalogue.policies.pressure
    for i, cap in enumerate(caps):
        first = next((c for k, c in enumerate(caps) if k != i and _comes_first(c, k, cap, i)), None)
        if first is not None:
            text = f"pressure cap {cap.cap_id} is never reached: {first.cap_id} always is reached first"
            problems.add(POLICIES, ("pressure", i, "at_most"), FaultClass.CAPS, text, None, Severity.WARNING)


def _comes_first(one: PressureCap, k: int, other: PressureCap, i: int) -> bool:
    """Whether `one` is always reached before `other`; of two equal caps, the one that is written first is."""
    if not (one.kinds >= other.kinds and one.channels >= other.channels and one.at_most <= other.at_most):
        return False
    are_equal = (one.kinds, one.channels, one.at_most, one.per) == (
        other.kinds,
        other.channels,
        other.at_most,
        other.per,
    )
    return looks_as_far(one.per, other.per) and (k < i or not are_equal)


def _check_budgets(catalogue: CatalogueUnderCheck, problems: Problems) -> None:
    pools = catalogue.policies.budgets
    for i, pool in enumerate(pools):
        first = next((p for k, p in enumerate(pools) if k != i and _is_spent_first(p, k, pool, i)), None)
        if first is not None:
            text = f"{pool.pool_id} is never spent: {first.pool_id} always is spent first"
            problems.add(POLICIES, ("budgets", i, "amount"), FaultClass.CAPS, text, None, Severity.WARNING)


def _is_spent_first(one: Pool, k: int, other: Pool, i: int) -> bool:
    pairs = ((one.journeys, other.journeys), (one.kinds, other.kinds), (one.channels, other.channels))
    if not all(not wide or (narrow and wide >= narrow) for wide, narrow in pairs) or one.limit > other.limit:
        return False
    are_equal = (
        one.limit == other.limit and all(wide == narrow for wide, narrow in pairs) and one.window == other.window
    )
    return looks_as_far(_per(one), _per(other)) and (k < i or not are_equal)


def _check_in_flight(catalogue: CatalogueUnderCheck, problems: Problems) -> None:
    for kind, limit in (catalogue.policies.in_flight or {}).items():
        if limit.at_most > len(limit.members):
            text = f"the limit of {limit.at_most} is never reached: there are {len(limit.members)} {kind} journeys"
            problems.add(POLICIES, ("in_flight", kind.value), FaultClass.CAPS, text, None, Severity.NOTICE)


Found = Iterator[tuple[Path, Severity, str]]


def _contact(journey: JourneyUnderCheck, catalogue: CatalogueUnderCheck) -> Found:
    contact = journey.own(ContactCap)
    if contact is None:
        return
    for cap in catalogue.policies.pressure:
        counts_all = all(cap in o.rules for o in journey.offered)
        if counts_all and cap.at_most <= contact.at_most and looks_as_far(cap.per, contact.per):
            text = f"this cap is never reached: pressure cap {cap.cap_id} always is reached first"
            yield ("contact", "at_most"), Severity.NOTICE, text
            return


def _capacity(journey: JourneyUnderCheck, catalogue: CatalogueUnderCheck) -> Found:
    limits = journey.offered[0].guarded_by(PoolLimit)
    capacity = next((rule.pool for rule in limits if rule.code == "CAPACITY"), None)
    if capacity is None:
        return
    spent = [{rule.pool for rule in o.denied_by(PoolLimit)} for o in journey.offered]
    least = capacity.limit * min(o.action.cost for o in journey.offered)
    for pool in catalogue.policies.budgets:
        guards_all = all(pool in pools for pools in spent)
        if guards_all and least > pool.limit and looks_as_far(_per(pool), _per(capacity)):
            text = f"{capacity.limit:.0f} units cost {least:g} at least, and {pool.pool_id} holds {pool.limit:g}"
            yield ("capacity", "units"), Severity.NOTICE, text
            return


def _ignored(journey: JourneyUnderCheck) -> Found:
    never_after = [after.journey for after in journey.document.never_after]
    if journey.journey_id in never_after:
        path = ("never_after", never_after.index(journey.journey_id), "journey")
        yield path, Severity.WARNING, "a journey after itself: say `contact` instead"
    contact, cooldown = journey.own(ContactCap), journey.own(Cooldown)
    if contact is None or cooldown is None or cooldown.ignored is None or not isinstance(contact.per, timedelta):
        return
    granted = contact.at_most * -(-LOOKBACK // contact.per)
    if cooldown.ignored.times > granted:
        text = f"{cooldown.ignored.times} are never ignored: the contact cap grants {granted} in {LOOKBACK.days} days"
        yield ("cooldown", "ignored", "times"), Severity.WARNING, text


def _durations(journey: JourneyUnderCheck) -> Found:
    cooldown, lasts, valid = journey.own(Cooldown), journey.lifetime.max_duration, _valid_for(journey)
    if cooldown is not None and valid is not None:
        for rest in cooldown.rests:
            if rest.rests >= valid:
                text = f"the rest after {rest.response} is as long as the journey is valid: one such response ends it"
                yield ("cooldown", rest.response), Severity.NOTICE, text
    if lasts is not None and lasts < journey.journey.objective.within:
        text = "customers leave the journey before the objective's window is over"
        yield ("max_duration",), Severity.NOTICE, text


def _valid_for(journey: JourneyUnderCheck) -> timedelta | None:
    """Of two days the days between them, whatever the clocks do meanwhile; else the time between two instants."""
    written, bound = journey.document.valid, journey.own(NotValidNow)
    if written is None or bound is None or bound.valid_from is None or bound.valid_until is None:
        return None
    begins, ends = written.from_, written.until
    if begins is None or ends is None or isinstance(begins, datetime) or isinstance(ends, datetime):
        return bound.valid_until - bound.valid_from
    return ends - begins


def _per(pool: Pool) -> Per:
    return pool.window.period if isinstance(pool.window, CalendarWindow) else pool.window.per
