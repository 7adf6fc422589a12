"""The form of the catalogue's files. A field that nothing enforces is not accepted."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from service.decision.journey import HELPING_KINDS, JourneyKind, Stage
from service.decision.plan import Direction, Unconfirmed

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_DURATION = re.compile(r"([1-9][0-9]{0,8})([smhd])")
_LONGEST = timedelta(days=366)
"""A year: contacts are looked back at for 400 days (`Plan.horizon`), so a longer cap would forget some of them."""


def parse_duration(text: object) -> timedelta:
    """'30s', '15m', '24h' or '7d' as a timedelta, a year at most. Raises: ValueError that says what is expected."""
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError("expected a duration such as 30s, 15m, 24h or 7d")
    duration = timedelta(**{_UNITS[match[2]]: int(match[1])})
    if duration > _LONGEST:
        raise ValueError(f"expected a duration of at most {_LONGEST.days}d")
    return duration


def format_duration(duration: timedelta) -> str:
    """The inverse of `parse_duration`, in the largest unit that is exact."""
    seconds = int(duration.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _instant(value: object) -> datetime:
    """A date means its first instant in UTC; a time must say its zone."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a time needs a zone, such as 2026-12-31T00:00:00Z; or give a date alone")
        return value.astimezone(UTC)
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    raise ValueError("expected a date such as 2026-12-31, or a time with its zone")


def _slug(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", value):
        raise ValueError("an id is lower-case letters, digits, '-' and '_', starts with a letter, 63 at most")
    return value


Duration = Annotated[timedelta, BeforeValidator(parse_duration), PlainSerializer(format_duration)]
Instant = Annotated[datetime, BeforeValidator(_instant)]
Slug = Annotated[str, AfterValidator(_slug)]
Weight = Annotated[float, Field(ge=0.5, le=2.0)]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Money = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]


class Document(BaseModel):
    """Every part of the catalogue: immutable, and nothing in it is ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class Titles(Document):
    es: str = Field(min_length=1)
    en: str = Field(min_length=1)


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
    weight: Weight
    until: Instant
    why: str = Field(min_length=1)


class ContextWeightDocument(Document):
    when: str
    weight: Weight


class CapDocument(Document):
    at_most: int = Field(ge=1, le=1000)
    per: Duration


class ValidDocument(Document):
    """The journey's first instant, and the instant at which it is over."""

    from_: Instant | None = Field(default=None, alias="from")
    until: Instant | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.from_ is not None and self.until is not None and self.from_ >= self.until:
            raise ValueError("from must be before until")
        return self


class ActionDocument(Document):
    id: Slug
    channels: tuple[Slug, ...] = Field(min_length=1)
    placements: tuple[Slug, ...] = ()
    tone: Slug
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
    audience: str | None = None
    objective: ObjectiveDocument
    prior: Probability | None = None
    attributes: dict[Slug, str] = Field(default_factory=dict)
    lever: LeverDocument | None = None
    context_weight: tuple[ContextWeightDocument, ...] = ()
    consent: tuple[Slug, ...] = ()
    contact: CapDocument | None = None
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


class ChannelDocument(Document):
    """`slots`, `reserve` and `unconfirmed` default by direction."""

    direction: Direction
    slots: int = Field(default=0, ge=0, le=50)
    reserve: Duration | None = None
    unconfirmed: Unconfirmed | None = None


class IncidentDocument(Document):
    """The kinds allowed while an incident is open, by its class."""

    default: tuple[JourneyKind, ...] = (JourneyKind.SERVICE, JourneyKind.RESOLUTION)
    classes: dict[Slug, tuple[JourneyKind, ...]] = Field(default_factory=dict)


class PressureDocument(CapDocument):
    """A limit over all journeys of these kinds on these channels together.

    No kind named means all but the helping kinds; no channel named, all channels.
    """

    id: Slug
    kinds: tuple[JourneyKind, ...] = ()
    channels: tuple[Slug, ...] = ()


class PoliciesDocument(Document):
    """`policies.yaml`: what is company-wide."""

    channels: dict[Slug, ChannelDocument] = Field(min_length=1)
    incidents: IncidentDocument = IncidentDocument()
    purposes: tuple[Slug, ...] = ()
    pressure: tuple[PressureDocument, ...] = ()
    context: dict[Slug, Literal["string", "double", "int", "bool"]] = Field(default_factory=dict)
    priors: dict[JourneyKind, Probability]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        absent = [k.value for k in JourneyKind if k not in self.priors]
        if absent:
            raise ValueError("priors: no entry for " + ", ".join(absent))
        ids = [p.id for p in self.pressure]
        if len(ids) != len(set(ids)):
            raise ValueError("pressure: ids must differ")
        return self


class CatalogueDocument(Document):
    """The whole catalogue, as it is hashed and kept."""

    policies: PoliciesDocument
    journeys: tuple[JourneyDocument, ...]
