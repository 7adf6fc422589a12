"""What a catalogue offers: journeys, their stages and actions, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum


class JourneyKind(StrEnum):
    PROMOTIONAL = "promotional"
    SERVICE = "service"
    RESOLUTION = "resolution"
    ONBOARDING = "onboarding"
    FEEDBACK = "feedback"
    LOYALTY = "loyalty"
    CELEBRATION = "celebration"


HELPING_KINDS = frozenset({JourneyKind.SERVICE, JourneyKind.RESOLUTION})
"""Kinds that help rather than sell: allowed in an incident by default, and free of a consent purpose."""


def effective_kind(kind: JourneyKind, *, is_offer: bool) -> JourneyKind:
    """That by which rules go: an offer counts as promotional, whatever its journey is."""
    return JourneyKind.PROMOTIONAL if is_offer else kind


class Stage(StrEnum):
    """The eight stages, in their order."""

    NEED = "need"
    RESEARCH = "research"
    SELECT = "select"
    PURCHASE = "purchase"
    RECEIVE = "receive"
    USE = "use"
    MAINTAIN = "maintain"
    RECOMMEND = "recommend"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What is proposed at a stage. Without `placements` it fits every placement of its channels.

    `cost` is in the unit of the objective's value.
    """

    action_id: str
    channels: frozenset[str]
    tone: str
    placements: frozenset[str] = frozenset()
    is_offer: bool = False
    cost: float = 0.0
    expects: str = ""

    def fits(self, channel: str, placement: str | None) -> bool:
        if channel not in self.channels:
            return False
        return placement is None or not self.placements or placement in self.placements


@dataclass(frozen=True, slots=True, kw_only=True)
class StagePlan:
    stage: Stage
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lever:
    """A business weight on the priority, 0.5 to 2, with a reason and an end."""

    weight: float
    until: datetime
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What the journey is for: an event or an outcome within a window; `value` is what meeting it is worth.

    `is_value_learnt`: a model tells what it is worth to each customer, and `value` is in force until one does.
    """

    within: timedelta
    value: float
    is_value_learnt: bool = False
    event: str | None = None
    where: str | None = None
    outcome: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """A designed cycle of experiences.

    `tier` 1 is placed first; `prior` is P(objective met | shown) before evidence.
    """

    journey_id: str
    kind: JourneyKind
    tier: int
    objective: Objective
    prior: float
    stages: tuple[StagePlan, ...]
    lever: Lever | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def first_stage(self) -> Stage:
        return self.stages[0].stage
