"""What became of a contact that was presented: the value of its journey's objective, if it was met within its window.

    presented ├────────── within ──────────┤ window_ends_at      both ends belong to it
     ─────────┼ outcomes of this contact    │                     told of before it was presented: clocks differ
              │ events until the journey is presented to the customer again: later ones belong to that contact

    decided_at ├──── within ────┤                                whatever was shown: `in_window`, `first_met`

A window that is open says nothing yet, whether the objective was met or not: if what is met early were told early, the
rows with a reward would be successes for the most part.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from features.values import Scalar


class RewardObjective(Protocol):
    """The objective of a journey, as rewards read it. One of `event` and `outcome` is given."""

    @property
    def within(self) -> timedelta: ...

    @property
    def event(self) -> str | None: ...

    @property
    def outcome(self) -> str | None: ...

    @property
    def worth(self) -> float:
        """What meeting it is worth to everybody, while no model tells."""

    def is_met_by(self, attributes: Mapping[str, Scalar]) -> bool: ...

    def amount_of(self, attributes: Mapping[str, Scalar]) -> float | None:
        """What an event was worth by itself, where the value is learned and it says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """An event of the customer, or an outcome of the contact; `value` is what a conversion was worth."""

    type: str
    at: datetime
    attributes: Mapping[str, Scalar] | None = None
    value: float | None = None


class MetBy(StrEnum):
    """What met an objective."""

    EVENT = "EVENT"
    OUTCOME = "OUTCOME"  # is told of a contact: without one there is none


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """What a customer did that meets an objective, whatever was shown; `worth` to everybody, or by its own word.

    `by` is None where it was imported from a table that does not say it.
    """

    at: datetime
    worth: float
    by: MetBy | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AsOf:
    """When rewards are told, and since when every event is still kept."""

    now: datetime
    events_since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Presentation:
    """A contact that was presented, and when the same journey was next presented to the same customer."""

    at: datetime
    again_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reward:
    """`amount` is None while it `is_censored`, for what was never presented, and where events are no longer kept.

    `is_met`: whether the objective was, known where the amount is.
    """

    amount: float | None
    is_censored: bool
    window_ends_at: datetime | None = None
    is_met: bool | None = None


UNPRESENTED = Reward(amount=None, is_censored=False)
STILL_RESERVED = Reward(amount=None, is_censored=True)


def reward_of(
    objective: RewardObjective,
    value: float,
    presented: Presentation,
    outcomes: Iterable[Occurrence],
    events: Iterable[Occurrence],
    as_of: AsOf,
) -> Reward:
    """The reward of a presented contact.

    Args:
        value: what meeting the objective was taken to be worth; what tells its own worth, a CONVERTED or, where the
            value is learned, an event, wins.
        outcomes: those of this contact, of any type and time.
        events: those of the customer, of any type and time.
    """
    ends = presented.at + objective.within
    if as_of.now < ends:
        return Reward(amount=None, is_censored=True, window_ends_at=ends)
    if objective.event is not None and presented.at < as_of.events_since:
        return Reward(amount=None, is_censored=False, window_ends_at=ends)
    if objective.outcome is not None:
        met = [o for o in outcomes if o.type == objective.outcome and o.at <= ends]
    else:
        met = [e for e in events if _is_met_by(objective, presented, e) and e.at <= ends]
    return Reward(amount=_worth(objective, met, value), is_censored=False, window_ends_at=ends, is_met=bool(met))


def reward_of_silence(objective: RewardObjective | None, decided_at: datetime, as_of: AsOf) -> Reward:
    """Of a slot in which nothing was said: 0, told when it would be told of what could have been.

    Were it told at once, the rows of late with a reward would be those of silence.

    Args:
        objective: of the best journey that could have filled the slot; None where none could.
    """
    if objective is None:
        return Reward(amount=0.0, is_censored=False, is_met=False)
    ends = decided_at + objective.within
    if as_of.now < ends:
        return Reward(amount=None, is_censored=True, window_ends_at=ends)
    if objective.event is not None and decided_at < as_of.events_since:
        return Reward(amount=None, is_censored=False, window_ends_at=ends)
    return Reward(amount=0.0, is_censored=False, window_ends_at=ends, is_met=False)


