"""A catalogue bound for deciding: rules shared, candidates indexed by channel and stage.

Built once, read by every request.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from features.values import Scalar
from service.decision.constraints.capacity import Pool
from service.decision.constraints.in_flight import InFlight
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
    bypassed: RuleSet = 0
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
        """The one for the customer's stage: the first stage for who is not enrolled."""
        enrolment = facts.situation.enrolments.get(self.journey.journey_id)
        return self.at(self.journey.first_stage if enrolment is None else enrolment.stage, facts.placement)

    def at(self, stage: Stage, placement: str | None) -> Candidate | None:
        """The first action of this stage that fits; else one of another stage, which the rule STAGE denies."""
        for listed in (self.by_stage.get(stage, ()), self.elsewhere):
            for candidate in listed:
                if candidate.action.fits(candidate.channel, placement):
                    return candidate
        return None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """Everything that a decision needs of the catalogue.

    `version` is the hash of its content; `horizon` is how far back its rules look at contacts, `pools` what all
    customers share, `lifetimes` by journey; `texts` are the catalogue's own, by reason code and language.
    """

    version: str
    rules: tuple[Rule, ...]
    contact_rules: RuleSet
    channels: Mapping[str, Channel]
    context_types: Mapping[str, type[Scalar]]
    journeys: Mapping[str, tuple[JourneyOnChannel, ...]]
    horizon: timedelta = timedelta(days=400)
    pools: tuple[Pool, ...] = ()
    lifetimes: Mapping[str, Lifetime] = field(default_factory=dict)
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    always: RuleSet = field(init=False)
    by_subject: Mapping[str, RuleSet] = field(init=False)

    def __post_init__(self) -> None:
        always, by_subject = _indexed(self.rules)
        object.__setattr__(self, "always", always)
        object.__setattr__(self, "by_subject", by_subject)

    def concerning(self, facts: Facts) -> RuleSet:
        """The rules that may deny something to this customer: the others are passed over."""
        situation = facts.situation
        subjects = {
            *(c.journey_id for c in situation.contacts),
            *(r.journey_id for r in situation.responses),
            *situation.enrolments,
            *situation.kills,
            *situation.uses,
        }
        if facts.slate:
            subjects.update(pool.pool_id for pool in self.pools)
        rules = self.always
        for subject in subjects:
            rules |= self.by_subject.get(subject, 0)
        return rules

    def pools_on(self, channel: str) -> tuple[Pool, ...]:
        """The pools that a contact on this channel may use."""
        return tuple(pool for pool in self.pools if not pool.channels or channel in pool.channels)

    def candidates(self, facts: Facts) -> Iterator[Candidate]:
        """The candidates for this customer, channel and placement: at most one a journey."""
        for offered in self.journeys.get(facts.channel, ()):
            candidate = offered.candidate(facts)
            if candidate is not None:
                yield candidate

    def candidate(self, journey_id: str, facts: Facts) -> Candidate | None:
        """The candidate of one journey."""
        offered = self.journeys.get(facts.channel, ())
        return next((o.candidate(facts) for o in offered if o.journey.journey_id == journey_id), None)


def _indexed(rules: Sequence[Rule]) -> tuple[RuleSet, dict[str, RuleSet]]:
    """The rules that are always checked, and the others by what must concern the customer first."""
    always, by_subject = 0, dict[str, RuleSet]()
    for position, rule in enumerate(rules):
        subjects = rule.subjects
        if subjects is None:
            always |= 1 << position
        else:
            for subject in subjects:
                by_subject[subject] = by_subject.get(subject, 0) | 1 << position
    return always, by_subject


FEW = 16
"""So many bits are found faster one by one than in the written number, for a set may be thousands of bits wide."""


def members(rules: RuleSet) -> Iterator[int]:
    """The positions in a bitset, ascending."""
    if rules.bit_count() <= FEW:
        while rules:
            lowest = rules & -rules
            yield lowest.bit_length() - 1
            rules ^= lowest
        return
    digits = bin(rules)[:1:-1]
    position = digits.find("1")
    while position >= 0:
        yield position
        position = digits.find("1", position + 1)
