"""What every analysis looks at: the documents, what they are bound to, and their conditions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from features.schema import FeatureSchema
from service.catalogue.bind.catalogue import BoundCatalogue
from service.catalogue.check.condition_answers import ConditionAnswers, RequestScope
from service.catalogue.check.proof.bounds import bounds_of
from service.catalogue.conditions.compile import ConditionCompiler
from service.catalogue.documents.journey import ActionDocument, CatalogueDocument, JourneyDocument
from service.catalogue.documents.policies import PoliciesDocument
from service.decision.constraints.registry import Policies, group_of
from service.decision.journey import JourneyKind, Stage, effective_kind
from service.decision.plan import Plan

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionOnChannel:
    """One action of a journey on one of its channels. `kind` is the effective one: an offer counts as promotional."""

    journey: JourneyDocument
    stage: Stage
    action: ActionDocument
    channel: str
    kind: JourneyKind
    at_stage: int
    at_action: int
    at_channel: int

    @property
    def scope(self) -> RequestScope:
        return RequestScope(channels=(self.channel,), placements=self.action.placements)

    @property
    def path(self) -> Path:
        return ("stages", self.at_stage, "actions", self.at_action)

    def bypasses(self, code: str) -> bool:
        return bool({code, group_of(code)} & set(self.journey.bypass))


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueUnderCheck:
    """A catalogue as it is bound, with its conditions. `now`: the time that ends are compared with."""

    document: CatalogueDocument
    plan: Plan
    policies: Policies
    compiler: ConditionCompiler
    answers: ConditionAnswers
    now: datetime

    @property
    def company(self) -> PoliciesDocument:
        return self.document.policies

    @property
    def channels(self) -> tuple[str, ...]:
        return tuple(sorted(self.company.channels))


def catalogue_under_check(bound: BoundCatalogue, schema: FeatureSchema, now: datetime) -> CatalogueUnderCheck:
    """A catalogue in which reading and binding found no problem."""
    return CatalogueUnderCheck(
        document=bound.document,
        plan=bound.plan,
        policies=bound.policies,
        compiler=bound.compiler,
        answers=ConditionAnswers(bound.compiler, bounds_of(schema)),
        now=now,
    )


def offered(journey: JourneyDocument) -> Iterator[ActionOnChannel]:
    """Every action of a journey on every channel of it."""
    for i, stage in enumerate(journey.stages):
        for k, action in enumerate(stage.actions):
            for n, channel in enumerate(action.channels):
                yield ActionOnChannel(
                    journey=journey,
                    stage=stage.stage,
                    action=action,
                    channel=channel,
                    kind=effective_kind(journey.kind, is_offer=action.offer),
                    at_stage=i,
                    at_action=k,
                    at_channel=n,
                )


def channels_of(journey: JourneyDocument) -> tuple[str, ...]:
    return tuple(sorted({channel for s in journey.stages for a in s.actions for channel in a.channels}))


def audience_of(journey: JourneyDocument) -> tuple[str | None, Path]:
    """The condition and its path."""
    if journey.audience is None or isinstance(journey.audience, str):
        return journey.audience, ("audience",)
    return journey.audience.when, ("audience", "when")
