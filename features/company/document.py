"""The form of `rumbo.yaml`: whose customers they are, what is known of them, what happens to them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Literal, Self, TypeVar

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, WithJsonSchema, model_validator

from features.derived import Age, Formula
from features.documents.form import PLAIN, STRUCTURED, Document, PlainOr
from features.documents.hints import of_name
from features.interactions import FORMULA as INTERACTION
from features.interactions import Interaction
from features.names import NAME, WORDS

_EVENT = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:")
_IN_VIEW = re.compile(r"[^.\s]+\.[^\s](.*[^\s])?")


def _formula(value: object) -> Formula:
    return Formula.parsed(value if isinstance(value, str) else "")


def _interaction(value: object) -> Interaction:
    return Interaction.parsed(value if isinstance(value, str) else "")


def _name(value: str) -> str:
    if value in WORDS:
        raise ValueError(f"'{value}' is a word of conditions, so it is no name")
    if not NAME.fullmatch(value):
        hint = of_name(value, NAME.pattern, "_")
        raise ValueError(f"a name is lower-case letters, digits and '_', starts with a letter, 63 at most{hint}")
    return value


def _instant(value: object) -> datetime:
    """A day begins at midnight UTC; a time says its zone."""
    text = value if isinstance(value, str) else ""
    try:
        at = datetime.fromisoformat(text if _TIME.match(text) or _DAY.fullmatch(text) else "")
    except ValueError as error:
        raise ValueError("expected a day such as 2026-11-22, or a time with its zone: 2026-11-22T06:00:00Z") from error
    if at.tzinfo is None and not _DAY.fullmatch(text):
        raise ValueError(f"a time needs a zone, such as {at.isoformat(timespec='seconds')}Z; or give a day alone")
    return at.replace(tzinfo=at.tzinfo or UTC)


def _event_type(value: str) -> str:
    if not _EVENT.fullmatch(value):
        raise ValueError("an event type is lower-case words joined by dots, such as card.renewed")
    return value


def _in_view(value: str) -> str:
    if not _IN_VIEW.fullmatch(value):
        raise ValueError("expected VIEW.FEATURE, such as accounts.rating")
    return value


def _none(value: object) -> object:
    """The word `none` says what an absent field says."""
    return None if value == "none" else value


Name = Annotated[str, AfterValidator(_name), WithJsonSchema({"type": "string", "pattern": f"^{NAME.pattern}$"})]
EventName = Annotated[str, AfterValidator(_event_type)]
InView = Annotated[str, AfterValidator(_in_view)]
Derived = Annotated[
    Formula,
    BeforeValidator(_formula),
    WithJsonSchema({"type": "string", "pattern": f"^({'|'.join(Age)})\\([a-z][a-z0-9_]*\\)$"}),
]
Interacting = Annotated[
    Interaction, BeforeValidator(_interaction), WithJsonSchema({"type": "string", "pattern": f"^{INTERACTION}$"})
]
AttributeType = Literal["string", "double", "int", "bool", "timestamp"]
Text = Annotated[str, Field(min_length=1)]
Instant = Annotated[
    datetime,
    BeforeValidator(_instant),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}"}),
]
_MODEL = re.compile(r"\w[\w .-]*")
ModelName = Annotated[str, Field(pattern=f"^{_MODEL.pattern}$")]
Part = TypeVar("Part")
OrNone = Annotated[Part | None, BeforeValidator(_none)]


class CustomerDocument(Document):
    """Who is decided for."""

    entity: Text = Field(
        description="The Feast entity of a customer. Its join key is named and typed as the registry has it."
    )


class ModelDocument(Document):
    """What a model sees beside the features themselves."""

    leave_out: tuple[Name, ...] = Field(default=(), description="Features that rules need and no model learns from.")
    interactions: dict[Name, Interacting] = Field(
        default_factory=dict,
        description="By column: a feature whose name depends on a journey's attribute in braces, such as "
        "spend_{product}_90d, or a ratio of two, such as spend_{product}_90d / spend_90d, which is missing where it "
        "would divide by 0 or less.",
    )


class FeaturesDocument(Document):
    """The Feast repository, and what of it is a customer's."""

    repo: Text = Field(
        default="feast/",
        description="The folder of feature_store.yaml. Only `rumbo features apply` changes what is in it.",
    )
    service: Text | None = Field(
        default=None, description="A FeatureService that names the features; instead of `views`."
    )
    views: tuple[Text, ...] = Field(
        default=(), description="The views that hold them, in order; default: all of the entity."
    )
    names: dict[InView, Name] = Field(
        default_factory=dict, description="Other names, by VIEW.FEATURE: for a name that two views have."
    )
    notes: Text | None = Field(default=None, description="A file with what the registry does not say of features.")
    derived: dict[Name, Derived] = Field(
        default_factory=dict, description="Ages in days, computed when a decision is made: days_since(FEATURE)."
    )
    model: ModelDocument = Field(default=ModelDocument(), description="What a model sees of all this.")

    @model_validator(mode="after")
    def _one_choice(self) -> Self:
        if self.service is not None and self.views:
            raise ValueError("say `service` or `views`, not both")
        return self


