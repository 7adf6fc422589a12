"""What every analysis looks at: a catalogue as it is bound, and where its parts stand in the documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from service.catalogue.bind.catalogue import BoundCatalogue
from service.catalogue.check.condition_answers import ConditionAnswers, RequestScope
from service.catalogue.check.proof.bounds import bounds_of
from service.catalogue.documents.journey import ActionDocument, AudienceDocument, CatalogueDocument, JourneyDocument
from service.catalogue.terms import Terms
from service.decision.constraints.audience import Audience
from service.decision.constraints.registry import Policies
from service.decision.constraints.rule import Rule
from service.decision.journey import Action, Journey
from service.decision.plan import Candidate, ContextWeight, Lifetime, Plan
from service.decision.reports.event_types import EventTypes

Path = tuple[str | int, ...]
R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionOnChannel:
    """One action of a journey on one of its channels: the candidate, and its place in the document.

    `rules` are those that can deny it, at its stage or away from it; `bypassed` those that it passes all the same.
    `before` are the actions of its stage that come first on this channel, `written` is its own as its owner wrote it.
    """

    candidate: Candidate
    rules: tuple[Rule, ...]
    bypassed: tuple[Rule, ...]
    before: tuple[Action, ...]
    written: ActionDocument
    at_stage: int
    at_action: int
    at_channel: int

    @property
    def journey_id(self) -> str:
        return self.candidate.journey_id

    @property
    def action(self) -> Action:
        return self.candidate.action

    @property
    def channel(self) -> str:
        return self.candidate.channel

    @property
    def scope(self) -> RequestScope:
        """The requests that it can answer on this channel."""
        return RequestScope(channels=(self.channel,), placements=self.written.placements)

    @property
    def scope_everywhere(self) -> RequestScope:
        """The requests that its action can answer on any of its channels."""
        return RequestScope(channels=self.written.channels, placements=self.written.placements)

    @property
    def path(self) -> Path:
        return ("stages", self.at_stage, "actions", self.at_action)

    def denied_by(self, kind: type[R]) -> list[R]:
        """The rules of this kind that can deny it."""
        return [rule for rule in self.rules if isinstance(rule, kind)]

    def guarded_by(self, kind: type[R]) -> list[R]:
        """The rules of this kind, those that are bypassed among them."""
        return [rule for rule in (*self.rules, *self.bypassed) if isinstance(rule, kind)]


@dataclass(frozen=True, slots=True, kw_only=True)
class JourneyUnderCheck:
    """A journey as it is bound. `offered`: every action on every channel, in the order in which they are written."""

    document: JourneyDocument
    lifetime: Lifetime
    offered: tuple[ActionOnChannel, ...]

    @property
    def journey(self) -> Journey:
        return self.offered[0].candidate.journey

    @property
    def journey_id(self) -> str:
        return self.journey.journey_id

    @property
    def actions(self) -> tuple[ActionOnChannel, ...]:
        """Each action once, on the first of its channels."""
        return tuple(o for o in self.offered if o.at_channel == 0)

    @property
    def context_weights(self) -> tuple[ContextWeight, ...]:
        return self.offered[0].candidate.context_weights

    @property
    def audience(self) -> Audience | None:
        return self.own(Audience)

    @property
    def audience_path(self) -> Path:
        return ("audience", "when") if isinstance(self.document.audience, AudienceDocument) else ("audience",)

    @property
    def scope(self) -> RequestScope:
        """Every request that it can answer."""
        placements = [o.action.placements for o in self.offered]
        named = frozenset[str]().union(*placements) if all(placements) else frozenset[str]()
        channels = {o.channel for o in self.offered}
        return RequestScope(channels=tuple(sorted(channels)), placements=tuple(sorted(named)))

    def own(self, kind: type[R]) -> R | None:
        """The rule of a kind of which it has one, for all its actions; also if it is bypassed."""
        return next(iter(self.offered[0].guarded_by(kind)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueUnderCheck:
    """A sound catalogue. `events`: the types that can be recorded.

    `answers` are those to its conditions, `now` is the time that ends are compared with.
    """

    document: CatalogueDocument
    plan: Plan
    policies: Policies
    journeys: tuple[JourneyUnderCheck, ...]
    events: EventTypes
    answers: ConditionAnswers
    now: datetime

    @property
    def channels(self) -> tuple[str, ...]:
        return tuple(sorted(self.plan.channels))


def catalogue_under_check(bound: BoundCatalogue, terms: Terms, now: datetime) -> CatalogueUnderCheck:
    """A catalogue in which reading and binding found no problem."""
    plan = bound.plan
    on_channels = [(channel, offered) for channel, listed in plan.journeys.items() for offered in listed]
    candidates = {(offered.journey.journey_id, channel): offered.elsewhere for channel, offered in on_channels}
    return CatalogueUnderCheck(
        document=bound.document,
        plan=plan,
        policies=bound.policies,
        journeys=tuple(
            JourneyUnderCheck(
                document=document,
                lifetime=plan.lifetimes[document.journey],
                offered=tuple(_offered(document, candidates, plan.rules)),
            )
            for document in bound.document.journeys
        ),
        events=terms.events,
        answers=ConditionAnswers(bound.compiler, bounds_of(terms.schema)),
        now=now,
    )


def _offered(
    document: JourneyDocument, candidates: Mapping[tuple[str, str], Sequence[Candidate]], rules: Sequence[Rule]
) -> Iterator[ActionOnChannel]:
    """Every action of a journey on every channel of it. `candidates`: by journey and channel, in their order."""
    for i, stage in enumerate(document.stages):
        for k, action in enumerate(stage.actions):
            for n, channel in enumerate(action.channels):
                here = [c for c in candidates[document.journey, channel] if c.stage is stage.stage]
                place = [c.action.action_id for c in here].index(action.id)
                candidate = here[place]
                yield ActionOnChannel(
                    candidate=candidate,
                    rules=tuple(rules[at] for at in sorted(candidate.rules - candidate.bypassed)),
                    bypassed=tuple(rules[at] for at in sorted(candidate.bypassed)),
                    before=tuple(c.action for c in here[:place]),
                    written=action,
                    at_stage=i,
                    at_action=k,
                    at_channel=n,
                )
