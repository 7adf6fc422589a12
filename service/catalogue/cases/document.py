"""The form of `cases/*.yaml`: situations with frozen time, and who may be shown what in them."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from features.documents.durations import Duration
from features.documents.form import Document, PlainOr
from features.values import FeatureStatus
from service.catalogue.documents.forms import Moment, Money, Probability, Slug
from service.decision.journey import Stage

Value = bool | int | float | str | None

ANYTHING_MORE = "…"
"""In a list of codes: there may be others."""


class FactDocument(Document):
    """One feature where its value alone does not say it. `age`: how long ago it was true; `status`: why it is lost."""

    value: Value = Field(default=None, description="The value.")
    age: Duration | None = Field(default=None, description="How long ago it was true; default: now.")
    status: FeatureStatus | None = Field(default=None, description="Why it is not known.")

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if (self.value is None) == (self.status is None):
            raise ValueError("give either value or status")
        return self


class IncidentCaseDocument(Document):
    """How long ago it was opened, and resolved if it was."""

    opened: Duration = Field(description="How long ago it was opened.")
    resolved: Duration | None = Field(default=None, description="How long ago it was resolved; without it, it is open.")
    class_: str | None = Field(default=None, alias="class", description="Its class.")
    severity: str | None = Field(default=None, description="Its severity.")


class WithdrawalDocument(Document):
    """No purpose means every purpose, no channel every channel."""

    purpose: str | None = Field(default=None, description="For which purpose; none: every one.")
    channel: str | None = Field(default=None, description="On which channel; none: every one.")
    ago: Duration = Field(description="How long ago.")


class ResponseDocument(Document):
    """What was reported of a contact."""

    type: Literal["ENGAGED", "ACCEPTED", "REJECTED", "CONVERTED", "NPS", "CES"] = Field(
        description="What was reported."
    )
    ago: Duration = Field(description="How long ago.")


class ContactDocument(Document):
    """One contact, or `times` of them, the latest `ago`, `every` so long before. PRESENTED enters the journey."""

    journey: Slug = Field(description="The journey that was shown.")
    channel: Slug = Field(description="The channel on which.")
    ago: Duration = Field(description="How long ago, the latest of them.")
    times: int = Field(default=1, ge=1, le=100, description="How many contacts, each `every` so long before the next.")
    every: Duration | None = Field(default=None, description="How far apart they are.")
    stage: Stage | None = Field(default=None, description="At which stage; default: the first.")
    state: Literal["presented", "reserved"] = Field(
        default="presented", description="Whether it was presented, or is only reserved."
    )
    responses: tuple[ResponseDocument, ...] = Field(default=(), description="What was reported of it.")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.times > 1) != (self.every is not None):
            raise ValueError("times and every go together")
        return self


class EnrolmentDocument(Document):
    """`journey.entered` at this stage so long ago; exited since, if so."""

    journey: Slug = Field(description="The journey that the customer is in.")
    stage: Stage = Field(description="The stage.")
    ago: Duration = Field(description="How long ago the customer entered it.")
    exited: Duration | None = Field(default=None, description="How long ago the customer left it.")


class UseDocument(Document):
    """What other customers use of a shared pool, until so long from now."""

    amount: float = Field(gt=0, description="How much others use.")
    for_: Duration = Field(alias="for", description="For how long from now.")


class QuestionDocument(Document):
    """Who asks, and what is known. What a case leaves out is as its file's `defaults` say, then `cases/defaults.yaml`.

    `features` are merged, the rest replaces. `ages` gives all features of a view an age. `stranger`: no feature at all.
    """

    now: Moment | None = Field(default=None, description="When it is asked.")
    channel: Slug | None = Field(default=None, description="On which channel.")
    placement: Slug | None = Field(default=None, description="At which place on it.")
    context: dict[Slug, Value] | None = Field(default=None, description="What the request carries, by key.")
    limit: int | None = Field(default=None, ge=1, le=50, description="How many slots; default: those of the channel.")
    stranger: bool | None = Field(default=None, description="Whether nothing at all is known of the customer.")
    features: dict[str, PlainOr[Value, FactDocument]] = Field(
        default_factory=dict, description="Features by name: a value, or fields where that does not say it."
    )
    ages: dict[str, Duration] | None = Field(default=None, description="By view: how long ago its features were true.")
    feature_store: Literal[FeatureStatus.UNAVAILABLE] | None = Field(
        default=None, description="Whether the feature store cannot be reached."
    )
    consents: PlainOr[Literal["all", "none"], dict[Slug, Literal["all"] | tuple[Slug, ...]]] | None = Field(
        default=None, description="Consents that were given: all, none, or by purpose the channels."
    )
    withdrawn: tuple[WithdrawalDocument, ...] | None = Field(default=None, description="Consents that were withdrawn.")
    incidents: tuple[IncidentCaseDocument, ...] | None = Field(default=None, description="Incidents of the customer.")
    contacts: tuple[ContactDocument, ...] | None = Field(default=None, description="What the customer was shown.")
    enrolments: tuple[EnrolmentDocument, ...] | None = Field(
        default=None, description="The journeys that the customer is in, or was."
    )
    kills: dict[str, str] | None = Field(default=None, description="What is stopped, each with the reason.")
    feeds: dict[str, Duration] | None = Field(default=None, description="By source: how long ago it was heard from.")
    uses: dict[str, UseDocument] | None = Field(
        default=None, description="By shared capacity or budget: what others use of it."
    )
    scores: dict[Slug, Probability] | None = Field(
        default=None, description="By journey: the probability that a model gives it; default: its prior."
    )
    values: dict[Slug, Money] | None = Field(
        default=None,
        description="By journey whose value is learned: what a model says it is worth to the customer; default: its "
        "value_prior.",
    )
    if_silent: dict[Slug, Probability] | None = Field(
        default=None,
        description="By journey: the probability that a model gives it to meet its objective if it is not shown; "
        "default: none is told.",
    )

    def over(self, defaults: QuestionDocument) -> Self:
        """This one, completed by defaults."""
        missing = {name: getattr(defaults, name) for name in QuestionDocument.model_fields if not self._says(name)}
        return self.model_copy(update={**missing, "features": {**defaults.features, **self.features}})

    def _says(self, name: str) -> bool:
        return name in self.model_fields_set


class CaseDocument(QuestionDocument):
    """A situation, and the answer it must get.

    `eligible` are all journeys that are allowed before slots are filled; every other candidate must be denied, those
    in `denied` for exactly these codes (`…` among them: and maybe others). `ranked` fills `limit` slots in this order;
    `ruled_out` is what that denies. The rest is compared where it is given.
    """

    name: str = Field(min_length=1, description="What the case shows.")
    core_only: str | None = Field(default=None, description="Why no call to a service sets it up, if so.")
    eligible: tuple[Slug, ...] = Field(description="Every journey that must be allowed, before slots are filled.")
    denied: dict[Slug, tuple[str, ...]] = Field(
        default_factory=dict,
        description="By journey that must be denied: the codes of all its denials; … among them: and maybe others.",
    )
    bypassed: dict[Slug, tuple[str, ...]] | None = Field(
        default=None, description="By journey: the codes of the constraints that it passes all the same."
    )
    ranked: tuple[Slug, ...] | None = Field(
        default=None, description="The journeys that must fill the slots, in their order."
    )
    ruled_out: dict[Slug, tuple[str, ...]] | None = Field(
        default=None, description="By journey: the codes of what filling slots denies."
    )
    tones: dict[Slug, str] = Field(default_factory=dict, description="By journey: the tone that it must have.")
    ended: dict[Slug, str] | None = Field(default=None, description="By journey: why the customer's enrolment ended.")
    displaced: dict[Slug, tuple[Slug, ...]] | None = Field(
        default=None, description="By ranked journey: those whose place it takes."
    )
    eligible_after: dict[Slug, Duration | None] = Field(
        default_factory=dict,
        description="By denied journey: how long from now until it may be shown; null: time alone does not lift it.",
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        both = sorted(set(self.eligible) & set(self.denied))
        if both:
            raise ValueError("both eligible and denied: " + ", ".join(both))
        if self.uses and self.core_only is None:
            raise ValueError("uses are those of other customers: say in core_only why no call sets them up")
        return self


class CasesDocument(Document):
    """One file of `cases/`; `defaults.yaml` holds defaults alone."""

    defaults: QuestionDocument = Field(
        default=QuestionDocument(), description="What each case of the file has unless it says otherwise."
    )
    cases: tuple[CaseDocument, ...] = Field(default=(), description="The cases, in their order.")