class PushViewDocument(Document):
    """A view that Rumbo itself writes what it was told to."""

    view: Text = Field(
        description="A push view of the customer with one text: `incidents_json` for incidents, `consents_json` for "
        "consents."
    )


class ConditionDocument(Document):
    """An incident that features alone tell of."""

    when: Text = Field(description="A condition over customer.*; while it holds, or cannot be told, one is open.")


def _is_view(value: object) -> str:
    """A view is named by a text; a class of that name has a condition."""
    return PLAIN if isinstance(value, dict) and not isinstance(value.get("view", {}), dict) else STRUCTURED


IncidentSources = Annotated[
    Annotated[PushViewDocument, Tag(PLAIN)] | Annotated[dict[Name, ConditionDocument], Tag(STRUCTURED)],
    Discriminator(_is_view),
]


class SituationDocument(Document):
    """What Feast knows of incidents and consents. It can only close the gate."""

    incidents: OrNone[IncidentSources] = Field(
        default=None, description="By incident class a condition, or the view that incidents are pushed to; or none."
    )
    consents: OrNone[PushViewDocument] = Field(
        default=None, description="The view that consents are pushed to; or none."
    )


class IncidentFromDocument(Document):
    """Where an event says of which incident it tells."""

    class_from: Name | None = Field(
        default=None, description="The attribute that holds the class; without it, none is known."
    )
    id_from: Name = Field(default="incident_id", description="The attribute that holds the incident's id.")


WhichIncident = PlainOr[Name, IncidentFromDocument]


class EventTypeDocument(Document):
    """A type of events: one of the company's own, or the `latest` of a built-in one."""

    attributes: dict[Name, AttributeType] = Field(default_factory=dict, description="What it may carry, with types.")
    latest: Name | None = Field(default=None, description="The feature that holds when the latest one happened.")
    opens_incident: WhichIncident | None = Field(
        default=None, description="It opens an incident of this class; or where it says which."
    )
    resolves_incident: WhichIncident | None = Field(
        default=None, description="It resolves an incident of this class; or where it says which."
    )

    @model_validator(mode="after")
    def _one_meaning(self) -> Self:
        if self.opens_incident is not None and self.resolves_incident is not None:
            raise ValueError("an event opens or resolves an incident, not both")
        return self


class TrainingDocument(Document):
    """How models are trained on what was decided."""

    objective: Text | None = Field(default=None, description="What the reward means, in words: models say it.")
    test_from: Instant | None = Field(
        default=None, description="What was decided from this day or time on is held out, and measured on."
    )
    folds: int | None = Field(
        default=None, ge=2, le=50, description="Parts that are kept apart, to choose and to measure on; default: 5."
    )
    group: Name = Field(default="journey_id", description="The column within whose values ranking is measured.")
    baselines: tuple[Text, ...] = Field(
        default=(), description="What models are measured beside: rate:FEATURE, rate:ATTRIBUTE."
    )
    slices: tuple[Text, ...] = Field(
        default=(),
        description="What figures are told by, beside kind, channel and sensitive features: features, columns of the "
        "log, attributes of journeys; numbers in four groups.",
    )
    monotone: dict[Name, Literal[-1, 1]] = Field(
        default_factory=dict, description="Features that may only raise (1) or lower (-1) the probability."
    )
    sensitive: tuple[Name, ...] = Field(
        default=(),
        description="Features of the personal-data class `sensitive` that models may learn from; all others of it are "
        "left out.",
    )


class MlflowDocument(Document):
    """Where runs and models are kept."""

    tracking_uri: Text | None = Field(
        default=None, description="An MLflow server or database; default: embedded, in home."
    )
    experiment: Text | None = Field(default=None, description="The experiment's name; default: the company's.")
    model: ModelName | None = Field(default=None, description="The registered model's name; default: the experiment's.")

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.model is None and self.experiment is not None and not _MODEL.fullmatch(self.experiment):
            raise ValueError("`experiment` is no name of a model: say `model` too")
        return self


class CompanyDocument(Document):
    """The whole of rumbo.yaml."""

    company: Name = Field(description="The company's name; a home belongs to one company.")
    customer: CustomerDocument = Field(description="Who is decided for.")
    features: FeaturesDocument = Field(
        default=FeaturesDocument(), description="The Feast repository, and what of it is a customer's."
    )
    situation: OrNone[SituationDocument] = Field(
        default=None, description="What Feast knows of incidents and consents; none: events alone tell of them."
    )
    events: dict[EventName, EventTypeDocument] = Field(
        default_factory=dict,
        description="Types of events beside the built-in ones, of which each may be given `latest` and nothing else.",
    )
    catalogue: Text = Field(default="catalogue/", description="The folder of policies.yaml and journeys/.")
    training: TrainingDocument = Field(default=TrainingDocument(), description="How models are trained.")
    mlflow: MlflowDocument = Field(default=MlflowDocument(), description="Where runs and models are kept.")
