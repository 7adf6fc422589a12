"""The lists that the push-fed views hold: incidents and consents of a customer, and how two such lists become one.

Merging keeps, per incident (per purpose and channel), what is known to be latest; it does not depend on order and
repeating it changes nothing, so an older push never hides a newer fact, nor what another source alone knows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import ClassVar, Protocol, Self, TypeVar

from features.errors import SituationUnreadable

MOST_OPEN, MOST_RESOLVED = 101, 100
"""As many incidents are added to a list, and as many that are over stay in it."""


class IncidentStatus(StrEnum):
    OPEN = "open"
    RESOLVED = "resolved"


class ConsentStatus(StrEnum):
    GRANTED = "granted"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentFact:
    """The latest state of one incident. `at` is when it was opened or resolved (aware)."""

    feature: ClassVar[str] = "incidents_json"

    incident_id: str
    incident_class: str | None
    severity: str | None
    status: IncidentStatus
    at: datetime

    @property
    def key(self) -> tuple[str, ...]:
        return (self.incident_id,)

    @property
    def rank(self) -> tuple[datetime, bool]:
        """The order of two states, of which the higher holds: the later one, at the same instant the resolution."""
        return self.at, self.status is IncidentStatus.RESOLVED

    @classmethod
    def from_fields(cls, fields: dict[str, str | None]) -> Self:
        return cls(
            incident_id=_text(fields, "incident_id"),
            incident_class=_optional_text(fields, "incident_class"),
            severity=_optional_text(fields, "severity"),
            status=IncidentStatus(_text(fields, "status")),
            at=_instant(_text(fields, "at")),
        )

    def to_fields(self) -> dict[str, str | None]:
        return {
            "incident_id": self.incident_id,
            "incident_class": self.incident_class,
            "severity": self.severity,
            "status": self.status.value,
            "at": _rfc3339(self.at),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentFact:
    """The latest state of the consent for one purpose and channel. `at` is when it was given or taken back (aware)."""

    feature: ClassVar[str] = "consents_json"

    purpose: str
    channel: str
    status: ConsentStatus
    at: datetime

    @property
    def key(self) -> tuple[str, ...]:
        return self.purpose, self.channel

    @property
    def rank(self) -> tuple[datetime, bool]:
        """The order of two states, of which the higher holds: the later one, at the same instant the withdrawal."""
        return self.at, self.status is ConsentStatus.WITHDRAWN

    @classmethod
    def from_fields(cls, fields: dict[str, str | None]) -> Self:
        return cls(
            purpose=_text(fields, "purpose"),
            channel=_text(fields, "channel"),
            status=ConsentStatus(_text(fields, "status")),
            at=_instant(_text(fields, "at")),
        )

    def to_fields(self) -> dict[str, str | None]:
        return {
            "purpose": self.purpose,
            "channel": self.channel,
            "status": self.status.value,
            "at": _rfc3339(self.at),
        }


class SituationFact(Protocol):
    """What `parse`, `merge` and `render` need of a fact."""

    feature: ClassVar[str]

    @property
    def key(self) -> tuple[str, ...]: ...

    @property
    def rank(self) -> tuple[datetime, bool]: ...

    @property
    def at(self) -> datetime: ...

    @classmethod
    def from_fields(cls, fields: dict[str, str | None]) -> Self: ...

    def to_fields(self) -> dict[str, str | None]: ...


Fact = TypeVar("Fact", bound=SituationFact)


@dataclass(frozen=True, slots=True, kw_only=True)
class SituationViews:
    """The views that incidents and consents are pushed to, by their names in the registry; None: they are not."""

    incidents: str | None = None
    consents: str | None = None

    def of(self, kind: type[SituationFact]) -> str | None:
        """The view that holds facts of this kind."""
        return self.incidents if kind is IncidentFact else self.consents

    @property
    def named(self) -> frozenset[str]:
        return frozenset(view for view in (self.incidents, self.consents) if view is not None)


def parse(kind: type[Fact], text: str) -> tuple[Fact, ...]:
    """Reads a stored list. Raises: SituationUnreadable, without the content, which is personal."""
    try:
        items = json.loads(text)
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise SituationUnreadable(f"{kind.feature} is not a list of objects")
        return tuple(kind.from_fields(item) for item in items)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SituationUnreadable(f"{kind.feature} holds what the contract does not allow") from error


def merge(known: Iterable[Fact], new: Iterable[Fact]) -> tuple[Fact, ...]:
    """Per key the fact of the highest rank, in order of key; of incidents no more than a reader needs."""
    held = tuple(known)
    latest: dict[tuple[str, ...], Fact] = {}
    for fact in (*held, *new):
        other = latest.get(fact.key)
        if other is None or fact.rank >= other.rank:
            latest[fact.key] = fact
    dropped = _dispensable([f for f in latest.values() if isinstance(f, IncidentFact)], {fact.key for fact in held})
    return tuple(latest[key] for key in sorted(latest.keys() - dropped))


def _dispensable(incidents: Sequence[IncidentFact], held: Set[tuple[str, ...]]) -> set[tuple[str, ...]]:
    """Keys of the earlier resolutions, and of new open incidents once there are very many.

    So many close every gate as they are, and whoever tells of another knows it. What another source alone told stays.
    """
    by_age = sorted(incidents, key=lambda fact: (fact.at, fact.key))
    over = [fact.key for fact in by_age if fact.status is IncidentStatus.RESOLVED]
    opened = [fact.key for fact in by_age if fact.status is IncidentStatus.OPEN]
    new = [key for key in opened if key not in held]
    room = max(0, MOST_OPEN - (len(opened) - len(new)))
    return {*over[: max(0, len(over) - MOST_RESOLVED)], *new[room:]}


def render(facts: Iterable[SituationFact]) -> str:
    """The list as stored; `parse` reads it back."""
    return json.dumps([fact.to_fields() for fact in facts], ensure_ascii=False, separators=(",", ":"))


def _optional_text(fields: dict[str, str | None], name: str) -> str | None:
    return None if fields.get(name) is None else _text(fields, name)


def _text(fields: dict[str, str | None], name: str) -> str:
    value = fields[name]
    if not isinstance(value, str):
        raise TypeError(f"{name} is not a text")
    return value


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("an instant needs a zone")
    return at.astimezone(UTC)


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
