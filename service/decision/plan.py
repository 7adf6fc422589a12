"""A catalogue bound for deciding: rules shared, candidates indexed by channel and stage.

Built once, read by every request.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from features.values import Scalar
from service.decision.constraints.rule import Condition, Rule
from service.decision.facts import Facts
from service.decision.journey import Action, Journey, JourneyKind, Stage

RuleSet = int
"""A set of rules as a bitset: bit i is the i-th rule of the plan."""


class Direction(StrEnum):
    INBOUND = "inbound"
    OUTBOUND = "outbound"


class Unconfirmed(StrEnum):
    """What becomes of a reservation that nobody reports on."""

    COUNT = "count"
    RELEASE = "release"


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """How a channel contacts: `slots` is the default limit, `reserve` how long an answer stays valid."""

    name: str
    direction: Direction
    slots: int
    reserve: timedelta
    unconfirmed: Unconfirmed


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextWeight:
    """Multiplies the priority while the condition holds; unknown does not."""

    when: Condition
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidate:
    """A journey at a stage, with one action, on one channel, and the rules that guard it.

    `kind` is what the rules see: an offer counts as promotional, whatever its journey's kind.
    """

    journey: Journey
    stage: Stage
    action: Action
    channel: str
    kind: JourneyKind
    rules: RuleSet
    context_weights: tuple[ContextWeight, ...] = ()

    @property
    def journey_id(self) -> str:
        return self.journey.journey_id


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JourneyOnChannel:
    """The candidates of one journey on one channel, by stage, in the order its owner listed them."""

    journey: Journey
    by_stage: Mapping[Stage, tuple[Candidate, ...]]

    def at(self, stage: Stage, placement: str | None) -> Candidate | None:
        fitting = (c for c in self.by_stage.get(stage, ()) if c.action.fits(c.channel, placement))
        return next(fitting, None)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """Everything that a decision needs of the catalogue.

    `version` is the hash of its content; `horizon` is how far back its rules look at contacts.
    """

    version: str
    rules: tuple[Rule, ...]
    contact_rules: RuleSet
    channels: Mapping[str, Channel]
    context_types: Mapping[str, type[Scalar]]
    journeys: Mapping[str, tuple[JourneyOnChannel, ...]]
    horizon: timedelta = timedelta(days=400)

    def candidates(self, facts: Facts) -> Iterator[Candidate]:
        """The candidates for this customer, channel and placement: at most one a journey."""
        enrolments = facts.situation.enrolments
        for offered in self.journeys.get(facts.channel, ()):
            enrolment = enrolments.get(offered.journey.journey_id)
            stage = enrolment.stage if enrolment is not None else offered.journey.first_stage
            candidate = offered.at(stage, facts.placement)
            if candidate is not None:
                yield candidate


def members(rules: RuleSet) -> Iterator[int]:
    """The positions in a bitset, ascending."""
    while rules:
        lowest = rules & -rules
        yield lowest.bit_length() - 1
        rules ^= lowest
