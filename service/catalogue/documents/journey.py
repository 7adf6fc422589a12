"""The form of `journeys/*.yaml`, and of the catalogue as a whole. A field that nothing enforces is not accepted."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from features.documents.durations import Duration
from features.documents.form import Document, PlainOr
from service.catalogue.documents.forms import (
    LEARNED,
    CapDocument,
    Learnable,
    Moment,
    Money,
    Probability,
    Slug,
    Titles,
    Weight,
    Window,
)
from service.catalogue.documents.policies import OnUnknownDocument, PoliciesDocument
from service.decision.constraints.registry import BINDERS, NEVER_BYPASSED
from service.decision.journey import HELPING_KINDS, JourneyKind, Stage


class ObjectiveDocument(Document):
    """What the journey is for. One of `event` and `outcome`; `value_from` and `value_prior` go with a learned value."""

    event: str | None = Field(default=None, description="The type of event that meets it; or give `outcome`.")
    where: str | None = Field(
        default=None, description="A condition over the attributes of the event, such as amount >= 10.0."
    )
    outcome: Literal["ENGAGED", "ACCEPTED", "CONVERTED", "NPS", "CES"] | None = Field(
        default=None, description="The reported outcome that meets it; or give `event`."
    )
    within: Duration = Field(description="How long after it was shown it can be met.")
    value: Learnable[Money] = Field(
        description="What one objective that is met is worth, in the company's money; or `learned`: what it is to each "
        "customer, by what it was worth before."
    )
    value_from: str | None = Field(
        default=None,
        description="The attribute of the event that tells what it was worth, where value is learned; default: the "
        "only number that the event carries.",
    )
    value_prior: Money | None = Field(
        default=None,
        description="What it is taken to be worth until a model tells, where value is learned; default: the mean of "
        "the fixed values of its kind.",
    )
    rank_by: Literal["outcome", "uplift"] = Field(
        default="outcome",
        description="outcome: by the probability that it is met if the journey is shown; uplift: by how much more that "
        "is than if nothing is.",
    )

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if (self.event is None) == (self.outcome is None):
            raise ValueError("give either event or outcome")
        if self.where is not None and self.event is None:
            raise ValueError("where goes with event")
        return self

    @model_validator(mode="after")
    def _can_be_learned(self) -> Self:
        for name in ("value_from", "value_prior"):
            if getattr(self, name) is not None and self.value != LEARNED:
                raise ValueError(f"{name} goes with value: {LEARNED}")
        if self.value == LEARNED and self.outcome not in (None, "CONVERTED"):
            raise ValueError(f"{self.outcome} tells no worth that could be learned: give a number, or CONVERTED")
        if self.value_from is not None and self.event is None:
            raise ValueError("value_from goes with event: a CONVERTED tells its own worth")
        return self

    @model_serializer(mode="wrap")
    def _without_the_unsaid(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A catalogue that has no learned value, or no uplift, keeps the version that it had before there were any."""
        fields: dict[str, Any] = written(self)
        unsaid = [name for name in ("value_from", "value_prior") if fields[name] is None]
        unsaid += ["rank_by"] if self.rank_by == "outcome" else []
        return {name: value for name, value in fields.items() if name not in unsaid}


class LeverDocument(Document):
    """`until`: weighs nothing from that moment on."""

    weight: Weight = Field(description="The factor, from 0.5 to 2, by which the journey's priority is multiplied.")
    until: Moment = Field(description="From when on it weighs nothing.")
    why: str = Field(min_length=1, description="The reason, which is told with the answer.")


class ContextWeightDocument(Document):
    """A weight of the moment."""

    when: str = Field(description="A condition: while it holds, the weight is used.")
    weight: Weight = Field(description="The factor, from 0.5 to 2, by which the journey's priority is multiplied.")


class ValidDocument(Document):
    """The journey's first day or instant, and that from which on it is over: `until` a day ends with the day before."""

    from_: Moment | None = Field(default=None, alias="from", description="The first day or instant of the journey.")
    until: Moment | None = Field(default=None, description="The day or instant from which on it is over.")


class AudienceDocument(OnUnknownDocument):
    """Whom the journey is for, with what to do about facts that cannot be had."""

    when: str = Field(description="A condition over customer.*, situation.* and context.*: whom the journey is for.")


class IgnoredDocument(Document):
    """Presented `times` times in a row and nothing else within the objective's window: rest `for` so long."""

    times: int = Field(ge=1, le=100, description="So many presented contacts in a row without a response.")
    for_: Duration = Field(alias="for", description="How long the journey rests then.")


