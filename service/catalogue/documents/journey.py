"""The form of `journeys/*.yaml`, and of the catalogue as a whole. A field that nothing enforces is not accepted."""

from __future__ import annotations

from functools import cached_property
from typing import Literal, Self

from pydantic import Field, model_validator

from features.documents.durations import Duration
from features.documents.form import Document, PlainOr
from service.catalogue.documents.forms import CapDocument, Moment, Money, Probability, Slug, Titles, Weight, Window
from service.catalogue.documents.policies import OnUnknownDocument, PoliciesDocument
from service.decision.constraints.registry import BINDERS, NEVER_BYPASSED
from service.decision.journey import HELPING_KINDS, JourneyKind, Stage


class ObjectiveDocument(Document):
    """What the journey is for. One of `event` and `outcome`."""

    event: str | None = None
    where: str | None = None
    outcome: Literal["ENGAGED", "ACCEPTED", "CONVERTED", "NPS", "CES"] | None = None
    within: Duration
    value: Money

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if (self.event is None) == (self.outcome is None):
            raise ValueError("give either event or outcome")
        if self.where is not None and self.event is None:
            raise ValueError("where goes with event")
        return self


class LeverDocument(Document):
    """`until`: weighs nothing from that moment on."""

    weight: Weight
    until: Moment
    why: str = Field(min_length=1)


class ContextWeightDocument(Document):
    when: str
    weight: Weight


class ValidDocument(Document):
    """The journey's first day or instant, and that from which on it is over: `until` a day ends with the day before."""

    from_: Moment | None = Field(default=None, alias="from")
    until: Moment | None = None


class AudienceDocument(OnUnknownDocument):
    """Whom the journey is for, with what to do about facts that cannot be had."""

    when: str


class IgnoredDocument(Document):
    """Presented `times` times in a row and nothing else within the objective's window: rest `for` so long."""

    times: int = Field(ge=1, le=100)
    for_: Duration = Field(alias="for")


class CooldownDocument(Document):
    """How long to rest after each response. `also`: related journeys whose responses count too."""

    rejected: Duration | None = Field(default=None, alias="REJECTED")
    accepted: Duration | None = Field(default=None, alias="ACCEPTED")
    converted: Duration | None = Field(default=None, alias="CONVERTED")
    ignored: IgnoredDocument | None = None
    also: tuple[Slug, ...] = ()


class CapacityDocument(Document):
    """Units for all customers together; a calendar period is in the company's zone."""

    units: int = Field(ge=1)
    per: Window


class NeverAfterDocument(Document):
    journey: Slug
    within: Duration


class ToneChoiceDocument(Document):
    when: str
    tone: Slug


class ToneDocument(Document):
    """The first choice whose condition holds, else the default."""

    default: Slug
    choose: tuple[ToneChoiceDocument, ...] = Field(min_length=1)


class ActionDocument(Document):
    id: Slug
    channels: tuple[Slug, ...] = Field(min_length=1)
    placements: tuple[Slug, ...] = ()
    tone: PlainOr[Slug, ToneDocument]
    offer: bool = False
    cost: Money = 0.0
    expects: str = Field(min_length=1)


class StageDocument(Document):
    stage: Stage
    actions: tuple[ActionDocument, ...] = Field(min_length=1)


class JourneyDocument(Document):
    """One file of `journeys/`."""

    journey: Slug
    title: Titles
    owner: str = Field(min_length=1)
    kind: JourneyKind
    tier: int = Field(ge=1, le=9)
    audience: PlainOr[str, AudienceDocument] | None = None
    objective: ObjectiveDocument
    prior: Probability | None = None
    attributes: dict[Slug, str] = Field(default_factory=dict)
    lever: LeverDocument | None = None
    context_weight: tuple[ContextWeightDocument, ...] = ()
    consent: tuple[Slug, ...] = ()
    contact: CapDocument | None = None
    cooldown: CooldownDocument | None = None
    capacity: CapacityDocument | None = None
    never_with: tuple[Slug, ...] = ()
    never_after: tuple[NeverAfterDocument, ...] = ()
    max_duration: Duration | None = None
    exit_when: str | None = None
    switchable: bool = False
    bypass: tuple[str, ...] = ()
    valid: ValidDocument | None = None
    stages: tuple[StageDocument, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        order = list(Stage)
        positions = [order.index(s.stage) for s in self.stages]
        if positions != sorted(set(positions)):
            raise ValueError("stages come in their order, each once: " + ", ".join(Stage))
        ids = [a.id for s in self.stages for a in s.actions]
        if len(ids) != len(set(ids)):
            raise ValueError("action ids must differ within a journey")
        if self.kind not in HELPING_KINDS and not self.consent:
            raise ValueError(f"a {self.kind} journey lists the consent purpose it needs")
        return self

    @model_validator(mode="after")
    def _may_bypass(self) -> Self:
        if self.bypass and self.kind not in HELPING_KINDS:
            raise ValueError("bypass: only service and resolution journeys may bypass a constraint")
        for code in self.bypass:
            if code in NEVER_BYPASSED:
                raise ValueError(f"bypass: {code} cannot be bypassed")
            if code not in BINDERS and not code.startswith("POLICY_"):
                raise ValueError(
                    f"bypass: {code} is no constraint: " + ", ".join(sorted(set(BINDERS) - NEVER_BYPASSED))
                )
        return self


class CatalogueDocument(Document):
    """The whole catalogue, as it is hashed and kept."""

    policies: PoliciesDocument
    journeys: tuple[JourneyDocument, ...]

    @cached_property
    def canonical(self) -> str:
        """Put together from those of its parts, so that an unchanged part is not written again."""
        journeys = ",".join(journey.canonical for journey in self.journeys)
        return f'{{"journeys":[{journeys}],"policies":{self.policies.canonical}}}'
