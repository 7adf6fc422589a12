"""The form of `cases/*.yaml`: situations with frozen time, and who may be shown what in them."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from features.documents.durations import Duration
from features.documents.form import Document, PlainOr
from features.values import FeatureStatus
from service.catalogue.documents.forms import Moment, Probability, Slug
from service.decision.journey import Stage

Value = bool | int | float | str | None

ANYTHING_MORE = "…"
"""In a list of codes: there may be others."""


class FactDocument(Document):
    """One feature where its value alone does not say it. `age`: how long ago it was true; `status`: why it is lost."""

    value: Value = None
    age: Duration | None = None
    status: FeatureStatus | None = None

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if (self.value is None) == (self.status is None):
            raise ValueError("give either value or status")
        return self


class IncidentCaseDocument(Document):
    """How long ago it was opened, and resolved if it was."""

    opened: Duration
    resolved: Duration | None = None
    class_: str | None = Field(default=None, alias="class")
    severity: str | None = None


class WithdrawalDocument(Document):
    """No purpose means every purpose, no channel every channel."""

    purpose: str | None = None
    channel: str | None = None
    ago: Duration


class ResponseDocument(Document):
    type: Literal["ENGAGED", "ACCEPTED", "REJECTED", "CONVERTED", "NPS", "CES"]
    ago: Duration


class ContactDocument(Document):
    """One contact, or `times` of them, the latest `ago`, `every` so long before. PRESENTED enters the journey."""

    journey: Slug
    channel: Slug
    ago: Duration
    times: int = Field(default=1, ge=1, le=100)
    every: Duration | None = None
    stage: Stage | None = None
    state: Literal["presented", "reserved"] = "presented"
    responses: tuple[ResponseDocument, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.times > 1) != (self.every is not None):
            raise ValueError("times and every go together")
        return self


class EnrolmentDocument(Document):
    """`journey.entered` at this stage so long ago; exited since, if so."""

    journey: Slug
    stage: Stage
    ago: Duration
    exited: Duration | None = None


class UseDocument(Document):
    """What other customers use of a shared pool, until so long from now."""

    amount: float = Field(gt=0)
    for_: Duration = Field(alias="for")


class QuestionDocument(Document):
    """Who asks, and what is known. What a case leaves out is as its file's `defaults` say, then `cases/defaults.yaml`.

    `features` are merged, the rest replaces. `ages` gives all features of a view an age. `stranger`: no feature at all.
    """

    now: Moment | None = None
    channel: Slug | None = None
    placement: Slug | None = None
    context: dict[Slug, Value] | None = None
    limit: int | None = Field(default=None, ge=1, le=50)
    stranger: bool | None = None
    features: dict[str, PlainOr[Value, FactDocument]] = Field(default_factory=dict)
    ages: dict[str, Duration] | None = None
    feature_store: Literal[FeatureStatus.UNAVAILABLE] | None = None
    consents: PlainOr[Literal["all", "none"], dict[Slug, Literal["all"] | tuple[Slug, ...]]] | None = None
    withdrawn: tuple[WithdrawalDocument, ...] | None = None
    incidents: tuple[IncidentCaseDocument, ...] | None = None
    contacts: tuple[ContactDocument, ...] | None = None
    enrolments: tuple[EnrolmentDocument, ...] | None = None
    kills: dict[str, str] | None = None
    feeds: dict[str, Duration] | None = None
    uses: dict[str, UseDocument] | None = None
    scores: dict[Slug, Probability] | None = None

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

    name: str = Field(min_length=1)
    core_only: str | None = None
    eligible: tuple[Slug, ...]
    denied: dict[Slug, tuple[str, ...]] = Field(default_factory=dict)
    bypassed: dict[Slug, tuple[str, ...]] | None = None
    ranked: tuple[Slug, ...] | None = None
    ruled_out: dict[Slug, tuple[str, ...]] | None = None
    tones: dict[Slug, str] = Field(default_factory=dict)
    ended: dict[Slug, str] | None = None
    displaced: dict[Slug, tuple[Slug, ...]] | None = None
    eligible_after: dict[Slug, Duration | None] = Field(default_factory=dict)

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

    defaults: QuestionDocument = QuestionDocument()
    cases: tuple[CaseDocument, ...] = ()