class CooldownDocument(Document):
    """How long to rest after each response. `also`: related journeys whose responses count too."""

    rejected: Duration | None = Field(default=None, alias="REJECTED", description="How long it rests after a refusal.")
    accepted: Duration | None = Field(
        default=None, alias="ACCEPTED", description="How long it rests after an acceptance."
    )
    converted: Duration | None = Field(
        default=None, alias="CONVERTED", description="How long it rests after its objective was met."
    )
    ignored: IgnoredDocument | None = Field(
        default=None, description="How long it rests when it is shown and nothing follows."
    )
    also: tuple[Slug, ...] = Field(default=(), description="Journeys whose responses count as its own.")


class CapacityDocument(Document):
    """Units for all customers together; a calendar period is in the company's zone."""

    units: int = Field(ge=1, description="How many customers can have it, all together.")
    per: Window = Field(description="Within which time: a duration, which rolls, or a calendar day, week or month.")


class NeverAfterDocument(Document):
    """A journey that this one must not follow too soon."""

    journey: Slug = Field(description="The other journey.")
    within: Duration = Field(description="How long after that was shown this one is withheld.")


class ToneChoiceDocument(Document):
    """A tone, and when it is used."""

    when: str = Field(description="A condition: where it is the first that holds, this tone is used.")
    tone: Slug = Field(description="The tone.")


class ToneDocument(Document):
    """The first choice whose condition holds, else the default."""

    default: Slug = Field(description="The tone where no condition holds.")
    choose: tuple[ToneChoiceDocument, ...] = Field(
        min_length=1, description="Conditions in their order, each with a tone."
    )


class ActionDocument(Document):
    """What is proposed at a stage on some channels."""

    id: Slug = Field(description="The name of the action, unique within the journey.")
    channels: tuple[Slug, ...] = Field(min_length=1, description="The channels on which it can be shown.")
    placements: tuple[Slug, ...] = Field(default=(), description="The places on those channels; none: any.")
    tone: PlainOr[Slug, ToneDocument] = Field(description="How it speaks: a tone, or a choice by conditions.")
    offer: bool = Field(
        default=False, description="Whether it offers something of price: such actions count as promotional."
    )
    cost: Money = Field(default=0.0, description="What showing it once costs.")
    expects: str = Field(min_length=1, description="What the customer is expected to do.")


class StageDocument(Document):
    """A stage of the journey."""

    stage: Stage = Field(description="One of the eight stages.")
    actions: tuple[ActionDocument, ...] = Field(min_length=1, description="What is proposed at this stage.")


class JourneyDocument(Document):
    """One file of `journeys/`."""

    journey: Slug = Field(description="The journey's id.")
    title: Titles = Field(description="What it is called.")
    owner: str = Field(min_length=1, description="Who answers for it.")
    kind: JourneyKind = Field(
        description="What it is for; service and resolution are helping kinds, all others need consent."
    )
    tier: int = Field(ge=1, le=9, description="Its place in the hierarchy: 1 is placed first.")
    audience: PlainOr[str, AudienceDocument] | None = Field(
        default=None,
        description="Whom it is for: a condition, alone or with what to do about missing facts; none: everybody.",
    )
    objective: ObjectiveDocument = Field(description="What it is to reach.")
    prior: Probability | None = Field(
        default=None,
        description="The probability of meeting the objective, while no model knows better; default: that of its kind.",
    )
    attributes: dict[Slug, str] = Field(default_factory=dict, description="What a model knows of it beside its id.")
    lever: LeverDocument | None = Field(default=None, description="A weight of the business, for a time.")
    context_weight: tuple[ContextWeightDocument, ...] = Field(
        default=(), description="Weights that depend on the moment."
    )
    consent: tuple[Slug, ...] = Field(default=(), description="The purposes that the customer must have consented to.")
    contact: CapDocument | None = Field(default=None, description="How often a customer may be shown it.")
    cooldown: CooldownDocument | None = Field(default=None, description="How long it rests after each response.")
    capacity: CapacityDocument | None = Field(default=None, description="How many customers can have it, all together.")
    never_with: tuple[Slug, ...] = Field(
        default=(), description="Journeys in which a customer must not be at the same time."
    )
    never_after: tuple[NeverAfterDocument, ...] = Field(
        default=(), description="Journeys that it must not follow too soon."
    )
    max_duration: Duration | None = Field(default=None, description="How long a customer stays in it at most.")
    exit_when: str | None = Field(
        default=None, description="A condition: once it holds, the customer leaves the journey."
    )
    switchable: bool = Field(
        default=False,
        description="Whether a journey of the same kind may take its place where no more are allowed at once.",
    )
    bypass: tuple[str, ...] = Field(
        default=(), description="Codes of constraints that it passes all the same; for service and resolution alone."
    )
    valid: ValidDocument | None = Field(default=None, description="When it runs; without it, always.")
    stages: tuple[StageDocument, ...] = Field(
        min_length=1, description="Its stages in their order, with what is proposed at each."
    )

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
