"""What a catalogue offers: journeys, their stages and actions, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

NO_JOURNEY: Final = "NO_JOURNEY"
"""Stands in tables where a journey's id would, for saying nothing. No catalogue can name a journey so."""


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


class RankBy(StrEnum):
    """By which probability a journey is ordered."""

    OUTCOME = "outcome"  # that its objective is met if it is shown
    UPLIFT = "uplift"  # how much more that is than if it is not


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What the journey is for: an event or an outcome within a window; `value` is what meeting it is worth.

    `is_value_learnt`: a model tells what it is worth to each customer, and `value` is in force until one does.
    `is_weighed_against_silence`: saying nothing is worth what would then come of this objective.
    """

    within: timedelta
    value: float
    is_value_learnt: bool = False
    rank_by: RankBy = RankBy.OUTCOME
    is_weighed_against_silence: bool = False
    event: str | None = None
    where: str | None = None
    outcome: str | None = None

    @property
    def counts_silence(self) -> bool:
        """Whether it matters how probable it is that the objective is met although nothing is shown."""
        return self.rank_by is RankBy.UPLIFT or self.is_weighed_against_silence

    @property
    def asks_of_silence(self) -> bool:
        """Whether a model is to tell that.

        An event may come of itself; an outcome is reported of a contact, and there is none in silence.
        """
        return self.counts_silence and self.outcome is None


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