def in_window(
    objective: RewardObjective,
    decided_at: datetime,
    outcomes: Iterable[Occurrence] | None,
    met: Sequence[Met],
    as_of: AsOf,
) -> bool | None:
    """Whether what the objective asks for happened from `decided_at` to the end of its window, whatever was shown.

    None while the window is open, and where nothing tells: events are no longer kept, or the outcome that is asked for
    is of a contact and there was none.

    Args:
        outcomes: those of the contact; None if it was not presented, or there was none.
        met: what the customer did that meets the objective, by time.
    """
    ends = decided_at + objective.within
    if as_of.now < ends:
        return None
    if objective.event is None:
        of_type = (o for o in outcomes or () if o.type == objective.outcome)
        return None if outcomes is None else any(decided_at <= o.at <= ends for o in of_type)
    if decided_at < as_of.events_since:
        return None
    return first_met(met, decided_at, ends) is not None


def first_met(met: Sequence[Met], begins: datetime, ends: datetime) -> Met | None:
    """The first from `begins` to `ends`, both among them; of one instant what was worth most."""
    first = bisect_left(met, begins, key=_at)
    return met[first] if first < len(met) and met[first].at <= ends else None


def met_by(objective: RewardObjective, events: Iterable[Occurrence]) -> Sequence[Met]:
    """What of a customer's events meets an objective, whatever was shown: by time, at one instant the greatest first.

    What tells its own worth, where the value is learned, wins over what everybody's is taken to be: never what a model
    said, for models differ by arm.
    """
    of_type = (event for event in events if event.type == objective.event)
    told = ((event.at, event.attributes or {}) for event in of_type)
    return _in_order(
        Met(at=at, worth=_or(objective.amount_of(attributes), objective.worth), by=MetBy.EVENT)
        for at, attributes in told
        if objective.is_met_by(attributes)
    )


def met_by_outcomes(objective: RewardObjective, outcomes: Iterable[Occurrence]) -> Sequence[Met]:
    """What of the outcomes of its journey's contacts with a customer meets an objective: as `met_by`.

    Whichever contact they are of, and whether that was reported to be presented or not.
    """
    return _in_order(
        Met(at=one.at, worth=_or(_own_word(one), objective.worth), by=MetBy.OUTCOME)
        for one in outcomes
        if one.type == objective.outcome
    )


def _in_order(found: Iterable[Met]) -> Sequence[Met]:
    return sorted(found, key=lambda one: (one.at, -one.worth))


def _at(met: Met) -> datetime:
    return met.at


def _is_met_by(objective: RewardObjective, presented: Presentation, event: Occurrence) -> bool:
    """An event belongs to the last contact of the journey that was presented by then."""
    if event.type != objective.event or event.at < presented.at:
        return False
    if presented.again_at is not None and event.at >= presented.again_at:
        return False
    return objective.is_met_by(event.attributes or {})


def _worth(objective: RewardObjective, met: list[Occurrence], value: float) -> float:
    """Met is met, however often: the first counts, of events of one instant the one that was worth most."""
    if not met:
        return 0.0
    begins = min(happened.at for happened in met)
    first = [happened for happened in met if happened.at == begins]
    if objective.event is not None:
        return max(_or(objective.amount_of(happened.attributes or {}), value) for happened in first)
    return _or(_own_word(first[0]), value)


def _own_word(outcome: Occurrence) -> float | None:
    """What an outcome itself says that it was worth."""
    return outcome.value if outcome.type == "CONVERTED" else None


def _or(own: float | None, value: float) -> float:
    return value if own is None else own
