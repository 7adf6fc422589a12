"""A catalogue bound for deciding: rules shared, candidates indexed by channel and stage.

Built once, read by every request.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta, tzinfo
from enum import StrEnum
from functools import cached_property

from features.values import Scalar
from service.decision.arms import ONE_ARM, Arms
from service.decision.constraints.capacity import Pool
from service.decision.constraints.in_flight import InFlight
from service.decision.constraints.rule import Columns, Condition, Rule
from service.decision.explore import NO_EXPLORATION, NO_SILENCE, ExplorationPolicy, Silence
from service.decision.facts import Facts, SituationPart
from service.decision.journey import Action, Journey, JourneyKind, Stage
from service.decision.reach import Reach, reach_of
from service.decision.slate import Slate
from service.decision.variables import Variables

RuleSet = frozenset[int]
"""A set of rules, by their positions in the plan."""

NO_RULES: RuleSet = frozenset()

UNNAMED = ""
"""Stands for every placement that no action names."""


class Direction(StrEnum):
    INBOUND = "inbound"
    OUTBOUND = "outbound"


class Unconfirmed(StrEnum):
    """What becomes of a reservation that nobody reports on."""

    COUNT = "count"
    RELEASE = "release"


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """How a channel contacts: `slots` is the default limit, `reserve` how long an answer stays valid.

    `placements` are all that it has; None: nobody declared them, and any may be named.
    """

    name: str
    direction: Direction
    slots: int
    reserve: timedelta
    unconfirmed: Unconfirmed
    placements: frozenset[str] | None = None

    def has(self, placement: str | None) -> bool:
        """Whether a question may name it."""
        return placement is None or self.placements is None or placement in self.placements


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextWeight:
    """Multiplies the priority while the condition holds; unknown does not."""

    when: Condition
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ToneChoice:
    """Speaks in this tone while the condition holds; unknown does not."""

    when: Condition
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetime:
    """When an enrolment ends by itself: its time is over, or the condition holds (unknown does not)."""

    max_duration: timedelta | None = None
    exit_when: Condition | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidate:
    """A journey at a stage, with one action, on one channel, and the rules that guard it.

    `kind` is what the rules see: an offer counts as promotional, whatever its journey's kind. `bypassed` are those of
    its rules that it may pass in spite of a denial; its reasons say so. `tones` come before the action's own.
    """

    journey: Journey
    stage: Stage
    action: Action
    channel: str
    kind: JourneyKind
    rules: RuleSet
    bypassed: RuleSet = NO_RULES
    context_weights: tuple[ContextWeight, ...] = ()
    tones: tuple[ToneChoice, ...] = ()
    in_flight: InFlight | None = None

    @property
    def journey_id(self) -> str:
        return self.journey.journey_id


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JourneyOnChannel:
    """The candidates of one journey on one channel, by stage, in the order its owner listed them.

    `elsewhere` are the same once more, guarded by STAGE: they stand for the journey when nothing of its stage fits.
    """

    journey: Journey
    by_stage: Mapping[Stage, tuple[Candidate, ...]]
    elsewhere: tuple[Candidate, ...] = ()

    def candidate(self, facts: Facts) -> Candidate | None:
        """The one for the customer's stage: the first stage for who is not enrolled.

        While the enrolments are unread, a journey of several stages is represented by one that STAGE guards.
        """
        if SituationPart.ENROLMENTS in facts.situation.unread and len(self.journey.stages) > 1:
            return next((c for c in self.elsewhere if c.action.fits(c.channel, facts.placement)), None)
        enrolment = facts.situation.enrolments.get(self.journey.journey_id)
        return self.at(self.journey.first_stage if enrolment is None else enrolment.stage, facts.placement)

    def at(self, stage: Stage, placement: str | None) -> Candidate | None:
        """The first action of this stage that fits; else one of another stage, which the rule STAGE denies."""
        for listed in (self.by_stage.get(stage, ()), self.elsewhere):
            for candidate in listed:
                if candidate.action.fits(candidate.channel, placement):
                    return candidate
        return None


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """Everything that a decision needs of the catalogue.

    `version`: the hash of its content. `pools`: what all customers share. `lifetimes`: by journey. `texts`: the
    catalogue's own, by reason code and language. `purposes`: those that consent may be asked for. `latest`: the
    features that tell when something last happened, of which events tell too. `zone`: the one in which the company's
    days begin. `exploration`, `silence` and `arms`: how slots are filled, beyond the best first. What follows from
    these is made when it is first needed.
    """

    version: str
    rules: tuple[Rule, ...]
    channels: Mapping[str, Channel]
    context_types: Mapping[str, type[Scalar]]
    journeys: Mapping[str, tuple[JourneyOnChannel, ...]]
    pools: tuple[Pool, ...] = ()
    lifetimes: Mapping[str, Lifetime] = field(default_factory=dict)
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    purposes: frozenset[str] = frozenset()
    latest: frozenset[str] = frozenset()
    zone: tzinfo = UTC
    exploration: ExplorationPolicy = NO_EXPLORATION
    silence: Silence = NO_SILENCE
    arms: Arms = ONE_ARM

    @cached_property
    def undrawn(self) -> Plan:
        """The same plan for everybody alike, by the best that is allowed: what rules are tried by."""
        return replace(self, exploration=NO_EXPLORATION, arms=ONE_ARM)

    @cached_property
    def is_plain(self) -> bool:
        """Whether every slot is filled by the best that is allowed, whoever asks."""
        return self.exploration.is_greedy and self.silence == NO_SILENCE and self.arms == ONE_ARM

    @cached_property
    def contact_rules(self) -> RuleSet:
        """The rules that count contacts: checked again after each pick and at commit."""
        return frozenset(position for position, rule in enumerate(self.rules) if rule.reads_contacts)

    @cached_property
    def sources(self) -> frozenset[str]:
        """Those whose heartbeats a rule waits for."""
        return frozenset(source for rule in self.rules for source in rule.span.sources)

    @cached_property
    def placements(self) -> frozenset[str]:
        """Those that an action names."""
        named = (c.action.placements for o in self.journeys.values() for j in o for c in j.elsewhere)
        return frozenset[str]().union(*named)

    @cached_property
    def _touched(self) -> dict[Candidate, RuleSet]:
        """Of those that were asked for."""
        return {}

    @cached_property
    def _slates(self) -> dict[tuple[str, str | None], Slate]:
        """Those that were asked for."""
        return {}

    @cached_property
    def _reaches(self) -> dict[str, Reach]:
        """Those that were asked for."""
        return {}

    def touched_by(self, picked: Candidate) -> RuleSet:
        """The rules of others on its channel that may say something else once it is picked.

        But for those of the limit of its kind.
        """
        touched = self._touched.get(picked)
        if touched is None:
            touched = self._touched[picked] = frozenset(self._touching(picked))
        return touched

    def _touching(self, picked: Candidate) -> Iterator[int]:
        concerned = {picked.journey_id, *self._pools_of(picked)}
        for position in self.contact_rules & self._guarding_others(picked):
            subjects = self.rules[position].subjects
            is_of_kind = isinstance(self.rules[position], InFlight)
            if not is_of_kind and (subjects is None or not subjects.isdisjoint(concerned)):
                yield position

    def _pools_of(self, picked: Candidate) -> Iterator[str]:
        return (p.pool_id for p in self.pools if p.guards(picked.journey_id, picked.kind, picked.channel))

    def _guarding_others(self, picked: Candidate) -> RuleSet:
        others = (o for o in self.journeys.get(picked.channel, ()) if o.journey is not picked.journey)
        return NO_RULES.union(*(candidate.rules for o in others for candidate in o.elsewhere))

    def prefetch(self, customers: Sequence[Variables]) -> None:
        """Makes what all its conditions compare, for several customers in one pass."""
        for columns in self._columns:
            columns.prefetch(customers)

    @cached_property
    def _columns(self) -> Sequence[Columns]:
        held = (condition for rule in self.rules for condition in rule.span.conditions)
        columns = (condition.columns for condition in (*held, *self._conditions()))
        return tuple({id(each): each for each in columns if each is not None}.values())

    def reach_on(self, channel: str) -> Reach:
        """How far its rules look when it decides for this channel."""
        reach = self._reaches.get(channel)
        if reach is None:
            reach = reach_of(channel, self.rules, self._conditions(), self.pools, self.latest)
            if channel in self.channels:
                self._reaches[channel] = reach
        return reach

    def pools_on(self, channel: str) -> tuple[Pool, ...]:
        """The pools that a contact on this channel may use."""
        return self.reach_on(channel).pools

    def _conditions(self) -> Iterator[Condition]:
        """The conditions that no rule holds: of lifetimes, context weights and tones."""
        yield from (life.exit_when for life in self.lifetimes.values() if life.exit_when is not None)
        for candidate in (c for listed in self.journeys.values() for offered in listed for c in offered.elsewhere):
            yield from (weight.when for weight in candidate.context_weights)
            yield from (choice.when for choice in candidate.tones)

    def slate(self, channel: str, placement: str | None) -> Slate:
        """Made once; placements that no action names are all alike."""
        key = channel, placement if placement is None or placement in self.placements else UNNAMED
        slate = self._slates.get(key)
        if slate is None:
            found = (o.at(o.journey.first_stage, placement) for o in self.journeys.get(channel, ()))
            slate = self._slates[key] = Slate(self.rules, (c for c in found if c is not None))
        return slate

    def candidates(self, facts: Facts) -> Iterator[Candidate]:
        """The candidates for this customer, channel and placement: at most one a journey."""
        for offered in self.journeys.get(facts.channel, ()):
            candidate = offered.candidate(facts)
            if candidate is not None:
                yield candidate

    def candidate(self, journey_id: str, facts: Facts) -> Candidate | None:
        """The candidate of one journey."""
        offered = self._offered.get(facts.channel, {}).get(journey_id)
        return None if offered is None else offered.candidate(facts)

    @cached_property
    def _offered(self) -> Mapping[str, Mapping[str, JourneyOnChannel]]:
        """By channel and journey."""
        return {name: {o.journey.journey_id: o for o in offered} for name, offered in self.journeys.items()}
